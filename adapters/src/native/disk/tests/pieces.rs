//! Bodies that come in pieces, parts of bodies, and conditional writes.

use std::{path::PathBuf, sync::Arc};

use futures::TryStreamExt;
use tiered_storage_core::{Condition, Error, range::ByteRange};

use super::*;
use crate::{
    memory::{MemoryOptions, MemoryTier},
    tier::{Body, Contents, Opened, Source},
};

const MIB: usize = 1 << 20;

/// Bytes with no period that a chunk would divide, and different for each seed.
pub(super) fn bytes(seed: u64, count: usize) -> Bytes {
    (0..count).map(|at| (at % 251) as u8 ^ (at / 65_536) as u8 ^ seed as u8).collect()
}

pub(super) fn metadata(name: &str, version: u64, bytes: usize) -> Metadata {
    entry(name, version, bytes).metadata
}

pub(super) async fn staged(
    tier: &dyn StorageTier,
    name: &str,
    body: &Bytes,
    piece: usize,
) -> Arc<dyn Source> {
    let stage = tier.stage(&key(name)).await.expect("it is open");
    let mut stage = stage.expect("it has a place");
    for start in (0..body.len()).step_by(piece) {
        let piece = body.slice(start..body.len().min(start + piece));
        stage.write(piece).await.expect("it is taken");
    }
    stage.finish().await.expect("it is staged")
}

async fn store(tier: &DiskTier, name: &str, version: u64, source: &Arc<dyn Source>) {
    let result = try_store(tier, name, version, source, None).await;
    result.expect("it is stored");
}

async fn try_store(
    tier: &DiskTier,
    name: &str,
    version: u64,
    source: &Arc<dyn Source>,
    condition: Option<&Condition>,
) -> Result<(), ErrorKind> {
    let metadata = metadata(name, version, source.size_bytes() as usize);
    let body = Contents::Staged(Arc::clone(source));
    let stored = tier.store(&key(name), &metadata, body, condition).await;
    stored.map(|_| ()).map_err(|error| error.kind())
}

async fn opened(tier: &DiskTier, name: &str) -> Opened {
    match tier.open(&key(name), None).await.expect("it is read") {
        Read::Found(opened) => opened,
        other => panic!("{name}: {other:?}"),
    }
}

async fn pieces(opened: Opened) -> Result<Vec<Bytes>, Error> {
    match opened.body {
        Body::Whole(body) => Ok(vec![body]),
        Body::Pieces(pieces) => pieces.try_collect().await,
    }
}

pub(super) fn drafts(root: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(root.join("v1/new")).expect("the folder is read");
    found.map(|it| it.expect("the folder is read").path()).collect()
}

/// Files are deleted behind the calls.
pub(super) fn wait_for_no_drafts(root: &Path) {
    while !drafts(root).is_empty() {
        std::thread::yield_now();
    }
}

/// Changes one byte of an entry's body.
fn damage(tier: &DiskTier, name: &str, at: usize) {
    let location = tier.locate(&key(name)).expect("it is there");
    let mut file = fs::read(&location.path).expect("it is read");
    file[location.body.start as usize + at] ^= 1;
    fs::write(&location.path, file).expect("it is written");
}

#[tokio::test]
async fn a_staged_body_becomes_an_entry_without_being_copied() {
    for options in [options(), durable(), options().durability(Durability::Full)] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tier = DiskTier::open(directory.path(), options.clone()).expect("it opens");
        let body = bytes(1, 3 * MIB + 77);
        let source = staged(&tier, "k", &body, 100_000).await;
        assert_eq!(drafts(directory.path()).len(), 1);
        #[cfg(unix)]
        let inode = inode(&drafts(directory.path())[0]);
        assert_eq!(read(&tier, "k").await, Read::Missing);
        assert_eq!(list(&tier, "").await, [""; 0]);
        let reads = [0..1, 65_535..65_537, 0..body.len() as u64, 3_000_000..3_000_000];
        for range in reads {
            let found = source.read(range.clone()).await.expect("it is read");
            assert_eq!(found, body.slice(range.start as usize..range.end as usize));
        }

        store(&tier, "k", 1, &source).await;
        assert_eq!(drafts(directory.path()), Vec::<PathBuf>::new());
        #[cfg(unix)]
        assert_eq!(inode, self::inode(&tier.locate(&key("k")).expect("it is there").path));
        let whole = Stored { metadata: metadata("k", 1, body.len()), body };
        assert_eq!(read(&tier, "k").await, Read::Found(whole.clone()));
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
        drop(source);
        tier.close().await.expect("it closes");
        drop(tier);

        let tier = DiskTier::open(directory.path(), options).expect("it opens");
        assert_eq!(read(&tier, "k").await, Read::Found(whole));
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
    }
}

