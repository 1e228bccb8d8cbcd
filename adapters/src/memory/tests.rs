use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use bytes::Bytes;
use futures::executor::block_on;
use tiered_storage_core::{
    Condition, ErrorKind, Key, Metadata, Timestamp, WriteId,
    evict::PolicyKind,
    format::{self, Audience},
};

use super::{MemoryOptions, MemoryTier, Volatility, ledger::PENDING_MAX};
use crate::tier::{Access, Contents, Page, Patched, Read, StorageTier, Stored};

fn tier(options: MemoryOptions) -> MemoryTier {
    MemoryTier::new(options).expect("the limits are not 0")
}

fn key(text: impl AsRef<str>) -> Key {
    Key::new(text).expect("the key is valid")
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + ms)
}

fn entry(text: &str, write: u64, body: impl Into<Bytes>) -> Stored {
    let body = body.into();
    let metadata = Metadata::new(key(text), body.len() as u64, at(0)).with_write_id(WriteId(write));
    Stored { metadata, body }
}

fn write(tier: &MemoryTier, entry: &Stored) -> Result<(), ErrorKind> {
    let done = block_on(tier.write(entry.metadata.key(), entry.clone()));
    done.map(|version| assert_eq!(version, None)).map_err(|error| error.kind())
}

fn put(tier: &MemoryTier, text: &str, body: impl Into<Bytes>) {
    write(tier, &entry(text, 1, body)).expect("the entry fits");
}

fn read(tier: &MemoryTier, text: &str) -> Option<Stored> {
    match block_on(tier.read(&key(text), None)).expect("memory does not fail") {
        Read::Found(found) => Some(found),
        _ => None,
    }
}

fn head(tier: &MemoryTier, text: &str) -> Metadata {
    block_on(tier.head(&key(text))).expect("memory does not fail").expect("the entry is there")
}

fn patch(tier: &MemoryTier, metadata: &Metadata) -> Result<Patched, ErrorKind> {
    block_on(tier.patch(metadata.key(), metadata)).map_err(|error| error.kind())
}

fn keys(tier: &MemoryTier) -> Vec<String> {
    let page = Page { prefix: "", after: None, limit: usize::MAX };
    let listing = block_on(tier.list(page)).expect("memory does not fail");
    assert_eq!(listing.next, None);
    listing.keys.into_iter().map(String::from).collect()
}

fn evictions(tier: &MemoryTier) -> u64 {
    block_on(tier.usage()).expect("memory does not fail").evictions.expect("they are counted")
}

/// What an entry counts against the limit.
fn weight(entry: &Stored) -> u64 {
    let metadata = format::encode(&entry.metadata, Audience::Local);
    (entry.body.len() + entry.metadata.key().len() + metadata.len()) as u64
}

#[test]
fn limits_of_nothing_are_invalid() {
    let options = MemoryOptions::new();
    for wrong in [options.clone().size_bytes_max(0), options.clone().items_max(0)] {
        assert_eq!(
            MemoryTier::new(wrong).map_err(|error| error.kind()).err(),
            Some(ErrorKind::Invalid)
        );
    }
    assert!(tier(options.clone()).properties().is_volatile);
    let durable = tier(options.size_bytes_max(5_000).volatility(Volatility::Durable)).properties();
    assert!(!durable.is_volatile);
    assert_eq!(durable.entry_bytes_max, Some(5_000));
}

#[test]
fn an_entry_counts_with_its_key_and_metadata() {
    let small = entry("key", 1, "body");
    let exact = tier(MemoryOptions::new().size_bytes_max(weight(&small)));
    assert_eq!(write(&exact, &small), Ok(()));
    assert_eq!(exact.limits.bytes(), weight(&small));

    let larger = entry("key", 1, "body!");
    assert_eq!(write(&exact, &larger), Err(ErrorKind::Full));
    let mut longer = small.metadata.clone();
    longer.expires_at = Some(at(1));
    assert_eq!(patch(&exact, &longer), Err(ErrorKind::Full));
    assert_eq!(read(&exact, "key"), Some(small), "what does not fit leaves what is there");
    assert_eq!(evictions(&exact), 0);
}

