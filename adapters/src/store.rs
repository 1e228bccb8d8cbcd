//! The storage: three tiers as one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, future::try_join3, stream};
use serde::{Serialize, de::DeserializeOwned};
use tiered_storage_core::{
    Content, Error, ErrorKind, Key, Metadata, Tier, TierSet, Timestamp, WriteId,
    engine::{Call, Change, Reply},
    seal::{Compression, Draft},
    snapshot::Snapshot,
    stats::{Stats, TierStats},
};

use crate::{
    builder::Builder,
    driver::{Body, Inner},
    host::Task,
    tier::{StorageTier, Stored},
    upkeep::{CONCURRENCY, FLUSH_KEYS},
};

/// Three tiers as one: writes go down to cold before they are acknowledged, reads come from the highest tier that has a
/// live, sound copy.
///
/// A clone is another handle of the same storage. All calls may run at once from any number of tasks; per key they are
/// put in order. A future that is dropped leaves nothing locked and nothing half-written: a read ends, a change that has
/// begun is carried to its end in the background.
///
/// ```
/// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
/// use std::sync::Arc;
/// use tiered_storage::{TieredStorage, memory::{MemoryOptions, MemoryTier}};
///
/// let tier = || MemoryTier::new(MemoryOptions::new()).map(Arc::new);
/// let storage = TieredStorage::builder(tier()?).hot(tier()?).open().await?;
/// storage.set("site/index.html", "<h1>hello</h1>").await?;
/// assert_eq!(storage.get("site/index.html").await?.as_deref(), Some(&b"<h1>hello</h1>"[..]));
/// storage.close().await?;
/// # Ok::<(), tiered_storage::Error>(()) }).expect("the example works");
/// ```
#[derive(Clone, Debug)]
pub struct TieredStorage {
    pub(crate) inner: Arc<Inner>,
    pub(crate) settings: Arc<Settings>,
}

/// What only this side of the engine needs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) compression: Compression,
    pub(crate) default_ttl: Option<Duration>,
}

/// How to write an entry.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SetOptions {
    /// For how long the entry is live, in whole milliseconds; the storage's default if `None`.
    pub ttl: Option<Duration>,
    /// The user's own fields; with all else that is stored beside the body, at most 1.9 KiB encoded.
    pub metadata: BTreeMap<String, String>,
    /// The MIME type; guessed from the key's extension if `None`.
    pub mime_type: Option<String>,
    /// Tiers that must not have the entry; an older copy there is removed. Cold cannot be skipped.
    pub skip_tiers: TierSet,
    /// The only tiers, beside cold, that get the entry. It goes before `skip_tiers`, and both before placement rules.
    pub only_tiers: Option<TierSet>,
}

impl SetOptions {
    /// With a time to live.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// With a field of the user's.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// With a MIME type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Not into these tiers.
    #[must_use]
    pub fn skip_tiers(mut self, tiers: impl Into<TierSet>) -> Self {
        self.skip_tiers = tiers.into();
        self
    }

    /// Only into these tiers, and cold.
    #[must_use]
    pub fn only_tiers(mut self, tiers: impl Into<TierSet>) -> Self {
        self.only_tiers = Some(tiers.into());
        self
    }
}

/// An entry as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The body. It shares memory with the hot tier and never changes.
    pub data: Bytes,
    /// What is known of it.
    pub metadata: Metadata,
    /// The tier that it came from.
    pub source: Tier,
}

/// An entry as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The entry's key.
    pub key: Key,
    /// What was stored beside the body.
    pub metadata: Metadata,
    /// The tiers that have it; cold is always one.
    pub tiers_written: TierSet,
}

impl TieredStorage {
    /// Begins a storage over `cold`, the source of truth.
    pub fn builder(cold: Arc<dyn StorageTier>) -> Builder {
        Builder::new(cold)
    }

