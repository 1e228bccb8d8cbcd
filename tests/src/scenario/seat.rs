//! The place of a tier, whose tier can be exchanged: a restart brings another one, and what counts and fails the calls
//! around it stays.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use tiered_storage::{
    ByteRange, Condition, ETag, Error, EvictionWatcher, Key, Metadata, Timestamp, Watcher,
    cost::Requests,
    tier::{
        Access, Contents, Listing, Opened, Page, Part, Patched, Payload, Peeked, Presign,
        Properties, Read, Stage, StorageTier, Stored, Usage,
    },
};

/// Whether the tier is closed with the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// One storage has it.
    One,
    /// Several have it, so none closes it.
    Several,
}

/// The place of a tier.
#[derive(Debug)]
pub(super) struct Seat {
    tier: Mutex<Arc<dyn StorageTier>>,
    owner: Owner,
}

impl Seat {
    pub(super) fn new(tier: Arc<dyn StorageTier>, owner: Owner) -> Self {
        Self { tier: Mutex::new(tier), owner }
    }

    pub(super) fn exchange(&self, tier: Arc<dyn StorageTier>) {
        *self.tier.lock().unwrap_or_else(PoisonError::into_inner) = tier;
    }

    /// The tier that is there now.
    pub(super) fn tier(&self) -> Arc<dyn StorageTier> {
        self.tier.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StorageTier for Seat {
    fn properties(&self) -> Properties {
        self.tier().properties()
    }

    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error> {
        self.tier().read(key, unless).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        self.tier().head(key).await
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        self.tier().write(key, entry).await
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        self.tier().patch(key, metadata).await
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        self.tier().remove(keys).await
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        self.tier().list(page).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.tier().usage().await
    }

    async fn open(&self, key: &Key, unless: Option<&ETag>) -> Result<Read<Opened>, Error> {
        self.tier().open(key, unless).await
    }

    async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        self.tier().read_range(key, range, unless).await
    }

    async fn stage(&self, key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        self.tier().stage(key).await
    }

    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        self.tier().store(key, metadata, body, condition).await
    }

    async fn write_part(
        &self,
        key: &Key,
        metadata: &Metadata,
        start: u64,
        part: Payload,
    ) -> Result<(), Error> {
        self.tier().write_part(key, metadata, start, part).await
    }

    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        self.tier().remove_version(key, seen).await
    }

    async fn clear(&self) -> Result<(), Error> {
        self.tier().clear().await
    }

    async fn announce(&self, key: &Key) -> Result<(), Error> {
        self.tier().announce(key).await
    }

    fn peek(&self, key: &str, now: Timestamp) -> Option<Stored> {
        self.tier().peek(key, now)
    }

    fn peek_body(&self, key: &str, now: Timestamp) -> Option<Peeked> {
        self.tier().peek_body(key, now)
    }

    fn accesses(&self, limit: usize) -> Vec<Access> {
        self.tier().accesses(limit)
    }

    fn requests(&self) -> Option<Requests> {
        self.tier().requests()
    }

    fn watch(&self, watcher: Weak<Watcher>) {
        self.tier().watch(watcher);
    }

    fn watch_evictions(&self, watcher: Weak<EvictionWatcher>) {
        self.tier().watch_evictions(watcher);
    }

    async fn presign(&self, key: &Key, presign: Presign) -> Result<String, Error> {
        self.tier().presign(key, presign).await
    }

    async fn settled(&self) {
        self.tier().settled().await;
    }

    async fn close(&self) -> Result<(), Error> {
        match self.owner {
            Owner::One => self.tier().close().await,
            Owner::Several => Ok(()),
        }
    }
}
