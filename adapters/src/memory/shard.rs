//! One shard: a table of entries, their keys in order, and the policy that says which goes first.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    ops::Bound,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use hashbrown::{HashTable, hash_table};
use tiered_storage_core::{
    Condition, Error, ErrorKind, Key, Metadata, Timestamp,
    evict::{Policy, PolicyKind, Standing},
};

use super::{limits::Limits, parts::Partial};
use crate::tier::Page;

/// Aligned so that the lock of one shard does not share a cache line with that of another.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    entries: RwLock<Entries>,
    /// Accesses that were not kept.
    pub(super) dropped: AtomicU64,
}

impl Shard {
    pub(super) fn new(policy: PolicyKind) -> Self {
        Self { entries: RwLock::new(Entries::new(policy)), dropped: AtomicU64::new(0) }
    }

    // A panic under the lock could only come of a defect in a collection; the entries are as good as they were.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body and the metadata of the same write, and what was counted since.
///
/// A hit costs about what it waits for memory, so that what it needs lies together. (Entries aligned to cache lines, and
/// larger for it, were measured to be slower.)
#[derive(Debug)]
#[repr(C)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) body: Bytes,
    /// Accesses that [`Entry::drain`] has not given out. Not 0 only while the entry is in the ledger.
    pending: AtomicU64,
    last: AtomicU64,
    pub(super) metadata: Metadata,
    pub(super) hash: u64,
    /// Body, key and stored metadata, in bytes.
    pub(super) weight: u64,
}

impl Entry {
    /// Counts an access at `now` and answers how many are pending with it.
    pub(super) fn record(&self, now: Timestamp) -> u64 {
        if self.last.load(Ordering::Relaxed) < now.as_millis() {
            self.last.store(now.as_millis(), Ordering::Relaxed);
        }
        self.pending.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(super) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// Gives out the pending accesses: how many, and the time of the last.
    pub(super) fn drain(&self) -> Option<(u64, Timestamp)> {
        let count = self.pending.swap(0, Ordering::AcqRel);
        (count > 0).then(|| (count, Timestamp::from_millis(self.last.load(Ordering::Relaxed))))
    }
}

/// What to put in: a whole entry, or new metadata for the body that is there.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) key: &'a Key,
    pub(super) hash: u64,
    pub(super) metadata: &'a Metadata,
    pub(super) metadata_bytes: u64,
    /// `None` leaves the body.
    pub(super) body: Option<Bytes>,
    /// What must be there for it; asked under the lock that it goes in under.
    pub(super) condition: Option<&'a Condition>,
}

/// What a [`Change`] takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// The slot of the entry that it changes.
    pub(super) old: Option<u32>,
    /// What the entry weighs before and afterwards.
    pub(super) weight_old: u64,
    pub(super) weight: u64,
}

impl Demand {
    /// The bytes and items that it takes beyond those of the entry it changes.
    pub(super) fn more(&self) -> (u64, u64) {
        (self.weight.saturating_sub(self.weight_old), u64::from(self.old.is_none()))
    }
}

#[derive(Debug)]
pub(super) struct Entries {
    /// Slots by key.
    table: HashTable<u32>,
    slots: Vec<Option<Entry>>,
    vacant: Vec<u32>,
    keys: BTreeSet<Key>,
    policy: Policy,
    /// The sum of all weights, without those of parts.
    pub(super) weight: u64,
    /// What there is of entries that are not whole. No key is in here and in the table.
    pub(super) parts: BTreeMap<Key, Partial>,
}

