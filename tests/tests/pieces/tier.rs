//! A tier in memory that hands bodies out in pieces, takes them in pieces, and goes wrong on demand.

use std::{
    any::Any,
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use tiered_storage::{
    ByteRange, Condition, ETag, Error, ErrorKind, Key, Metadata,
    memory::{MemoryOptions, MemoryTier, Volatility},
    tier::{
        Body, Contents, Listing, Opened, Page, Part, Patched, Properties, Read, Source, Stage,
        StorageTier, Stored, Usage,
    },
};
use tokio::task::yield_now;

/// How long a piece is, in bytes.
pub(crate) const PIECE_BYTES: usize = 512 << 10;

/// Whether a tier stops before and after every effect, so that a call can be dropped there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Ready,
    Stepping,
}

impl Pace {
    async fn step<T>(self, effect: impl Future<Output = T>) -> T {
        if self == Self::Stepping {
            yield_now().await;
        }
        let outcome = effect.await;
        if self == Self::Stepping {
            yield_now().await;
        }
        outcome
    }
}

#[derive(Debug)]
pub(crate) struct PieceTier {
    inner: MemoryTier,
    pace: Pace,
    /// How often a body was opened, read whole, and read in part.
    pub(crate) opens: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) ranges: AtomicU64,
    /// How often a body was written that had not been staged here.
    pub(crate) writes: AtomicU64,
    /// How many staged bodies there are.
    pub(crate) staged: Arc<AtomicU64>,
    /// How many pieces were handed out, of all bodies.
    pub(crate) pieces: Arc<AtomicU64>,
    /// Which piece of a body breaks off, and how.
    pub(crate) breaks: Mutex<Option<(usize, ErrorKind)>>,
    /// Whether the next body has a bit flipped in its last byte.
    pub(crate) damages: Mutex<bool>,
    /// The parts that are kept, with the metadata of their entry.
    pub(crate) parts: Mutex<Option<(Metadata, BTreeMap<u64, Bytes>)>>,
    /// How many bytes a staged body may have.
    pub(crate) room_bytes: Mutex<u64>,
}

impl PieceTier {
    pub(crate) fn new(pace: Pace) -> Self {
        let options = MemoryOptions::new().volatility(Volatility::Durable).size_bytes_max(1 << 30);
        Self {
            inner: MemoryTier::new(options).expect("the limits are right"),
            pace,
            opens: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            ranges: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            staged: Arc::default(),
            pieces: Arc::default(),
            breaks: Mutex::new(None),
            damages: Mutex::new(false),
            parts: Mutex::new(None),
            room_bytes: Mutex::new(u64::MAX),
        }
    }

    /// What one part that is kept has of a range.
    fn kept(&self, key: &Key, range: ByteRange) -> Option<Part> {
        let parts = self.parts.lock().expect("no holder panics");
        let (metadata, parts) = parts.as_ref().filter(|(metadata, _)| metadata.key() == key)?;
        let range = range.of(metadata.size())?;
        let (start, part) = parts.range(..=range.start).next_back()?;
        let (from, to) = ((range.start - start) as usize, (range.end - start) as usize);
        let body = part.get(from..to).map(Bytes::copy_from_slice)?;
        Some(Part { metadata: metadata.clone(), range, body })
    }

    fn opened(&self, Stored { metadata, body }: Stored) -> Opened {
        if body.len() <= 1 << 20 {
            return Opened::from(Stored { metadata, body });
        }
        let mut body = BytesMut::from(body);
        if std::mem::take(&mut *self.damages.lock().expect("no holder panics")) {
            *body.last_mut().expect("the body is long") ^= 1;
        }
        let mut body = body.freeze();
        let mut pieces = Vec::new();
        while !body.is_empty() {
            pieces.push(Ok(body.split_to(PIECE_BYTES.min(body.len()))));
        }
        if let Some((at, kind)) = self.breaks.lock().expect("no holder panics").take() {
            pieces.truncate(at);
            pieces.push(Err(Error::new(kind, "the body was told to break off")));
        }
        let count = self.pieces.clone();
        let pace = self.pace;
        let pieces = stream::iter(pieces).then(move |piece| {
            count.fetch_add(1, Ordering::SeqCst);
            pace.step(async { piece })
        });
        Opened { metadata, body: Body::Pieces(Box::pin(pieces)) }
    }
}

