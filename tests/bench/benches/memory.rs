//! A hit in memory: the whole public call of tiered storage, beside caches that only map keys to values.
//!
//! 100,000 keys of 24 bytes and bodies of 1 KiB, all resident, asked for by Zipf's law (0.99). Ours has metadata with
//! a digest and a time to live, and counts accesses; moka has a time to live; the others have neither.

use std::{
    future::Future,
    hint::black_box,
    pin::pin,
    sync::{Arc, Barrier},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use allocation_counter::measure;
use bytes::Bytes;
use tiered_storage::{
    Key, Metadata, SetOptions, TieredStorage, Timestamp,
    memory::{MemoryOptions, MemoryTier},
    tier::{StorageTier, Stored},
};
use tiered_storage_bench::{Options, Random, Rounds, Zipf, key};

const BODY_BYTES: usize = 1_024;
const TTL: Duration = Duration::from_secs(3_600);

type Moka = moka::sync::Cache<Arc<str>, Bytes>;
type Quick = quick_cache::sync::Cache<Arc<str>, Bytes>;
type Foyer = foyer_memory::Cache<Arc<str>, Bytes>;

/// Something that can be asked for a body.
trait Subject: Sync {
    fn name(&self) -> &'static str;
    /// The length of the body, which is held for as long as that takes.
    fn hit(&self, key: &str) -> usize;
}

struct Sizes {
    objects: u32,
    gets: usize,
    inserts: u32,
    insert_items_max: u32,
    rounds: usize,
}

fn main() {
    let options = Options::parse("memory");
    let sizes = Sizes {
        objects: options.pick(1_000, 100_000, 100_000),
        gets: options.pick(1_000, 150_000, 300_000),
        inserts: options.pick(1_000, 30_000, 50_000),
        insert_items_max: options.pick(100, 10_000, 10_000),
        rounds: options.pick(1, 5, 15),
    };
    let keys: String = (0..sizes.objects).map(key).collect();
    let sequences = sequences(&sizes);
    let subjects = subjects(&sizes);

    let mut hits = Rounds::new(
        "A hit of 1 KiB in memory, keys by Zipf 0.99",
        &[
            ("ns", 0),
            ("Mops/s", 2),
            ("2 threads: ns", 0),
            ("2 threads: Mops/s", 2),
            ("allocations", 0),
        ],
    );
    subjects.iter().for_each(|subject| hits.row(subject.name()));
    let mut random = Random::new(4);
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    for round in 0..=sizes.rounds {
        random.shuffle(&mut order);
        for subject in order.iter().map(|&at| &subjects[at]) {
            // What ran before has left its own entries in the processor's caches.
            run(&**subject, &keys, &sequences[1]);
            let alone = time(&**subject, &keys, &sequences[..1]);
            let together = time(&**subject, &keys, &sequences);
            // The first round warms caches up.
            if round > 0 {
                hits.add(subject.name(), "ns", alone.processor * 1e9);
                hits.add(subject.name(), "Mops/s", 1e-6 / alone.wall);
                hits.add(subject.name(), "2 threads: ns", together.processor * 1e9);
                hits.add(subject.name(), "2 threads: Mops/s", 1e-6 / together.wall);
            }
        }
    }
    for subject in &subjects {
        let gets = sequences[0].len().min(10_000);
        let counted = measure(|| run(&**subject, &keys, &sequences[0][..gets]));
        hits.add(subject.name(), "allocations", counted.count_total as f64 / gets as f64);
        // Ours are named by their paths.
        let is_ours = subject.name().contains("::");
        assert!(!is_ours || counted.count_total == 0, "{} allocates on a hit", subject.name());
    }
    options.show(&hits.medians());
    options.show(&inserts(&sizes).medians());
}

fn sequences(sizes: &Sizes) -> Vec<Vec<u32>> {
    let zipf = Zipf::new(sizes.objects, 0.99, &mut Random::new(1));
    let sequence = |seed| {
        let mut random = Random::new(seed);
        (0..sizes.gets).map(|_| zipf.draw(&mut random)).collect()
    };
    vec![sequence(2), sequence(3)]
}

/// Seconds per get.
struct Times {
    /// By the clock on the wall, of all threads together.
    wall: f64,
    /// That a processor worked on it.
    processor: f64,
}

/// Runs each sequence in a thread of its own.
fn time(subject: &dyn Subject, keys: &str, sequences: &[Vec<u32>]) -> Times {
    let barrier = Barrier::new(sequences.len());
    let times: Vec<(Instant, Instant, f64)> = thread::scope(|scope| {
        let barrier = &barrier;
        let spawn = |sequence| {
            scope.spawn(move || {
                barrier.wait();
                let (start, before) = (Instant::now(), processor_seconds());
                run(subject, keys, sequence);
                (start, Instant::now(), processor_seconds() - before)
            })
        };
        let threads: Vec<_> = sequences.iter().map(|sequence| spawn(sequence)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no get panics")).collect()
    });
    let start = times.iter().map(|(start, ..)| *start).min().expect("there is a thread");
    let end = times.iter().map(|(_, end, _)| *end).max().expect("there is a thread");
    let processor: f64 = times.iter().map(|(.., seconds)| seconds).sum();
    let gets = sequences.iter().map(Vec::len).sum::<usize>() as f64;
    Times { wall: (end - start).as_secs_f64() / gets, processor: processor / gets }
}

/// For how long a processor has worked on this thread.
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn run(subject: &dyn Subject, keys: &str, sequence: &[u32]) {
    for &object in sequence {
        let start = object as usize * 24;
        let length = subject.hit(&keys[start..start + 24]);
        assert!(length == BODY_BYTES, "every key is resident");
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a hot hit does not wait"),
    }
}

/// Reads the key and has no cache: what the measuring itself takes.
struct Nothing(Bytes);

impl Subject for Nothing {
    fn name(&self) -> &'static str {
        "(the loop alone)"
    }

    fn hit(&self, key: &str) -> usize {
        black_box(key.bytes().fold(0u8, u8::wrapping_add));
        black_box(&self.0).len()
    }
}

struct Get(TieredStorage);

impl Subject for Get {
    fn name(&self) -> &'static str {
        "TieredStorage::get"
    }

    fn hit(&self, key: &str) -> usize {
        let body = ready(self.0.get(key)).expect("it is not closed");
        body.map_or(0, |body| black_box(body).len())
    }
}

