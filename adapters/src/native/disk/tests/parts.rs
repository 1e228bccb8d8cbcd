//! Entries of which there are only parts.

use std::ops::Range;

use tiered_storage_core::{Condition, range::ByteRange};

use super::pieces::{self, bytes, drafts, metadata, wait_for_no_drafts};
use super::{super::inner::Inner, *};
use crate::tier::Contents;

const CHUNK: usize = 64 << 10;
const LIMIT: u64 = 8 << 20;

/// An entry whose bytes differ by version and place.
pub(super) fn stored(name: &str, version: u64, size: usize) -> Stored {
    Stored { metadata: metadata(name, version, size), body: bytes(version, size) }
}

/// Writes these chunks of an entry.
pub(super) async fn keep(tier: &DiskTier, whole: &Stored, chunks: Range<usize>) {
    let range = chunks.start * CHUNK..whole.body.len().min(chunks.end * CHUNK);
    let (key, start) = (whole.metadata.key(), range.start as u64);
    let written = tier.write_part(key, &whole.metadata, start, whole.body.slice(range)).await;
    written.expect("it is kept, or there is no room");
}

/// What there is of a range; `None` if not all of it.
pub(super) async fn range(tier: &DiskTier, name: &str, range: Range<usize>) -> Option<Bytes> {
    let range = ByteRange::Between(range.start as u64, range.end as u64);
    match tier.read_range(&key(name), range, None).await.expect("it is read") {
        Some(Read::Found(part)) => Some(part.body),
        Some(Read::Missing) => None,
        other => panic!("{name}: {other:?}"),
    }
}

async fn version_of(tier: &DiskTier, name: &str) -> Option<u64> {
    let head = tier.head(&key(name)).await.expect("it is asked");
    head.and_then(|head| head.write_id()).map(|WriteId(version)| version)
}

fn limited(bytes: u64) -> (tempfile::TempDir, DiskTier) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), options().size_bytes_max(bytes)).expect("it opens");
    (directory, tier)
}

fn kept_bytes(inner: &Inner) -> u64 {
    inner.lock().parts.bytes
}

#[tokio::test]
async fn parts_in_any_order_become_an_entry_without_being_copied() {
    let orders: [&[Range<usize>]; 3] = [
        &[3..5, 0..1, 9..11, 1..3, 5..9],
        &[0..2, 1..4, 3..8, 5..11],
        &[10..11, 9..10, 8..9, 0..8],
    ];
    for (durability, order) in
        [Durability::Checkpoint, Durability::Object, Durability::Full].into_iter().zip(orders)
    {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let options = options().durability(durability);
        let tier = DiskTier::open(directory.path(), options.clone()).expect("it opens");
        let whole = stored("k", 1, 10 * CHUNK + 77);
        let mut there = [false; 11];
        for (step, chunks) in (1..).zip(order) {
            keep(&tier, &whole, chunks.clone()).await;
            there[chunks.clone()].fill(true);
            let count = there.iter().filter(|is_there| **is_there).count();
            if step == order.len() {
                assert_eq!(count, 11);
                break;
            }
            let written = count * CHUNK - if there[10] { CHUNK - 77 } else { 0 };
            assert_eq!(tier.disk_bytes(), written as u64, "a hole takes no room");
            assert_eq!(read(&tier, "k").await, Read::Missing);
            for (chunk, is_there) in there.iter().enumerate() {
                let end = whole.body.len().min((chunk + 1) * CHUNK);
                let found = range(&tier, "k", chunk * CHUNK..end).await;
                assert_eq!(found.is_some(), *is_there);
                assert!(found.is_none_or(|found| found == whole.body[chunk * CHUNK..end]));
            }
            assert_eq!(drafts(directory.path()).len(), 1);
            assert_eq!(tier.locate(&key("k")), None);
        }
        assert_eq!(drafts(directory.path()).len(), 0, "its file was renamed");
        assert_eq!(read(&tier, "k").await, Read::Found(whole.clone()));
        assert_eq!(kept_bytes(&tier.inner), 0);
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
        tier.close().await.expect("it closes");
        drop(tier);
        let tier = DiskTier::open(directory.path(), options).expect("it opens");
        assert_eq!(read(&tier, "k").await, Read::Found(whole));
    }
}

#[tokio::test]
async fn a_little_body_is_whole_with_its_only_part() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    for (version, size) in [(1, 0), (2, 10), (3, CHUNK)] {
        let whole = stored("k", version, size);
        keep(&tier, &whole, 0..1).await;
        assert_eq!(read(&tier, "k").await, Read::Found(whole));
        assert_eq!(drafts(directory.path()).len(), 0);
    }
}

