//! Limits that hold at every moment.

use super::*;

const LIMIT: u64 = 1 << 20;

#[tokio::test]
async fn the_size_limit_holds_after_every_write() {
    for bytes in [&[500, 3_000, 9_000][..], &[40_000, 100_000], &[0, 3_000, 50_000, 300_000]] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let limited = options().size_bytes_max(LIMIT);
        let tier = DiskTier::open(directory.path(), limited.clone()).expect("it opens");
        for version in 0..600_u64 {
            let size = bytes[version as usize % bytes.len()];
            put(&tier, &format!("{}", version % 450), version, size).await;
            let on_disk = entry_bytes_below(directory.path());
            assert!(on_disk <= LIMIT, "{on_disk} after {version}");
            assert!(tier.disk_bytes() <= LIMIT);
            let name = format!("{}", version % 450);
            assert_eq!(read(&tier, &name).await, Read::Found(entry(&name, version, size)));
        }
        let usage = tier.usage().await.expect("usage");
        assert!(usage.evictions > Some(0));
        assert!(usage.bytes > LIMIT / 4, "{usage:?} of {LIMIT}");
        tier.close().await.expect("it closes");
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
        drop(tier);
        let tier = DiskTier::open(directory.path(), limited).expect("it opens");
        assert_eq!(tier.usage().await.expect("usage").items, usage.items);
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_size_limit_holds_under_concurrent_writes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), options().size_bytes_max(LIMIT)).expect("it opens");
    let tier = std::sync::Arc::new(tier);
    let writers: Vec<_> = (0..8_u64)
        .map(|writer| {
            let tier = std::sync::Arc::clone(&tier);
            tokio::spawn(async move {
                for version in 0..60 {
                    let size = [3_000, 150_000, 400_000][(version as usize + writer as usize) % 3];
                    put(&tier, &format!("{writer}/{}", version % 7), version, size).await;
                    assert!(tier.disk_bytes() <= LIMIT);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("the writer ends well");
    }
    tier.close().await.expect("it closes");
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
}

#[tokio::test]
async fn the_number_of_items_is_kept() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), options().items_max(3)).expect("it opens");
    for version in 0..10_u64 {
        put(&tier, &format!("{version}"), version, SMALL).await;
        put(&tier, &format!("{version}"), version, LARGE).await;
        assert!(tier.usage().await.expect("usage").items <= 3);
    }
    assert_eq!(tier.usage().await.expect("usage").evictions, Some(7));
    tier.close().await.expect("it closes");
    drop(tier);
    let tier = DiskTier::open(directory.path(), options().items_max(1)).expect("it opens");
    while tier.usage().await.expect("usage").items > 1 {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn an_entry_beyond_the_limit_is_refused_at_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), options().size_bytes_max(LIMIT)).expect("it opens");
    put(&tier, "small", 1, SMALL).await;
    let max = tier.properties().entry_bytes_max.expect("there is a limit");
    let overhead = 1 + tiered_storage_core::format::encode(
        &entry("k", 2, LIMIT as usize).metadata,
        tiered_storage_core::format::Audience::Local,
    )
    .len() as u64;
    let huge = LIMIT as usize;
    let error = tier.write(&key("k"), entry("k", 2, huge)).await.expect_err("it is too large");
    assert_eq!(error.kind(), ErrorKind::Full);
    assert_eq!(read(&tier, "small").await, Read::Found(entry("small", 1, SMALL)));
    let largest = (max - overhead) as usize;
    put(&tier, "k", 2, largest).await;
    assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 2, largest)));
    assert_eq!(read(&tier, "small").await, Read::Missing);
}

#[tokio::test]
async fn a_full_disk_gives_up_entries_and_is_tried_once_more() {
    for bytes in [SMALL, LARGE] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tier = open(directory.path());
        for version in 0..10 {
            put(&tier, &format!("{version}"), version, bytes).await;
        }
        tier.inner.faults.out_of_room.store(1, Ordering::Relaxed);
        put(&tier, "k", 10, bytes).await;
        let usage = tier.usage().await.expect("usage");
        assert_eq!((usage.items, usage.evictions), (8, Some(3)));
        tier.inner.faults.out_of_room.store(2, Ordering::Relaxed);
        let error = tier.write(&key("k"), entry("k", 11, bytes)).await.expect_err("it is full");
        assert_eq!(error.kind(), ErrorKind::Full);
        put(&tier, "k", 12, bytes).await;
        assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 12, bytes)));
        assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
    }
}

/// Dead space is given back without a limit too, so that overwriting does not fill the disk.
#[tokio::test]
async fn segments_are_reclaimed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier =
        DiskTier::open(directory.path(), options().segment_bytes(16 << 20)).expect("it opens");
    let bytes = 30_000;
    for version in 0..3_000_u64 {
        let name = if version % 10 == 0 { format!("kept{version}") } else { "same".to_owned() };
        put(&tier, &name, version, bytes).await;
    }
    let live = 301 * bytes as u64;
    while tier.disk_bytes() > 2 * live + (33 << 20) {
        std::thread::yield_now();
    }
    for version in (0..3_000_u64).step_by(10) {
        let name = format!("kept{version}");
        assert_eq!(read(&tier, &name).await, Read::Found(entry(&name, version, bytes)));
    }
    tier.close().await.expect("it closes");
    assert_eq!(entry_bytes_below(directory.path()), tier.disk_bytes());
}
