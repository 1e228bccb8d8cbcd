//! Calls that are about the whole storage.

use tiered_storage_core::{
    Error, Metadata, Scope, Tier, TierSet, Timestamp,
    engine::{Call, Change},
    stats::{Stats, TierStats},
};

#[cfg(not(target_arch = "wasm32"))]
use tiered_storage_core::snapshot::Snapshot;

use crate::{store::TieredStorage, tier::Access};

impl TieredStorage {
    /// How full the tiers are, and how reads were answered since the storage was opened.
    ///
    /// For S3 this lists the whole prefix: a request for every 1,000 objects. What requests there were is to be had
    /// without that, from [`StorageTier::requests`](crate::tier::StorageTier::requests).
    ///
    /// # Errors
    ///
    /// What a tier said that could not tell.
    pub async fn stats(&self) -> Result<Stats, Error> {
        self.open_or_closed()?;
        let mut usages = [None; 3];
        for tier in Tier::ALL {
            if let Some(place) = self.inner.tier(tier) {
                let usage = place.usage().await.map_err(|error| error.in_tier(tier))?;
                let holding = TierStats::holding(usage.bytes, usage.items, usage.evictions);
                #[cfg(not(target_arch = "wasm32"))]
                let holding = holding.with_requests(place.requests());
                usages[tier as usize] = Some(holding);
            }
        }
        Ok(Stats::new(usages, &self.inner.counters.sum()))
    }

    /// Removes everything from every tier. Writes wait until it is done.
    ///
    /// # Errors
    ///
    /// What the first tier said that failed.
    pub async fn clear(&self) -> Result<(), Error> {
        self.inner.change(Call::Clear(self.inner.config.tiers), None).await.map(drop)
    }

    /// Removes everything from one tier; nothing if there is no such tier.
    ///
    /// # Errors
    ///
    /// What the tier said.
    pub async fn clear_tier(&self, tier: Tier) -> Result<(), Error> {
        let tiers = TierSet::from(tier).intersection(self.inner.config.tiers);
        self.inner.change(Call::Clear(tiers), None).await.map(drop)
    }

    /// The metadata of every live entry of cold, without bodies. One request per entry where no upper tier has it.
    ///
    /// # Errors
    ///
    /// What a tier said that failed.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn export(&self) -> Result<Snapshot, Error> {
        let (now, entries, stats) = self.entries().await?;
        Ok(Snapshot::new(now, &entries, stats))
    }

    /// What a snapshot is made of.
    pub(crate) async fn entries(&self) -> Result<(Timestamp, Vec<Metadata>, Stats), Error> {
        self.open_or_closed()?;
        let mut entries = Vec::new();
        let mut pages = self.inner.pages(Tier::Cold, "");
        while let Some(keys) = pages.next().await? {
            let storage = self.clone();
            let heads = self.inner.each(keys, move |_, key| {
                let storage = storage.clone();
                Box::pin(async move { storage.metadata(&key).await })
            });
            entries.extend(heads.await?.into_iter().flatten());
        }
        Ok((self.inner.host.now(), entries, self.stats().await?))
    }

    /// Takes over what a snapshot says of entries whose bytes are still the same; all others stay as they are.
    ///
    /// # Errors
    ///
    /// `Invalid` for another version or malformed entries, before anything is changed; what cold said, if it failed.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn import(&self, snapshot: &Snapshot) -> Result<(), Error> {
        self.adopt(snapshot.entries()?).await
    }

    /// Takes over what is said of entries whose bytes are still the same.
    pub(crate) async fn adopt(&self, entries: Vec<Metadata>) -> Result<(), Error> {
        let adopted = self.inner.each(entries, |inner, entry| {
            let call = Call::Amend(entry.key().clone(), Change::Adopt(entry));
            Box::pin(async move { inner.change(call, None).await.map(|_| None) })
        });
        adopted.await.map(drop)
    }

    /// Copies the most valuable warm entries (by access count, then by last access) into hot, at most `limit` and no
    /// more than hot can hold, and says how many.
    ///
    /// # Errors
    ///
    /// What warm said, if it failed.
    pub async fn bootstrap_hot(&self, limit: Option<usize>) -> Result<u64, Error> {
        self.open_or_closed()?;
        self.inner.warm_hot(limit.unwrap_or(usize::MAX)).await
    }

    /// Copies entries of cold into warm, at most `limit`, only those last accessed at `since` or later, and says how
    /// many.
    ///
    /// # Errors
    ///
    /// What cold said, if it failed.
    pub async fn bootstrap_warm(
        &self,
        limit: Option<usize>,
        since: Option<Timestamp>,
    ) -> Result<u64, Error> {
        self.open_or_closed()?;
        self.inner.warm_warm(limit.unwrap_or(usize::MAX), since).await
    }

    /// Takes notice that another instance over the same tiers changed this, or is about to: no read that begins from now
    /// on is answered by an older copy of this instance's own, one in memory, and none is made. The copies go in the
    /// background, which [`TieredStorage::settled`] waits for; tiers that others see too are not touched.
    pub fn changed_elsewhere(&self, scope: Scope) {
        let change = self.inner.change(Call::Echo(scope, self.inner.config.volatile), None);
        self.inner.spawn(Box::pin(async move { drop(change.await) }));
    }

    /// Counts reads that another instance [passed on](crate::neighbours::Neighbours::pass_on).
    pub fn count_accesses(&self, accesses: Vec<Access>) {
        self.inner.add_accesses(accesses);
    }

    /// Waits until the background work that has begun is done: promotions, repairs, the writing of access statistics, and
    /// what tiers tidy up.
    pub async fn settled(&self) {
        self.inner.quiet().await;
        self.inner.keep_up().await;
        self.inner.quiet().await;
        // Tiers of JavaScript's are asked there.
        #[cfg(not(target_arch = "wasm32"))]
        for tier in Tier::ALL {
            if let Some(place) = self.inner.tier(tier) {
                place.settled().await;
            }
        }
    }

    /// Settles, writes out what is pending and releases the tiers. Every later call fails with `Closed`; closing again
    /// does nothing.
    ///
    /// # Errors
    ///
    /// What the first tier said that could not be closed.
    pub async fn close(&self) -> Result<(), Error> {
        if self.inner.is_closed() {
            return Ok(());
        }
        self.settled().await;
        if !self.inner.close() {
            return Ok(());
        }
        self.inner.quiet().await;
        let mut result = Ok(());
        for tier in Tier::ALL {
            if let Some(place) = self.inner.tier(tier) {
                result = result.and(place.close().await.map_err(|error| error.in_tier(tier)));
            }
        }
        result
    }
}