/// They are a cache of a cache.
#[tokio::test]
async fn parts_are_gone_with_the_run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    keep(&tier, &stored("k", 1, 3 * CHUNK), 1..2).await;
    put(&tier, "other", 2, SMALL).await;
    tier.inner.checkpoint().expect("a checkpoint is made");
    copy(directory.path(), elsewhere.path());
    tier.close().await.expect("it closes");
    assert_eq!(drafts(directory.path()).len(), 0);
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
    drop(tier);
    for root in [directory.path(), elsewhere.path()] {
        let tier = open(root);
        assert_eq!(list(&tier, "").await, ["other"]);
        assert_eq!(version_of(&tier, "k").await, None);
        assert_eq!(range(&tier, "k", CHUNK..CHUNK + 1).await, None);
        wait_for_no_drafts(root);
        assert_eq!(entry_bytes_below(root), tier.disk_bytes());
    }
}

#[tokio::test]
async fn whatever_replaces_or_removes_parts_takes_their_file() {
    let changes = ["write", "store", "part", "whole part", "remove", "version", "clear"];
    for change in changes {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tier = open(directory.path());
        keep(&tier, &stored("k", 1, 5 * CHUNK), 1..3).await;
        let next = stored("k", 2, 4 * CHUNK);
        let k = key("k");
        match change {
            "write" => tier.write(&k, next.clone()).await.map(|_| ()),
            "store" => {
                let source = pieces::staged(&tier, "k", &next.body, 100_000).await;
                let body = Contents::Staged(source);
                tier.store(&k, &next.metadata, body, None).await.map(|_| ())
            }
            "part" => tier.write_part(&k, &next.metadata, 0, next.body.slice(..CHUNK)).await,
            "whole part" => tier.write_part(&k, &next.metadata, 0, next.body.clone()).await,
            "remove" => tier.remove(core::slice::from_ref(&k)).await,
            "version" => {
                let removed = tier.remove_version(&k, &metadata("k", 1, 5 * CHUNK)).await;
                removed.map(|is_removed| assert!(is_removed))
            }
            _ => tier.clear().await,
        }
        .expect("it is done");
        let left = usize::from(change == "part");
        // Who deletes a file has yet to say so when it is gone.
        while drafts(directory.path()).len() > left || tier.inner.lock().holders > 0 {
            std::thread::yield_now();
        }
        let wanted = match change {
            "write" | "store" | "whole part" => Read::Found(next.clone()),
            _ => Read::Missing,
        };
        assert_eq!(read(&tier, "k").await, wanted, "{change}");
        let is_there = !["remove", "version", "clear"].contains(&change);
        assert_eq!(version_of(&tier, "k").await, is_there.then_some(2), "{change}");
        assert_eq!(list(&tier, "").await.len(), usize::from(is_there), "{change}");
        let first = range(&tier, "k", 0..9).await;
        assert_eq!(first, is_there.then(|| next.body.slice(..9)), "{change}");
        assert_eq!(kept_bytes(&tier.inner), if left == 1 { CHUNK as u64 } else { 0 }, "{change}");
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes(), "{change}");
    }
}

#[tokio::test]
async fn an_older_whole_entry_makes_way_for_good() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    put(&tier, "k", 1, LARGE).await;
    keep(&tier, &stored("k", 2, 3 * CHUNK), 0..1).await;
    assert_eq!((version_of(&tier, "k").await, read(&tier, "k").await), (Some(2), Read::Missing));
    // What a crash leaves at this moment.
    copy(directory.path(), elsewhere.path());
    tier.close().await.expect("it closes");
    drop(tier);
    for root in [directory.path(), elsewhere.path()] {
        let tier = DiskTier::open(root, durable()).expect("it opens");
        assert_eq!(read(&tier, "k").await, Read::Missing);
    }
}

#[tokio::test]
async fn what_was_patched_is_there_when_the_parts_are_whole() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let plain = stored("k", 1, 3 * CHUNK);
    keep(&tier, &plain, 0..2).await;
    let mut patched = plain.clone();
    patched.metadata.expires_at = Some(Timestamp::from_millis(77));
    let done = tier.patch(&key("k"), &patched.metadata).await;
    assert_eq!(done, Ok(Patched::Done(None)));
    let other = tier.patch(&key("k"), &metadata("k", 2, 3 * CHUNK)).await;
    assert_eq!(other.map_err(|error| error.kind()), Err(ErrorKind::Conflict));
    keep(&tier, &plain, 2..3).await;
    assert_eq!(read(&tier, "k").await, Read::Found(patched.clone()));
    tier.close().await.expect("it closes");
    drop(tier);
    assert_eq!(read(&open(directory.path()), "k").await, Read::Found(patched));
}

