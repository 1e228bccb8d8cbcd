//! What the tier knows of its entries without reading them: ordered by key, one slot per entry.

use core::{hash::BuildHasher, ops::Bound};
use std::{collections::BTreeMap, sync::Arc};

use foldhash::quality::FixedState;
use tiered_storage_core::{
    ETag, Key, Metadata, Timestamp,
    evict::{Policy, PolicyKind, Standing},
};

use super::record::{object_bytes, record_bytes};

/// Where an entry's record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a file of its own, which is named after the key and the generation.
    Object,
    /// In a segment, at a byte.
    Segment { segment: u32, at: u32 },
}

/// What a patch changed since the record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Overlay {
    pub(super) expires_at: Option<Timestamp>,
    pub(super) last_accessed: Timestamp,
    pub(super) access_count: u64,
    pub(super) fresh_at: Timestamp,
    pub(super) etag: Option<ETag>,
}

impl Overlay {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            expires_at: metadata.expires_at,
            last_accessed: metadata.last_accessed,
            access_count: metadata.access_count,
            fresh_at: metadata.fresh_at,
            etag: metadata.etag.clone(),
        }
    }

    pub(super) fn lay_over(&self, metadata: &mut Metadata) {
        metadata.expires_at = self.expires_at;
        metadata.last_accessed = self.last_accessed;
        metadata.access_count = self.access_count;
        metadata.fresh_at = self.fresh_at;
        metadata.etag.clone_from(&self.etag);
    }
}

/// An entry as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// Names one write of this directory: no two records share it, and a later write has a greater one.
    pub(super) generation: u64,
    pub(super) body_bytes: u64,
    pub(super) line_bytes: u16,
    pub(super) place: Place,
    /// Whether it may be older than what was last written.
    pub(super) is_suspect: bool,
    /// Whether it becomes suspect when the tier is opened again: the cold tier was about to have a newer version.
    pub(super) is_announced: bool,
    pub(super) overlay: Option<Arc<Overlay>>,
}

impl Entry {
    pub(super) fn disk_bytes(&self) -> u64 {
        match self.place {
            Place::Object => {
                object_bytes(self.key.len(), usize::from(self.line_bytes), self.body_bytes)
            }
            Place::Segment { .. } => {
                record_bytes(self.key.len(), usize::from(self.line_bytes), self.body_bytes)
            }
        }
    }
}

/// All entries, by key and in the order in which they would be given up.
#[derive(Debug)]
pub(super) struct Index {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_key: BTreeMap<Key, u32>,
    policy: Policy,
    body_bytes: u64,
}

impl Index {
    /// Takes entries in the order of their keys, each key once; the first to be given up is the oldest.
    pub(super) fn from_sorted(entries: Vec<Entry>) -> Self {
        let mut policy = Policy::new(PolicyKind::S3Fifo);
        let mut ages: Vec<(u64, u32)> =
            (0u32..).zip(&entries).map(|(slot, entry)| (entry.generation, slot)).collect();
        ages.sort_unstable();
        for (_, slot) in ages {
            let entry = &entries[slot as usize];
            policy.insert(slot, entry.disk_bytes(), fingerprint(&entry.key), Standing::default());
        }
        Self {
            body_bytes: entries.iter().map(|entry| entry.body_bytes).sum(),
            by_key: entries.iter().map(|entry| entry.key.clone()).zip(0..).collect(),
            free: Vec::new(),
            policy,
            slots: entries.into_iter().map(Some).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The bytes of all bodies.
    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub(super) fn find(&self, key: &str) -> Option<&Entry> {
        self.slots[*self.by_key.get(key)? as usize].as_ref()
    }

    pub(super) fn find_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.slots[*self.by_key.get(key)? as usize].as_mut()
    }

    /// As `find`, and counts a read.
    pub(super) fn touch(&mut self, key: &str) -> Option<&Entry> {
        let slot = *self.by_key.get(key)?;
        self.policy.touch(slot);
        self.slots[slot as usize].as_ref()
    }

    /// Puts an entry in the place of one with its key, which it returns.
    pub(super) fn insert(&mut self, entry: Entry) -> Option<Entry> {
        let (old, standing) = match self.by_key.get(&entry.key).copied() {
            Some(slot) => (self.vacate(slot), self.policy.remove(slot)),
            None => (None, Standing::default()),
        };
        self.body_bytes += entry.body_bytes;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 entries fit into memory")
        });
        self.policy.insert(slot, entry.disk_bytes(), fingerprint(&entry.key), standing);
        self.by_key.insert(entry.key.clone(), slot);
        self.slots[slot as usize] = Some(entry);
        old
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        let slot = self.by_key.remove(key)?;
        self.policy.remove(slot);
        self.vacate(slot)
    }

    /// Gives up the entry that is worth least.
    pub(super) fn evict(&mut self) -> Option<Entry> {
        let slot = self.policy.evict()?;
        let entry = self.vacate(slot)?;
        self.by_key.remove(&entry.key);
        Some(entry)
    }

    /// The entries whose keys come after `after` (from the first one if there is none), in the order of the keys.
    pub(super) fn after<'a>(&'a self, after: Option<&str>) -> impl Iterator<Item = &'a Entry> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_key
            .range::<str, _>((start, Bound::Unbounded))
            .filter_map(|(_, slot)| self.slots[*slot as usize].as_ref())
    }

    /// The entries whose keys start with `prefix` and come after `after`, in the order of the keys.
    pub(super) fn matching<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Entry> {
        let start = match after.filter(|after| *after >= prefix) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        self.by_key
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .filter_map(|(_, slot)| self.slots[*slot as usize].as_ref())
    }

    fn vacate(&mut self, slot: u32) -> Option<Entry> {
        let entry = self.slots[slot as usize].take()?;
        self.free.push(slot);
        self.body_bytes -= entry.body_bytes;
        Some(entry)
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::from_sorted(Vec::new())
    }
}

fn fingerprint(key: &Key) -> u64 {
    FixedState::default().hash_one(key.as_str())
}
