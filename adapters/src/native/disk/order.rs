//! The order in which entries are given up.

use std::collections::BTreeMap;

use std::collections::HashMap;
use tiered_storage_core::Key;

/// First in, first out.
#[derive(Debug, Default)]
pub(super) struct Order {
    next: u64,
    queue: BTreeMap<u64, u32>,
    places: HashMap<u32, u64>,
}

impl Order {
    pub(super) fn insert(&mut self, slot: u32, _key: &Key, _weight: u64) {
        self.queue.insert(self.next, slot);
        self.places.insert(slot, self.next);
        self.next += 1;
    }

    pub(super) fn touch(&mut self, _slot: u32) {}

    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(place) = self.places.remove(&slot) {
            self.queue.remove(&place);
        }
    }

    pub(super) fn evict(&mut self) -> Option<u32> {
        let (_, slot) = self.queue.pop_first()?;
        self.places.remove(&slot);
        Some(slot)
    }
}