    /// Reads an entry's body; `None` if there is no live entry.
    ///
    /// A hot hit takes no I/O, no allocation and no copy. Any number of concurrent reads of one key cost one read per
    /// tier.
    ///
    /// # Errors
    ///
    /// `Invalid` for an illegal key; `Unavailable` or `Denied`, naming the tier, if a tier failed and no lower one has
    /// the entry; `Corrupt` if cold's bytes are not what was written; `Closed`.
    pub async fn get(&self, key: impl AsRef<str>) -> Result<Option<Bytes>, Error> {
        let key = key.as_ref();
        if let Some(body) = self.inner.peek_body(key) {
            return Ok(Some(body));
        }
        Ok(self.read(key).await?.map(|entry| entry.data))
    }

    /// Reads an entry with its metadata and the tier it came from. See [`TieredStorage::get`] for errors and cost.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`].
    pub async fn get_with_metadata(&self, key: impl AsRef<str>) -> Result<Option<Entry>, Error> {
        let key = key.as_ref();
        if let Some(Stored { body, metadata }) = self.inner.peek(key) {
            return Ok(Some(Entry { data: body, metadata, source: Tier::Hot }));
        }
        self.read(key).await
    }

    /// Reads an entry and parses it as JSON.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`], and `Invalid` if the entry is not JSON of that type.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        key: impl AsRef<str>,
    ) -> Result<Option<T>, Error> {
        let key = Key::new(key)?;
        let Some(data) = self.get(&key).await? else { return Ok(None) };
        serde_json::from_slice(&data).map(Some).map_err(|error| {
            Error::new(ErrorKind::Invalid, "the entry is not JSON of the type that was asked for")
                .with_key(&key)
                .with_source(error)
        })
    }

    /// Writes an entry to every tier that placement allows. Once it returns, no read of this storage gives an older
    /// value.
    ///
    /// # Errors
    ///
    /// `Invalid` for an illegal key; what cold said, if it failed: then nothing is acknowledged, and the next read asks
    /// cold. A failure of hot or warm is no error: [`Written::tiers_written`] leaves that tier out, and it is an event.
    pub async fn set(
        &self,
        key: impl AsRef<str>,
        body: impl Into<Bytes>,
    ) -> Result<Written, Error> {
        self.set_with(key, body, SetOptions::default()).await
    }

    /// Writes an entry with options. See [`TieredStorage::set`].
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::set`], and `Invalid` if the metadata takes more than 1.9 KiB.
    pub async fn set_with(
        &self,
        key: impl AsRef<str>,
        body: impl Into<Bytes>,
        options: SetOptions,
    ) -> Result<Written, Error> {
        self.write(Key::new(key)?, body.into(), options, Content::Bytes).await
    }

    /// Writes a value as JSON. See [`TieredStorage::set`].
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::set_with`], and `Invalid` if the value cannot be written as JSON.
    pub async fn set_json<T: Serialize + ?Sized>(
        &self,
        key: impl AsRef<str>,
        value: &T,
        options: SetOptions,
    ) -> Result<Written, Error> {
        let key = Key::new(key)?;
        let body = serde_json::to_vec(value).map_err(|error| {
            Error::new(ErrorKind::Invalid, "the value cannot be written as JSON")
                .with_key(&key)
                .with_source(error)
        })?;
        self.write(key, Bytes::from(body), options, Content::Json).await
    }

    /// Removes an entry from every tier; that it is not there is no error.
    ///
    /// # Errors
    ///
    /// What the first tier said that failed. The others were asked all the same.
    pub async fn delete(&self, key: impl AsRef<str>) -> Result<(), Error> {
        self.inner.change(Call::Remove(Key::new(key)?), None).await.map(drop)
    }

    /// Whether there is a live entry. Moves no body and deletes nothing.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::metadata`].
    pub async fn exists(&self, key: impl AsRef<str>) -> Result<bool, Error> {
        Ok(self.metadata(key).await?.is_some())
    }

    /// The metadata of the first live entry. Moves no body and deletes nothing.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Denied` if a tier failed and no lower one has the entry.
    pub async fn metadata(&self, key: impl AsRef<str>) -> Result<Option<Metadata>, Error> {
        match self.inner.read(Call::Head(Key::new(key)?)).await? {
            (Reply::Found(metadata, _), _) => Ok(Some(self.with_pending(metadata))),
            (Reply::Failed(error), _) => Err(error),
            _ => Ok(None),
        }
    }

    /// Moves the expiry of a live entry to `ttl` (or the default) from now, in every tier that has it. Without either
    /// it does nothing. A concurrent write wins.
    ///
    /// # Errors
    ///
    /// What cold said, if it failed: then the expiry is as cold has it.
    pub async fn touch(&self, key: impl AsRef<str>, ttl: Option<Duration>) -> Result<(), Error> {
        let key = Key::new(key)?;
        let Some(ttl) = ttl.or(self.settings.default_ttl) else { return Ok(()) };
        let expiry = self.inner.host.now().plus_millis(millis(ttl));
        self.inner.change(Call::Amend(key, Change::Expiry(expiry)), None).await.map(drop)
    }

    /// Removes every entry whose key starts with `prefix` from every tier, in batches, and says how many keys went. An
    /// empty prefix is everything. Writes under the prefix wait until it is done.
    ///
    /// # Errors
    ///
    /// What the first tier said that failed; some entries may be gone then.
    pub async fn invalidate(&self, prefix: impl AsRef<str>) -> Result<u64, Error> {
        self.invalidate_in(prefix.as_ref(), TierSet::ALL).await
    }

    /// Removes every copy whose key starts with `prefix` from hot and warm, and says how many keys went.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::invalidate`].
    pub async fn invalidate_upper_caches(&self, prefix: impl AsRef<str>) -> Result<u64, Error> {
        self.invalidate_in(prefix.as_ref(), TierSet::UPPER).await
    }

    /// The keys of cold that start with `prefix`, in its order, a page at a time. It may name entries that have expired.
    pub fn keys(&self, prefix: &str) -> impl Stream<Item = Result<Key, Error>> + use<> {
        let closed = self.open_or_closed().err();
        let pages = self.inner.pages(Tier::Cold, prefix.to_owned());
        let keys = pages.map_ok(|keys| stream::iter(keys.into_iter().map(Ok))).try_flatten();
        stream::iter(closed.map(Err)).chain(keys).boxed()
    }

    /// How full the tiers are, and how reads were answered since the storage was opened.
    ///
    /// For S3 this lists the whole prefix: a request for every 1,000 objects.
    ///
    /// # Errors
    ///
    /// What a tier said that could not tell.
    pub async fn stats(&self) -> Result<Stats, Error> {
        self.open_or_closed()?;
        let usage = |tier: Tier| async move {
            let Some(place) = self.inner.tier(tier) else { return Ok(None) };
            let usage = place.usage().await.map_err(|error| error.in_tier(tier))?;
            Ok::<_, Error>(Some(TierStats::holding(usage.bytes, usage.items, usage.evictions)))
        };
        let (hot, warm, cold) =
            try_join3(usage(Tier::Hot), usage(Tier::Warm), usage(Tier::Cold)).await?;
        Ok(Stats::new([hot, warm, cold], &self.inner.counters.sum()))
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
    pub async fn export(&self) -> Result<Snapshot, Error> {
        self.open_or_closed()?;
        let heads = self.keys("").map(|key| async { self.metadata(key?.as_str()).await });
        let entries: Vec<Option<Metadata>> = heads.buffered(CONCURRENCY).try_collect().await?;
        let entries: Vec<Metadata> = entries.into_iter().flatten().collect();
        Ok(Snapshot::new(self.inner.host.now(), &entries, self.stats().await?))
    }

    /// Takes over what a snapshot says of entries whose bytes are still the same; all others stay as they are.
    ///
    /// # Errors
    ///
    /// `Invalid` for another version or malformed entries, before anything is changed; what cold said, if it failed.
    pub async fn import(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let entries = snapshot.entries()?;
        let changes = stream::iter(entries).map(|entry| {
            let call = Call::Amend(entry.key().clone(), Change::Adopt(entry));
            self.inner.change(call, None)
        });
        changes.buffer_unordered(CONCURRENCY).try_for_each(|_| std::future::ready(Ok(()))).await
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

    /// Waits until the background work that has begun is done: promotions, repairs, and the writing of access
    /// statistics.
    pub async fn settled(&self) {
        self.inner.quiet().await;
        self.inner.keep_up().await;
        self.inner.quiet().await;
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

    fn open_or_closed(&self) -> Result<(), Error> {
        if self.inner.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the storage was closed; open it again"));
        }
        Ok(())
    }

    /// Reads by way of the engine. On the heap, so that the futures of hot hits are small.
    #[cold]
    fn read(&self, key: &str) -> Task<Result<Option<Entry>, Error>> {
        let (storage, key) = (self.clone(), Key::new(key));
        Box::pin(async move { storage.read_through(key?).await })
    }

    async fn read_through(&self, key: Key) -> Result<Option<Entry>, Error> {
        let (metadata, source, data) = match self.inner.read(Call::Get(key.clone())).await? {
            (Reply::Found(metadata, source), Some(Body { plain, .. })) => (metadata, source, plain),
            (Reply::Failed(error), _) => return Err(error),
            (Reply::Missing, _) => {
                self.inner.counters.absent();
                return Ok(None);
            }
            _ => {
                return Err(
                    Error::new(ErrorKind::Internal, "a read ended without a body").with_key(&key)
                );
            }
        };
        self.inner.counters.hit(source);
        if self.inner.note_access(&key).1 == FLUSH_KEYS {
            let inner = self.inner.clone();
            self.inner.spawn(Box::pin(async move { inner.keep_up().await }));
        }
        Ok(Some(Entry { data, metadata: self.with_pending(metadata), source }))
    }

    async fn write(
        &self,
        key: Key,
        body: Bytes,
        options: SetOptions,
        content: Content,
    ) -> Result<Written, Error> {
        let inner = &self.inner;
        let SetOptions { ttl, metadata, mime_type, skip_tiers, only_tiers } = options;
        let skipped = Some(TierSet::ALL.difference(skip_tiers)).filter(|_| !skip_tiers.is_empty());
        let targets = inner.config.targets(&key, only_tiers.or(skipped));
        let mut draft = Draft::new(key, inner.host.now(), WriteId(inner.host.random()));
        draft.ttl_ms = ttl.or(self.settings.default_ttl).map(millis);
        draft.content = content;
        draft.mime_type = mime_type;
        draft.custom = metadata;
        draft.compression = self.settings.compression;
        let plain = body.clone();
        let sealed = inner.compute(body.len(), move || draft.seal(&body));
        let (metadata, packed) = sealed.await??;
        let targets = inner.config.fitting(targets, &metadata).with(Tier::Cold);
        let body = Body { plain, packed: packed.map(Bytes::from) };
        match inner.change(Call::Set(metadata, targets), Some(body)).await? {
            Reply::Written(metadata, tiers_written) => {
                Ok(Written { key: metadata.key().clone(), metadata, tiers_written })
            }
            _ => Err(Error::new(ErrorKind::Internal, "a write ended without saying where it went")),
        }
    }

    async fn invalidate_in(&self, prefix: &str, tiers: TierSet) -> Result<u64, Error> {
        let tiers = tiers.intersection(self.inner.config.tiers);
        match self.inner.change(Call::Invalidate(prefix.into(), tiers), None).await? {
            Reply::Count(count) => Ok(count),
            _ => Ok(0),
        }
    }

    /// What is stored, and what was counted since.
    fn with_pending(&self, mut metadata: Metadata) -> Metadata {
        if let Some((count, last)) = self.inner.pending_accesses(metadata.key()) {
            metadata.access_count = metadata.access_count.saturating_add(count);
            metadata.last_accessed = metadata.last_accessed.max(last);
        }
        metadata
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
