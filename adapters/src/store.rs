//! The storage: three tiers as one.

pub(crate) mod pieces;
mod update;
mod whole;

use std::{sync::Arc, time::Duration};

#[cfg(not(target_arch = "wasm32"))]
use futures_util::{Stream, TryStreamExt, stream};
#[cfg(not(target_arch = "wasm32"))]
use serde::{Serialize, de::DeserializeOwned};
#[cfg(not(target_arch = "wasm32"))]
use tiered_storage_core::Content;
use tiered_storage_core::{
    Condition, Error, ErrorKind, Key, Metadata, Tier, TierSet, WriteId,
    engine::{Call, Change, Reply},
    seal::{Compression, Draft},
};

#[cfg(not(target_arch = "wasm32"))]
use crate::tier::Presign;
use crate::{
    builder::{Builder, millis},
    driver::{Body, Given, Inner, Want},
    entry::{Entry, SetOptions, Written},
    host::Task,
    tier::{Body as TierBody, Payload, Place},
    upkeep::FLUSH_KEYS,
};

/// Three tiers as one: writes go down to cold before they are acknowledged, reads come from the highest tier that has a
/// live, sound copy.
///
/// A clone is another handle of the same storage. All calls may run at once from any number of tasks; per key they are
/// put in order. A future that is dropped leaves nothing locked and nothing half-written: a read ends, a change that has
/// begun is carried to its end in the background.
/// A future that is kept and not polled, though, holds up the others that change its key, or share its read: poll it or
/// drop it. A stream that was begun holds nobody up.
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

impl TieredStorage {
    /// Begins a storage over `cold`, the source of truth.
    pub fn builder(cold: Arc<Place>) -> Builder {
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
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn get(&self, key: impl AsRef<str>) -> Result<Option<Payload>, Error> {
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
        if let Some(crate::tier::Stored { body, metadata }) = self.inner.peek(key) {
            return Ok(Some(Entry { data: body, metadata, source: Tier::Hot }));
        }
        self.read(key).await
    }

    /// Reads an entry and parses it as JSON.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`], and `Invalid` if the entry is not JSON of that type.
    #[cfg(not(target_arch = "wasm32"))]
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
        body: impl Into<Payload>,
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
        body: impl Into<Payload>,
        options: SetOptions,
    ) -> Result<Written, Error> {
        self.write(Key::new(key)?, body.into(), options).await
    }

