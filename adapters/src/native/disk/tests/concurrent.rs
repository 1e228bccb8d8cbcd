//! Readers, writers and clears at once.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, atomic::AtomicBool},
    task::{Context, Poll, Waker},
};

use futures::FutureExt;

use super::*;

fn check_whole(read: &Read, name: &str) {
    match read {
        Read::Found(stored) => {
            let version = stored.metadata.write_id().expect("every write has an id").0;
            assert_eq!(*stored, entry(name, version, stored.body.len()));
        }
        Read::Missing => {}
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_one_write_whole() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // So small that entries are given up, and segments reclaimed, all the time.
    let tier =
        DiskTier::open(directory.path(), options().size_bytes_max(600_000)).expect("it opens");
    let tier = Arc::new(tier);
    let is_over = Arc::new(AtomicBool::new(false));
    let names = ["a", "b", "c"];
    let readers: Vec<_> = (0..3)
        .map(|reader| {
            let (tier, is_over) = (Arc::clone(&tier), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut count = 0_u64;
                while !is_over.load(Ordering::Relaxed) {
                    let name = names[reader];
                    check_whole(&read(&tier, name).await, name);
                    tier.head(&key(name)).await.expect("a head");
                    count += 1;
                }
                count
            })
        })
        .collect();
    for version in 0..900_u64 {
        let size = [10_000, 30_000, 150_000][(version / 3) as usize % 3];
        let name = names[version as usize % 3];
        put(&tier, name, version, size).await;
        if version % 50 == 0 {
            remove(&tier, name).await;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.expect("the reader saw nothing torn") > 0);
    }
    assert_eq!(tier.corrupt_reads(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_under_load_leaves_nothing_older() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = Arc::new(open(directory.path()));
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            let (tier, is_over) = (Arc::clone(&tier), Arc::clone(&is_over));
            tokio::spawn(async move {
                let name = format!("{writer}");
                let size = if writer % 2 == 0 { SMALL } else { LARGE };
                while !is_over.load(Ordering::Relaxed) {
                    put(&tier, &name, writer, size).await;
                    check_whole(&read(&tier, &name).await, &name);
                }
            })
        })
        .collect();
    for _ in 0..20 {
        put(&tier, "old", 1, SMALL).await;
        put(&tier, "older", 1, LARGE).await;
        tier.clear().await.expect("it is cleared");
        assert_eq!(read(&tier, "old").await, Read::Missing);
        assert_eq!(read(&tier, "older").await, Read::Missing);
    }
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("the writer ends well");
    }
    tier.clear().await.expect("it is cleared");
    assert_eq!(list(&tier, "").await, Vec::<String>::new());
    assert_eq!((tier.disk_bytes(), entry_bytes_below(directory.path())), (0, 0));
    put(&tier, "new", 9, SMALL).await;
    tier.close().await.expect("it closes");
    drop(tier);
    let tier = open(directory.path());
    assert_eq!(list(&tier, "").await, ["new"]);
    assert_eq!(read(&tier, "new").await, Read::Found(entry("new", 9, SMALL)));
}

/// The story: two first objects of a folder were renamed at once; each saw that the folder was missing, and one
/// that it was there after all, and gave up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_objects_of_a_folder_may_come_at_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = Arc::new(open(directory.path()));
    let shard = |name: &str| tier.inner.layout.shard(&key(name));
    let names = (0..).map(|number| format!("{number}"));
    let names: Vec<String> = names.filter(|name| shard(name) == shard("0")).take(8).collect();
    for version in 0..40 {
        let writers: Vec<_> = (names.iter().cloned())
            .map(|name| {
                let tier = Arc::clone(&tier);
                tokio::spawn(async move { put(&tier, &name, version, 40_000).await })
            })
            .collect();
        for writer in writers {
            writer.await.expect("it is written");
        }
        tier.clear().await.expect("it is cleared");
    }
}

/// Polls once and drops: the work that was begun goes on by itself.
fn poll_once<T>(future: impl Future<Output = T>) {
    let mut future = pin!(future);
    let poll = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll, Poll::Pending | Poll::Ready(_)));
}

/// The story: a caller gives up on a write; its bytes land later, over the entry that was written since.
#[tokio::test]
async fn a_dropped_write_never_lands_over_a_later_call() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.max_blocking_threads(1).build().expect("a runtime");
    for round in 0..50_u64 {
        let size = if round % 2 == 0 { SMALL } else { LARGE };
        let guard = runtime.enter();
        poll_once(tier.write(&key("written"), entry("written", 1, size)));
        poll_once(tier.write(&key("removed"), entry("removed", 1, size)));
        poll_once(tier.write(&key("cleared"), entry("cleared", 1, size)));
        drop(guard);
        // These run on other threads, beside the dropped ones.
        put(&tier, "written", 2, size).await;
        remove(&tier, "removed").await;
        // One blocking thread works in order: behind it, the dropped writes have ended.
        runtime.spawn_blocking(|| ()).await.expect("it runs");
        assert_eq!(read(&tier, "written").await, Read::Found(entry("written", 2, size)));
        assert_eq!(read(&tier, "removed").await, Read::Missing);
        let guard = runtime.enter();
        poll_once(tier.write(&key("cleared"), entry("cleared", 2, size)));
        drop(guard);
        tier.clear().await.expect("it is cleared");
        runtime.spawn_blocking(|| ()).await.expect("it runs");
        assert_eq!(read(&tier, "cleared").await, Read::Missing);
    }
    assert_eq!(tier.disk_bytes(), entry_bytes_below(directory.path()));
    runtime.shutdown_background();
}

/// A clearing that was given up before a blocking thread got to it once took what had been written since.
#[tokio::test]
async fn a_clearing_that_was_given_up_takes_nothing_that_came_later() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    for version in 0..20 {
        let name = key("k");
        let held = tier.inner.gate.read().expect("no holder panics");
        assert!(tier.clear().now_or_never().is_none(), "it waits for the gate");
        let mut write = Box::pin(tier.write(&name, entry("k", version, SMALL)));
        // Where the clearing does not wait yet, the write goes ahead of it.
        let written = write.as_mut().now_or_never();
        drop(held);
        let written = match written {
            Some(written) => written,
            None => write.await,
        };
        written.expect("it is written");
        assert_eq!(read(&tier, "k").await, Read::Found(entry("k", version, SMALL)));
    }
}