#[test]
fn an_overwrite_needs_no_more_room_than_it_adds() {
    let one = entry("a", 1, vec![0; 1_000]);
    for policy in POLICIES {
        let tier = tier(MemoryOptions::new().size_bytes_max(3 * weight(&one)).policy(policy));
        for name in ["a", "b", "c"] {
            put(&tier, name, vec![0; 1_000]);
        }
        for name in ["a", "b", "c", "a"] {
            put(&tier, name, vec![1; 1_000]);
            put(&tier, name, vec![1; 900]);
            put(&tier, name, vec![1; 1_000]);
        }
        assert_eq!((keys(&tier).len(), evictions(&tier)), (3, 0), "{policy:?}");

        // One byte more takes the room of one other, and not that of the entry itself.
        put(&tier, "b", vec![2; 1_001]);
        assert_eq!(evictions(&tier), 1, "{policy:?}");
        assert_eq!(read(&tier, "b").map(|found| found.body.len()), Some(1_001), "{policy:?}");
    }
}

#[test]
fn a_patch_that_grows_makes_room_too() {
    let one = entry("a", 1, vec![0; 1_000]);
    let tier = tier(MemoryOptions::new().size_bytes_max(2 * weight(&one)));
    put(&tier, "a", vec![0; 1_000]);
    put(&tier, "b", vec![0; 1_000]);
    let mut metadata = head(&tier, "a");
    metadata.expires_at = Some(at(1));
    assert_eq!(patch(&tier, &metadata), Ok(Patched::Done(None)));
    assert_eq!(keys(&tier), ["a"]);
    assert_eq!(head(&tier, "a"), metadata);
}

const POLICIES: [PolicyKind; 4] =
    [PolicyKind::Lru, PolicyKind::Fifo, PolicyKind::Size, PolicyKind::S3Fifo];

/// Fills a tier of three with `a` (the smallest), `b` (the largest) and `c`, uses it, and tells what goes for `d`.
fn check_victim(policy: PolicyKind, use_it: impl Fn(&MemoryTier), victim: &str) {
    let tier = tier(MemoryOptions::new().items_max(3).policy(policy));
    for (name, size) in [("a", 10), ("b", 1_000), ("c", 100)] {
        put(&tier, name, vec![0; size]);
    }
    use_it(&tier);
    put(&tier, "d", "new");
    let left = keys(&tier);
    assert_eq!(left.len(), 3);
    assert!(!left.contains(&victim.to_owned()), "{policy:?} left {left:?}");
}

#[test]
fn the_policy_chooses_who_goes() {
    let peek = |tier: &MemoryTier| assert!(tier.peek("a", at(0)).is_some());
    let read = |tier: &MemoryTier| assert!(read(tier, "a").is_some());
    let overwrite = |tier: &MemoryTier| put(tier, "a", "other");
    let head = |tier: &MemoryTier| assert_eq!(head(tier, "a").size(), 10);
    check_victim(PolicyKind::Lru, |_| {}, "a");
    check_victim(PolicyKind::Lru, peek, "b");
    check_victim(PolicyKind::Lru, read, "b");
    check_victim(PolicyKind::Lru, overwrite, "b");
    check_victim(PolicyKind::Lru, head, "a");
    check_victim(PolicyKind::Fifo, |_| {}, "a");
    check_victim(PolicyKind::Fifo, peek, "a");
    check_victim(PolicyKind::Fifo, overwrite, "a");
    check_victim(PolicyKind::Size, peek, "b");
    check_victim(PolicyKind::Size, |tier| put(tier, "c", vec![0; 2_000]), "c");
    check_victim(PolicyKind::S3Fifo, |_| {}, "a");
    check_victim(PolicyKind::S3Fifo, peek, "b");
    check_victim(PolicyKind::S3Fifo, read, "b");
    check_victim(PolicyKind::S3Fifo, head, "a");
}

#[test]
fn a_scan_does_not_wash_out_what_is_read_often() {
    let tier = tier(MemoryOptions::new().items_max(100));
    for number in 0..50 {
        put(&tier, &format!("often/{number}"), "x");
    }
    for round in 0..20 {
        for number in 0..50 {
            assert!(tier.peek(&format!("often/{number}"), at(round)).is_some(), "in round {round}");
        }
        for number in 0..100 {
            put(&tier, &format!("scan/{round}/{number}"), "x");
        }
    }
}