    /// Writes a value as JSON. See [`TieredStorage::set`].
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::set_with`], and `Invalid` if the value cannot be written as JSON.
    #[cfg(not(target_arch = "wasm32"))]
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
        self.write(key, Payload::from(body), options.content(Content::Json)).await
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
        match self.inner.read(Call::Head(Key::new(key)?), Want::Whole)?.await {
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
        match self.touching(Key::new(key)?, ttl) {
            Some(call) => self.inner.change(call, None).await.map(drop),
            None => Ok(()),
        }
    }

    /// Removes every entry whose key starts with `prefix` from every tier, in batches, and says how many keys went. An
    /// empty prefix is everything. Writes under the prefix wait until it is done.
    ///
    /// # Errors
    ///
    /// What the first tier said that failed; some entries may be gone then.
    pub async fn invalidate(&self, prefix: impl AsRef<str>) -> Result<u64, Error> {
        self.count(self.invalidating(prefix.as_ref(), TierSet::ALL)).await
    }

    /// Removes every copy whose key starts with `prefix` from hot and warm, and says how many keys went.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::invalidate`].
    pub async fn invalidate_upper_caches(&self, prefix: impl AsRef<str>) -> Result<u64, Error> {
        self.count(self.invalidating(prefix.as_ref(), TierSet::UPPER)).await
    }

    /// The keys of cold that start with `prefix`, in its order, a page at a time. It may name entries that have expired.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn keys(&self, prefix: &str) -> impl Stream<Item = Result<Key, Error>> + use<> {
        let pages = self.open_or_closed().map(|()| self.inner.pages(Tier::Cold, prefix));
        let pages = stream::try_unfold(pages, |pages| async {
            let mut pages = pages?;
            let page = pages.next().await?;
            Ok(page.map(|keys| (stream::iter(keys.into_iter().map(Ok)), Ok(pages))))
        });
        Box::pin(pages.try_flatten())
    }

    /// A URL that lets its holder do one thing with the object of `key` in cold, without credentials. Nothing is sent.
    ///
    /// See `S3Tier::presign` for what it gives and takes. This storage does not notice what is
    /// done by a URL: `revalidate_after` bounds how long upper tiers may serve what they have.
    ///
    /// # Errors
    ///
    /// `Invalid` for an illegal key and for what cannot be presigned; `Unsupported` if cold is not S3; `Closed`.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn presign(&self, key: impl AsRef<str>, presign: Presign) -> Result<String, Error> {
        self.open_or_closed()?;
        let key = Key::new(key)?;
        let cold = self.inner.tier(Tier::Cold).expect("there is always a cold tier");
        let url = cold.presign(&key, presign).await;
        url.map_err(|error| error.in_tier(Tier::Cold).with_key(&key))
    }

    pub(crate) fn open_or_closed(&self) -> Result<(), Error> {
        if self.inner.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the storage was closed; open it again"));
        }
        Ok(())
    }

    /// Reads by way of the engine. On the heap, so that the futures of hot hits are small.
    #[cold]
    pub(crate) fn read(&self, key: &str) -> Task<Result<Option<Entry>, Error>> {
        let (storage, key) = (self.clone(), Key::new(key));
        Box::pin(async move { storage.read_through(key?).await })
    }

    async fn read_through(&self, key: Key) -> Result<Option<Entry>, Error> {
        let Some((metadata, source, given)) = self.read_as(&key, Want::Whole).await? else {
            return Ok(None);
        };
        let data = match given {
            Given::Whole(body) => body,
            Given::Pieces(reader) => TierBody::Pieces(reader.pieces()).whole().await?,
            _ => return Err(without_body(&key)),
        };
        Ok(Some(Entry { data, metadata, source }))
    }

    /// Reads, and counts what is found. `None` if there is no live entry.
    pub(crate) async fn read_as(
        &self,
        key: &Key,
        want: Want,
    ) -> Result<Option<(Metadata, Tier, Given)>, Error> {
        let call = match want {
            Want::Part(_) => Call::Part(key.clone()),
            _ => Call::Get(key.clone()),
        };
        let (metadata, source, given) = match self.inner.read(call, want)?.await {
            (Reply::Found(metadata, source), given) => (metadata, source, given),
            (Reply::Failed(error), _) => return Err(error),
            (Reply::Missing, _) => {
                self.inner.counters.absent();
                return Ok(None);
            }
            _ => return Err(without_body(key)),
        };
        self.inner.counters.hit(source);
        if self.inner.note_access(key) == FLUSH_KEYS {
            let inner = self.inner.clone();
            self.inner.spawn(Box::pin(async move { inner.keep_up().await }));
        }
        Ok(Some((self.with_pending(metadata), source, given)))
    }

    async fn write(&self, key: Key, body: Payload, options: SetOptions) -> Result<Written, Error> {
        let (draft, targets, condition) = self.draft(key, options);
        let (metadata, body) = self.inner.seal(draft, body).await?;
        self.write_sealed(metadata, Body::Whole(body), targets, condition).await
    }

    /// What a write says of its body, the tiers that are to have it, and when it may take effect.
    pub(crate) fn draft(
        &self,
        key: Key,
        options: SetOptions,
    ) -> (Draft, TierSet, Option<Condition>) {
        let host = &self.inner.host;
        let SetOptions { ttl, metadata, mime_type, content, skip_tiers, only_tiers, condition } =
            options;
        let skipped = Some(TierSet::ALL.difference(skip_tiers)).filter(|_| !skip_tiers.is_empty());
        let targets = self.inner.config.targets(&key, only_tiers.or(skipped));
        let mut draft = Draft::new(key, host.now(), WriteId(host.random()));
        draft.ttl_ms = ttl.or(self.settings.default_ttl).map(millis);
        draft.content = content;
        draft.mime_type = mime_type;
        draft.custom = metadata;
        draft.compression = self.settings.compression;
        (draft, targets, condition)
    }

    pub(crate) async fn write_sealed(
        &self,
        metadata: Metadata,
        body: Body,
        targets: TierSet,
        condition: Option<Condition>,
    ) -> Result<Written, Error> {
        let inner = &self.inner;
        let targets = inner.config.fitting(targets, &metadata).with(Tier::Cold);
        let call = match condition {
            Some(condition) => Call::SetIf(metadata, targets, condition),
            None => Call::Set(metadata, targets),
        };
        match inner.change(call, Some(body)).await? {
            Reply::Written(metadata, tiers_written) => {
                Ok(Written { key: metadata.key().clone(), metadata, tiers_written })
            }
            _ => Err(Error::new(ErrorKind::Internal, "a write ended without saying where it went")),
        }
    }

    /// `None` if nothing says until when.
    pub(crate) fn touching(&self, key: Key, ttl: Option<Duration>) -> Option<Call> {
        let ttl = ttl.or(self.settings.default_ttl)?;
        let expiry = self.inner.host.now().plus_millis(millis(ttl));
        Some(Call::Amend(key, Change::Expiry(expiry)))
    }

    pub(crate) fn invalidating(&self, prefix: &str, tiers: TierSet) -> Call {
        Call::Invalidate(prefix.into(), tiers.intersection(self.inner.config.tiers))
    }

    /// Runs a change, and says how many keys it removed where it counts them.
    pub(crate) async fn count(&self, call: Call) -> Result<u64, Error> {
        match self.inner.change(call, None).await? {
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

pub(crate) fn without_body(key: &Key) -> Error {
    Error::new(ErrorKind::Internal, "a read ended without a body").with_key(key)
}
