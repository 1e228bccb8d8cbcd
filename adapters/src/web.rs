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
use tiered_storage_core::{Error, Metadata, Tier, Timestamp, stats::Stats};

use crate::{builder::Builder, store::TieredStorage};

impl Builder {
    /// [`Builder::open`]: there is nothing to wait for here.
    ///
    /// # Errors
    ///
    /// As [`Builder::open`].
    pub fn open_at_once(self) -> Result<TieredStorage, Error> {
        self.build()
    }
}

impl TieredStorage {
    /// One byte that is 1 while JavaScript may answer from its hot tier without asking.
    pub fn gate(&self) -> Uint8Array {
        self.inner.gate.bytes()
    }

    /// Counts reads that JavaScript answered from its hot tier.
    pub fn count_hot_hits(&self, hits: u64) {
        self.inner.counters.hits(Tier::Hot, hits);
    }
    /// What a snapshot is made of: the time, all live entries, and the statistics.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::export`].
    pub async fn export_entries(&self) -> Result<(Timestamp, Vec<Metadata>, Stats), Error> {
        self.entries().await
    }

    /// Takes over what is said of entries whose bytes are still the same.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::import`].
    pub async fn import_entries(&self, entries: Vec<Metadata>) -> Result<(), Error> {
        self.adopt(entries).await
    }
}
