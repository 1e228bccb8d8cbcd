//! Counting reads until they are written to a tier.

use std::collections::BTreeMap;

use tiered_storage_core::{Key, Tier, Timestamp};

use super::Inner;
use crate::tier::Access;

/// Reads that no tier counts itself.
#[derive(Debug, Default)]
pub(crate) struct Accesses {
    pub(crate) pending: BTreeMap<Key, (u64, Timestamp)>,
    pub(crate) dropped: u64,
}

/// How many keys may have accesses pending.
const ACCESSES_MAX: usize = 10_000;

impl Inner {
    /// Counts a read of `key`, and says how many are pending for it and how many keys have some.
    pub(crate) fn note_access(&self, key: &Key) -> (u64, usize) {
        let now = self.host.now();
        let mut state = self.lock();
        let Accesses { pending, dropped } = &mut state.accesses;
        if pending.len() >= ACCESSES_MAX && !pending.contains_key(key) {
            *dropped += 1;
            return (0, pending.len());
        }
        let entry = pending.entry(key.clone()).or_insert((0, now));
        *entry = (entry.0 + 1, now);
        (entry.0, pending.len())
    }

    /// Reads of `key` that are not written to a tier yet.
    pub(crate) fn pending_accesses(&self, key: &Key) -> Option<(u64, Timestamp)> {
        self.collect_accesses();
        self.lock().accesses.pending.get(key).copied()
    }

    pub(crate) fn take_accesses(&self) -> Accesses {
        self.collect_accesses();
        std::mem::take(&mut self.lock().accesses)
    }

    /// Takes over what the hot tier counted by itself.
    fn collect_accesses(&self) {
        let counted =
            self.tier(Tier::Hot).map(|hot| hot.accesses(ACCESSES_MAX)).unwrap_or_default();
        let Accesses { pending, dropped } = &mut self.lock().accesses;
        for Access { key, count, last } in counted {
            if pending.len() >= ACCESSES_MAX && !pending.contains_key(&key) {
                *dropped += count;
                continue;
            }
            let entry = pending.entry(key).or_insert((0, last));
            *entry = (entry.0 + count, entry.1.max(last));
        }
    }
}
