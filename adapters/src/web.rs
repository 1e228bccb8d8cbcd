//! What only JavaScript hosts have: their clock, their heap, and their objects as tiers.

pub(crate) mod bodies;
pub mod clock;
pub mod error;
pub(crate) mod gate;
#[cfg(feature = "s3")]
pub mod http;
pub(crate) mod payload;
pub mod port;
mod streams;

use js_sys::Uint8Array;
use tiered_storage_core::Tier;

use crate::store::TieredStorage;

impl TieredStorage {
    /// One byte that is 1 while JavaScript may answer from its hot tier without asking.
    pub fn gate(&self) -> Uint8Array {
        self.inner.gate.bytes()
    }

    /// Counts reads that JavaScript answered from its hot tier.
    pub fn count_hot_hits(&self, hits: u64) {
        self.inner.counters.hits(Tier::Hot, hits);
    }
}
