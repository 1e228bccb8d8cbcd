//! How often a cache has what is asked for: our policies beside those of moka, quick_cache and foyer, as shipped.
//!
//! Each request is a get, and an insert after a miss. The workloads are made up (Zipf's law, and Zipf's law with scans),
//! and the traces that the command line names: gzip, a request a line, `key size_bytes`. Once a cache holds a part of
//! all objects, and once, where sizes differ, a part of all bytes. Ours counts keys and metadata into the bytes it may
//! hold; the others count bodies alone.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tiered_storage::{
    Key, Metadata, Timestamp,
    evict::PolicyKind,
    memory::{MemoryOptions, MemoryTier},
    tier::{StorageTier, Stored},
};
use tiered_storage_bench::{Options, Request, Rounds, Scale, scanned_zipf, trace};

/// What a cache may hold.
#[derive(Clone, Copy)]
enum Limit {
    Objects(u64),
    Bytes(u64),
}

/// A cache under test: whether it has the object; if not, it is given it.
type Cache = Box<dyn FnMut(Request) -> bool>;

/// A name and how to make it.
type Maker = (&'static str, fn(Limit) -> Cache);

const MAKERS: [Maker; 9] = [
    ("s3fifo", |limit| ours(PolicyKind::S3Fifo, limit)),
    ("lru", |limit| ours(PolicyKind::Lru, limit)),
    ("fifo", |limit| ours(PolicyKind::Fifo, limit)),
    ("size", |limit| ours(PolicyKind::Size, limit)),
    ("moka", moka),
    ("quick", quick),
    ("f-s3fifo", |limit| foyer(foyer_memory::S3FifoConfig::default().into(), limit)),
    ("f-lfu", |limit| foyer(foyer_memory::LfuConfig::default().into(), limit)),
    ("f-lru", |limit| foyer(foyer_memory::LruConfig::default().into(), limit)),
];

fn main() {
    let options = Options::parse("hit_ratio");
    let (objects, count) = options.pick((100, 2_000), (20_000, 200_000), (100_000, 2_000_000));
    let scan = (count / 40, objects / 5);
    let mut workloads = vec![
        ("Zipf 0.9".to_owned(), scanned_zipf((objects, 0.9), (count, 0), 1_024, count)),
        ("Zipf 0.9 + scans".to_owned(), scanned_zipf((objects, 0.9), scan, 1_024, count)),
    ];
    for path in &options.traces {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".gz").trim_end_matches(".txt").to_owned();
        match trace(path) {
            Ok(requests) => workloads.push((name, requests)),
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    let columns: Vec<(&str, usize)> = MAKERS.iter().map(|(name, _)| (*name, 1)).collect();
    let title = "Hits in percent (first ours, then moka, quick_cache, foyer)";
    let mut ratios = Rounds::new(title, &columns);
    for (name, requests) in &workloads {
        let (objects, bytes) = footprint(requests);
        let mut limits = vec![
            (format!("{name}, 1 % of objects"), Limit::Objects((objects / 100).max(1))),
            (format!("{name}, 10 % of objects"), Limit::Objects((objects / 10).max(1))),
        ];
        let size = requests.first().map(|request| request.size);
        if requests.iter().any(|request| Some(request.size) != size) {
            limits.push((format!("{name}, 1 % of bytes"), Limit::Bytes(bytes / 100)));
            limits.push((format!("{name}, 10 % of bytes"), Limit::Bytes(bytes / 10)));
        }
        for (row, limit) in limits {
            for (column, make) in MAKERS {
                // An exact LRU of 100,000 objects tells no more than the others and takes as long as they do.
                if options.scale == Scale::Quick && column.starts_with("f-l") {
                    continue;
                }
                let mut cache = make(limit);
                let hits = requests.iter().filter(|request| cache(**request)).count();
                ratios.add(&row, column, 100.0 * hits as f64 / requests.len() as f64);
            }
        }
    }
    options.show(&ratios.medians());
}

/// The number of different objects, and the sum of their sizes.
fn footprint(requests: &[Request]) -> (u64, u64) {
    let mut objects: Vec<(u32, u32)> =
        requests.iter().map(|request| (request.key, request.size)).collect();
    objects.sort_unstable();
    objects.dedup_by_key(|(key, _)| *key);
    (objects.len() as u64, objects.iter().map(|(_, size)| u64::from(*size)).sum())
}

fn ours(policy: PolicyKind, limit: Limit) -> Cache {
    let options = MemoryOptions::new().policy(policy);
    let options = match limit {
        Limit::Objects(objects) => options.items_max(objects).size_bytes_max(1 << 50),
        Limit::Bytes(bytes) => options.size_bytes_max(bytes),
    };
    let tier = MemoryTier::new(options).expect("the limit is not 0");
    // Bodies share one buffer, of which nothing is ever touched.
    let mut buffer = Bytes::new();
    let now = Timestamp::from_millis(1);
    Box::new(move |request| {
        let key = request.key.to_string();
        if tier.peek_body(&key, now).is_some() {
            return true;
        }
        let size = match limit {
            Limit::Objects(_) => 1,
            Limit::Bytes(_) => request.size as usize,
        };
        if buffer.len() < size {
            buffer = Bytes::from(vec![0; size.next_power_of_two()]);
        }
        let key = Key::new(key).expect("digits are a key");
        let metadata = Metadata::new(key.clone(), size as u64, now);
        // What is larger than the whole cache is refused.
        let _refusal = ready(tier.write(&key, Stored { metadata, body: buffer.slice(..size) }));
        false
    })
}

fn moka(limit: Limit) -> Cache {
    let builder = moka::sync::Cache::<u32, u32>::builder();
    let cache = match limit {
        Limit::Objects(objects) => builder.max_capacity(objects),
        Limit::Bytes(bytes) => builder.max_capacity(bytes).weigher(|_, size| *size),
    };
    let cache = cache.build();
    Box::new(move |request| {
        let is_hit = cache.get(&request.key).is_some();
        if !is_hit {
            cache.insert(request.key, request.size);
        }
        is_hit
    })
}

#[derive(Clone)]
struct Weighter(Limit);

impl quick_cache::Weighter<u32, u32> for Weighter {
    fn weight(&self, _key: &u32, size: &u32) -> u64 {
        match self.0 {
            Limit::Objects(_) => 1,
            Limit::Bytes(_) => u64::from(*size),
        }
    }
}

fn quick(limit: Limit) -> Cache {
    let capacity = match limit {
        Limit::Objects(objects) => objects,
        Limit::Bytes(bytes) => bytes,
    };
    let items = usize::try_from(capacity.min(100_000)).expect("it is small");
    let cache = quick_cache::sync::Cache::with_weighter(items, capacity, Weighter(limit));
    Box::new(move |request| {
        let is_hit = cache.get(&request.key).is_some();
        if !is_hit {
            cache.insert(request.key, request.size);
        }
        is_hit
    })
}

fn foyer(policy: foyer_memory::EvictionConfig, limit: Limit) -> Cache {
    let capacity = match limit {
        Limit::Objects(objects) => objects,
        Limit::Bytes(bytes) => bytes,
    };
    let capacity = usize::try_from(capacity).expect("it fits into memory");
    let cache: foyer_memory::Cache<u32, u32> = foyer_memory::CacheBuilder::new(capacity)
        // As small as one of ours would be, where a shard of theirs would hold next to nothing.
        .with_shards(if capacity < 4_096 { 1 } else { 8 })
        .with_eviction_config(policy)
        .with_weighter(move |_: &u32, size: &u32| match limit {
            Limit::Objects(_) => 1,
            Limit::Bytes(_) => *size as usize,
        })
        .build();
    Box::new(move |request| {
        let is_hit = cache.get(&request.key).is_some();
        if !is_hit {
            drop(cache.insert(request.key, request.size));
        }
        is_hit
    })
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory does not wait"),
    }
}
