//! What a tier gives up to keep its limits is told, once for each entry and once it is gone.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tiered_storage::{
    Builder, ByteRange, Event, MemoryOptions, MemoryTier, SetOptions, Tier, TieredStorage,
    Timestamp, evict::PolicyKind, memory::Volatility, tier::StorageTier,
};

type Gone = Arc<Mutex<Vec<(Tier, String)>>>;

fn memory(options: MemoryOptions) -> Arc<MemoryTier> {
    Arc::new(MemoryTier::new(options).expect("the options are possible"))
}

/// A storage over memory, and what is told of evictions.
fn builder() -> (Builder, Gone) {
    let gone = Gone::default();
    let told = gone.clone();
    let cold = memory(MemoryOptions::new().volatility(Volatility::Durable));
    let builder = TieredStorage::builder(cold).on_event(move |event| {
        if let Event::Evicted { tier, key } = event {
            told.lock().expect("no holder panics").push((*tier, key.as_str().to_owned()));
        }
    });
    (builder, gone)
}

fn take(gone: &Gone) -> Vec<(Tier, String)> {
    std::mem::take(&mut *gone.lock().expect("no holder panics"))
}

fn of(tier: Tier, keys: &[&str]) -> Vec<(Tier, String)> {
    keys.iter().map(|key| (tier, (*key).to_owned())).collect()
}

#[tokio::test]
async fn memory_tells_what_it_gives_up_and_nothing_else() {
    let (builder, gone) = builder();
    let hot = memory(MemoryOptions::new().items_max(2).policy(PolicyKind::Fifo));
    let storage = builder.hot(hot).open().await.expect("it opens");
    for key in ["a", "b", "c", "d"] {
        storage.set(key, "value").await.expect("memory takes it");
    }
    assert_eq!(take(&gone), of(Tier::Hot, &["a", "b"]));
    storage.set("d", "another").await.expect("memory takes it");
    storage.delete("c").await.expect("memory can delete");
    storage.clear().await.expect("memory can clear");
    assert_eq!(take(&gone), []);
}

#[cfg(feature = "disk")]
#[tokio::test]
async fn a_folder_tells_what_it_gives_up_also_for_bytes() {
    use tiered_storage::{DiskOptions, DiskTier};

    for options in [DiskOptions::new().items_max(2), DiskOptions::new().size_bytes_max(3 << 20)] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (builder, gone) = builder();
        let warm = DiskTier::open(folder.path(), options);
        let warm = Arc::new(warm.expect("the folder is free"));
        let storage = builder.warm(warm).open().await.expect("it opens");
        for key in ["a", "b", "c"] {
            let body = Bytes::from(vec![7; 1 << 20]);
            storage.set(key, body).await.expect("the tiers take it");
        }
        assert_eq!(take(&gone), of(Tier::Warm, &["a"]));
        storage.close().await.expect("it closes");
        assert_eq!(take(&gone), []);
    }
}

#[tokio::test]
async fn parts_that_are_given_up_are_told() {
    let (builder, gone) = builder();
    let warm = memory(MemoryOptions::new().items_max(1).volatility(Volatility::Durable));
    let builder = builder.warm(warm).range_caching(64 << 10);
    let storage = builder.open().await.expect("it opens");
    for key in ["a", "b"] {
        let options = SetOptions::default().only_tiers(Tier::Cold);
        let body = Bytes::from(vec![7; 256 << 10]);
        storage.set_with(key, body, options).await.expect("memory takes it");
        let part = storage.get_range(key, ByteRange::Between(0, 10)).await;
        part.expect("the tiers answer").expect("it is there");
        storage.settled().await;
    }
    assert_eq!(take(&gone), of(Tier::Warm, &["a"]));
}

/// A subscriber that asks the tier must not wait for a lock that its event was told under.
#[tokio::test]
async fn it_is_told_when_the_entry_is_gone_and_no_lock_is_held() {
    let hot = memory(MemoryOptions::new().items_max(1));
    let cold = memory(MemoryOptions::new().volatility(Volatility::Durable));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (asked, noted) = (hot.clone(), seen.clone());
    let builder = TieredStorage::builder(cold).hot(hot).on_event(move |event| {
        let Event::Evicted { key, .. } = event else { return };
        let there = ["a", "b"].map(|key| asked.peek(key, Timestamp::from_millis(0)).is_some());
        noted.lock().expect("no holder panics").push((key.as_str().to_owned(), there));
    });
    let storage = builder.open().await.expect("it opens");
    storage.set("a", "value").await.expect("memory takes it");
    storage.set("b", "value").await.expect("memory takes it");
    assert_eq!(*seen.lock().expect("no holder panics"), [("a".to_owned(), [false, true])]);
}

#[tokio::test]
async fn a_tier_tells_every_storage_that_is_open_over_it() {
    let hot = memory(MemoryOptions::new().items_max(1));
    let (one, first) = builder();
    let (other, second) = builder();
    let one = one.hot(hot.clone()).open().await.expect("it opens");
    let other = other.hot(hot).open().await.expect("it opens");
    one.set("a", "value").await.expect("memory takes it");
    one.set("b", "value").await.expect("memory takes it");
    assert_eq!([take(&first), take(&second)], [of(Tier::Hot, &["a"]), of(Tier::Hot, &["a"])]);
    drop(one);
    other.set("c", "value").await.expect("memory takes it");
    assert_eq!(take(&second), of(Tier::Hot, &["b"]));
}
