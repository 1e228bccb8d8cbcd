//! One queue, the oldest goes first. Where hits renew an entry, that is LRU.

use super::queue::{Queue, Slots};

#[derive(Debug, Default)]
pub(super) struct Fifo {
    slots: Slots<()>,
    queue: Queue,
}

impl Fifo {
    pub(super) fn insert(&mut self, id: u32, weight: u64) {
        self.slots.insert(id, weight, ());
        self.queue.push(&mut self.slots, id);
    }

    /// Makes the entry the newest.
    pub(super) fn renew(&mut self, id: u32) {
        if self.slots.get(id).is_some() {
            self.queue.unlink(&mut self.slots, id);
            self.queue.push(&mut self.slots, id);
        }
    }

    pub(super) fn reweigh(&mut self, id: u32, weight: u64) {
        self.queue.reweigh(&mut self.slots, id, weight);
    }

    pub(super) fn remove(&mut self, id: u32) {
        self.queue.unlink(&mut self.slots, id);
        self.slots.remove(id);
    }

    pub(super) fn evict(&mut self) -> Option<u32> {
        let id = self.queue.oldest()?;
        self.remove(id);
        Some(id)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.queue.weight()
    }
}
