//! What is done beside the calls: counting accesses into the tiers, trying removals again, warming up.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Weak},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tiered_storage_core::{
    Error, Key, Metadata, Tier, Timestamp,
    engine::{Call, Change, Reply},
    format::{Audience, encode},
    map::Map,
};

use crate::{
    driver::{Accesses, Inner, PAGE_KEYS},
    events::Event,
    tier::{Listing, Page},
};

/// How many keys are worked on at once.
pub(crate) const CONCURRENCY: usize = 16;
/// From how many keys with pending accesses on they are written out before their time.
pub(crate) const FLUSH_KEYS: usize = 1_000;

impl Inner {
    /// Writes counted accesses to hot and warm, and has failed removals tried again.
    pub(crate) async fn keep_up(self: &Arc<Self>) {
        self.tend();
        let Accesses { pending, dropped } = self.take_accesses();
        if dropped > 0 {
            self.subscribers.tell(&Event::AccessesDropped { count: dropped });
        }
        self.write_accesses(pending).await;
    }

    async fn write_accesses(self: &Arc<Self>, pending: Map<Key, (u64, Timestamp)>) {
        let written = stream::iter(pending).map(|(key, (count, last))| {
            let call = Call::Amend(key, Change::Accessed(count, last));
            // What a tier refuses here is a statistic; the driver has reported it.
            async move { drop(self.change(call, None).await) }
        });
        written.buffer_unordered(CONCURRENCY).collect::<()>().await;
    }

    /// The keys of a tier, page after page.
    pub(crate) fn pages(
        self: &Arc<Self>,
        tier: Tier,
        prefix: String,
    ) -> impl stream::Stream<Item = Result<Vec<Key>, Error>> + use<> {
        let inner = self.clone();
        stream::try_unfold(Some(None::<String>), move |cursor| {
            let (inner, prefix) = (inner.clone(), prefix.clone());
            async move {
                let (Some(after), Some(place)) = (cursor, inner.tier(tier)) else {
                    return Ok(None);
                };
                let page = Page { prefix: &prefix, after: after.as_deref(), limit: PAGE_KEYS };
                let listed = place.list(page).await.map_err(|error| error.in_tier(tier));
                let Listing { keys, next } = listed?;
                Ok(Some((keys, next.map(Some))))
            }
        })
    }

    /// Copies the most valuable warm entries into hot, no more than it can hold.
    pub(crate) async fn warm_hot(self: &Arc<Self>, limit: usize) -> Result<u64, Error> {
        let (Some(_), Some(warm)) = (self.tier(Tier::Hot), self.tier(Tier::Warm)) else {
            return Ok(0);
        };
        let room = self.properties(Tier::Hot);
        let limit =
            limit.min(usize::try_from(room.items_max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX));
        let mut best =
            Best { limit, bytes_max: room.entry_bytes_max.unwrap_or(u64::MAX), ..Best::default() };
        let now = self.host.now();
        let mut pages = std::pin::pin!(self.pages(Tier::Warm, String::new()));
        while let Some(keys) = pages.try_next().await? {
            let heads = stream::iter(keys).map(|key| async move { warm.head(&key).await });
            let mut heads = heads.buffer_unordered(CONCURRENCY);
            while let Some(head) = heads.next().await {
                let head = head.map_err(|error| error.in_tier(Tier::Warm))?;
                head.filter(|found| found.is_live(now))
                    .into_iter()
                    .for_each(|found| best.offer(&found));
            }
        }
        self.load_all(best.into_keys(), Tier::Warm, Tier::Hot).await
    }

    /// Copies entries of cold into warm.
    pub(crate) async fn warm_warm(
        self: &Arc<Self>,
        limit: usize,
        since: Option<Timestamp>,
    ) -> Result<u64, Error> {
        if self.tier(Tier::Warm).is_none() {
            return Ok(0);
        }
        let limit = limit as u64;
        let mut loaded = 0;
        let mut pages = std::pin::pin!(self.pages(Tier::Cold, String::new()));
        while let Some(keys) = pages.try_next().await? {
            let recent = stream::iter(keys).map(|key| self.is_since(key, since));
            let keys: Vec<Option<Key>> = recent.buffered(CONCURRENCY).try_collect().await?;
            let mut keys = keys.into_iter().flatten();
            // An entry may turn out to be expired, so that others take its place.
            loop {
                let room = usize::try_from(limit - loaded).unwrap_or(usize::MAX);
                let batch: Vec<Key> = keys.by_ref().take(room).collect();
                if batch.is_empty() {
                    break;
                }
                loaded += self.load_all(batch, Tier::Cold, Tier::Warm).await?;
            }
            if loaded == limit {
                break;
            }
        }
        Ok(loaded)
    }

    async fn is_since(&self, key: Key, since: Option<Timestamp>) -> Result<Option<Key>, Error> {
        let (Some(since), Some(cold)) = (since, self.tier(Tier::Cold)) else {
            return Ok(Some(key));
        };
        let head =
            cold.head(&key).await.map_err(|error| error.in_tier(Tier::Cold).with_key(&key))?;
        Ok(head.filter(|found| found.last_accessed >= since).map(|_| key))
    }

    async fn load_all(
        self: &Arc<Self>,
        keys: Vec<Key>,
        from: Tier,
        to: Tier,
    ) -> Result<u64, Error> {
        let loads = stream::iter(keys).map(|key| self.change(Call::Load(key, from, to), None));
        let mut loads = loads.buffer_unordered(CONCURRENCY);
        let mut loaded = 0;
        while let Some(reply) = loads.next().await {
            let Reply::Written(_, tiers) = reply? else { continue };
            loaded += u64::from(tiers.contains(to));
        }
        Ok(loaded)
    }
}

/// Keeps up with what is due, again and again, as long as the storage is there.
pub(crate) async fn run(inner: Weak<Inner>, interval_ms: u64) {
    loop {
        let Some(sleep) = inner.upgrade().map(|inner| inner.host.sleep(interval_ms)) else {
            return;
        };
        sleep.await;
        let Some(inner) = inner.upgrade().filter(|inner| !inner.is_closed()) else { return };
        inner.keep_up().await;
    }
}

/// The most valuable entries that fit into a tier together.
#[derive(Debug, Default)]
struct Best {
    limit: usize,
    bytes_max: u64,
    bytes: u64,
    /// The least valuable first.
    heap: BinaryHeap<Reverse<Candidate>>,
}

/// An entry to load: by access count, then by last access, then by key; and what it weighs.
type Candidate = (u64, Timestamp, Reverse<Key>, u64);

impl Best {
    fn offer(&mut self, entry: &Metadata) {
        let line = encode(entry, Audience::Local).len();
        let weight = entry.size() + (entry.key().len() + line) as u64;
        if weight > self.bytes_max {
            return;
        }
        let value = (entry.access_count, entry.last_accessed, Reverse(entry.key().clone()), weight);
        self.heap.push(Reverse(value));
        self.bytes += weight;
        while self.heap.len() > self.limit || self.bytes > self.bytes_max {
            let Some(Reverse((.., weight))) = self.heap.pop() else { return };
            self.bytes -= weight;
        }
    }

    fn into_keys(self) -> Vec<Key> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|Reverse((_, _, Reverse(key), _))| key)
            .collect()
    }
}
