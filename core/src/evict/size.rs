//! The largest goes first; of two equals, the one in the higher slot.

use alloc::vec::Vec;

/// A heap whose first entry is the one to go, and where each entry is in it.
#[derive(Debug, Default)]
pub(super) struct Size {
    /// Weights and slots.
    heap: Vec<(u64, u32)>,
    /// By slot.
    places: Vec<Option<u32>>,
    weight: u64,
}

impl Size {
    pub(super) fn insert(&mut self, id: u32, weight: u64) {
        let at = id as usize;
        if at >= self.places.len() {
            self.places.resize(at + 1, None);
        }
        assert!(self.places[at].is_none(), "slot {id} is in use already");
        self.heap.push((weight, id));
        self.settle(self.heap.len() - 1);
        self.weight += weight;
    }

    pub(super) fn reweigh(&mut self, id: u32, weight: u64) {
        let at = self.place(id);
        self.weight += weight;
        self.weight -= core::mem::replace(&mut self.heap[at].0, weight);
        self.settle(at);
    }

    pub(super) fn remove(&mut self, id: u32) {
        let at = self.place(id);
        let (weight, _) = self.heap.swap_remove(at);
        self.places[id as usize] = None;
        self.weight -= weight;
        if at < self.heap.len() {
            self.settle(at);
        }
    }

    pub(super) fn evict(&mut self) -> Option<u32> {
        let &(_, id) = self.heap.first()?;
        self.remove(id);
        Some(id)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    fn place(&self, id: u32) -> usize {
        self.places[id as usize].expect("only a slot in use has a place") as usize
    }

    /// Moves the entry at `at`, the only one that may be out of order, to where it belongs.
    fn settle(&mut self, mut at: usize) {
        while at > 0 && self.heap[at] > self.heap[(at - 1) / 2] {
            at = self.swap(at, (at - 1) / 2);
        }
        loop {
            let children = (2 * at + 1..=2 * at + 2).filter(|&child| child < self.heap.len());
            match children.max_by_key(|&child| self.heap[child]) {
                Some(child) if self.heap[child] > self.heap[at] => at = self.swap(at, child),
                _ => break,
            }
        }
        self.note(at);
    }

    /// Exchanges two entries, and gives the place of the one that is on its way.
    fn swap(&mut self, from: usize, to: usize) -> usize {
        self.heap.swap(from, to);
        self.note(from);
        to
    }

    fn note(&mut self, at: usize) {
        let place = u32::try_from(at).expect("there are no more entries than slots");
        self.places[self.heap[at].1 as usize] = Some(place);
    }
}