#[test]
fn an_expired_entry_is_not_peeked() {
    let tier = tier(MemoryOptions::new());
    let mut expiring = entry("a", 1, "body");
    expiring.metadata.expires_at = Some(at(10));
    assert_eq!(write(&tier, &expiring), Ok(()));
    assert!(tier.peek("a", at(10)).is_some());
    assert_eq!(tier.peek("a", at(11)), None);
    assert_eq!(read(&tier, "a"), Some(expiring), "whether it is live is for the storage to say");
}

#[test]
fn bodies_are_shared_with_the_caller_and_not_copied() {
    let tier = tier(MemoryOptions::new());
    let body = Bytes::from(vec![7; 100]);
    put(&tier, "a", body.clone());
    let found = tier.peek("a", at(0)).expect("it is there");
    assert_eq!(found.body.as_ptr(), body.as_ptr());
}

#[test]
fn a_patch_sets_the_count_and_leaves_what_is_pending() {
    let tier = tier(MemoryOptions::new());
    put(&tier, "a", "body");
    let peek = |ms| tier.peek("a", at(ms)).expect("it is there").metadata;
    let accesses = || -> Vec<_> {
        let tell = |Access { key, count, last }| (key.to_string(), count, last);
        tier.accesses(10).into_iter().map(tell).collect()
    };
    assert_eq!(accesses(), []);
    assert_eq!((peek(5).access_count, peek(3).access_count), (1, 2));
    assert_eq!(peek(4).last_accessed, at(4));
    assert_eq!(head(&tier, "a").access_count, 0, "what is pending is not stored");

    // The storage asks, and adds what it was given to what is stored; hits before, between and after are counted once.
    assert_eq!(accesses(), [("a".to_owned(), 3, at(5))]);
    assert_eq!(peek(6).access_count, 1);
    let mut metadata = head(&tier, "a");
    assert_eq!(peek(7).access_count, 2);
    metadata.access_count += 3;
    metadata.last_accessed = at(5);
    assert_eq!(patch(&tier, &metadata), Ok(Patched::Done(None)));
    assert_eq!(head(&tier, "a").access_count, 3);
    assert_eq!(peek(8).access_count, 6);
    assert_eq!(accesses(), [("a".to_owned(), 3, at(8))]);
    assert_eq!(accesses(), []);

    // A copy of the same version keeps what is pending, another version begins anew.
    assert_eq!(peek(9).access_count, 4);
    put(&tier, "a", "body");
    assert_eq!(peek(9).access_count, 2);
    assert_eq!(write(&tier, &entry("a", 2, "other")), Ok(()));
    assert_eq!(accesses(), []);
    assert_eq!(peek(10).access_count, 1);
    assert_eq!(accesses(), [("a".to_owned(), 1, at(10))]);
    assert_eq!(tier.accesses_dropped(), 0);
}

#[test]
fn accesses_are_bounded_and_what_is_not_kept_is_counted() {
    let tier = tier(MemoryOptions::new());
    let count = PENDING_MAX + 5;
    let name = |number: usize| format!("key/{number}");
    for number in 0..count {
        put(&tier, &name(number), "x");
    }
    for _ in 0..3 {
        for number in 0..count {
            assert!(tier.peek(&name(number), at(0)).is_some());
        }
    }
    assert_eq!(tier.accesses_dropped(), 15);
    assert_eq!(tier.accesses(4_000).len(), 4_000);
    let rest = tier.accesses(usize::MAX);
    assert_eq!(rest.len(), PENDING_MAX - 4_000);
    assert!(rest.iter().all(|access| access.count == 3));
    assert!(tier.peek(&name(count - 1), at(0)).is_some());
    assert_eq!(tier.accesses(usize::MAX).len(), 1, "there is space again");
}