#[tokio::test]
async fn a_conditional_write_knows_of_parts() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let (first, next) = (stored("k", 1, 3 * CHUNK), stored("k", 2, SMALL));
    keep(&tier, &first, 0..2).await;
    let store = async |condition: Condition| {
        let body = Contents::Whole(next.body.clone());
        let stored = tier.store(&key("k"), &next.metadata, body, Some(&condition)).await;
        stored.map_err(|error| error.kind())
    };
    assert_eq!(store(Condition::Absent).await, Err(ErrorKind::Conflict));
    assert_eq!(store(Condition::Version(next.metadata.version())).await, Err(ErrorKind::Conflict));
    assert_eq!(version_of(&tier, "k").await, Some(1));
    assert_eq!(store(Condition::Version(first.metadata.version())).await, Ok(None));
    assert_eq!(read(&tier, "k").await, Read::Found(next.clone()));
}

fn flip(path: &Path, at: usize) {
    let mut file = fs::read(path).expect("it is read");
    file[at] ^= 1;
    fs::write(path, file).expect("it is written");
}

#[tokio::test]
async fn a_damaged_part_is_corrupt_and_takes_the_others_with_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let whole = stored("k", 1, 4 * CHUNK);
    keep(&tier, &whole, 0..3).await;
    flip(&drafts(directory.path())[0], 2 * CHUNK + 5);
    assert_eq!(range(&tier, "k", 9..2 * CHUNK).await, Some(whole.body.slice(9..2 * CHUNK)));
    let damaged = ByteRange::Between(2 * CHUNK as u64 - 1, 2 * CHUNK as u64 + 1);
    let error = tier.read_range(&key("k"), damaged, None).await.expect_err("it is damaged");
    assert_eq!((error.kind(), tier.corrupt_reads()), (ErrorKind::Corrupt, 1));
    assert_eq!(range(&tier, "k", 0..9).await, None);
    assert_eq!((version_of(&tier, "k").await, tier.disk_bytes()), (None, 0));

    // What nobody has read before the last part comes is found when the whole is read.
    keep(&tier, &whole, 0..3).await;
    flip(&drafts(directory.path())[0], 5);
    keep(&tier, &whole, 3..4).await;
    let error = tier.read(&key("k"), None).await.expect_err("it is damaged");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    // And a part of it that comes again shows that somebody has met the damage.
    keep(&tier, &whole, 1..4).await;
    assert_eq!(range(&tier, "k", CHUNK..CHUNK + 9).await, Some(whole.body.slice(CHUNK..CHUNK + 9)));
    let error = tier.read(&key("k"), None).await.expect_err("the damage is elsewhere");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    keep(&tier, &whole, 0..1).await;
    assert_eq!((version_of(&tier, "k").await, read(&tier, "k").await), (Some(1), Read::Missing));
    keep(&tier, &whole, 1..4).await;
    assert_eq!(read(&tier, "k").await, Read::Found(whole));
}

#[tokio::test]
async fn a_full_disk_keeps_no_parts_and_loses_no_entry() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "other", 9, LARGE).await;
    let before = tier.disk_bytes();
    let whole = stored("k", 1, 4 * CHUNK);
    for kept in [0, 2] {
        if kept > 0 {
            keep(&tier, &whole, 0..kept).await;
        }
        tier.inner.faults.out_of_room.store(1, Ordering::Relaxed);
        keep(&tier, &whole, kept..3).await;
        assert_eq!(tier.inner.faults.out_of_room.load(Ordering::Relaxed), 0);
        assert_eq!(version_of(&tier, "k").await, None);
        assert_eq!((tier.disk_bytes(), kept_bytes(&tier.inner)), (before, 0));
        assert_eq!(drafts(directory.path()).len(), 0);
    }
    assert_eq!(read(&tier, "other").await, Read::Found(entry("other", 9, LARGE)));
    keep(&tier, &whole, 0..2).await;
    keep(&tier, &whole, 2..4).await;
    assert_eq!(read(&tier, "k").await, Read::Found(whole));
}