#[async_trait]
impl StorageTier for PieceTier {
    fn properties(&self) -> Properties {
        self.inner.properties()
    }

    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.pace.step(self.inner.read(key, unless)).await
    }

    async fn open(&self, key: &Key, unless: Option<&ETag>) -> Result<Read<Opened>, Error> {
        self.opens.fetch_add(1, Ordering::SeqCst);
        Ok(self.pace.step(self.inner.read(key, unless)).await?.map(|stored| self.opened(stored)))
    }

    async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        self.ranges.fetch_add(1, Ordering::SeqCst);
        if let Some(part) = self.kept(key, range) {
            return Ok(Some(Read::Found(part)));
        }
        Ok(Some(self.pace.step(self.inner.read(key, unless)).await?.map(
            |Stored { metadata, body }| {
                let range = range.of(body.len() as u64).unwrap_or_default();
                let body = body.slice(range.start as usize..range.end as usize);
                Part { metadata, range, body }
            },
        )))
    }

    async fn write_part(
        &self,
        _key: &Key,
        metadata: &Metadata,
        start: u64,
        part: Bytes,
    ) -> Result<(), Error> {
        let mut parts = self.parts.lock().expect("no holder panics");
        if parts.as_ref().is_none_or(|(known, _)| !known.is_same_version(metadata)) {
            *parts = Some((metadata.clone(), BTreeMap::new()));
        }
        parts.as_mut().expect("it is there now").1.insert(start, part);
        Ok(())
    }

    async fn stage(&self, _key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        self.pace.step(async {}).await;
        let room_bytes = *self.room_bytes.lock().expect("no holder panics");
        self.staged.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Box::new(Staging {
            body: BytesMut::new(),
            room_bytes,
            pace: self.pace,
            live: Live(self.staged.clone()),
        })))
    }

    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        let current = self.inner.head(key).await?;
        if condition.is_some_and(|condition| !condition.holds(current.as_ref())) {
            return Err(Error::new(ErrorKind::Conflict, "another version"));
        }
        let is_own = matches!(&body, Contents::Staged(source) if source.as_any().is::<Staged>());
        let body = body.whole().await?;
        let stored = Stored { metadata: metadata.clone(), body };
        if is_own {
            self.pace.step(self.inner.write(key, stored)).await
        } else {
            self.write(key, stored).await
        }
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        self.pace.step(self.inner.head(key)).await
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.pace.step(self.inner.write(key, entry)).await
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        self.pace.step(self.inner.patch(key, metadata)).await
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        {
            let mut parts = self.parts.lock().expect("no holder panics");
            parts.take_if(|(metadata, _)| keys.contains(metadata.key()));
        }
        self.pace.step(self.inner.remove(keys)).await
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        let mut listing = self.inner.list(page).await?;
        let parts = self.parts.lock().expect("no holder panics");
        let known = parts.as_ref().map(|(metadata, _)| metadata.key().clone());
        let is_new = |key: &Key| key.starts_with(page.prefix) && !listing.keys.contains(key);
        let known = known.filter(|key| page.after.is_none() && is_new(key));
        listing.keys.extend(known);
        Ok(listing)
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.inner.usage().await
    }
}

/// Counts what is staged as long as it is.
#[derive(Debug)]
struct Live(Arc<AtomicU64>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Staging {
    body: BytesMut,
    room_bytes: u64,
    pace: Pace,
    live: Live,
}

#[async_trait]
impl Stage for Staging {
    async fn write(&mut self, piece: Bytes) -> Result<(), Error> {
        if (self.body.len() + piece.len()) as u64 > self.room_bytes {
            return Err(Error::new(ErrorKind::Full, "there is no room for the body"));
        }
        let pace = self.pace;
        pace.step(async { self.body.extend_from_slice(&piece) }).await;
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Arc<dyn Source>, Error> {
        let pace = self.pace;
        pace.step(async {}).await;
        Ok(Arc::new(Staged { body: self.body.freeze(), _live: self.live }))
    }
}

#[derive(Debug)]
struct Staged {
    body: Bytes,
    _live: Live,
}

#[async_trait]
impl Source for Staged {
    fn size_bytes(&self) -> u64 {
        self.body.len() as u64
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        Ok(self.body.slice(range.start as usize..range.end as usize))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A tier that can do no more than it must.
#[derive(Debug)]
pub(crate) struct WholeTier(pub(crate) MemoryTier);

#[async_trait]
impl StorageTier for WholeTier {
    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error> {
        self.0.read(key, unless).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        self.0.head(key).await
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        self.0.write(key, entry).await
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        self.0.patch(key, metadata).await
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        self.0.remove(keys).await
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        self.0.list(page).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.0.usage().await
    }
}