#[test]
fn the_accesses_of_what_is_evicted_are_counted_as_dropped() {
    let tier = tier(MemoryOptions::new().items_max(1).policy(PolicyKind::Fifo));
    put(&tier, "a", "x");
    assert!(tier.peek("a", at(0)).is_some());
    put(&tier, "b", "x");
    assert_eq!(tier.accesses_dropped(), 1);
    // `b` has the slot that `a` had, and nothing of what was counted for it.
    assert_eq!(tier.accesses(10), []);
}

#[test]
fn a_listing_is_in_byte_order_across_shards() {
    let tier = tier(MemoryOptions::new());
    assert!(tier.shards.len() > 1);
    let mut expected: Vec<String> =
        (0..500).map(|number| format!("{:x}", number * 7_919)).collect();
    for name in &expected {
        put(&tier, name, "x");
    }
    expected.sort();
    assert_eq!(keys(&tier), expected);

    for limit in [1, 125, 499] {
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = Page { prefix: "", after: after.as_deref(), limit };
            let listing = block_on(tier.list(page)).expect("memory does not fail");
            assert!(!listing.keys.is_empty(), "no page is asked for in vain");
            listed.extend(listing.keys.into_iter().map(String::from));
            match listing.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(listed, expected);
    }
}

#[test]
fn a_large_entry_takes_its_room_from_all_shards() {
    let tier = tier(MemoryOptions::new().size_bytes_max(8 << 20));
    assert!(tier.shards.len() > 1);
    for number in 0..4_000 {
        put(&tier, &format!("small/{number}"), vec![0; 2_000]);
    }
    assert_eq!(evictions(&tier), 0);
    put(&tier, "large", vec![1; 6 << 20]);
    assert!(tier.peek("large", at(0)).is_some());
    let left = keys(&tier).len();
    assert!((800..1_100).contains(&left), "no more went than had to: {left} are left");
    let fewest = tier.shards.iter().map(|shard| shard.read().len()).min().expect("it has shards");
    assert!(fewest > 40, "each shard gave its part: one has {fewest} entries left");
    check_consistent(&tier);

    put(&tier, "larger", vec![1; (8 << 20) - 200]);
    assert_eq!(keys(&tier), ["larger"]);
    check_consistent(&tier);
}

/// Checks that what is counted is what is there.
fn check_consistent(tier: &MemoryTier) {
    let usage = block_on(tier.usage()).expect("memory does not fail");
    let found: Vec<Stored> =
        keys(tier).iter().map(|name| read(tier, name).expect("what is listed is there")).collect();
    let bodies: u64 = found.iter().map(|entry| entry.body.len() as u64).sum();
    assert_eq!((usage.items, usage.bytes), (found.len() as u64, bodies));
    assert_eq!(tier.limits.bytes(), found.iter().map(weight).sum::<u64>());
}

/// Ends what waits for a flag, also when a test panics: the threads of a scope are waited for.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn hammer(options: MemoryOptions, bytes_max: u64, items_max: u64) {
    const THREADS: u64 = 8;
    let tier = tier(options.size_bytes_max(bytes_max).items_max(items_max));
    let source = Bytes::from(vec![7; bytes_max as usize / 4]);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let usage = block_on(tier.usage()).expect("memory does not fail");
                assert!(usage.bytes <= bytes_max, "{usage:?}");
                assert!(usage.items <= items_max, "{usage:?}");
                assert!(tier.limits.bytes() <= bytes_max);
            }
        });
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (tier, source) = (&tier, &source);
                scope.spawn(move || {
                    let mut state = thread + 1;
                    let mut random = |below: u64| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (state >> 33) % below
                    };
                    for step in 0..2_000 {
                        // No two threads write one key, as the storage promises.
                        let name = format!("{}/{thread}", random(400));
                        let most = if random(50) == 0 { source.len() as u64 } else { 4_000 };
                        let size = random(most) as usize;
                        match random(8) {
                            0 => {
                                block_on(tier.remove(&[key(&name)])).expect("memory does not fail")
                            }
                            1 => {
                                let found = block_on(tier.head(&key(&name)));
                                if let Some(mut metadata) = found.expect("memory does not fail") {
                                    metadata.expires_at = (step % 2 == 0).then(|| at(1 << 40));
                                    patch(tier, &metadata).expect("the version is the same");
                                }
                            }
                            2 => drop(tier.peek(&name, at(step))),
                            _ => put(tier, &name, source.slice(..size)),
                        }
                    }
                })
            })
            .collect();
        {
            let _done = Done(&is_done);
            for writer in writers {
                writer.join().expect("no writer panics");
            }
        }
        watcher.join().expect("the limits hold");
    });
    assert!(evictions(&tier) > 0, "the limits were reached");
    check_consistent(&tier);
}

