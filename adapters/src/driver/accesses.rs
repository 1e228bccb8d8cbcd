//! Counting reads until they are written to a tier.

use tiered_storage_core::{Key, Tier, Timestamp, map::Map};

use super::Inner;
use crate::tier::Access;

/// Reads that no tier counts itself.
#[derive(Debug, Default)]
pub(crate) struct Accesses {
    pub(crate) pending: Map<Key, (u64, Timestamp)>,
    pub(crate) dropped: u64,
}

/// How many keys may have accesses pending.
const ACCESSES_MAX: usize = 10_000;

impl Accesses {
    fn add(&mut self, key: Key, count: u64, last: Timestamp) {
        if self.pending.len() >= ACCESSES_MAX && !self.pending.contains_key(&key) {
            self.dropped += count;
            return;
        }
        let entry = self.pending.entry(key).or_insert((0, last));
        *entry = (entry.0 + count, entry.1.max(last));
    }
}

impl Inner {
    /// Counts a read of `key`, and says how many keys have reads pending.
    pub(crate) fn note_access(&self, key: &Key) -> usize {
        let now = self.host.now();
        let accesses = &mut self.lock().accesses;
        accesses.add(key.clone(), 1, now);
        accesses.pending.len()
    }

    /// Reads of `key` that are not written to a tier yet: how many, and the time of the last.
    pub(crate) fn pending_accesses(&self, key: &Key) -> Option<(u64, Timestamp)> {
        self.collect_accesses();
        self.lock().accesses.pending.get(key).copied()
    }

    /// Counts what another instance passed on.
    pub(crate) fn add_accesses(&self, counted: Vec<Access>) {
        let accesses = &mut self.lock().accesses;
        for Access { key, count, last } in counted {
            accesses.add(key, count, last);
        }
    }

    pub(crate) fn take_accesses(&self) -> Accesses {
        self.collect_accesses();
        std::mem::take(&mut self.lock().accesses)
    }

    /// Takes over what the hot tier counted by itself.
    fn collect_accesses(&self) {
        let hot = self.tier(Tier::Hot);
        let counted = hot.map(|hot| hot.accesses(ACCESSES_MAX)).unwrap_or_default();
        self.add_accesses(counted);
    }
}
