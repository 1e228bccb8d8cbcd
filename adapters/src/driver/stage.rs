//! Bodies on their way: unpacked, checked, packed, and kept in a tier before they are an entry's.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use tiered_storage_core::{
    Error, ErrorKind, Key, Metadata, Tier, TierSet,
    digest::Sha256,
    seal::{self, Draft, Verify},
};

#[cfg(not(target_arch = "wasm32"))]
use super::bodies::{packed, unpacked};
use super::{Body, Inner};
#[cfg(target_arch = "wasm32")]
use crate::web::streams::{packed, unpacked};
use crate::{
    lock::Lock,
    payload,
    pieces::{Give, given, once, pour},
    tier::{Body as TierBody, Payload, Pieces, Source, Stage},
};

/// Bodies up to this size that come in pieces are gathered, and treated as if they had come whole.
const GATHERED_BYTES: usize = 1 << 20;
/// How much of a body is packed to see whether that pays.
const SAMPLE_BYTES: usize = 64 << 10;

/// Keeps what is read on its way, for the warm tier. What cannot be kept is no failure of the read.
#[derive(Clone)]
pub(super) struct Tee {
    inner: Arc<Inner>,
    /// Nothing while it is written to, and once that failed.
    stage: Arc<Lock<Option<Box<dyn Stage>>>>,
}

impl Tee {
    /// `None` if the warm tier has no place for it.
    pub(super) async fn begin(inner: &Arc<Inner>, key: &Key) -> Option<Self> {
        let tee = Self { inner: inner.clone(), stage: Arc::default() };
        let begun = inner.tier(Tier::Warm)?.stage(key).await;
        let stage = tee.taken(key, begun)??;
        *tee.stage.lock() = Some(stage);
        Some(tee)
    }

    async fn write(&self, key: &Key, piece: &Payload) {
        let Some(mut stage) = self.stage.lock().take() else { return };
        let written = stage.write(piece.clone()).await;
        if self.taken(key, written).is_some() {
            *self.stage.lock() = Some(stage);
        }
    }

    /// What was kept; `None` if that failed.
    pub(super) async fn finish(self, key: &Key) -> Option<Arc<dyn Source>> {
        let stage = self.stage.lock().take()?;
        let finished = stage.finish().await;
        self.taken(key, finished)
    }

    fn taken<T>(&self, key: &Key, result: Result<T, Error>) -> Option<T> {
        let report = |error: Error| {
            let error = error.in_tier(Tier::Warm).with_key(key);
            self.inner.report(Tier::Warm, "write", Some(key.clone()), &error);
        };
        result.map_err(report).ok()
    }
}

impl Inner {
    /// A body from `tier` as it was written, and an error where it is not that. The last piece is given out when all is
    /// checked.
    pub(super) fn plain(
        &self,
        tier: Tier,
        metadata: &Metadata,
        body: TierBody,
        tee: Option<Tee>,
    ) -> Pieces {
        let mut pieces = match body {
            TierBody::Pieces(pieces) => pieces,
            TierBody::Whole(body) => once(body),
        };
        if let Some(tee) = tee {
            let key = metadata.key().clone();
            pieces = given(Box::new(Kept { pieces, tee, key }));
        }
        if metadata.is_compressed() && !self.properties(tier).is_volatile {
            pieces = unpacked(pieces, metadata.size());
        }
        let is_hashed = metadata.checksum().is_some() && self.verify(tier) == Verify::Digest;
        let hasher = is_hashed.then(Sha256::new);
        let metadata = metadata.clone();
        given(Box::new(Check { pieces, metadata, hasher, size_bytes: 0, last: None }))
    }

    /// Describes a body that comes in pieces, and brings it to where it can be read again: into memory if it is small,
    /// else to where it is invisible until it is stored.
    pub(crate) async fn seal_pieces(
        &self,
        draft: Draft,
        targets: TierSet,
        mut pieces: Pieces,
    ) -> Result<(Metadata, Body), Error> {
        // What is refused is refused before the body is asked for.
        draft.clone().plan(0)?;
        let (mut first, mut bytes) = (Vec::new(), 0);
        while bytes <= GATHERED_BYTES {
            let Some(piece) = pieces.try_next().await? else {
                let (metadata, whole) = self.seal(draft, payload::concatenated(first)).await?;
                return Ok((metadata, Body::Whole(whole)));
            };
            bytes += piece.len();
            first.push(piece);
        }
        let first = payload::concatenated(first);
        let sample = payload::slice(&first, 0..SAMPLE_BYTES.min(first.len()));
        let is_packed = draft.clone().plan(bytes as u64)?.pays()
            && self.pack(sample.clone()).await.is_ok_and(|packed| packed.len() < sample.len());
        let (mut tier, mut stage) = self.stage(&draft.key, targets).await?;
        let mut staged_bytes = 0;
        let count = Arc::new(Lock::default());
        let counted = Counted { first: Some(first), rest: pieces, count: count.clone() };
        let whole = given(Box::new(counted));
        let mut stored = if is_packed { packed(whole) } else { whole };
        while let Some(piece) = stored.try_next().await? {
            if piece.is_empty() {
                continue;
            }
            let written = stage.write(piece.clone()).await;
            if let Err(error) = written.map_err(|error| error.in_tier(tier).with_key(&draft.key)) {
                stage = self.moved(tier, stage, staged_bytes, error).await?;
                tier = Tier::Cold;
                stage.write(piece.clone()).await?;
            }
            staged_bytes += piece.len() as u64;
        }
        let (hasher, size_bytes): Count = std::mem::take(&mut *count.lock());
        let metadata = draft.plan(size_bytes)?.metadata(hasher.finish(), is_packed);
        Ok((metadata, Body::Staged(stage.finish().await?)))
    }