#[test]
fn limits_hold_under_threads_in_one_shard() {
    for policy in POLICIES {
        hammer(MemoryOptions::new().policy(policy), 1 << 20, 200);
    }
}

#[test]
fn limits_hold_under_threads_across_shards() {
    // Limited by bytes, then by items; the keys are more than either allows.
    hammer(MemoryOptions::new(), 8 << 20, 1 << 20);
    let sharded =
        MemoryTier { limits: super::Limits::new(64 << 20, 100), ..tier(MemoryOptions::new()) };
    assert!(sharded.shards.len() > 1);
    for number in 0..1_000 {
        put(&sharded, &format!("{number}"), "x");
        assert!(sharded.limits.items() <= 100);
    }
    check_consistent(&sharded);
}

#[test]
fn body_and_metadata_are_of_the_same_write() {
    let tier = tier(MemoryOptions::new());
    let version = |number: u64| entry("a", number, number.to_string());
    assert_eq!(write(&tier, &version(0)), Ok(()));
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for way in 0..3 {
            let (tier, is_done) = (&tier, &is_done);
            scope.spawn(move || {
                let mut newest = 0;
                while !is_done.load(Ordering::Relaxed) {
                    let found = match way {
                        0 => read(tier, "a"),
                        _ => tier.peek("a", at(0)),
                    };
                    let found = found.expect("an overwritten key is always there");
                    let number = found.metadata.write_id().expect("it was written with one").0;
                    assert_eq!(found.body, number.to_string());
                    assert!(newest <= number, "no reader goes back");
                    newest = number;
                }
            });
        }
        let _done = Done(&is_done);
        for number in 1..=20_000 {
            write(&tier, &version(number)).expect("the entry fits");
        }
    });
}

#[test]
fn no_access_is_lost_or_counted_twice_under_threads() {
    let tier = tier(MemoryOptions::new());
    for number in 0..50 {
        put(&tier, &number.to_string(), "x");
    }
    let given_out = AtomicU64::new(0);
    let ask = || {
        let count = tier.accesses(7).iter().map(|access| access.count).sum();
        given_out.fetch_add(count, Ordering::Relaxed);
        count
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for step in 0..20_000_u64 {
                    assert!(tier.peek(&(step % 50).to_string(), at(step)).is_some());
                    if step % 100 == 0 {
                        ask();
                    }
                }
            });
        }
    });
    while ask() > 0 {}
    assert_eq!(given_out.load(Ordering::Relaxed) + tier.accesses_dropped(), 60_000);
}

/// The question and the write are one step, also where each writer has a thread of its own.
#[test]
fn of_conditional_writers_in_threads_one_wins_each_round() {
    let tier = tier(MemoryOptions::new());
    let mut condition = Condition::Absent;
    for round in 0..500_u64 {
        let winners: Vec<u64> = thread::scope(|scope| {
            let writers: Vec<_> = (1..=4)
                .map(|writer| {
                    let (tier, condition) = (&tier, &condition);
                    scope.spawn(move || {
                        let number = 4 * round + writer;
                        let Stored { metadata, body } = entry("a", number, number.to_string());
                        let body = Contents::Whole(body);
                        let stored = tier.store(metadata.key(), &metadata, body, Some(condition));
                        match block_on(stored) {
                            Ok(_) => Some(number),
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Conflict);
                                None
                            }
                        }
                    })
                })
                .collect();
            let ended = writers.into_iter().map(|it| it.join().expect("no writer panics"));
            ended.flatten().collect()
        });
        let [winner] = winners[..] else { panic!("round {round}: {winners:?}") };
        let found = read(&tier, "a").expect("it was written");
        assert_eq!(found.body, winner.to_string());
        condition = Condition::Version(found.metadata.version());
    }
}

