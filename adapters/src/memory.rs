//! The memory tier: entries on the heap of this process, with exact limits.
//!
//! One source for all hosts: it waits for nothing and needs no runtime.

use std::{
    collections::BinaryHeap,
    fmt,
    hash::BuildHasher,
    sync::{
        Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use foldhash::fast::RandomState;
use tiered_storage_core::{
    Condition, ETag, Error, ErrorKind, Key, Metadata, Timestamp,
    format::{self, Audience},
    range::ByteRange,
};

use self::{
    ledger::{Ledger, Place},
    limits::Limits,
    parts::Totals,
    shard::{Change, Entry, Shard},
    stage::MemoryStage,
};
use crate::{
    events::EvictionWatcher,
    evictions::Evictions,
    tier::{
        Access, Contents, Listing, Page, Part, Patched, Payload, Peeked, Properties, Read, Stage,
        StorageTier, Stored, Usage,
    },
};

mod ledger;
mod limits;
mod options;
mod parts;
mod room;
mod shard;
mod stage;

pub use self::options::{MemoryOptions, Volatility};

/// A tier in the memory of this process: the usual hot tier, and in tests a stand-in for the others.
///
/// **Limits are exact.** An entry counts with its body, its key and its stored metadata. Room is made before an
/// entry goes in, so that at no moment more is held than the limits allow; an entry that could never fit is `Full`,
/// and an older one under its key stays. A body that is a slice of a larger buffer counts with its own length, and
/// keeps all of that buffer.
///
/// **Bodies are shared, not copied.** A [`Bytes`] cannot be changed by anyone, so neither the one that was written
/// nor the one that is read can come to differ from what is stored.
///
/// **Cost.** A hit takes one read lock, one hash and a few reference counts, and allocates nothing; with the LRU
/// policy it takes a write lock besides. A write is `O(log n)`, since keys are kept in order; a page of a listing
/// costs about what it returns, whatever the number of entries.
///
/// **Shards.** A tier that is limited to fewer than 4,096 entries or to less than 8 MiB follows its policy exactly.
/// A larger one is 16 shards, each of which follows the policy for its own entries.
///
/// **Accesses.** `write` and `patch` set an entry's `access_count` and `last_accessed`, and `read` and `head` answer
/// them as they were set. What [`peek`](StorageTier::peek) counts is kept beside them, as a difference, until
/// [`accesses`](StorageTier::accesses) gives it out; from then on it is the caller's to add, by a `patch` with the sum
/// of `head`'s count and what it was given. `patch` leaves the difference alone, so that nothing is counted twice or
/// lost, however hits fall between these calls. Only the metadata that `peek` itself answers includes what is
/// pending. A write of another version drops what is pending for the version before.
///
/// **Parts** of bodies take at most a quarter of the limit, with their keys and metadata. They are given up before any whole
/// entry, those of the longest unused entry first, and never for other parts of the same entry: one of more than that
/// quarter keeps the parts that came first, and one that could not be stored keeps none.
///
/// **Conditions** are asked under the lock that the write is made under. An entry that has expired is there, for the
/// tier has no clock.
///
/// There are no versions: `write` and `patch` answer no [`ETag`], and `read` never answers `Unchanged`.
///
/// ```
/// use tiered_storage::memory::{MemoryOptions, MemoryTier};
///
/// let hot = MemoryTier::new(MemoryOptions::new().size_bytes_max(16 << 20).items_max(1_000))?;
/// # Ok::<(), tiered_storage::Error>(())
/// ```
pub struct MemoryTier {
    options: MemoryOptions,
    hasher: RandomState,
    shards: Box<[Shard]>,
    limits: Limits,
    /// The sum of all bodies.
    body_bytes: AtomicU64,
    evictions: Evictions,
    ledger: Ledger,
    parts: Totals,
    /// Held by the one writer that makes room in shards other than its entry's.
    turn: Mutex<()>,
}

/// The number of shards where there are several.
const SHARDS: usize = 16;
/// Smaller tiers are one shard, so that they follow the policy exactly.
const SHARDED_BYTES_MIN: u64 = 8 << 20;
const SHARDED_ITEMS_MIN: u64 = 4_096;

impl MemoryTier {
    /// Makes an empty tier.
    ///
    /// # Errors
    ///
    /// `Invalid` if a limit is 0.
    pub fn new(options: MemoryOptions) -> Result<Self, Error> {
        if options.size_bytes_max == 0 || options.items_max == Some(0) {
            let message =
                "a memory tier with a limit of 0 holds nothing; leave the tier out instead";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        // Slots are numbered by a u32.
        let items_max = options.items_max.unwrap_or(u64::MAX).min(u32::MAX.into());
        let is_small = options.size_bytes_max < SHARDED_BYTES_MIN || items_max < SHARDED_ITEMS_MIN;
        let shards = if is_small { 1 } else { SHARDS };
        Ok(Self {
            hasher: RandomState::default(),
            shards: (0..shards).map(|_| Shard::new(options.policy)).collect(),
            limits: Limits::new(options.size_bytes_max, items_max),
            body_bytes: AtomicU64::new(0),
            evictions: Evictions::default(),
            ledger: Ledger::new(),
            parts: Totals::default(),
            turn: Mutex::new(()),
            options,
        })
    }

    /// How many accesses were counted and then not kept: by entries beyond the 10,000 that may have pending ones,
    /// and by entries that were evicted before they were asked for theirs.
    pub fn accesses_dropped(&self) -> u64 {
        self.shards.iter().map(|shard| shard.dropped.load(Ordering::Relaxed)).sum()
    }

    fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    fn index(&self, hash: u64) -> usize {
        // The table of a shard uses the lowest and the highest bits.
        (hash >> 40) as usize & (self.shards.len() - 1)
    }

    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[self.index(hash)]
    }

    /// Counts an access to a live entry, and takes of it what `take` takes; that is also given how many accesses are
    /// pending.
    #[inline]
    fn hit<T>(&self, key: &str, now: Timestamp, take: impl FnOnce(&Entry, u64) -> T) -> Option<T> {
        let hash = self.hash(key);
        let index = self.index(hash);
        let entries = self.shards[index].read();
        let (slot, entry) = entries.find(hash, key)?;
        if !entry.metadata.is_live(now) {
            return None;
        }
        let pending = self.record(entry, Place { shard: index as u32, slot }, now);
        let taken = take(entry, pending);
        let is_touched = entries.touch_shared(slot);
        drop(entries);
        if !is_touched {
            self.touch(hash, key, slot);
        }
        Some(taken)
    }

    /// Tells the policy of an access to what was in `slot` when its shard was locked for reading.
    fn touch(&self, hash: u64, key: &str, slot: u32) {
        let mut entries = self.shard(hash).write();
        if entries.at(slot).is_some_and(|entry| entry.key.as_str() == key) {
            entries.touch(slot);
        }
    }

    /// Counts an access to `entry` and answers how many are pending with it.
    fn record(&self, entry: &Entry, place: Place, now: Timestamp) -> u64 {
        let dropped = &self.shards[place.shard as usize].dropped;
        if entry.pending() == 0 && self.ledger.is_full() {
            dropped.fetch_add(1, Ordering::Relaxed);
            return 0;
        }
        let pending = entry.record(now);
        // Of several that come first at once, one finds the count at 1.
        if pending == 1 && !self.ledger.push(place) {
            let (count, _) = entry.drain().unwrap_or_default();
            dropped.fetch_add(count, Ordering::Relaxed);
            return 0;
        }
        pending
    }

    fn change<'a>(&self, key: &'a Key, metadata: &'a Metadata, body: Option<Bytes>) -> Change<'a> {
        let metadata_bytes = format::encode(metadata, Audience::Local).len() as u64;
        Change { key, hash: self.hash(key), metadata, metadata_bytes, body, condition: None }
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl StorageTier for MemoryTier {
    fn properties(&self) -> Properties {
        Properties {
            is_volatile: self.options.volatility == Volatility::Volatile,
            entry_bytes_max: Some(self.options.size_bytes_max),
            items_max: self.options.items_max,
            ..Properties::default()
        }
    }

    async fn read(&self, key: &Key, _unless: Option<&ETag>) -> Result<Read, Error> {
        let hash = self.hash(key);
        let entries = self.shard(hash).read();
        let Some((slot, entry)) = entries.find(hash, key) else { return Ok(Read::Missing) };
        let stored = Stored { metadata: entry.metadata.clone(), body: entry.body.clone() };
        let is_touched = entries.touch_shared(slot);
        drop(entries);
        if !is_touched {
            self.touch(hash, key, slot);
        }
        Ok(Read::Found(stored))
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        let hash = self.hash(key);
        let entries = self.shard(hash).read();
        Ok(entries.metadata(hash, key).cloned())
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        let Stored { metadata, body } = entry;
        self.put(&self.change(key, &metadata, Some(body))).map(|_| None)
    }

    async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        // Before the whole is asked for, so that parts that become an entry in between are found there.
        if let Some(kept) = self.read_kept(key, range) {
            return Ok(Some(kept));
        }
        Ok(Some(self.read(key, unless).await?.map(|stored| Part::of(stored, range))))
    }

    async fn write_part(
        &self,
        key: &Key,
        metadata: &Metadata,
        start: u64,
        part: Payload,
    ) -> Result<(), Error> {
        self.keep(key, metadata, start, part)
    }

    async fn stage(&self, _key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        Ok(Some(Box::new(MemoryStage::new(self.options.size_bytes_max))))
    }

    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        let size = body.size_bytes();
        if size > self.options.size_bytes_max {
            let message = "the body is larger than the memory tier's limit";
            return Err(Error::new(ErrorKind::Full, message));
        }
        let body = match body {
            Contents::Whole(body) => body,
            Contents::Staged(source) => source.read(0..size).await?,
        };
        self.put(&Change { condition, ..self.change(key, metadata, Some(body)) }).map(|_| None)
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        if let Some(patched) = self.patch_parts(key, metadata)? {
            return Ok(patched);
        }
        let was_there = self.put(&self.change(key, metadata, None))?;
        Ok(if was_there { Patched::Done(None) } else { Patched::Missing })
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        for key in keys {
            self.remove_if(key, |_| true);
        }
        Ok(())
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        let limit = page.limit.max(1);
        let mut first = BinaryHeap::new();
        for shard in &self.shards {
            // One more than asked for, to know whether there is another page.
            shard.read().list(page, limit.saturating_add(1), &mut first);
        }
        let mut keys = first.into_sorted_vec();
        let has_more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| has_more).map(|key| key.as_str().to_owned());
        Ok(Listing { keys, next })
    }

    async fn usage(&self) -> Result<Usage, Error> {
        Ok(Usage {
            bytes: self.body_bytes.load(Ordering::Acquire),
            items: self.limits.items(),
            evictions: Some(self.evictions.count()),
        })
    }

    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        Ok(self.remove_if(key, |found| found.is_same_version(seen)))
    }

    async fn clear(&self) -> Result<(), Error> {
        for shard in &self.shards {
            let mut entries = shard.write();
            let cleared = entries.clear();
            let body_bytes = cleared.iter().map(|entry| entry.body.len() as u64).sum();
            self.release(body_bytes, cleared.weight, cleared.len());
            cleared.parts.values().for_each(|partial| self.release_parts(partial));
            drop(entries);
        }
        Ok(())
    }

    fn watch_evictions(&self, watcher: Weak<EvictionWatcher>) {
        self.evictions.watch(watcher);
    }

    fn peek(&self, key: &str, now: Timestamp) -> Option<Stored> {
        self.hit(key, now, |entry, pending| {
            let mut metadata = entry.metadata.clone();
            metadata.access_count = metadata.access_count.saturating_add(pending);
            metadata.last_accessed = metadata.last_accessed.max(now);
            Stored { metadata, body: entry.body.clone() }
        })
    }

    fn peek_body(&self, key: &str, now: Timestamp) -> Option<Peeked> {
        self.hit(key, now, |entry, _| Peeked {
            body: entry.body.clone(),
            expires_at: entry.metadata.expires_at,
            fresh_at: entry.metadata.fresh_at,
        })
    }

    fn accesses(&self, limit: usize) -> Vec<Access> {
        let mut accesses = Vec::new();
        while accesses.len() < limit {
            let Some(place) = self.ledger.pop() else { break };
            let entries = self.shards[place.shard as usize].read();
            // The entry may be gone, or have had its accesses given out with an earlier place in the list.
            let Some(entry) = entries.at(place.slot) else { continue };
            let Some((count, last)) = entry.drain() else { continue };
            accesses.push(Access { key: entry.key.clone(), count, last });
        }
        accesses
    }

    async fn announce(&self, _key: &Key) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl fmt::Debug for MemoryTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTier")
            .field("options", &self.options)
            .field("items", &self.limits.items())
            .field("body_bytes", &self.body_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
