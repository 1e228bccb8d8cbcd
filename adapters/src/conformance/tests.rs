use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, executor::block_on, stream};
use tiered_storage_core::{
    Condition, ETag, Error, ErrorKind, Key, Metadata, Timestamp, cost::Requests, evict::PolicyKind,
    range::ByteRange,
};

use super::{FaultTier, run_all, yield_once};
use crate::{
    EvictionWatcher, Watcher,
    memory::{MemoryOptions, MemoryTier, Volatility},
    tier::{
        Access, Body, Contents, Listing, Opened, Page, Part, Patched, Peeked, Presign, Properties,
        Read, Stage, StorageTier, Stored, Usage,
    },
};

fn memory(options: MemoryOptions) -> MemoryTier {
    MemoryTier::new(options).expect("the limits are not 0")
}

#[test]
fn memory_tiers_conform() {
    for policy in [PolicyKind::Lru, PolicyKind::Fifo, PolicyKind::Size, PolicyKind::S3Fifo] {
        let options = MemoryOptions::new().policy(policy);
        block_on(run_all(&memory(options.clone())));
        block_on(run_all(&memory(options.size_bytes_max(7 << 20))));
    }
    block_on(run_all(&memory(MemoryOptions::new().volatility(Volatility::Durable))));
}

#[test]
fn a_wrapper_without_faults_conforms() {
    let inner = Arc::new(memory(MemoryOptions::new()));
    block_on(run_all(&FaultTier::new(inner)));
}

/// The suite is run by users on runtimes that move tasks between threads.
#[test]
fn a_run_is_a_future_that_can_be_sent() {
    fn assert_send<T: Send>(future: T) -> T {
        future
    }
    let tier = memory(MemoryOptions::new());
    drop(assert_send(run_all(&tier)));
}

/// A tier with one defect.
#[derive(Debug)]
struct Broken {
    inner: Arc<MemoryTier>,
    defect: Defect,
    /// Whether a call is running, for the defect that lets none other in.
    is_busy: std::sync::atomic::AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    LosesWrites,
    ForgetsCustomFields,
    ForgetsExpiryOfCopies,
    KeepsTheFirstBody,
    FoldsCase,
    CutsKeys,
    CutsBodies,
    RemovesFolders,
    PatchesAnyVersion,
    PatchesWhatIsNotThere,
    NeverReadsAgain,
    PeeksAtExpired,
    PeeksBodiesOfExpired,
    GivesOutAccessesTwice,
    RepeatsKeys,
    ListsOneFolder,
    CountsPages,
    RemovesTheFirstHundred,
    RemovesAnyVersion,
    ClearsOnePage,
    CountsOverwritesTwice,
    TearsReads,
    StaysLocked,
    LosesTheLastPiece,
    OpensWhatIsThereByNow,
    ShowsWhatIsStaged,
    ReadsOneByteMore,
    ReadsPartsOfAnyVersion,
    StoresInAnyCase,
    AsksAndThenStores,
    LeavesWhatIsDropped,
    ReadsWhatIsThereInPart,
    PatchesNoParts,
    RemovesNoParts,
}