    /// A place for a body that comes in pieces. In warm, where that is to have it: it gets there without being read back
    /// from cold.
    async fn stage(&self, key: &Key, targets: TierSet) -> Result<(Tier, Box<dyn Stage>), Error> {
        let order = if targets.contains(Tier::Warm) {
            [Tier::Warm, Tier::Cold]
        } else {
            [Tier::Cold, Tier::Warm]
        };
        let mut failure = None;
        for tier in order {
            let Some(place) = self.tier(tier) else { continue };
            match place.stage(key).await.map_err(|error| error.in_tier(tier).with_key(key)) {
                Ok(Some(stage)) => return Ok((tier, stage)),
                Ok(None) => {}
                Err(error) => {
                    self.report(tier, "write", Some(key.clone()), &error);
                    failure = failure.or(Some(error));
                }
            }
        }
        Err(failure.unwrap_or_else(|| {
            let message = "no tier takes bodies of more than 1 MiB in pieces; write it as a whole";
            Error::new(ErrorKind::Unsupported, message).with_key(key)
        }))
    }

    /// A place in cold with the `bytes` that `stage` took before it failed with `error`: that warm has no room for a body
    /// is no failure of the write. Fails with `error` if they cannot be had.
    async fn moved(
        &self,
        tier: Tier,
        stage: Box<dyn Stage>,
        bytes: u64,
        error: Error,
    ) -> Result<Box<dyn Stage>, Error> {
        let key = error.key().cloned();
        let (Tier::Warm, Some(key)) = (tier, key) else { return Err(error) };
        let Some(cold) = self.tier(Tier::Cold) else { return Err(error) };
        let whole = stage.finish().await.ok().filter(|source| source.size_bytes() == bytes);
        let Some(source) = whole else { return Err(error) };
        let Some(mut lower) = cold.stage(&key).await? else { return Err(error) };
        self.report(Tier::Warm, "write", Some(key), &error);
        pour(&*source, &mut *lower, GATHERED_BYTES as u64).await?;
        Ok(lower)
    }
}

/// What went by: its hash, and how many bytes.
type Count = (Sha256, u64);

/// Pieces, counted on their way.
struct Counted {
    first: Option<Payload>,
    rest: Pieces,
    count: Arc<Lock<Count>>,
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Give for Counted {
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => self.rest.try_next().await?,
        };
        if let Some(piece) = &next {
            let (hasher, size_bytes) = &mut *self.count.lock();
            payload::hash(hasher, piece);
            *size_bytes += piece.len() as u64;
        }
        Ok(next)
    }
}

/// Pieces, kept on their way.
struct Kept {
    pieces: Pieces,
    tee: Tee,
    key: Key,
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Give for Kept {
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        let next = self.pieces.try_next().await?;
        if let Some(piece) = &next {
            self.tee.write(&self.key, piece).await;
        }
        Ok(next)
    }
}

/// Pieces, of which the last comes only when all are what was written.
struct Check {
    pieces: Pieces,
    metadata: Metadata,
    hasher: Option<Sha256>,
    size_bytes: u64,
    last: Option<Payload>,
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Give for Check {
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        while let Some(piece) = self.pieces.try_next().await? {
            if piece.is_empty() {
                continue;
            }
            self.size_bytes += piece.len() as u64;
            if self.size_bytes > self.metadata.size() {
                seal::check_length(&self.metadata, self.size_bytes)?;
            }
            if let Some(hasher) = &mut self.hasher {
                payload::hash(hasher, &piece);
            }
            if let Some(ready) = self.last.replace(piece) {
                return Ok(Some(ready));
            }
        }
        seal::check_length(&self.metadata, self.size_bytes)?;
        if let Some(hasher) = self.hasher.take() {
            seal::check_digest(&self.metadata, hasher.finish())?;
        }
        Ok(self.last.take())
    }
}