#[cfg(unix)]
fn inode(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).expect("it is there"))
}

#[tokio::test]
async fn what_is_not_stored_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let body = bytes(1, MIB);
    let mut stage = tier.stage(&key("k")).await.expect("it is open").expect("it has a place");
    for _ in 0..3 {
        stage.write(body.clone()).await.expect("it is taken");
    }
    drop(stage);
    wait_for_no_drafts(directory.path());
    let source = staged(&tier, "k", &body, 300_000).await;
    assert_eq!(drafts(directory.path()).len(), 1);
    drop(source);
    wait_for_no_drafts(directory.path());
    assert_eq!(tier.disk_bytes(), 0);
    // What is dropped after the tier goes at once.
    let source = staged(&tier, "k", &body, 300_000).await;
    drop(tier);
    drop(source);
    assert_eq!(drafts(directory.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_little_body_is_staged_without_a_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    for count in [0, 1, SMALL, 100_000, 256 * 1_024 - 1] {
        let body = bytes(1, count);
        let source = staged(&tier, "k", &body, 50_000).await;
        assert_eq!(drafts(directory.path()), Vec::<PathBuf>::new());
        assert_eq!(source.read(0..count as u64).await, Ok(body.clone()));
        store(&tier, "k", 1, &source).await;
        let stored = Stored { metadata: metadata("k", 1, count), body };
        assert_eq!(read(&tier, "k").await, Read::Found(stored));
    }
}

/// What can never be stored must not fill the disk, nor cost any entry its place.
#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_while_it_is_staged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let limited = options().size_bytes_max(2 << 20);
    let tier = DiskTier::open(directory.path(), limited).expect("it opens");
    put(&tier, "kept", 1, LARGE).await;
    let mut stage = tier.stage(&key("k")).await.expect("it is open").expect("it has a place");
    let piece = bytes(1, 300_000);
    for _ in 0..6 {
        stage.write(piece.clone()).await.expect("it is taken");
    }
    let error = stage.write(piece.clone()).await.expect_err("it is too much");
    assert_eq!(error.kind(), ErrorKind::Full);
    drop(stage);
    wait_for_no_drafts(directory.path());
    assert_eq!(read(&tier, "kept").await, Read::Found(entry("kept", 1, LARGE)));

    let body = bytes(2, 2_000_000);
    let source = staged(&tier, "k", &body, 300_000).await;
    assert_eq!(read(&tier, "kept").await, Read::Found(entry("kept", 1, LARGE)));
    store(&tier, "k", 2, &source).await;
    assert_eq!(read(&tier, "kept").await, Read::Missing, "it made room");
    assert!(tier.disk_bytes() <= 2 << 20);
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
}

#[tokio::test]
async fn a_full_disk_gives_up_entries_for_a_staged_body() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    for version in 0..10 {
        put(&tier, &format!("{version}"), version, LARGE).await;
    }
    let body = bytes(1, 2 * MIB);
    tier.inner.faults.out_of_room.store(1, Ordering::Relaxed);
    let source = staged(&tier, "k", &body, 300_000).await;
    let usage = tier.usage().await.expect("usage");
    assert!((1..10).contains(&usage.items), "{} are left", usage.items);

    // A body that was not stored can be stored later.
    tier.inner.faults.out_of_room.store(2, Ordering::Relaxed);
    assert_eq!(try_store(&tier, "k", 1, &source, None).await, Err(ErrorKind::Full));
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes() + body.len() as u64);
    tier.inner.faults.out_of_room.store(1, Ordering::Relaxed);
    store(&tier, "k", 1, &source).await;
    let stored = Stored { metadata: metadata("k", 1, body.len()), body: body.clone() };
    assert_eq!(read(&tier, "k").await, Read::Found(stored));
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());

    tier.inner.faults.out_of_room.store(2, Ordering::Relaxed);
    let mut stage = tier.stage(&key("k")).await.expect("it is open").expect("it has a place");
    stage.write(body.clone()).await.expect("it is begun");
    let error = stage.write(body.clone()).await.expect_err("the disk is full");
    assert_eq!(error.kind(), ErrorKind::Full);
    let error = stage.finish().await.expect_err("a part is missing");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    wait_for_no_drafts(directory.path());
}