#[tokio::test]
async fn parts_that_cannot_become_an_entry_leave_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let whole = stored("k", 1, 3 * CHUNK);
    keep(&tier, &whole, 0..2).await;
    // Where the folder of its object should be.
    let shard = tier.inner.layout.shard("k");
    fs::write(&shard, b"a file").expect("it is written");
    let last = whole.body.slice(2 * CHUNK..);
    let failed = tier.write_part(&key("k"), &whole.metadata, 2 * CHUNK as u64, last).await;
    assert!(failed.is_err());
    assert_eq!((version_of(&tier, "k").await, tier.disk_bytes()), (None, 0));
    assert_eq!(drafts(directory.path()).len(), 0);
    assert_eq!(kept_bytes(&tier.inner), 0);
    assert_eq!(tier.inner.lock().holders, 0);
    fs::remove_file(shard).expect("it is removed");
    keep(&tier, &whole, 0..2).await;
    keep(&tier, &whole, 2..3).await;
    assert_eq!(read(&tier, "k").await, Read::Found(whole));
}

#[tokio::test]
async fn parts_go_before_entries_and_the_longest_unused_first() {
    let (_directory, tier) = limited(LIMIT);
    for (version, name) in [(1, "a"), (2, "b"), (3, "c")] {
        keep(&tier, &stored(name, version, 20 * CHUNK), 0..8).await;
    }
    put(&tier, "whole", 4, LARGE).await;
    assert!(range(&tier, "a", 0..9).await.is_some());
    // Together they may have 32 chunks.
    keep(&tier, &stored("d", 5, 20 * CHUNK), 0..8).await;
    assert_eq!(list(&tier, "").await, ["a", "b", "c", "d", "whole"]);
    keep(&tier, &stored("e", 6, 20 * CHUNK), 0..1).await;
    assert_eq!(list(&tier, "").await, ["a", "c", "d", "e", "whole"]);
    // The room is that of parts, as long as there are any.
    let room = LIMIT as usize - tier.disk_bytes() as usize;
    put(&tier, "next", 7, room).await;
    assert_eq!(list(&tier, "").await, ["a", "d", "e", "next", "whole"]);
    assert_eq!(tier.usage().await.expect("usage").evictions, Some(2));
    // Then parts may cost entries their place, within their share.
    for number in 0..40 {
        keep(&tier, &stored("f", 8, 40 * CHUNK), number..number + 1).await;
        assert!(kept_bytes(&tier.inner) <= LIMIT / 4 && tier.disk_bytes() <= LIMIT);
    }
    assert_eq!(kept_bytes(&tier.inner), LIMIT / 4, "its own parts are not given up for others");
    assert!(range(&tier, "f", 0..9).await.is_some());
    assert_eq!(range(&tier, "f", 35 * CHUNK..36 * CHUNK).await, None);
}

#[tokio::test]
async fn what_could_never_be_stored_keeps_no_parts() {
    let (directory, tier) = limited(LIMIT);
    keep(&tier, &stored("k", 1, 4 * CHUNK), 0..1).await;
    let huge = metadata("k", 2, LIMIT as usize);
    let part = Bytes::from(vec![7; CHUNK]);
    tier.write_part(&key("k"), &huge, 0, part.clone()).await.expect("it is not kept");
    assert_eq!((list(&tier, "").await, tier.disk_bytes()), (Vec::<String>::new(), 0));
    assert_eq!(drafts(directory.path()).len(), 0);
    // Nor does what no file could hold overflow anything, where there is no limit.
    let folder = tempfile::tempdir().expect("a temporary directory");
    let boundless = open(folder.path());
    for size in [u64::MAX, i64::MAX as u64] {
        let endless = Metadata::new(key("k"), size, Timestamp::from_millis(0));
        let start = size - CHUNK as u64;
        let _ = boundless.write_part(&key("k"), &endless, start, part.clone()).await;
        let _ = boundless.write_part(&key("k"), &endless, 0, part.clone()).await;
        assert_eq!(read(&boundless, "k").await, Read::Missing);
    }
    let beyond = tier.write_part(&key("k"), &metadata("k", 3, CHUNK), 1, part).await;
    assert_eq!(beyond.map_err(|error| error.kind()), Err(ErrorKind::Invalid));
}

#[tokio::test]
async fn an_entry_in_parts_is_one_item() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), options().items_max(2)).expect("it opens");
    put(&tier, "a", 1, SMALL).await;
    let k = stored("k", 2, 3 * CHUNK);
    keep(&tier, &k, 0..1).await;
    assert_eq!(tier.usage().await.expect("usage").items, 2);
    keep(&tier, &k, 1..2).await;
    put(&tier, "b", 3, SMALL).await;
    assert_eq!(list(&tier, "").await, ["a", "b"]);
    keep(&tier, &k, 0..2).await;
    assert_eq!(list(&tier, "").await.len(), 2);
    keep(&tier, &k, 2..3).await;
    assert_eq!(list(&tier, "").await.len(), 2);
    assert_eq!(read(&tier, "k").await, Read::Found(k));
    put(&tier, "k", 4, LARGE).await;
    assert_eq!(list(&tier, "").await.len(), 2);
}

