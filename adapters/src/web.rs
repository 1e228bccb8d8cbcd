//! What only JavaScript hosts have: their clock, their heap, and their objects as tiers.

mod act;
pub(crate) mod bodies;
pub mod clock;
pub(crate) mod counters;
pub mod error;
pub mod flow;
pub(crate) mod gate;
#[cfg(feature = "s3")]
pub mod http;
pub(crate) mod js;
pub mod neighbours;
pub(crate) mod payload;
pub mod port;
pub(crate) mod streams;
#[cfg(web_tests)]
pub(crate) mod testing;

use std::time::Duration;

use js_sys::Uint8Array;
use tiered_storage_core::{
    ETag, Error, Key, Metadata, Scope, Tier, TierSet, Timestamp,
    engine::{Action, Call, Outcome},
    stats::Stats,
};

use crate::{
    builder::Builder,
    entry::{Entry, SetOptions, Written},
    host::Task,
    store::{TieredStorage, pieces::EntryStream},
    tier::Pieces,
};

/// What JavaScript wants to be changed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// [`TieredStorage::delete`], or with a version, [`TieredStorage::delete_if_version`].
    Delete(Key, Option<ETag>),
    /// [`TieredStorage::touch`].
    Touch(Key, Option<Duration>),
    /// [`TieredStorage::invalidate`], in these tiers.
    Invalidate(String, TierSet),
    /// [`TieredStorage::clear`], these tiers.
    Clear(TierSet),
    /// [`TieredStorage::changed_elsewhere`]; these tiers, too, are of this instance alone.
    Elsewhere(Scope, TierSet),
}

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
    /// Two bytes. JavaScript may answer from its hot tier without asking while the first is 1, and is told what tiers
    /// answer while it has set the second.
    pub fn gate(&self) -> Uint8Array {
        self.inner.gate.bytes()
    }

    /// Counts reads that JavaScript answered from its hot tier.
    pub fn count_hot_hits(&self, hits: u64) {
        self.inner.counters.hits(Tier::Hot, hits);
    }

    /// [`TieredStorage::get_with_metadata`], where the hot tier was looked into already.
    pub fn fetch(&self, key: &str) -> Task<Result<Option<Entry>, Error>> {
        self.read(key)
    }

    /// Reads an entry whose body may come in pieces, as [`TieredStorage::get_stream`] does; the body apart.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get_stream`].
    pub async fn fetch_pieces(&self, key: &str) -> Result<Option<(Metadata, Tier, Pieces)>, Error> {
        let found = self.get_stream(key).await?;
        Ok(found.map(|EntryStream { metadata, source, body }| (metadata, source, body)))
    }

    /// Writes an entry whose body comes in pieces, as `set_stream` does elsewhere.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::set_with`], and what the pieces end with.
    pub async fn store_pieces(
        &self,
        key: Key,
        body: Pieces,
        options: SetOptions,
    ) -> Result<Written, Error> {
        self.write_pieces(key, body, options).await
    }

    /// Runs a change, and says how many keys went where they are counted.
    ///
    /// # Errors
    ///
    /// As the method that does the same.
    pub async fn change(&self, change: Change) -> Result<u64, Error> {
        let call = match change {
            Change::Delete(key, None) => Call::Remove(key),
            Change::Delete(key, Some(version)) => Call::RemoveIf(key, version),
            Change::Touch(key, ttl) => match self.touching(key, ttl) {
                Some(call) => call,
                None => return Ok(0),
            },
            Change::Invalidate(prefix, tiers) => self.invalidating(&prefix, tiers),
            Change::Elsewhere(scope, tiers) => {
                Call::Echo(scope, tiers.union(self.inner.config.volatile))
            }
            Change::Clear(tiers) => Call::Clear(tiers.intersection(self.inner.config.tiers)),
        };
        self.count(call).await
    }

    /// A page of cold's keys: those that start with `prefix`, after `after`; and where the next one starts.
    ///
    /// # Errors
    ///
    /// What cold said; `Closed`.
    pub async fn page(
        &self,
        prefix: String,
        after: Option<String>,
    ) -> Result<(Vec<Key>, Option<String>), Error> {
        self.open_or_closed()?;
        match self.inner.ask(Action::List(Tier::Cold, prefix, after)).await? {
            Outcome::Keys(keys, next) => Ok((keys, next)),
            _ => Ok((Vec::new(), None)),
        }
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
