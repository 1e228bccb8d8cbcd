//! What a hot hit costs: no allocation, no copy, no wait. And what it must not cost: an expired entry being served.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use allocation_counter::measure;
use bytes::Bytes;
use tiered_storage::{
    Key, Metadata, SetOptions, Tier, TieredStorage, Timestamp,
    host::{Host, Task},
    memory::{MemoryOptions, MemoryTier},
    tier::{StorageTier, Stored},
};

const BODY_BYTES: usize = 100_000;
const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_hot_hit_allocates_nothing_and_copies_nothing() {
    let storage = TieredStorage::builder(tier()).hot(tier()).open().await.expect("it opens");
    let body = Bytes::from(vec![7; BODY_BYTES]);
    let options = SetOptions::default().ttl(TTL).field("owner", "tests").mime_type("text/plain");
    storage.set_with("key", body.clone(), options).await.expect("memory takes it");
    // Of what a first hit allocates (a thread's own variables), nothing is left to the second.
    ready(storage.get("key")).expect("it is open");
    ready(storage.get_with_metadata("key")).expect("it is open");

    let mut found = None;
    let allocated = measure(|| found = ready(storage.get("key")).expect("it is open"));
    assert_eq!((allocated.count_total, allocated.bytes_total), (0, 0));
    assert_eq!(found.expect("it is hot").as_ptr(), body.as_ptr());

    let mut found = None;
    let allocated =
        measure(|| found = ready(storage.get_with_metadata("key")).expect("it is open"));
    assert_eq!((allocated.count_total, allocated.bytes_total), (0, 0));
    let found = found.expect("it is hot");
    assert_eq!((found.data.as_ptr(), found.source), (body.as_ptr(), Tier::Hot));
    assert_eq!(found.metadata.access_count, 4);
    assert_eq!(
        storage.stats().await.expect("memory can count").hot.expect("there is hot").hits,
        Some(4)
    );
}

/// The counter counts: a miss goes to the engine, which allocates.
#[tokio::test]
async fn a_miss_is_seen_to_allocate() {
    let storage = TieredStorage::builder(tier()).hot(tier()).open().await.expect("it opens");
    let allocated = measure(|| assert_eq!(ready(storage.get("key")).expect("it is open"), None));
    assert!(allocated.count_total > 0);
}

#[tokio::test]
async fn the_future_of_a_get_is_small() {
    let storage = TieredStorage::builder(tier()).open().await.expect("it opens");
    let size_bytes = size_of_val(&storage.get("key"));
    assert!(size_bytes <= 128, "{size_bytes} bytes, which every caller's future holds");
}

/// The clock that hits ask first may be behind by any number of ticks; what has expired is not served for it.
#[tokio::test]
async fn an_entry_is_served_to_its_last_millisecond_and_no_longer_by_whatever_clock() {
    for lag_ms in [0, 1, 15, 250, 9_999] {
        let clock = Arc::new(Clock { now_ms: AtomicU64::new(1_000_000), lag_ms });
        let builder = TieredStorage::builder(tier()).hot(tier()).host(clock.clone());
        let storage = builder.open().await.expect("it opens");
        let options = SetOptions::default().ttl(TTL);
        storage.set_with("key", "body", options).await.expect("memory takes it");
        for (after_ms, is_served) in [(0, true), (59_999, true), (60_000, true), (60_001, false)] {
            clock.now_ms.store(1_000_000 + after_ms, Ordering::Relaxed);
            let body = storage.get("key").await.expect("it is open");
            assert_eq!(body.is_some(), is_served, "after {after_ms} ms, {lag_ms} ms behind");
            let entry = storage.get_with_metadata("key").await.expect("it is open");
            assert_eq!(entry.is_some(), is_served, "after {after_ms} ms, {lag_ms} ms behind");
        }
    }
}

/// A copy that is due is compared with cold, which has another one here.
#[tokio::test]
async fn a_copy_is_due_to_the_millisecond_by_whatever_clock() {
    for lag_ms in [0, 250, 9_999] {
        let clock = Arc::new(Clock { now_ms: AtomicU64::new(1_000_000), lag_ms });
        let cold = tier();
        let storage = TieredStorage::builder(cold.clone())
            .hot(tier())
            .host(clock.clone())
            .revalidate_after(Duration::from_secs(20))
            .open()
            .await
            .expect("it opens");
        storage.set("key", "old").await.expect("memory takes it");
        let key = Key::new("key").expect("it is a key");
        let metadata = Metadata::new(key.clone(), 3, Timestamp::from_millis(1_000_001));
        let newer = Stored { metadata, body: Bytes::from_static(b"new") };
        cold.write(&key, newer).await.expect("memory takes it");
        for (after_ms, body) in [(20_000, "old"), (20_001, "new")] {
            clock.now_ms.store(1_000_000 + after_ms, Ordering::Relaxed);
            let found = storage.get("key").await.expect("it is open");
            assert_eq!(found.as_deref(), Some(body.as_bytes()), "{lag_ms} ms behind");
        }
    }
}

/// Time that stands still until it is set, and a rough clock that is behind it.
#[derive(Debug)]
struct Clock {
    now_ms: AtomicU64,
    lag_ms: u64,
}

impl Host for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms.load(Ordering::Relaxed))
    }

    fn now_roughly(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms.load(Ordering::Relaxed) - self.lag_ms)
    }

    fn random(&self) -> u64 {
        4
    }

    fn spawn(&self, task: Task) {
        drop(tokio::spawn(task));
    }

    fn sleep(&self, _ms: u64) -> Task {
        Box::pin(std::future::pending())
    }
}

fn tier() -> Arc<dyn StorageTier> {
    Arc::new(MemoryTier::new(MemoryOptions::new()).expect("the options are right"))
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future: Pin<&mut _> = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory does not wait"),
    }
}
