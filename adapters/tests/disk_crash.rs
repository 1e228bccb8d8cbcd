//! A process that is killed while it writes to the disk tier: what it had written is there, whole.
#![cfg(all(unix, feature = "disk"))]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use bytes::Bytes;
use tiered_storage::{
    Key, Metadata, Timestamp, WriteId,
    native::disk::{DiskOptions, DiskTier, Durability},
    tier::{Page, Read, StorageTier, Stored},
};

const DIRECTORY: &str = "TIERED_STORAGE_DISK_CRASH_DIRECTORY";
const STAGING_DIRECTORY: &str = "TIERED_STORAGE_DISK_CRASH_STAGING_DIRECTORY";
const DURABILITY: &str = "TIERED_STORAGE_DISK_CRASH_DURABILITY";
const KEYS: u64 = 40;
/// How many writes the child has told of when it is killed.
const WRITES: usize = 300;

fn key(number: u64) -> Key {
    Key::new(format!("key/{number}")).expect("a legal key")
}

fn entry(version: u64) -> Stored {
    let size = [0, 700, 20_000, 70_000][(version / KEYS % 4) as usize];
    let body = vec![version as u8; size as usize].into();
    let metadata = Metadata::new(key(version % KEYS), size, Timestamp::from_millis(version));
    Stored { metadata: metadata.with_write_id(WriteId(version)), body }
}

fn durability(name: &str) -> Durability {
    match name {
        "checkpoint" => Durability::Checkpoint,
        "object" => Durability::Object,
        "full" => Durability::Full,
        other => panic!("{other} is no durability"),
    }
}

fn open(path: &Path, durability: Durability) -> DiskTier {
    // A small limit, so that entries are given up and segments reclaimed as well.
    let options = DiskOptions::new().durability(durability).checkpoint_interval_ms(10);
    DiskTier::open(path, options.size_bytes_max(1 << 20)).expect("the directory opens")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

/// Runs in the child alone: writes, and says what it has written, until it is killed.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let durability = durability(&std::env::var(DURABILITY).expect("the parent says it"));
    block_on(async {
        let tier = open(Path::new(&directory), durability);
        for version in KEYS.. {
            let key = key(version % KEYS);
            tier.announce(&key).await.expect("it is announced");
            println!("\nannounced {version}");
            tier.write(&key, entry(version)).await.expect("it is written");
            println!("\nwritten {version}");
        }
    });
}

/// The versions that the child announced and wrote last before it was killed.
fn run_child(directory: &Path, durability: &str) -> (u64, u64) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(DURABILITY, durability)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let (mut announced, mut written, mut count) = (0, 0, 0);
    for line in lines {
        let line = line.expect("the child speaks UTF-8");
        let number = |text: &str| text.parse::<u64>().expect("a version");
        if let Some(version) = line.strip_prefix("announced ") {
            announced = number(version);
        }
        if let Some(version) = line.strip_prefix("written ") {
            written = number(version);
            count += 1;
        }
        if count == WRITES {
            child.kill().expect("it is killed");
        }
    }
    let status = child.wait().expect("it ends");
    assert!(!status.success(), "it was killed");
    (announced, written)
}

fn check(name: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (announced, written) = run_child(directory.path(), name);
    assert!(written >= WRITES as u64);
    block_on(async {
        let tier = open(directory.path(), durability(name));
        let page = Page { prefix: "", after: None, limit: 1_000 };
        let listed = tier.list(page).await.expect("it is listed").keys;
        assert!(!listed.is_empty());
        let mut trusted = 0;
        for key in &listed {
            let (stored, is_trusted) = match tier.read(key, None).await {
                Ok(Read::Found(stored)) => (stored, true),
                Ok(Read::Suspect(stored)) => (stored, false),
                other => panic!("{key}: {other:?}"),
            };
            let version = stored.metadata.write_id().expect("every write has an id").0;
            assert_eq!(stored, entry(version), "whole, and of the key");
            assert!(version <= announced + 1, "the child's last word may have been lost");
            // Where it is vouched for, the cold tier was never told of a newer one.
            assert!(!is_trusted || version + KEYS > announced, "{key}: {version} of {announced}");
            trusted += u64::from(is_trusted);
        }
        match durability(name) {
            Durability::Checkpoint => assert_eq!(trusted, 0),
            _ => assert!(trusted > 0, "{trusted} of {}", listed.len()),
        }
        tier.write(&key(0), entry(KEYS)).await.expect("it is written");
        tier.close().await.expect("it closes");
    });
}

/// Runs in the child alone: stages a body and a half, says so, and waits to be killed.
#[test]
fn staging_child() {
    let Some(directory) = std::env::var_os(STAGING_DIRECTORY) else { return };
    block_on(async {
        let tier = DiskTier::open(&directory, DiskOptions::new()).expect("the directory opens");
        tier.write(&key(0), entry(KEYS)).await.expect("it is written");
        let piece = Bytes::from(vec![7; 1 << 20]);
        let mut stages = Vec::new();
        for number in [1, 2] {
            let stage = tier.stage(&key(number)).await.expect("it is open");
            let mut stage = stage.expect("it has a place");
            for _ in 0..4 {
                stage.write(piece.clone()).await.expect("it is taken");
            }
            stages.push(stage);
        }
        let staged = stages.remove(0).finish().await.expect("it is staged");
        println!("\nstaged {}", staged.size_bytes());
        std::io::stdin().read_line(&mut String::new()).expect("it is killed before this returns");
    });
}

#[test]
fn a_process_that_is_killed_while_it_stages_leaves_no_entry_and_no_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "staging_child", "--nocapture"])
        .env(STAGING_DIRECTORY, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let is_staged = lines.any(|line| line.expect("the child speaks UTF-8") == "staged 4194304");
    assert!(is_staged, "the child says what it did");
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let left = || std::fs::read_dir(directory.path().join("v1/new")).expect("it is there").count();
    assert_eq!(left(), 2, "nobody was left to remove them");
    block_on(async {
        let options = DiskOptions::new();
        let tier = DiskTier::open(directory.path(), options).expect("the directory opens");
        let page = Page { prefix: "", after: None, limit: 1_000 };
        assert_eq!(tier.list(page).await.expect("it is listed").keys, [key(0)]);
        assert_eq!(tier.read(&key(0), None).await, Ok(Read::Suspect(entry(KEYS))));
        for number in [1, 2] {
            assert_eq!(tier.read(&key(number), None).await, Ok(Read::Missing));
        }
        // It is swept behind the calls.
        while left() > 0 {
            std::thread::yield_now();
        }
        assert!(tier.disk_bytes() < 1 << 20);
        tier.close().await.expect("it closes");
    });
}

#[test]
fn a_killed_process_leaves_whole_entries_that_are_suspect() {
    check("checkpoint");
}

#[test]
fn a_killed_process_that_waited_for_the_device_leaves_trusted_entries() {
    check("object");
    check("full");
}