impl Entries {
    fn new(policy: PolicyKind) -> Self {
        Self {
            table: HashTable::new(),
            slots: Vec::new(),
            vacant: Vec::new(),
            keys: BTreeSet::new(),
            policy: Policy::new(policy),
            weight: 0,
            parts: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.table.len() as u64
    }

    pub(super) fn find(&self, hash: u64, key: &str) -> Option<(u32, &Entry)> {
        let slot = *self.table.find(hash, |&slot| self.entry(slot).key.as_str() == key)?;
        Some((slot, self.entry(slot)))
    }

    /// The metadata of a key, whether its entry is whole or not.
    pub(super) fn metadata(&self, hash: u64, key: &Key) -> Option<&Metadata> {
        let whole = self.find(hash, key).map(|(_, entry)| &entry.metadata);
        whole.or_else(|| self.parts.get(key).map(|partial| &partial.metadata))
    }

    /// The entry in `slot`, if there is one now.
    pub(super) fn at(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.as_ref()
    }

    /// Tells the policy of an access; `false` if that takes [`Self::touch`].
    pub(super) fn touch_shared(&self, slot: u32) -> bool {
        self.policy.touch_shared(slot)
    }

    pub(super) fn touch(&mut self, slot: u32) {
        self.policy.touch(slot);
    }

    /// What `change` takes; `None` if it is to leave a body that is not there.
    ///
    /// # Errors
    ///
    /// `Conflict` if the entry is of another version than the metadata that is to replace its own, or not what the
    /// condition says; `Full` if the entry is larger than the limits.
    pub(super) fn demand(
        &self,
        change: &Change<'_>,
        limits: &Limits,
    ) -> Result<Option<Demand>, Error> {
        let old = self.find(change.hash, change.key);
        let current = || self.metadata(change.hash, change.key);
        if change.condition.is_some_and(|condition| !condition.holds(current())) {
            let message = "the tier does not hold what the write was to replace; read it again";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let body_bytes = match (&change.body, old) {
            (Some(body), _) => body.len(),
            (None, None) => return Ok(None),
            (None, Some((_, old))) if !old.metadata.is_same_version(change.metadata) => {
                let message = "the entry is of another version than the metadata; read it again";
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            (None, Some((_, old))) => old.body.len(),
        };
        let weight = body_bytes as u64 + change.key.len() as u64 + change.metadata_bytes;
        if weight > limits.bytes_max {
            let max = limits.bytes_max;
            return Err(Error::new(
                ErrorKind::Full,
                format!("the entry takes {weight} bytes; the tier holds {max} in all"),
            ));
        }
        let weight_old = old.map_or(0, |(_, old)| old.weight);
        Ok(Some(Demand { old: old.map(|(slot, _)| slot), weight_old, weight }))
    }

    /// Puts `change` in, for which there is room, and answers the entry that it replaced.
    pub(super) fn put(&mut self, change: &Change<'_>, demand: Demand) -> Option<Entry> {
        self.weight = self.weight - demand.weight_old + demand.weight;
        let Some(slot) = demand.old else {
            self.insert(change, demand.weight);
            return None;
        };
        if demand.weight != demand.weight_old {
            self.policy.reweigh(slot, demand.weight);
        }
        if change.body.is_some() {
            self.policy.touch(slot);
        }
        let entry =
            self.slots[slot as usize].as_mut().expect("the slot was looked up under this lock");
        let is_same_version = entry.metadata.is_same_version(change.metadata);
        let body = change.body.as_ref().unwrap_or(&entry.body).clone();
        let pending = if is_same_version { *entry.pending.get_mut() } else { 0 };
        let new = Entry {
            hash: entry.hash,
            key: entry.key.clone(),
            body,
            metadata: change.metadata.clone(),
            weight: demand.weight,
            pending: AtomicU64::new(pending),
            last: AtomicU64::new(*entry.last.get_mut()),
        };
        Some(std::mem::replace(entry, new))
    }

    pub(super) fn remove(&mut self, hash: u64, key: &str) -> Option<Entry> {
        let (slot, _) = self.find(hash, key)?;
        self.policy.remove(slot);
        Some(self.take(slot))
    }

    /// Gives up the entry that the policy likes least.
    pub(super) fn evict(&mut self) -> Option<Entry> {
        let slot = self.policy.evict()?;
        Some(self.take(slot))
    }

    /// Keeps the entry in `slot` from being evicted, until [`Self::bring_back`].
    pub(super) fn set_aside(&mut self, slot: u32) -> Standing {
        self.policy.remove(slot)
    }

    pub(super) fn bring_back(&mut self, slot: u32, standing: Standing) {
        let (weight, hash) = (self.entry(slot).weight, self.entry(slot).hash);
        self.policy.insert(slot, weight, hash, standing);
    }

    /// Gives up everything.
    pub(super) fn clear(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.policy.kind()))
    }

    /// Adds to `first` those of the keys of `page` that are among its first `count`, the greatest on top.
    pub(super) fn list(&self, page: Page<'_>, count: usize, first: &mut BinaryHeap<Key>) {
        let start = match page.after {
            Some(after) if after >= page.prefix => Bound::Excluded(after),
            _ => Bound::Included(page.prefix),
        };
        let range = (start, Bound::Unbounded);
        let is_wanted = |key: &&Key| key.starts_with(page.prefix);
        add_first(self.keys.range::<str, _>(range).take_while(is_wanted), count, first);
        let parts = self.parts.range::<str, _>(range).map(|(key, _)| key);
        add_first(parts.take_while(is_wanted), count, first);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    fn entry(&self, slot: u32) -> &Entry {
        self.at(slot).expect("the table names only slots that hold an entry")
    }

    fn insert(&mut self, change: &Change<'_>, weight: u64) {
        let entry = Entry {
            hash: change.hash,
            key: change.key.clone(),
            body: change.body.clone().expect("only a change with a body makes an entry"),
            metadata: change.metadata.clone(),
            weight,
            pending: AtomicU64::new(0),
            last: AtomicU64::new(0),
        };
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("the number of items is limited to a u32")
        });
        self.slots[slot as usize] = Some(entry);
        let slots = &self.slots;
        self.table.insert_unique(change.hash, slot, |&slot| {
            slots[slot as usize].as_ref().map_or(0, |entry| entry.hash)
        });
        self.keys.insert(change.key.clone());
        self.policy.insert(slot, weight, change.hash, Default::default());
    }

    /// Takes the entry out of `slot`, of which the policy does not know any more.
    fn take(&mut self, slot: u32) -> Entry {
        let entry = self.slots[slot as usize].take().expect("the policy knows only slots in use");
        self.vacant.push(slot);
        let found = self.table.find_entry(entry.hash, |&other| other == slot);
        found.map(hash_table::OccupiedEntry::remove).expect("an entry is in the table");
        self.keys.remove(entry.key.as_str());
        self.weight -= entry.weight;
        entry
    }
}

/// Adds to `first` those of `keys`, which come in their order, that are among its first `count`, the greatest on top.
fn add_first<'a>(keys: impl Iterator<Item = &'a Key>, count: usize, first: &mut BinaryHeap<Key>) {
    for key in keys {
        if first.len() == count {
            if first.peek().is_none_or(|greatest| greatest < key) {
                return;
            }
            first.pop();
        }
        first.push(key.clone());
    }
}