/// Writes these KiB of an entry.
fn keep(tier: &MemoryTier, whole: &Stored, kib: std::ops::Range<usize>) {
    let part = whole.body.slice(kib.start << 10..whole.body.len().min(kib.end << 10));
    let start = (kib.start << 10) as u64;
    let written = tier.write_part(whole.metadata.key(), &whole.metadata, start, part);
    block_on(written).expect("it is kept, or there is no room");
}

fn range(tier: &MemoryTier, text: &str, range: std::ops::Range<u64>) -> Option<Bytes> {
    match block_on(tier.read_range(&key(text), range.into(), None)).expect("memory does not fail") {
        Some(Read::Found(part)) => Some(part.body),
        _ => None,
    }
}

fn striped(text: &str, write: u64, kib: usize) -> Stored {
    let body: Vec<u8> = (0..kib << 10).map(|at| (at >> 10) as u8 ^ write as u8).collect();
    entry(text, write, body)
}

#[test]
fn parts_of_any_size_make_an_entry_that_counts_as_any_other() {
    let tier = tier(MemoryOptions::new());
    let whole = striped("a", 1, 10);
    let frame = weight(&whole) - (10 << 10);
    for (kib, there) in [(2..4, 2), (3..5, 3), (0..1, 4), (1..7, 7), (1..7, 7), (9..10, 8)] {
        keep(&tier, &whole, kib.clone());
        assert_eq!(tier.limits.bytes(), frame + (there << 10), "{kib:?}");
        let found = range(&tier, "a", (kib.start as u64) << 10..(kib.end as u64) << 10);
        assert_eq!(found, Some(whole.body.slice(kib.start << 10..kib.end << 10)));
        assert_eq!((read(&tier, "a"), keys(&tier)), (None, vec!["a".into()]));
        assert_eq!(head(&tier, "a"), whole.metadata);
    }
    assert_eq!(range(&tier, "a", 6 << 10..10 << 10), None);
    assert_eq!(range(&tier, "a", 1_000..7 << 10), Some(whole.body.slice(1_000..7 << 10)));
    keep(&tier, &whole, 0..10);
    assert_eq!(read(&tier, "a"), Some(whole.clone()));
    assert_eq!((tier.limits.bytes(), tier.limits.items()), (weight(&whole), 1));
    assert!(!tier.has_parts());
    assert_eq!(block_on(tier.usage()).expect("memory does not fail").bytes, 10 << 10);
}

#[test]
fn patched_parts_count_as_they_are_now() {
    let tier = tier(MemoryOptions::new());
    let mut whole = striped("a", 1, 10);
    keep(&tier, &whole, 0..4);
    let before = tier.limits.bytes();
    let plain = whole.metadata.clone();
    whole.metadata.expires_at = Some(at(1_000));
    assert_eq!(patch(&tier, &whole.metadata), Ok(Patched::Done(None)));
    assert_eq!(head(&tier, "a"), whole.metadata);
    assert_eq!(tier.limits.bytes() - before, weight(&whole) - weight(&striped("a", 1, 10)));
    assert_eq!(patch(&tier, &plain), Ok(Patched::Done(None)));
    assert_eq!(tier.limits.bytes(), before);
    assert_eq!(patch(&tier, &striped("a", 2, 10).metadata), Err(ErrorKind::Conflict));
    assert_eq!(block_on(tier.remove(&[key("a")])), Ok(()));
    assert_eq!((tier.limits.bytes(), tier.limits.items(), tier.has_parts()), (0, 0, false));
}

