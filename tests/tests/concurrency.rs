//! Many calls at once over real tiers: what was acknowledged is never read older, and nothing is done twice or in one
//! queue.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{future::join_all, poll};
use tiered_storage::{
    Key, Promotion, Tier, TieredStorage,
    conformance::{Call, FaultTier},
    memory::{MemoryOptions, MemoryTier},
    native::disk::{DiskOptions, DiskTier, Durability},
    s3::S3Tier,
    tier::{Read, StorageTier},
};
use tiered_storage_tests::{
    server::{Fault, Kind, Object, Options, Rule, Server},
    versions::{Dice, body, options, version},
};

fn cold(server: &Server) -> Arc<S3Tier> {
    let builder = server.options().tier(server.endpoint());
    Arc::new(builder.build().expect("the settings are right"))
}

fn disk(folder: &Path, options: DiskOptions) -> Arc<DiskTier> {
    Arc::new(DiskTier::open(folder, options).expect("the folder can be opened"))
}

fn memory(options: MemoryOptions) -> Arc<MemoryTier> {
    Arc::new(MemoryTier::new(options).expect("the limits are right"))
}

fn server() -> Server {
    Server::start(Options::default()).expect("loopback can be listened on")
}

const WRITERS: u64 = 3;
const READERS: u64 = 4;
const KEYS_EACH: u64 = 3;
const CHANGES: u64 = 120;

/// What happened to one key. Only one task changes it, so that its changes have an order.
#[derive(Debug, Default)]
struct History {
    /// Whether the change of each number, from 1, was a removal.
    removals: Mutex<Vec<bool>>,
    acknowledged: AtomicU64,
}

impl History {
    /// The number of a change that begins now.
    fn begin(&self, is_removal: bool) -> u64 {
        let mut removals = self.removals.lock().expect("no holder panics");
        removals.push(is_removal);
        removals.len() as u64
    }

    fn acknowledge(&self, number: u64) {
        self.acknowledged.store(number, Ordering::SeqCst);
    }

    /// Whether a read that began when `acknowledged` was the last acknowledged change may end in this, now.
    fn allows(&self, acknowledged: u64, read: Option<u64>) -> bool {
        let removals = self.removals.lock().expect("no holder panics");
        let is_removal = |number: u64| number == 0 || removals[number as usize - 1];
        let mut possible = acknowledged..=removals.len() as u64;
        match read {
            Some(number) => possible.contains(&number) && !is_removal(number),
            None => possible.any(is_removal),
        }
    }
}

struct Stress {
    storage: TieredStorage,
    histories: Vec<History>,
    running: AtomicU64,
}

impl Stress {
    fn key(at: u64) -> String {
        format!("{}/{}", at / KEYS_EACH, at % KEYS_EACH)
    }