impl Broken {
    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn name(&self, key: &Key) -> Key {
        let text = match self.defect {
            Defect::FoldsCase => key.to_lowercase(),
            Defect::CutsKeys => key.chars().take(255).collect(),
            _ => return key.clone(),
        };
        super::key(text)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StorageTier for Broken {
    fn properties(&self) -> Properties {
        self.inner.properties()
    }

    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error> {
        let key = &self.name(key);
        if self.is(Defect::NeverReadsAgain) && unless.is_some() {
            return Ok(Read::Unchanged);
        }
        let mut found = self.inner.read(key, unless).await?;
        if self.is(Defect::ReadsWhatIsThereInPart)
            && let (Read::Missing, Some(metadata)) = (&found, self.inner.head(key).await?)
        {
            found = Read::Found(Stored { metadata, body: Bytes::new() });
        }
        if self.is(Defect::TearsReads)
            && let Read::Found(found) = &mut found
        {
            yield_once().await;
            if let Some(metadata) = self.inner.head(key).await? {
                found.metadata = metadata;
            }
        }
        Ok(found)
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        let mut found = self.inner.head(&self.name(key)).await?;
        if let Some(metadata) = &mut found
            && self.is(Defect::ForgetsExpiryOfCopies)
        {
            metadata.expires_at = None;
        }
        Ok(found)
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        use std::sync::atomic::Ordering;
        let key = &self.name(key);
        let Stored { mut metadata, mut body } = entry;
        match self.defect {
            Defect::LosesWrites => return Ok(None),
            Defect::ForgetsCustomFields => metadata = metadata.with_custom(Default::default()),
            Defect::CutsBodies => body.truncate(100_000),
            Defect::KeepsTheFirstBody => {
                if let Read::Found(found) = self.inner.read(key, None).await? {
                    body = found.body;
                }
            }
            Defect::StaysLocked => {
                if self.is_busy.swap(true, Ordering::Relaxed) {
                    return Err(Error::new(ErrorKind::Unavailable, "another call is running"));
                }
                yield_once().await;
                self.is_busy.store(false, Ordering::Relaxed);
            }
            _ => {}
        }
        self.inner.write(key, Stored { metadata, body: Bytes::copy_from_slice(&body) }).await
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        let found = self.inner.read(key, None).await?;
        match (self.defect, found) {
            (Defect::PatchesAnyVersion, Read::Found(found)) => {
                self.inner.write(key, Stored { metadata: metadata.clone(), ..found }).await?;
                Ok(Patched::Done(None))
            }
            (Defect::PatchesNoParts, Read::Missing) => Ok(Patched::Missing),
            (Defect::PatchesWhatIsNotThere, Read::Missing) => {
                let body = Bytes::new();
                self.inner.write(key, Stored { metadata: metadata.clone(), body }).await?;
                Ok(Patched::Missing)
            }
            _ => self.inner.patch(key, metadata).await,
        }
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        let keys: Vec<Key> = keys.iter().map(|key| self.name(key)).collect();
        match self.defect {
            Defect::RemovesTheFirstHundred => self.inner.remove(&keys[..keys.len().min(100)]).await,
            Defect::RemovesNoParts => {
                for key in &keys {
                    if self.inner.read(key, None).await? != Read::Missing {
                        self.inner.remove(std::slice::from_ref(key)).await?;
                    }
                }
                Ok(())
            }
            Defect::RemovesFolders => {
                for key in &keys {
                    let prefix = &format!("{key}/");
                    let page = Page { prefix, after: None, limit: 1_000 };
                    let inside = self.inner.list(page).await?.keys;
                    self.inner.remove(&inside).await?;
                }
                self.inner.remove(&keys).await
            }
            _ => self.inner.remove(&keys).await,
        }
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        match self.defect {
            Defect::CountsPages => {
                let all = Page { after: None, limit: usize::MAX, ..page };
                let keys = self.inner.list(all).await?.keys;
                let start = page.after.map_or(0, |after| after.parse().unwrap_or(0));
                let end = keys.len().min(start + page.limit);
                let next = (end < keys.len()).then(|| end.to_string());
                Ok(Listing { keys: keys.get(start..end).unwrap_or(&[]).to_vec(), next })
            }
            Defect::RepeatsKeys => {
                let mut listing = self.inner.list(page).await?;
                if let Some(next) = &mut listing.next
                    && page.limit > 1
                {
                    // The key before the last one of the page.
                    *next = listing.keys[listing.keys.len() - 2].to_string();
                }
                Ok(listing)
            }
            Defect::ListsOneFolder => {
                let mut listing = self.inner.list(page).await?;
                listing.keys.retain(|key| {
                    page.prefix.is_empty() || !key[page.prefix.len()..].contains('/')
                });
                Ok(listing)
            }
            _ => self.inner.list(page).await,
        }
    }

    async fn usage(&self) -> Result<Usage, Error> {
        let mut usage = self.inner.usage().await?;
        if self.is(Defect::CountsOverwritesTwice) && usage.bytes > 50_000 {
            usage.bytes += 1_000;
        }
        Ok(usage)
    }

    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        match self.defect {
            Defect::RemovesAnyVersion => {
                let was_there = self.inner.head(key).await?.is_some();
                self.inner.remove(std::slice::from_ref(key)).await?;
                Ok(was_there)
            }
            _ => self.inner.remove_version(key, seen).await,
        }
    }

    async fn clear(&self) -> Result<(), Error> {
        match self.defect {
            Defect::ClearsOnePage => {
                let page = Page { prefix: "", after: None, limit: 2 };
                self.inner.remove(&self.inner.list(page).await?.keys).await
            }
            _ => self.inner.clear().await,
        }
    }

    async fn open(&self, key: &Key, unless: Option<&ETag>) -> Result<Read<Opened>, Error> {
        let found = self.read(key, unless).await?;
        Ok(found.map(|Stored { metadata, body }| {
            let mut pieces: Vec<Bytes> = body.chunks(100_000).map(Bytes::copy_from_slice).collect();
            if self.is(Defect::LosesTheLastPiece) && pieces.len() > 1 {
                pieces.pop();
            }
            let by_now = self.is(Defect::OpensWhatIsThereByNow).then(|| self.inner.clone());
            let key = key.clone();
            let pieces = stream::iter(pieces).enumerate().then(move |(number, piece)| {
                let (by_now, key) = (by_now.clone(), key.clone());
                async move {
                    let Some(tier) = by_now else { return Ok(piece) };
                    match tier.read(&key, None).await? {
                        Read::Found(Stored { body, .. }) => {
                            let start = (number * 100_000).min(body.len());
                            Ok(body.slice(start..body.len().min(start + 100_000)))
                        }
                        _ => Ok(piece),
                    }
                }
            });
            Opened { metadata, body: Body::Pieces(pieces.boxed()) }
        }))
    }

    async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        let key = &self.name(key);
        let mut part = self.inner.read_range(key, range, unless).await?;
        if self.is(Defect::ReadsPartsOfAnyVersion) && part.is_some() {
            yield_once().await;
            let later = self.inner.read_range(key, range, unless).await?;
            if let (Some(Read::Found(part)), Some(Read::Found(later))) = (&mut part, later) {
                part.metadata = later.metadata;
            }
        }
        if let (Some(Read::Found(part)), ByteRange::Between(start, end), true) =
            (&mut part, range, self.is(Defect::ReadsOneByteMore))
        {
            let more = self
                .inner
                .read_range(key, ByteRange::Between(start, end.saturating_add(1)), None)
                .await?;
            if let (true, Some(Read::Found(more))) = (end > start, more) {
                part.body = more.body;
            }
        }
        Ok(part)
    }

