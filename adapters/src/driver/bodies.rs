//! Hashing and packing of bodies, away from the threads that drive futures where it takes long.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use tiered_storage_core::{
    Error, ErrorKind, Metadata,
    codec::{self, Compressor, Decompressor},
    seal::{self, Draft, Verify},
};

use super::{Inner, Whole};
use crate::tier::{Payload, Pieces};
use futures_util::{TryStreamExt, stream};

/// From which size on a body is hashed and packed away from the threads that drive futures.
const COMPUTE_BYTES_MIN: usize = 256 * 1024;
/// How large pieces are that are unpacked, in bytes; the last of what they are made of may make them up to 4 MiB larger.
const UNPACKED_BYTES: usize = 256 << 10;
/// How much is unpacked at once, in bytes; it may become a thousand times as much.
const PACKED_BYTES: usize = 4 << 10;

impl Inner {
    /// Describes a body, and packs it where that is asked for and pays.
    pub(crate) async fn seal(
        &self,
        draft: Draft,
        plain: Payload,
    ) -> Result<(Metadata, Whole), Error> {
        let body = plain.clone();
        let (metadata, packed) = self.compute(body.len(), move || draft.seal(&body)).await??;
        Ok((metadata, Whole { plain, packed: packed.map(Payload::from) }))
    }

    /// Checks and unpacks what a tier gave.
    pub(super) async fn open(
        &self,
        metadata: &Metadata,
        body: Payload,
        verify: Verify,
    ) -> Result<Whole, Error> {
        let (metadata, size) = (metadata.clone(), body.len());
        let open = move || {
            Ok(match seal::open(&metadata, &body, verify)? {
                Cow::Borrowed(_) => Whole { plain: body, packed: None },
                Cow::Owned(plain) => Whole { plain: Payload::from(plain), packed: Some(body) },
            })
        };
        self.compute(size, open).await?
    }

    /// The body as gzip.
    pub(super) async fn pack(&self, plain: Payload) -> Result<Payload, Error> {
        self.compute(plain.len(), move || Payload::from(codec::compress(&plain))).await
    }

    /// Runs a job where it holds nobody up, if it is long.
    async fn compute<T: Send + 'static>(
        &self,
        size_bytes: usize,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if size_bytes < COMPUTE_BYTES_MIN {
            return Ok(job());
        }
        let done = Arc::new(Mutex::new(None));
        let result = done.clone();
        self.host
            .compute(Box::new(move || {
                let value = job();
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            }))
            .await;
        let value = done.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(|| Error::new(ErrorKind::Unavailable, "the runtime is shutting down"))
    }
}

/// Packs a body that comes in pieces.
pub(super) fn packed(pieces: Pieces) -> Pieces {
    let state = (pieces, Some(Compressor::new()));
    Box::pin(stream::try_unfold(state, |(mut pieces, mut compressor)| async move {
        let Some(open) = &mut compressor else { return Ok(None) };
        let mut packed = Vec::new();
        if let Some(piece) = pieces.try_next().await? {
            open.push(&piece, &mut packed);
        } else if let Some(ended) = compressor.take() {
            ended.finish(&mut packed);
        }
        Ok(Some((Payload::from(packed), (pieces, compressor))))
    }))
}

/// Unpacks gzip that comes in pieces and must hold `size_bytes`.
pub(super) fn unpacked(pieces: Pieces, size_bytes: u64) -> Pieces {
    let unpacking = Unpacking {
        pieces,
        packed: Payload::default(),
        decompressor: Decompressor::new(size_bytes),
    };
    Box::pin(stream::try_unfold(Some(unpacking), |unpacking| async {
        let Some(mut unpacking) = unpacking else { return Ok(None) };
        match unpacking.next().await? {
            Some(plain) => Ok(Some((plain, Some(unpacking)))),
            None => unpacking.decompressor.finish().map(|_| None),
        }
    }))
}

struct Unpacking {
    pieces: Pieces,
    /// What is not unpacked yet of the last piece.
    packed: Payload,
    decompressor: Decompressor,
}

impl Unpacking {
    /// The next plain piece, which is of bounded size however well the body was packed.
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        let mut plain = Vec::new();
        while plain.len() < UNPACKED_BYTES {
            if self.packed.is_empty() {
                match self.pieces.try_next().await? {
                    Some(piece) => self.packed = piece,
                    None => break,
                }
            }
            let packed = self.packed.split_to(PACKED_BYTES.min(self.packed.len()));
            self.decompressor.push(&packed, &mut plain)?;
        }
        Ok((!plain.is_empty()).then(|| Payload::from(plain)))
    }
}
