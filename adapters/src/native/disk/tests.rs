use std::{
    fs, io,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use tiered_storage_core::{ErrorKind, Key, Metadata, Timestamp, WriteId};

use super::{DiskOptions, DiskTier, Durability, inner::Call, store::Material};
use crate::tier::{Page, Patched, Read, StorageTier, Stored};

mod concurrent;
mod crash;
mod damage;
mod limits;
mod model;
mod parts;
mod parts_model;
mod pieces;

/// Errors that are given in the place of a write.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) out_of_room: AtomicU32,
}

impl Faults {
    pub(super) fn check(&self) -> io::Result<()> {
        let take = |count: u32| count.checked_sub(1);
        match self.out_of_room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Err(io::ErrorKind::StorageFull.into()),
            Err(_) => Ok(()),
        }
    }
}

/// A body that goes into a segment, and one that is a file of its own.
const SMALL: usize = 3_000;
const LARGE: usize = 200_000;

fn key(text: &str) -> Key {
    Key::new(text).expect("a legal key")
}

/// An entry whose every byte, and whose write id, tell which write it is of.
fn entry(name: &str, version: u64, bytes: usize) -> Stored {
    let metadata = Metadata::new(key(name), bytes as u64, Timestamp::from_millis(version))
        .with_write_id(WriteId(version));
    Stored { metadata, body: Bytes::from(vec![version as u8; bytes]) }
}

/// No checkpoint comes of itself.
fn options() -> DiskOptions {
    DiskOptions::new().checkpoint_interval_ms(3_600_000)
}

fn durable() -> DiskOptions {
    options().durability(Durability::Object)
}

fn open(path: &Path) -> DiskTier {
    DiskTier::open(path, options()).expect("the directory opens")
}

async fn put(tier: &DiskTier, name: &str, version: u64, bytes: usize) {
    tier.write(&key(name), entry(name, version, bytes)).await.expect("it is written");
}

async fn read(tier: &DiskTier, name: &str) -> Read {
    tier.read(&key(name), None).await.expect("it is read")
}

async fn remove(tier: &DiskTier, name: &str) {
    tier.remove(&[key(name)]).await.expect("it is removed");
}

async fn list(tier: &DiskTier, prefix: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = Page { prefix, after: after.as_deref(), limit: 3 };
        let listing = tier.list(page).await.expect("it is listed");
        keys.extend(listing.keys.iter().map(|key| key.as_str().to_owned()));
        after = listing.next;
        if after.is_none() {
            return keys;
        }
    }
}

/// What a power loss or a kill leaves: the files as they are now.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder is made");
    for found in fs::read_dir(from).expect("a folder is read") {
        let found = found.expect("a folder is read");
        let target = to.join(found.file_name());
        if found.path().is_dir() {
            copy(&found.path(), &target);
        } else {
            fs::copy(found.path(), target).expect("a file is copied");
        }
    }
}

/// The bytes of all files below `folder`.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(found) = fs::read_dir(folder) else { return 0 };
    found
        .flatten()
        .map(|found| match found.file_type() {
            Ok(kind) if kind.is_dir() => bytes_below(&found.path()),
            _ => found.metadata().map_or(0, |metadata| metadata.len()),
        })
        .sum()
}

fn entry_bytes_below(root: &Path) -> u64 {
    let data = root.join("v1");
    ["segments", "objects", "new"].iter().map(|it| bytes_below(&data.join(it))).sum()
}

#[tokio::test]
async fn entries_are_found_again_after_a_clean_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "small", 1, SMALL).await;
    put(&tier, "large", 2, LARGE).await;
    put(&tier, "empty", 3, 0).await;
    put(&tier, "gone", 4, LARGE).await;
    remove(&tier, "gone").await;
    tier.close().await.expect("it closes");
    drop(tier);

    let tier = open(directory.path());
    assert_eq!(read(&tier, "small").await, Read::Found(entry("small", 1, SMALL)));
    assert_eq!(read(&tier, "large").await, Read::Found(entry("large", 2, LARGE)));
    assert_eq!(read(&tier, "empty").await, Read::Found(entry("empty", 3, 0)));
    assert_eq!(read(&tier, "gone").await, Read::Missing);
    let usage = tier.usage().await.expect("usage");
    assert_eq!((usage.items, usage.bytes), (3, (SMALL + LARGE) as u64));
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
}

