//! What is done beside the calls: counting accesses into the tiers, trying removals again, warming up.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Weak},
};

use tiered_storage_core::{
    Error, Key, Metadata, Tier, TierSet, Timestamp,
    engine::{Action, Call, Change, Outcome, Reply},
    format::{Audience, encode},
    map::Map,
};

use crate::{
    driver::{Accesses, Inner},
    events::Event,
    gather::{Finding, Gather},
    host::Task,
    tier::{Access, Shareable},
};

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
        let mut tiers = TierSet::UPPER;
        if let Some(neighbours) = self.neighbours.as_ref().filter(|others| !others.keeps_up()) {
            tiers = tiers.intersection(self.config.volatile);
            let accesses: Vec<Access> = pending
                .iter()
                .map(|(key, (count, last))| Access { key: key.clone(), count: *count, last: *last })
                .collect();
            neighbours.pass_on(&accesses);
        }
        self.write_accesses(pending, tiers).await;
    }

    async fn write_accesses(self: &Arc<Self>, pending: Map<Key, (u64, Timestamp)>, tiers: TierSet) {
        let written = self.each(pending, move |inner, (key, (count, last))| {
            let change = Change::Accessed(count, last, tiers);
            Box::pin(async move {
                // What a tier refuses here is a statistic; the driver has reported it.
                drop(inner.change(Call::Amend(key, change), None).await);
                Ok(None)
            })
        });
        drop(written.await);
    }

    /// Does `work` for each of `items`, for several at once.
    pub(crate) fn each<I, W>(self: &Arc<Self>, items: I, work: W) -> Gather
    where
        I: IntoIterator<IntoIter: Shareable + 'static>,
        W: Fn(Arc<Self>, I::Item) -> Task<Finding> + Shareable + 'static,
    {
        let (inner, mut items) = (self.clone(), items.into_iter());
        Gather::new(Box::new(move || Some(work(inner.clone(), items.next()?))))
    }

    /// The keys of a tier, page after page.
    pub(crate) fn pages(self: &Arc<Self>, tier: Tier, prefix: &str) -> Pages {
        Pages { inner: self.clone(), tier, prefix: prefix.to_owned(), next: Some(None) }
    }

    /// Copies the most valuable warm entries into hot, no more than it can hold.
    pub(crate) async fn warm_hot(self: &Arc<Self>, limit: usize) -> Result<u64, Error> {
        if self.tier(Tier::Hot).is_none() || self.tier(Tier::Warm).is_none() {
            return Ok(0);
        }
        let room = self.properties(Tier::Hot);
        let limit =
            limit.min(usize::try_from(room.items_max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX));
        let mut best =
            Best { limit, bytes_max: room.entry_bytes_max.unwrap_or(u64::MAX), ..Best::default() };
        let now = self.host.now();
        let mut pages = self.pages(Tier::Warm, "");
        while let Some(keys) = pages.next().await? {
            let heads = self.heads(Tier::Warm, keys).await?;
            for found in heads.iter().flatten().filter(|found| found.is_live(now)) {
                best.offer(found);
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
        let mut pages = self.pages(Tier::Cold, "");
        while let Some(mut keys) = pages.next().await? {
            if let Some(since) = since {
                let heads = self.heads(Tier::Cold, keys).await?;
                let recent = heads.into_iter().flatten();
                let recent = recent.filter(|found| found.last_accessed >= since);
                keys = recent.map(|found| found.key().clone()).collect();
            }
            let mut keys = keys.into_iter();
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

    /// What a tier has of keys.
    async fn heads(
        self: &Arc<Self>,
        tier: Tier,
        keys: Vec<Key>,
    ) -> Result<Vec<Option<Metadata>>, Error> {
        let heads = self.each(keys, move |inner, key| {
            Box::pin(async move {
                Ok(match inner.ask(Action::Head(tier, key)).await? {
                    Outcome::Found(metadata) => Some(metadata),
                    _ => None,
                })
            })
        });
        heads.await
    }

    async fn load_all(
        self: &Arc<Self>,
        keys: Vec<Key>,
        from: Tier,
        to: Tier,
    ) -> Result<u64, Error> {
        let loads = self.each(keys, move |inner, key| {
            Box::pin(async move {
                Ok(match inner.change(Call::Load(key, from, to), None).await? {
                    Reply::Written(metadata, tiers) if tiers.contains(to) => Some(metadata),
                    _ => None,
                })
            })
        });
        Ok(loads.await?.into_iter().flatten().count() as u64)
    }
}

/// The keys of a tier, page after page.
pub(crate) struct Pages {
    inner: Arc<Inner>,
    tier: Tier,
    prefix: String,
    /// Where the next page starts; `None` after the last one.
    next: Option<Option<String>>,
}

impl Pages {
    /// The next page; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Key>>, Error> {
        let Some(after) = self.next.take() else { return Ok(None) };
        let action = Action::List(self.tier, self.prefix.clone(), after);
        let Outcome::Keys(keys, next) = self.inner.ask(action).await? else { return Ok(None) };
        self.next = next.map(Some);
        Ok(Some(keys))
    }
}

/// Keeps up with what is due, again and again, as long as the storage is there.
pub(crate) async fn run(inner: Weak<Inner>, interval_ms: u64) {
    loop {
        let Some(sleep) = inner.upgrade().map(|inner| inner.host.idle(interval_ms)) else {
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
