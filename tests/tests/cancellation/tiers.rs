//! A tier that stops before and after every effect, so that a call can be dropped there.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use tiered_storage::{
    ByteRange, Condition, ETag, Error, EvictionWatcher, Key, Metadata, Timestamp, Watcher,
    cost::Requests,
    tier::{
        Access, Contents, Listing, Opened, Page, Part, Patched, Payload, Peeked, Presign,
        Properties, Read, Stage, StorageTier, Stored, Usage,
    },
};
use tokio::task::yield_now;

#[derive(Debug)]
pub(crate) struct SteppingTier(pub(crate) Arc<dyn StorageTier>);

async fn step<T>(effect: impl Future<Output = T>) -> T {
    yield_now().await;
    let outcome = effect.await;
    yield_now().await;
    outcome
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StorageTier for SteppingTier {
    fn properties(&self) -> Properties {
        self.0.properties()
    }

    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error> {
        step(self.0.read(key, unless)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        step(self.0.head(key)).await
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        step(self.0.write(key, entry)).await
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        step(self.0.patch(key, metadata)).await
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        step(self.0.remove(keys)).await
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        step(self.0.list(page)).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        step(self.0.usage()).await
    }

    async fn open(&self, key: &Key, unless: Option<&ETag>) -> Result<Read<Opened>, Error> {
        step(self.0.open(key, unless)).await
    }

    async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        step(self.0.read_range(key, range, unless)).await
    }

    async fn stage(&self, key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        step(self.0.stage(key)).await
    }

    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        step(self.0.store(key, metadata, body, condition)).await
    }

    async fn write_part(
        &self,
        key: &Key,
        metadata: &Metadata,
        start: u64,
        part: Payload,
    ) -> Result<(), Error> {
        step(self.0.write_part(key, metadata, start, part)).await
    }

    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        step(self.0.remove_version(key, seen)).await
    }

    async fn clear(&self) -> Result<(), Error> {
        step(self.0.clear()).await
    }

    async fn announce(&self, key: &Key) -> Result<(), Error> {
        step(self.0.announce(key)).await
    }

    fn peek(&self, key: &str, now: Timestamp) -> Option<Stored> {
        self.0.peek(key, now)
    }

    fn peek_body(&self, key: &str, now: Timestamp) -> Option<Peeked> {
        self.0.peek_body(key, now)
    }

    fn accesses(&self, limit: usize) -> Vec<Access> {
        self.0.accesses(limit)
    }

    fn requests(&self) -> Option<Requests> {
        self.0.requests()
    }

    fn watch(&self, watcher: Weak<Watcher>) {
        self.0.watch(watcher);
    }

    fn watch_evictions(&self, watcher: Weak<EvictionWatcher>) {
        self.0.watch_evictions(watcher);
    }

    async fn presign(&self, key: &Key, presign: Presign) -> Result<String, Error> {
        step(self.0.presign(key, presign)).await
    }

    async fn settled(&self) {
        step(self.0.settled()).await;
    }

    async fn close(&self) -> Result<(), Error> {
        step(self.0.close()).await
    }
}