    async fn stage(&self, key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        if self.is(Defect::ShowsWhatIsStaged) {
            let metadata = Metadata::new(key.clone(), 0, Timestamp::default());
            self.inner.write(key, Stored { metadata, body: Bytes::new() }).await?;
        }
        self.inner.stage(key).await
    }

    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        let key = &self.name(key);
        match (self.defect, condition) {
            (Defect::StoresInAnyCase, _) => self.inner.store(key, metadata, body, None).await,
            (Defect::AsksAndThenStores, Some(condition)) => {
                let found = self.inner.head(key).await?;
                if !condition.holds(found.as_ref()) {
                    return Err(Error::new(ErrorKind::Conflict, "it does not hold"));
                }
                yield_once().await;
                self.inner.store(key, metadata, body, None).await
            }
            (Defect::LeavesWhatIsDropped, None) => {
                let half = super::key(format!("{key}.half"));
                self.inner.store(&half, metadata, body.clone(), None).await?;
                yield_once().await;
                self.inner.remove(&[half]).await?;
                self.inner.store(key, metadata, body, None).await
            }
            _ => self.inner.store(key, metadata, body, condition).await,
        }
    }

    async fn write_part(
        &self,
        key: &Key,
        metadata: &Metadata,
        start: u64,
        part: Bytes,
    ) -> Result<(), Error> {
        self.inner.write_part(key, metadata, start, part).await
    }

    async fn announce(&self, key: &Key) -> Result<(), Error> {
        self.inner.announce(key).await
    }

    fn peek(&self, key: &str, now: Timestamp) -> Option<Stored> {
        let now = if self.is(Defect::PeeksAtExpired) { Timestamp::default() } else { now };
        self.inner.peek(key, now)
    }

    fn peek_body(&self, key: &str, now: Timestamp) -> Option<Peeked> {
        let now = if self.is(Defect::PeeksBodiesOfExpired) { Timestamp::default() } else { now };
        self.inner.peek_body(key, now)
    }

    fn accesses(&self, limit: usize) -> Vec<Access> {
        let accesses = self.inner.accesses(limit);
        if self.is(Defect::GivesOutAccessesTwice) {
            for access in &accesses {
                self.inner.peek(&access.key, access.last);
            }
        }
        accesses
    }

    fn requests(&self) -> Option<Requests> {
        self.inner.requests()
    }

    fn watch(&self, watcher: Weak<Watcher>) {
        self.inner.watch(watcher);
    }

    fn watch_evictions(&self, watcher: Weak<EvictionWatcher>) {
        self.inner.watch_evictions(watcher);
    }

    async fn presign(&self, key: &Key, presign: Presign) -> Result<String, Error> {
        self.inner.presign(key, presign).await
    }

    async fn settled(&self) {
        self.inner.settled().await;
    }

    async fn close(&self) -> Result<(), Error> {
        self.inner.close().await
    }
}