#[tokio::test]
async fn a_clear_leaves_what_is_staged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let body = bytes(1, 2 * MIB);
    put(&tier, "other", 1, LARGE).await;
    let mut stage = tier.stage(&key("late")).await.expect("it is open").expect("it has a place");
    stage.write(body.slice(..MIB)).await.expect("it is taken");
    let source = staged(&tier, "k", &body, 300_000).await;
    let dropped = staged(&tier, "dropped", &body, 300_000).await;
    tier.clear().await.expect("it is cleared");
    drop(dropped);
    stage.write(body.slice(MIB..)).await.expect("it is taken");
    let late = stage.finish().await.expect("it is staged");
    store(&tier, "k", 1, &source).await;
    store(&tier, "late", 2, &late).await;
    assert_eq!(list(&tier, "").await, ["k", "late"]);
    for (name, version) in [("k", 1), ("late", 2)] {
        let stored = Stored { metadata: metadata(name, version, body.len()), body: body.clone() };
        assert_eq!(read(&tier, name).await, Read::Found(stored));
    }
    wait_for_no_drafts(directory.path());
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
}

#[tokio::test]
async fn closing_takes_what_is_staged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let body = bytes(1, MIB);
    let source = staged(&tier, "k", &body, 300_000).await;
    let mut stage = tier.stage(&key("k")).await.expect("it is open").expect("it has a place");
    tier.close().await.expect("it closes");
    assert_eq!(drafts(directory.path()), Vec::<PathBuf>::new());
    assert_eq!(try_store(&tier, "k", 1, &source, None).await, Err(ErrorKind::Closed));
    let late = tier.stage(&key("k")).await.expect_err("it is closed");
    assert_eq!(late.kind(), ErrorKind::Closed);
    stage.write(body).await.expect("it is begun");
    let late = stage.finish().await.expect_err("it is closed");
    assert_eq!(late.kind(), ErrorKind::Closed);
    let next = open(directory.path());
    drop(source);
    assert_eq!(list(&next, "").await, [""; 0]);
}

/// A body that another tier holds, or that was stored already, is copied.
#[tokio::test]
async fn a_body_from_elsewhere_is_copied() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let memory = MemoryTier::new(MemoryOptions::new()).expect("the limits are not 0");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let other = open(elsewhere.path());
    for count in [10, SMALL, LARGE, 256 * 1_024, 256 * 1_024 + 1, 2 * MIB + 1] {
        let body = bytes(1, count);
        let from_memory = staged(&memory, "k", &body, 50_000).await;
        let from_disk = staged(&other, "k", &body, 50_000).await;
        for (version, source) in [(1, &from_memory), (2, &from_disk), (3, &from_disk)] {
            store(&tier, "k", version, source).await;
            let stored = Stored { metadata: metadata("k", version, count), body: body.clone() };
            assert_eq!(read(&tier, "k").await, Read::Found(stored));
        }
    }
    let body = bytes(1, 2 * MIB);
    let source = staged(&tier, "once", &body, 50_000).await;
    for name in ["once", "twice", "once"] {
        store(&tier, name, 4, &source).await;
    }
    for name in ["once", "twice"] {
        let stored = Stored { metadata: metadata(name, 4, 2 * MIB), body: body.clone() };
        assert_eq!(read(&tier, name).await, Read::Found(stored));
    }
    assert_eq!(list(&tier, "").await, ["k", "once", "twice"]);
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
}