#[test]
fn parts_go_first_and_the_longest_unused_before_others() {
    // One shard, and many.
    for mib in [4, 16] {
        let tier = tier(MemoryOptions::new().size_bytes_max(mib << 20));
        let (share, kib) = (mib << 18, (mib << 10) as usize);
        for text in ["a", "b", "c"] {
            keep(&tier, &striped(text, 1, kib / 8), 0..kib / 16);
        }
        put(&tier, "whole", vec![1; 1 << 20]);
        assert!(range(&tier, "a", 0..9).is_some());
        keep(&tier, &striped("d", 1, kib / 8), 0..kib / 16);
        assert_eq!(keys(&tier), ["a", "c", "d", "whole"], "a quarter is for parts");
        let room = (mib << 20) - tier.limits.bytes();
        put(&tier, "next", vec![1; room as usize]);
        assert_eq!(keys(&tier), ["a", "d", "next", "whole"]);
        assert_eq!(evictions(&tier), 2);
        // Within their share, parts may cost entries their place; beyond it, they cost nothing.
        let long = striped("e", 1, kib / 2);
        for part in 0..kib / 64 {
            keep(&tier, &long, 32 * part..32 * (part + 1));
            assert!(tier.limits.bytes() <= mib << 20);
        }
        let kept = (0..kib as u64 / 64)
            .filter(|part| range(&tier, "e", part << 15..(part << 15) + 9).is_some());
        assert_eq!(kept.count() as u64, (share >> 15) - 1);
        let left = keys(&tier);
        assert_eq!((left.len(), left[0].as_str()), (2, "e"), "one whole entry had to go");
        put(&tier, "e", "short");
        assert_eq!((keys(&tier), tier.has_parts()), (left, false));
    }
}

#[test]
fn what_could_never_be_stored_keeps_no_parts() {
    let tier = tier(MemoryOptions::new().size_bytes_max(100 << 10).items_max(1));
    keep(&tier, &striped("a", 1, 10), 0..2);
    keep(&tier, &striped("a", 2, 100), 0..2);
    assert_eq!((keys(&tier).len(), tier.limits.bytes()), (0, 0));
    let beyond = block_on(tier.write_part(
        &key("a"),
        &striped("a", 3, 2).metadata,
        1_024,
        vec![0; 1_025].into(),
    ));
    assert_eq!(beyond.map_err(|error| error.kind()), Err(ErrorKind::Invalid));
    put(&tier, "b", "x");
    keep(&tier, &striped("a", 4, 10), 0..2);
    assert_eq!(keys(&tier), ["a"], "it is one item");
    put(&tier, "b", "x");
    assert_eq!(keys(&tier), ["b"]);
}

#[test]
fn limits_hold_under_threads_that_write_parts() {
    for mib in [1, 8] {
        let tier = tier(MemoryOptions::new().size_bytes_max(mib << 20).items_max(5_000));
        thread::scope(|scope| {
            for writer in 0..4_u64 {
                let tier = &tier;
                scope.spawn(move || {
                    for step in 0..1_500_u64 {
                        let text = format!("{writer}/{}", step % 29);
                        let whole = striped(&text, 10 + step / 700, 40);
                        match step % 11 {
                            0 => put(tier, &text, vec![0; (mib << 20) as usize / 9]),
                            5 => assert_eq!(block_on(tier.remove(&[key(&text)])), Ok(())),
                            _ => {
                                let start = (step * 7 % 5) as usize * 8;
                                keep(tier, &whole, start..start + 8);
                                let found = range(
                                    tier,
                                    &text,
                                    (start as u64) << 10..(start as u64 + 8) << 10,
                                );
                                let part = whole.body.slice(start << 10..(start + 8) << 10);
                                assert!(found.is_none_or(|found| found == part));
                            }
                        }
                        assert!(tier.limits.bytes() <= mib << 20);
                    }
                });
            }
        });
        assert_eq!(block_on(tier.clear()), Ok(()));
        assert_eq!((tier.limits.bytes(), tier.limits.items(), tier.has_parts()), (0, 0, false));
        assert_eq!(block_on(tier.usage()).expect("memory does not fail").bytes, 0);
    }
}

#[test]
fn a_staged_body_is_bounded_by_the_limit() {
    let tier = tier(MemoryOptions::new().size_bytes_max(1_000));
    block_on(async {
        let stage = tier.stage(&key("a")).await.expect("memory is always open");
        let mut stage = stage.expect("it has a place");
        stage.write(Bytes::from(vec![1; 900])).await.expect("it fits");
        let error = stage.write(Bytes::from(vec![1; 101])).await.expect_err("it does not fit");
        assert_eq!(error.kind(), ErrorKind::Full);
    });
}