/// File names are made of hashes, so that no key can leave the directory, be too long, or meet another one.
#[tokio::test]
async fn every_key_is_an_entry_of_its_own() {
    let long = "x".repeat(1_024);
    let slashes = "/".repeat(1_024);
    let names = [
        "a",
        "a/b",
        "a/b/",
        "a//b",
        "/a",
        "a.meta",
        "A",
        ".",
        "..",
        "../a",
        "a/../b",
        "CON",
        "nul",
        "a\u{0}b",
        "e\u{301}",
        "\u{e9}",
        "\u{1f980}",
        " ",
        "a ",
        "#?%&+",
        &long,
        &slashes,
    ];
    for bytes in [10, LARGE / 4] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut tier = open(directory.path());
        for (version, name) in (1..).zip(names) {
            put(&tier, name, version, bytes).await;
        }
        for _ in 0..2 {
            for (version, name) in (1..).zip(names) {
                assert_eq!(read(&tier, name).await, Read::Found(entry(name, version, bytes)));
            }
            let mut sorted = names.to_vec();
            sorted.sort_unstable();
            assert_eq!(list(&tier, "").await, sorted);
            tier.close().await.expect("it closes");
            drop(tier);
            tier = open(directory.path());
        }
        remove(&tier, "a").await;
        assert_eq!(read(&tier, "a").await, Read::Missing);
        assert_eq!(read(&tier, "A").await, Read::Found(entry("A", 7, bytes)));
    }
}

#[tokio::test]
async fn a_patch_replaces_the_metadata_of_that_version_alone() {
    for bytes in [SMALL, LARGE] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tier = open(directory.path());
        put(&tier, "k", 1, bytes).await;
        let mut patched = entry("k", 1, bytes);
        patched.metadata.expires_at = Some(Timestamp::from_millis(77));
        patched.metadata.access_count = 5;
        patched.metadata.etag = Some(tiered_storage_core::ETag::new("\"v\""));
        let done = tier.patch(&key("k"), &patched.metadata).await;
        assert_eq!(done, Ok(Patched::Done(None)));
        let other = entry("k", 2, bytes).metadata;
        let refused = tier.patch(&key("k"), &other).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Conflict));
        let missing = tier.patch(&key("other"), &other).await;
        assert_eq!(missing, Ok(Patched::Missing));
        assert_eq!(tier.head(&key("k")).await, Ok(Some(patched.metadata.clone())));
        assert_eq!(read(&tier, "k").await, Read::Found(patched.clone()));
        tier.close().await.expect("it closes");
        drop(tier);

        let tier = open(directory.path());
        assert_eq!(read(&tier, "k").await, Read::Found(patched));
        put(&tier, "k", 3, bytes).await;
        assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 3, bytes)));
    }
}

#[tokio::test]
async fn a_version_is_removed_only_while_it_is_there() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "k", 2, LARGE).await;
    let older = entry("k", 1, LARGE).metadata;
    assert_eq!(tier.remove_version(&key("k"), &older).await, Ok(false));
    assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 2, LARGE)));
    let current = entry("k", 2, LARGE).metadata;
    assert_eq!(tier.remove_version(&key("k"), &current).await, Ok(true));
    assert_eq!(read(&tier, "k").await, Read::Missing);
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
}

#[tokio::test]
async fn one_owner_at_a_time() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let second = DiskTier::open(directory.path(), options()).expect_err("it is in use");
    assert_eq!(second.kind(), ErrorKind::Unavailable);
    assert!(second.message().contains("in use"), "{second}");
    drop(tier);
    let tier = open(directory.path());
    tier.close().await.expect("it closes");
    let next = open(directory.path());
    let late = tier.read(&key("k"), None).await.expect_err("it is closed");
    assert_eq!(late.kind(), ErrorKind::Closed);
    assert_eq!(tier.close().await, Ok(()), "closing twice is no error");
    drop(next);
}

#[test]
fn a_path_that_cannot_be_a_directory_says_what_to_do() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("file");
    fs::write(&file, b"x").expect("a file is written");
    for path in [file.clone(), file.join("below")] {
        let error = DiskTier::open(&path, options()).expect_err("it is a file");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.message().contains("a directory of its own"), "{error}");
    }
    // Permission bits do not bind root; this file system takes no files from anyone.
    #[cfg(target_os = "linux")]
    {
        let error = DiskTier::open("/sys/kernel", options()).expect_err("it is read-only");
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
}

#[test]
fn options_are_checked() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for wrong in [
        options().size_bytes_max(511),
        options().items_max(0),
        options().segment_bytes((16 << 20) - 1),
        options().segment_bytes((64 << 20) + 1),
        options().inline_bytes_max((1 << 20) + 1),
        options().checkpoint_interval_ms(9),
    ] {
        let error = DiskTier::open(directory.path(), wrong).expect_err("it is out of range");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

/// A tier must not need one certain runtime, nor any.
#[test]
fn any_executor_will_do() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    futures::executor::block_on(async {
        put(&tier, "k", 1, LARGE).await;
        assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 1, LARGE)));
    });
}

#[tokio::test]
async fn what_a_run_left_behind_is_swept() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    tier.close().await.expect("it closes");
    drop(tier);
    let unfinished = directory.path().join("v1/new/0000000000000001");
    let trash = directory.path().join("trash-0000000000000001/v1");
    fs::write(&unfinished, b"half").expect("a file is written");
    fs::create_dir_all(&trash).expect("a folder is made");
    let tier = open(directory.path());
    for left in [unfinished, trash] {
        while left.exists() {
            std::thread::yield_now();
        }
    }
    drop(tier);
}
