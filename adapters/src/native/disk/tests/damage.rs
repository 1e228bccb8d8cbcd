//! Bytes that are not what was written.

use std::{fs::OpenOptions, io::Write};

use super::*;

/// Changes the file in which an entry lies: the file's content, and where the body is in it.
fn damage(tier: &DiskTier, name: &str, change: impl FnOnce(&mut Vec<u8>, std::ops::Range<usize>)) {
    let location = tier.locate(&key(name)).expect("it is there");
    let mut bytes = fs::read(&location.path).expect("the file is read");
    change(&mut bytes, location.body.start as usize..location.body.end as usize);
    // In place, since the tier holds segments open.
    let mut file = OpenOptions::new().write(true).truncate(true).open(location.path);
    file.as_mut().expect("it opens").write_all(&bytes).expect("it is written");
}

async fn check_corrupt(bytes: usize, change: fn(&mut Vec<u8>, std::ops::Range<usize>)) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "k", 1, bytes).await;
    damage(&tier, "k", change);
    let error = tier.read(&key("k"), None).await.expect_err("it is damaged");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(tier.corrupt_reads(), 1);
    // The storage drops the copy and may write a good one.
    remove(&tier, "k").await;
    assert_eq!(read(&tier, "k").await, Read::Missing);
    put(&tier, "k", 2, bytes).await;
    assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 2, bytes)));
}

#[tokio::test]
async fn a_flipped_bit_is_corrupt() {
    for bytes in [SMALL, LARGE] {
        check_corrupt(bytes, |file, body| file[body.start] ^= 1).await;
        check_corrupt(bytes, |file, body| file[body.end - 1] ^= 0x80).await;
    }
}

#[tokio::test]
async fn a_damaged_frame_is_corrupt() {
    check_corrupt(SMALL, |file, body| file[body.start - 1] ^= 1).await;
    check_corrupt(LARGE, |file, body| file[body.end] ^= 1).await;
    check_corrupt(LARGE, |file, _| *file.last_mut().expect("a footer") ^= 1).await;
}

#[tokio::test]
async fn a_truncated_body_is_corrupt() {
    for bytes in [SMALL, LARGE] {
        check_corrupt(bytes, |file, body| file.truncate(body.start + 10)).await;
        check_corrupt(bytes, |file, _| file.clear()).await;
    }
    check_corrupt(LARGE, |file, _| file.truncate(file.len() - 1)).await;
}

#[tokio::test]
async fn an_extended_object_is_corrupt() {
    check_corrupt(LARGE, |file, _| file.push(0)).await;
    check_corrupt(LARGE, |file, _| file.insert(0, 0)).await;
}

#[tokio::test]
async fn the_record_of_another_entry_is_corrupt() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "a", 1, LARGE).await;
    put(&tier, "b", 1, LARGE).await;
    let location = |name| tier.locate(&key(name)).expect("it is there");
    fs::copy(location("a").path, location("b").path).expect("it is copied");
    let error = tier.read(&key("b"), None).await.expect_err("it is another's");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    fs::remove_file(location("a").path).expect("it is removed");
    let error = tier.read(&key("a"), None).await.expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

/// The clean mark stands, but the index does not say what it said.
async fn check_rebuilt(change: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "small", 1, SMALL).await;
    put(&tier, "small", 2, SMALL).await;
    put(&tier, "large", 3, LARGE).await;
    put(&tier, "large", 4, LARGE).await;
    tier.close().await.expect("it closes");
    drop(tier);
    change(&directory.path().join("v1"));
    let tier = open(directory.path());
    assert_eq!(read(&tier, "small").await, Read::Suspect(entry("small", 2, SMALL)));
    assert_eq!(read(&tier, "large").await, Read::Suspect(entry("large", 4, LARGE)));
    assert_eq!(read(&tier, "none").await, Read::Missing);
    assert_eq!(list(&tier, "").await, ["large", "small"]);
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
    assert_eq!(tier.head(&key("small")).await, Ok(None));
    // A write, and a patch of the version that the cold tier has, are trusted again.
    put(&tier, "small", 5, SMALL).await;
    let patched = tier.patch(&key("large"), &entry("large", 4, LARGE).metadata).await;
    assert_eq!(patched, Ok(Patched::Done(None)));
    tier.close().await.expect("it closes");
    drop(tier);
    let tier = open(directory.path());
    assert_eq!(read(&tier, "small").await, Read::Found(entry("small", 5, SMALL)));
    assert_eq!(read(&tier, "large").await, Read::Found(entry("large", 4, LARGE)));
}