/// A suite that no tier fails is worth nothing: each defect is found, by the case that is about it.
#[test]
fn defects_are_found() {
    let found_by = [
        (Defect::LosesWrites, "round_trip"),
        (Defect::ForgetsCustomFields, "every_field"),
        (Defect::ForgetsExpiryOfCopies, "every_field"),
        (Defect::KeepsTheFirstBody, "overwrites"),
        (Defect::FoldsCase, "odd_keys"),
        (Defect::RemovesFolders, "odd_keys"),
        (Defect::CutsKeys, "longest_keys"),
        (Defect::CutsBodies, "body_sizes"),
        (Defect::PatchesAnyVersion, "patches"),
        (Defect::PatchesWhatIsNotThere, "patches"),
        (Defect::NeverReadsAgain, "conditional_reads"),
        (Defect::PeeksAtExpired, "peeks"),
        (Defect::PeeksBodiesOfExpired, "peeks"),
        (Defect::GivesOutAccessesTwice, "peeks"),
        (Defect::RepeatsKeys, "odd_keys"),
        (Defect::ListsOneFolder, "listing_prefixes"),
        (Defect::CountsPages, "listing_while_removing"),
        (Defect::RemovesTheFirstHundred, "removal"),
        (Defect::RemovesAnyVersion, "removal_of_versions"),
        (Defect::ClearsOnePage, "overwrites"),
        (Defect::CountsOverwritesTwice, "usage"),
        (Defect::TearsReads, "torn_reads"),
        (Defect::StaysLocked, "dropped_futures"),
        (Defect::LosesTheLastPiece, "pieces"),
        (Defect::ShowsWhatIsStaged, "staging"),
        (Defect::ReadsOneByteMore, "ranges"),
        (Defect::OpensWhatIsThereByNow, "one_version"),
        (Defect::ReadsPartsOfAnyVersion, "torn_pieces"),
        (Defect::LeavesWhatIsDropped, "dropped_pieces"),
        (Defect::StoresInAnyCase, "conditions"),
        (Defect::AsksAndThenStores, "one_winner"),
        (Defect::ReadsWhatIsThereInPart, "parts"),
        (Defect::PatchesNoParts, "parts_patched"),
        (Defect::RemovesNoParts, "parts_replaced"),
    ];
    for (defect, case) in found_by {
        let tier =
            Broken { inner: Arc::new(memory(MemoryOptions::new())), defect, is_busy: false.into() };
        let run = AssertUnwindSafe(run_all(&tier)).catch_unwind();
        let Err(panic) = block_on(run) else { panic!("{defect:?} is not found") };
        let message = panic.downcast_ref::<String>().expect("the message names the case");
        assert!(message.starts_with(&format!("{case}: ")), "{defect:?} is found so: {message}");
    }
}
