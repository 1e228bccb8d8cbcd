//! The largest goes first; of two equals, the one in the higher slot.

use alloc::{collections::BTreeSet, vec::Vec};

#[derive(Debug, Default)]
pub(super) struct Size {
    weights: Vec<Option<u64>>,
    order: BTreeSet<(u64, u32)>,
    weight: u64,
}

impl Size {
    pub(super) fn insert(&mut self, id: u32, weight: u64) {
        let at = id as usize;
        if at >= self.weights.len() {
            self.weights.resize(at + 1, None);
        }
        assert!(self.weights[at].is_none(), "slot {id} is in use already");
        self.weights[at] = Some(weight);
        self.order.insert((weight, id));
        self.weight += weight;
    }

    pub(super) fn reweigh(&mut self, id: u32, weight: u64) {
        self.remove(id);
        self.insert(id, weight);
    }

    pub(super) fn remove(&mut self, id: u32) {
        let weight = self.weights[id as usize].take().expect("only a slot in use is removed");
        self.order.remove(&(weight, id));
        self.weight -= weight;
    }

    pub(super) fn evict(&mut self) -> Option<u32> {
        let &(_, id) = self.order.last()?;
        self.remove(id);
        Some(id)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }
}
