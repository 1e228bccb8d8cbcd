//! Counters of the one thread that there is.

use std::cell::Cell;

use tiered_storage_core::{Tier, stats::Hits};

/// How reads were answered.
#[derive(Debug, Default)]
pub(crate) struct Counters(Cell<Hits>);

impl Counters {
    /// A read was answered by `tier`.
    pub(crate) fn hit(&self, tier: Tier) {
        self.hits(tier, 1);
    }

    /// So many reads were answered by `tier`.
    pub(crate) fn hits(&self, tier: Tier, count: u64) {
        let mut sum = self.0.get();
        sum.hits[tier as usize] += count;
        self.0.set(sum);
    }

    /// A read found nothing.
    pub(crate) fn absent(&self) {
        let mut sum = self.0.get();
        sum.absent += 1;
        self.0.set(sum);
    }

    /// The sums.
    pub(crate) fn sum(&self) -> Hits {
        self.0.get()
    }
}