    async fn write(&self, writer: u64, seed: u64) {
        let mut dice = Dice::new(seed);
        for _ in 0..CHANGES {
            let at = writer * KEYS_EACH + dice.below(KEYS_EACH);
            let (key, history) = (Self::key(at), &self.histories[at as usize]);
            match dice.below(12) {
                0 | 1 => {
                    let number = history.begin(true);
                    self.storage.delete(&key).await.expect("nothing fails");
                    history.acknowledge(number);
                }
                2 => {
                    let of_writer = writer * KEYS_EACH..(writer + 1) * KEYS_EACH;
                    let all: Vec<_> = of_writer
                        .map(|at| &self.histories[at as usize])
                        .map(|history| (history, history.begin(true)))
                        .collect();
                    let prefix = format!("{writer}/");
                    self.storage.invalidate(prefix).await.expect("nothing fails");
                    all.into_iter().for_each(|(history, number)| history.acknowledge(number));
                }
                3 => {
                    let ttl = Duration::from_secs(9_000 + dice.below(100));
                    self.storage.touch(&key, Some(ttl)).await.expect("nothing fails");
                }
                how => {
                    let number = history.begin(false);
                    let len = [64, 2_000, 40_000][dice.below(3) as usize];
                    let options = match how {
                        4 => options(number).skip_tiers(Tier::Hot),
                        5 => options(number).skip_tiers(Tier::Warm),
                        _ => options(number),
                    };
                    let body = body(number, len);
                    self.storage.set_with(&key, body, options).await.expect("nothing fails");
                    history.acknowledge(number);
                }
            }
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
    }

    async fn read(&self, seed: u64) -> u64 {
        let mut dice = Dice::new(seed);
        let mut reads = 0;
        while self.running.load(Ordering::SeqCst) > 0 {
            let at = dice.below(self.histories.len() as u64);
            let (key, history) = (Self::key(at), &self.histories[at as usize]);
            match dice.below(60) {
                0 => self.storage.clear_tier(Tier::Hot).await.expect("nothing fails"),
                1 => self.storage.clear_tier(Tier::Warm).await.expect("nothing fails"),
                2 => drop(self.storage.invalidate_upper_caches("1/").await.expect("nothing fails")),
                3 => drop(self.storage.bootstrap_hot(Some(2)).await.expect("nothing fails")),
                _ => {
                    let acknowledged = history.acknowledged.load(Ordering::SeqCst);
                    let read = self.storage.get_with_metadata(&key).await.expect("nothing fails");
                    let read = read.as_ref().map(version);
                    assert!(
                        history.allows(acknowledged, read),
                        "{key} reads as {read:?} after {acknowledged} of {history:?}"
                    );
                    reads += 1;
                }
            }
            // A hit of the memory tier never waits; the writers must get their turn.
            tokio::task::yield_now().await;
        }
        reads
    }

    /// At rest, every tier has what cold has, or nothing.
    async fn check_at_rest(&self, tiers: &[Arc<dyn StorageTier>; 3]) {
        self.storage.settled().await;
        for (at, history) in self.histories.iter().enumerate() {
            let key = Key::new(Self::key(at as u64)).expect("it is a key");
            let mut held = Vec::new();
            for tier in tiers {
                held.push(match tier.read(&key, None).await.expect("nothing fails") {
                    Read::Found(stored) => Some(stored.metadata.write_id()),
                    _ => None,
                });
            }
            for upper in &held[..2] {
                assert!(upper.is_none() || *upper == held[2], "{key} is held as {held:?}");
            }
            let acknowledged = history.acknowledged.load(Ordering::SeqCst);
            let read = self.storage.get_with_metadata(&key).await.expect("nothing fails");
            assert!(history.allows(acknowledged, read.as_ref().map(version)));
        }
    }
}

async fn stress(seed: u64, durability: Durability, promotion: Promotion) {
    let server = server();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let hot = memory(MemoryOptions::new().items_max(4).size_bytes_max(60_000));
    let warm = disk(folder.path(), DiskOptions::new().items_max(6).durability(durability));
    let tiers: [Arc<dyn StorageTier>; 3] = [hot.clone(), warm.clone(), cold(&server)];
    let storage = TieredStorage::builder(tiers[2].clone())
        .hot(hot)
        .warm(warm)
        .promotion(promotion)
        .access_flush_interval(Duration::from_millis(20))
        .open()
        .await
        .expect("the settings are right");
    let histories = (0..WRITERS * KEYS_EACH).map(|_| History::default()).collect();
    let stress = Arc::new(Stress { storage, histories, running: AtomicU64::new(WRITERS) });
    let writers = (0..WRITERS).map(|writer| {
        let stress = stress.clone();
        tokio::spawn(async move { stress.write(writer, seed * 100 + writer).await })
    });
    let writers: Vec<_> = writers.collect();
    let readers = (0..READERS).map(|reader| {
        let stress = stress.clone();
        tokio::spawn(async move { stress.read(seed * 100 + 50 + reader).await })
    });
    let readers: Vec<_> = readers.collect();
    for writer in writers {
        writer.await.expect("a writer does not panic");
    }
    for reader in readers {
        assert!(reader.await.expect("a reader does not panic") > 20, "hardly anything was read");
    }
    stress.check_at_rest(&tiers).await;
    let stats = stress.storage.stats().await.expect("nothing fails");
    for stats in [stats.hot.expect("it is there"), stats.warm.expect("it is there")] {
        assert!(stats.evictions > Some(0), "the limits were never met");
        assert!(stats.hits > Some(0), "the tier was never of use");
    }
    stress.storage.close().await.expect("nothing fails");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stress_with_eager_promotion() {
    stress(1, Durability::Checkpoint, Promotion::Eager).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stress_with_durable_objects() {
    stress(2, Durability::Object, Promotion::Eager).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stress_with_promotion_on_the_second_hit() {
    stress(3, Durability::Checkpoint, Promotion::OnSecondHit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_at_once_cost_one_request() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a temporary folder can be made"));
    let storage = TieredStorage::builder(cold(&server))
        .hot(memory(MemoryOptions::new()))
        .warm(disk(folder.path(), DiskOptions::new()))
        .open()
        .await
        .expect("the settings are right");
    server.put_object_raw("bucket", "k", Object::new("theirs"));
    server.faults().add(Rule::new(Fault::Hang).on(Kind::Get));
    let mut reads = Box::pin(join_all((0..100).map(|_| storage.get("k"))));
    assert!(poll!(reads.as_mut()).is_pending());
    tokio::select! {
        () = server.faults().until_hanging(1) => {}
        _ = reads.as_mut() => unreachable!("the request hangs"),
    }
    server.faults().release();
    for read in reads.await {
        assert_eq!(read, Ok(Some("theirs".into())));
    }
    assert_eq!((server.counts().get, server.counts().requests()), (1, 1));
    // Without a promotion, the next one asks again.
    assert_eq!(storage.get("k").await, Ok(Some("theirs".into())));
    assert_eq!(server.counts().get, 2);
}

/// Trap 15: an invalidation fired thousands of removals at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_removes_in_batches() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a temporary folder can be made"));
    let warm = Arc::new(FaultTier::new(disk(folder.path(), DiskOptions::new())));
    let storage = TieredStorage::builder(cold(&server)).warm(warm.clone()).open().await;
    let storage = storage.expect("the settings are right");
    for number in 0..3_000 {
        server.put_object_raw("bucket", &format!("p/{number:04}"), Object::new("x"));
    }
    server.put_object_raw("bucket", "q", Object::new("x"));
    assert_eq!(storage.bootstrap_warm(Some(200), None).await, Ok(200));
    server.reset_counts();
    warm.reset_calls();
    assert_eq!(storage.invalidate("p/").await, Ok(3_000));
    let counts = server.counts();
    assert_eq!((counts.delete_objects, counts.delete), (3, 0));
    assert!(counts.list <= 5 && counts.requests() <= 8, "{counts:?}");
    assert!(warm.calls(Call::Remove) <= 4, "{} removals in warm", warm.calls(Call::Remove));
    assert_eq!(warm.usage().await.map(|usage| usage.items), Ok(0));
    let left: Vec<_> = server.objects("bucket").into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["q"]);
}

/// Trap 14: one queue serialized all promotions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_that_hangs_holds_up_no_other() {
    let server = server();
    let hot = Arc::new(FaultTier::new(memory(MemoryOptions::new())));
    let storage = TieredStorage::builder(cold(&server))
        .hot(hot.clone())
        .promotion(Promotion::Eager)
        .open()
        .await
        .expect("the settings are right");
    let keys: Vec<Key> =
        (0..20).map(|number| Key::new(format!("{number}")).expect("it is a key")).collect();
    for key in &keys {
        server.put_object_raw("bucket", key, Object::new("theirs"));
    }
    hot.hold(Call::Write);
    assert_eq!(storage.get(&keys[0]).await, Ok(Some("theirs".into())));
    while hot.stopped(Call::Write) == 0 {
        tokio::task::yield_now().await;
    }
    for key in &keys[1..] {
        assert_eq!(storage.get(key).await, Ok(Some("theirs".into())));
        while hot.inner().head(key).await == Ok(None) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(hot.inner().head(&keys[0]).await, Ok(None));
    assert_eq!(storage.get(&keys[0]).await, Ok(Some("theirs".into())), "a read does not wait");
    assert!(hot.release(Call::Write));
    storage.settled().await;
    assert!(hot.inner().head(&keys[0]).await.expect("nothing fails").is_some());
}