fn journal(data: &Path) -> std::path::PathBuf {
    let mut found: Vec<_> = fs::read_dir(data)
        .expect("the folder is read")
        .map(|found| found.expect("the folder is read").path())
        .filter(|path| path.file_name().is_some_and(|it| it.to_string_lossy().contains("journal")))
        .collect();
    found.sort();
    found.pop().expect("there is a journal")
}

#[tokio::test]
async fn a_missing_index_is_rebuilt() {
    check_rebuilt(|data| fs::remove_file(data.join("snapshot")).expect("it is removed")).await;
}

#[tokio::test]
async fn a_torn_snapshot_is_rebuilt() {
    for keep in [0, 4, 20, 60] {
        check_rebuilt(|data| {
            let path = data.join("snapshot");
            let bytes = fs::read(&path).expect("it is read");
            fs::write(&path, &bytes[..keep]).expect("it is written");
        })
        .await;
    }
}

#[tokio::test]
async fn a_flipped_snapshot_is_rebuilt() {
    check_rebuilt(|data| {
        let path = data.join("snapshot");
        let mut bytes = fs::read(&path).expect("it is read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).expect("it is written");
    })
    .await;
}

#[tokio::test]
async fn a_torn_journal_after_a_clean_close_is_rebuilt() {
    check_rebuilt(|data| {
        let path = journal(data);
        let bytes = fs::read(&path).expect("it is read");
        fs::write(&path, &bytes[..bytes.len() - 1]).expect("it is written");
    })
    .await;
}

/// Holes are what appends that were under way leave; a scan finds the records behind them.
#[tokio::test]
async fn a_scan_passes_over_holes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    for version in 1..=3 {
        put(&tier, &format!("k{version}"), version, SMALL).await;
    }
    let before = tier.locate(&key("k1")).expect("it is there");
    let hole = tier.locate(&key("k2")).expect("it is there");
    tier.close().await.expect("it closes");
    drop(tier);
    let mut bytes = fs::read(&hole.path).expect("it is read");
    let start = before.body.end.next_multiple_of(8) as usize;
    bytes[start..hole.body.end as usize].fill(0);
    fs::write(&hole.path, bytes).expect("it is written");
    fs::remove_file(directory.path().join("v1/snapshot")).expect("it is removed");
    let tier = open(directory.path());
    assert_eq!(list(&tier, "").await, ["k1", "k3"]);
    assert_eq!(read(&tier, "k3").await, Read::Suspect(entry("k3", 3, SMALL)));
}

/// A body that was made to look like a record must not become one when a scan has lost its place.
#[tokio::test]
async fn a_forged_record_inside_a_body_is_not_found() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let line = "1;s=4;c=0";
    let forged = super::super::record::record(7, u64::MAX >> 1, "forged", line, b"evil");
    let mut bytes = Vec::new();
    (0..8_usize).for_each(|shift| {
        bytes.resize(bytes.len().next_multiple_of(8) + shift, 0);
        bytes.extend_from_slice(&forged);
    });
    let metadata = Metadata::new(key("k"), bytes.len() as u64, Timestamp::from_millis(0));
    let stored = Stored { metadata, body: Bytes::from(bytes) };
    tier.write(&key("k"), stored).await.expect("it is written");
    damage(&tier, "k", |file, body| file[body.start - 1] ^= 1);
    drop(tier);
    let tier = open(directory.path());
    assert!(!list(&tier, "").await.contains(&"forged".to_owned()));
}