struct GetWithMetadata(TieredStorage);

impl Subject for GetWithMetadata {
    fn name(&self) -> &'static str {
        "TieredStorage::get_with_metadata"
    }

    fn hit(&self, key: &str) -> usize {
        let entry = ready(self.0.get_with_metadata(key)).expect("it is not closed");
        entry.map_or(0, |entry| black_box(entry).data.len())
    }
}

struct Peek(Arc<MemoryTier>);

impl Subject for Peek {
    fn name(&self) -> &'static str {
        "MemoryTier::peek"
    }

    fn hit(&self, key: &str) -> usize {
        self.0.peek(key, now()).map_or(0, |stored| black_box(stored).body.len())
    }
}

impl Subject for Moka {
    fn name(&self) -> &'static str {
        "moka 0.12 (sync, TTL)"
    }

    fn hit(&self, key: &str) -> usize {
        self.get(key).map_or(0, |body| black_box(body).len())
    }
}

impl Subject for Quick {
    fn name(&self) -> &'static str {
        "quick_cache 0.7"
    }

    fn hit(&self, key: &str) -> usize {
        self.get(key).map_or(0, |body| black_box(body).len())
    }
}

impl Subject for Foyer {
    fn name(&self) -> &'static str {
        "foyer 0.22 (memory, S3-FIFO)"
    }

    fn hit(&self, key: &str) -> usize {
        self.get(key).map_or(0, |entry| black_box(entry).value().len())
    }
}