/// An object's file is never written again, so that who has it open has one version.
#[tokio::test]
async fn a_body_that_is_read_in_pieces_is_of_one_version() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let body = bytes(1, 3 * MIB + 1);
    for change in 0..4 {
        tier.write(
            &key("k"),
            Stored { metadata: metadata("k", 1, body.len()), body: body.clone() },
        )
        .await
        .expect("it is written");
        let opened = opened(&tier, "k").await;
        assert_eq!(opened.metadata, metadata("k", 1, body.len()));
        let Body::Pieces(mut rest) = opened.body else { panic!("it comes in pieces") };
        let first = rest.try_next().await.expect("it is read").expect("there is one");
        match change {
            0 => put(&tier, "k", 2, LARGE).await,
            1 => remove(&tier, "k").await,
            2 => tier.clear().await.expect("it is cleared"),
            _ => {
                tier.close().await.expect("it closes");
            }
        }
        let mut all = vec![first];
        while let Some(piece) = rest.try_next().await.expect("it is read") {
            all.push(piece);
        }
        assert!(all.iter().all(|piece| piece.len() <= 256 * 1_024));
        assert_eq!(all.concat(), body);
    }
}

#[tokio::test]
async fn a_damaged_piece_is_not_given_out() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let body = bytes(1, 2 * MIB);
    let stored = Stored { metadata: metadata("k", 1, body.len()), body: body.clone() };
    tier.write(&key("k"), stored).await.expect("it is written");
    damage(&tier, "k", MIB + 5);
    let Body::Pieces(mut rest) = opened(&tier, "k").await.body else {
        panic!("it comes in pieces")
    };
    let mut whole = Vec::new();
    let error = loop {
        match rest.try_next().await {
            Ok(piece) => whole.extend_from_slice(&piece.expect("it is not over")),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), whole), (ErrorKind::Corrupt, body[..MIB].to_vec()));
    assert_eq!(rest.try_next().await, Ok(None));
    assert_eq!(tier.corrupt_reads(), 1);
    damage(&tier, "k", 5);
    let error = tier.open(&key("k"), None).await.expect_err("the start is damaged");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

/// Of a large body, the chunks that a range touches are read and checked, and no others.
#[tokio::test]
async fn a_range_reads_the_chunks_that_it_touches() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let body = bytes(1, MIB / 2 + 9);
    let stored = Stored { metadata: metadata("k", 1, body.len()), body: body.clone() };
    tier.write(&key("k"), stored).await.expect("it is written");
    damage(&tier, "k", 200_000);
    let part = async |range: ByteRange| tier.read_range(&key("k"), range, None).await;
    for range in [0..196_608, 262_144..524_297, 0..0, 262_143 + 1..262_145_u64] {
        let found = part(range.clone().into()).await.expect("it is read");
        let Some(Read::Found(found)) = found else { panic!("{range:?}: {found:?}") };
        assert_eq!(found.body, body.slice(range.start as usize..range.end as usize));
        assert_eq!(found.metadata, metadata("k", 1, body.len()));
    }
    for range in [ByteRange::Between(196_607, 196_609), ByteRange::From(0)] {
        let error = part(range).await.expect_err("it is damaged");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
    assert_eq!(tier.corrupt_reads(), 2);
}

#[tokio::test]
async fn parts_and_pieces_of_a_suspect_entry_are_suspect() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    for (name, count) in [("small", SMALL), ("large", LARGE), ("huge", 2 * MIB)] {
        put(&tier, name, 1, count).await;
    }
    drop(tier);
    fs::remove_file(directory.path().join("v1/snapshot")).expect("it is removed");
    // Whether recovery has come to an entry or not makes no difference.
    let tier = open(directory.path());
    for _ in 0..2 {
        for (name, count) in [("huge", 2 * MIB), ("large", LARGE), ("small", SMALL)] {
            let part = tier.read_range(&key(name), ByteRange::Last(10), None).await;
            let Ok(Some(Read::Suspect(part))) = part else { panic!("{name}: {part:?}") };
            assert_eq!(
                (part.range, &part.body[..]),
                (count as u64 - 10..count as u64, &[1; 10][..])
            );
            let opened = tier.open(&key(name), None).await;
            let Ok(Read::Suspect(opened)) = opened else { panic!("{name}: {opened:?}") };
            let whole = pieces(opened).await.expect("it is read").concat();
            assert_eq!(whole, vec![1; count]);
        }
        list(&tier, "").await;
    }
}