/// What else there is of a key is not known then.
#[tokio::test]
async fn no_parts_are_taken_while_the_index_is_rebuilt() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "k", 1, LARGE).await;
    drop(tier);
    let tier = open(directory.path());
    list(&tier, "").await;
    let call = Call::begin(&tier.inner, &key("k")).expect("it is open");
    let next = stored("k", 2, 3 * CHUNK);
    let recovery = super::super::recover::Recovery::new(
        Default::default(),
        u64::MAX,
        0,
        Default::default(),
        Default::default(),
    );
    tier.inner.lock().recovery = Some(recovery);
    tier.inner.write_part(&call, &next.metadata, 0, &next.body[..CHUNK]).expect("it is not kept");
    tier.inner.lock().recovery = None;
    assert_eq!(range_of_suspect(&tier, "k").await, entry("k", 1, LARGE).body.slice(..9));
    tier.inner.write_part(&call, &next.metadata, 0, &next.body[..CHUNK]).expect("it is kept");
    drop(call);
    assert_eq!(range(&tier, "k", 0..9).await, Some(next.body.slice(..9)));
}

async fn range_of_suspect(tier: &DiskTier, name: &str) -> Bytes {
    let found = tier.read_range(&key(name), ByteRange::Between(0, 9), None).await;
    let Ok(Some(Read::Suspect(part))) = found else { panic!("{found:?}") };
    part.body
}

/// As a call does whose caller has given it up.
#[tokio::test]
async fn a_part_that_comes_too_late_is_not_kept() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let whole = stored("k", 1, 3 * CHUNK);
    let late = Call::begin(&tier.inner, &key("k")).expect("it is open");
    remove(&tier, "k").await;
    tier.inner
        .write_part(&late, &whole.metadata, 0, &whole.body[..CHUNK])
        .expect("nothing is done");
    assert_eq!((version_of(&tier, "k").await, tier.disk_bytes()), (None, 0));
    tier.inner.write_part(&late, &whole.metadata, 0, &whole.body).expect("nothing is done");
    assert_eq!((version_of(&tier, "k").await, tier.disk_bytes()), (None, 0));
    drop(late);

    // A removal that comes late takes no parts that came after it was begun.
    let late = [Call::begin(&tier.inner, &key("k")).expect("it is open")];
    keep(&tier, &whole, 0..2).await;
    tier.inner.remove(&late).expect("it is removed");
    assert_eq!(version_of(&tier, "k").await, Some(1));
    drop(late);
    remove(&tier, "k").await;
    assert_eq!(version_of(&tier, "k").await, None);
}

/// Whatever is given up, files and bytes are accounted for, and what is read is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_right_under_load() {
    let (directory, tier) = limited(2 << 20);
    let tier = std::sync::Arc::new(tier);
    let workers: Vec<_> = (0..6_u64)
        .map(|worker| {
            let tier = std::sync::Arc::clone(&tier);
            tokio::spawn(async move {
                let name = format!("{worker}");
                for round in 0..150_u64 {
                    let version = round / 8;
                    let whole = stored(&name, version, 3 * CHUNK + 9);
                    let chunk = ((worker + round * 7) % 4) as usize;
                    match round % 16 {
                        9 => put(&tier, "large", round, 1_000_000).await,
                        12 => remove(&tier, &name).await,
                        13 => {
                            let part = whole.body.slice(..CHUNK);
                            let key = whole.metadata.key();
                            // Given up after its first step.
                            let call = tier.write_part(key, &whole.metadata, 0, part);
                            futures::future::select(call, std::future::ready(())).await;
                        }
                        _ => keep(&tier, &whole, chunk..chunk + 1).await,
                    }
                    assert!(tier.disk_bytes() <= 2 << 20);
                    for name in (0..6).map(|name| format!("{name}")) {
                        let found = tier.read_range(&key(&name), ByteRange::Last(9), None).await;
                        if let Ok(Some(Read::Found(part))) = found {
                            let WriteId(version) = part.metadata.write_id().expect("it has one");
                            let body = bytes(version, 3 * CHUNK + 9);
                            assert_eq!(part.body, body.slice(3 * CHUNK..));
                        } else {
                            assert_eq!(found, Ok(Some(Read::Missing)));
                        }
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("the worker ends well");
    }
    tier.close().await.expect("it closes");
    assert_eq!(drafts(directory.path()).len(), 0);
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
    assert_eq!(kept_bytes(&tier.inner), 0);
    assert_eq!(tier.inner.lock().holders, 0);
}