fn subjects(sizes: &Sizes) -> Vec<Box<dyn Subject>> {
    // More than enough for everything, so that all is resident whatever a cache counts besides.
    let capacity = sizes.objects * 2;
    let (storage, hot) = storage(sizes);
    let (moka, quick, foyer) = (moka(capacity), quick(capacity), foyer(capacity));
    for object in 0..sizes.objects {
        let key: Arc<str> = key(object).into();
        moka.insert(key.clone(), body());
        quick.insert(key.clone(), body());
        foyer.insert(key, body());
    }
    vec![
        Box::new(Get(storage.clone())),
        Box::new(GetWithMetadata(storage)),
        Box::new(Peek(hot)),
        Box::new(quick),
        Box::new(foyer),
        Box::new(moka),
        Box::new(Nothing(body())),
    ]
}

/// A storage with everything in its hot tier, which is asked without its runtime.
fn storage(sizes: &Sizes) -> (TieredStorage, Arc<MemoryTier>) {
    let options = || MemoryOptions::new().size_bytes_max(1 << 30);
    let tier = || Arc::new(MemoryTier::new(options()).expect("the options are right"));
    let (hot, cold) = (tier(), tier());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let opened = TieredStorage::builder(cold).hot(hot.clone()).open().await;
        let storage = opened.expect("the configuration is right");
        for object in 0..sizes.objects {
            let options = SetOptions::default().ttl(TTL);
            storage.set_with(key(object), body(), options).await.expect("memory takes it");
        }
        (storage, hot)
    })
}

fn moka(capacity: u32) -> Moka {
    Moka::builder().max_capacity(capacity.into()).time_to_live(TTL).build()
}

fn quick(capacity: u32) -> Quick {
    Quick::new(capacity as usize)
}

fn foyer(capacity: u32) -> Foyer {
    let policy = foyer_memory::S3FifoConfig::default();
    foyer_memory::CacheBuilder::new(capacity as usize).with_eviction_config(policy).build()
}

/// Keys that are new each time, into caches that hold a small part of them.
fn inserts(sizes: &Sizes) -> Rounds {
    let mut inserts = Rounds::new("An insert that evicts another entry", &[("ns", 0)]);
    let items_max = sizes.insert_items_max;
    let body = body();
    for round in 0..=sizes.rounds {
        let mut time = |name: &str, mut insert: Box<dyn FnMut(u32) + '_>| {
            (0..items_max).for_each(&mut insert);
            let start = processor_seconds();
            (items_max..items_max + sizes.inserts).for_each(&mut insert);
            let seconds = (processor_seconds() - start) / f64::from(sizes.inserts);
            if round > 0 {
                inserts.add(name, "ns", seconds * 1e9);
            }
        };
        let new_key = |object: u32| -> Arc<str> { key(object).into() };
        let options = MemoryOptions::new().items_max(u64::from(items_max));
        let tier = MemoryTier::new(options).expect("the options are right");
        let insert = |object| {
            let key = Key::new(key(object)).expect("the key is right");
            let mut metadata = Metadata::new(key.clone(), BODY_BYTES as u64, now());
            metadata.expires_at = Some(metadata.created_at().plus_millis(3_600_000));
            let written = ready(tier.write(&key, Stored { metadata, body: body.clone() }));
            written.expect("it fits");
        };
        time("MemoryTier::write", Box::new(insert));
        let cache = quick(items_max);
        time("quick_cache 0.7", Box::new(|object| cache.insert(new_key(object), body.clone())));
        let cache = foyer(items_max);
        let insert = |object| drop(cache.insert(new_key(object), body.clone()));
        time("foyer 0.22 (memory, S3-FIFO)", Box::new(insert));
        let cache = moka(items_max);
        let insert = |object| cache.insert(new_key(object), body.clone());
        time("moka 0.12 (sync, TTL)", Box::new(insert));
    }
    inserts
}

fn body() -> Bytes {
    Bytes::from(vec![b'x'; BODY_BYTES])
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    Timestamp::from_millis(u64::try_from(since.as_millis()).expect("it is not that late"))
}