/// The room for a new version may have to be that of the one it replaces.
#[tokio::test]
async fn a_conditional_write_may_give_up_what_it_replaces() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let limited = options().size_bytes_max(300_000);
    let tier = DiskTier::open(directory.path(), limited).expect("it opens");
    put(&tier, "k", 1, LARGE).await;
    let (first, second) = (metadata("k", 1, LARGE), entry("k", 2, LARGE));
    let condition = Condition::Version(first.version());
    let body = Contents::Whole(second.body.clone());
    let stored = tier.store(&key("k"), &second.metadata, body, Some(&condition)).await;
    assert_eq!(stored, Ok(None));
    assert_eq!(read(&tier, "k").await, Read::Found(second));
}

/// What comes between the question and the write decides, not what was there when it was asked.
#[tokio::test]
async fn what_comes_between_the_question_and_a_conditional_write_is_a_conflict() {
    for bytes in [SMALL, LARGE] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tier = open(directory.path());
        let version = Condition::Version(metadata("k", 1, bytes).version());
        for (change, is_done) in [("none", true), ("evict", true), ("remove", false)] {
            put(&tier, "k", 1, bytes).await;
            // A call that began before, as one does whose caller has given it up.
            let earlier = [Call::begin(&tier.inner, &key("k")).expect("it is open")];
            let call = Call::begin(&tier.inner, &key("k")).expect("it is open");
            let expected = tier.inner.expected(&key("k"), Some(&version)).expect("it holds");
            let body = vec![3; bytes];
            match change {
                "evict" => assert!(tier.inner.lock().evict()),
                "remove" => tier.inner.remove(&earlier).expect("it is removed"),
                _ => {}
            }
            drop(earlier);
            let material = Material::Bytes(&body);
            let result =
                tier.inner.write_expecting(&call, &metadata("k", 3, bytes), material, expected);
            drop(call);
            let result = result.map_err(|error| error.kind());
            let found = read(&tier, "k").await;
            if is_done {
                assert_eq!(
                    (result, found),
                    (Ok(()), Read::Found(entry("k", 3, bytes))),
                    "{change}"
                );
            } else {
                assert_eq!((result, found), (Err(ErrorKind::Conflict), Read::Missing), "{change}");
            }
        }
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
    }
}

#[tokio::test]
async fn a_conditional_write_that_is_overtaken_is_a_conflict() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let absent = Condition::Absent;
    for bytes in [SMALL, LARGE] {
        remove(&tier, "k").await;
        let body = vec![1; bytes];
        let begun = Call::begin(&tier.inner, &key("k")).expect("it is open");
        let later = Call::begin(&tier.inner, &key("k")).expect("it is open");
        let metadata = metadata("k", 1, bytes);
        let material = Material::Bytes(&body);
        let result = tier.inner.write(&begun, &metadata, material, Some(&absent));
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Conflict));
        drop((begun, later));
        assert_eq!(read(&tier, "k").await, Read::Missing);
        put(&tier, "k", 2, bytes).await;
        let source = staged(&tier, "k", &Bytes::from(vec![3; 2 * MIB]), MIB).await;
        let result = try_store(&tier, "k", 3, &source, Some(&absent)).await;
        assert_eq!(result, Err(ErrorKind::Conflict));
        assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 2, bytes)));
        drop(source);
        wait_for_no_drafts(directory.path());
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
    }
}

#[test]
fn bodies_are_staged_and_read_without_a_runtime() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    futures::executor::block_on(async {
        let body = bytes(1, 2 * MIB + 3);
        let source = staged(&tier, "k", &body, 70_000).await;
        store(&tier, "k", 1, &source).await;
        let found = pieces(opened(&tier, "k").await).await.expect("it is read");
        assert_eq!(found.concat(), body);
    });
}
