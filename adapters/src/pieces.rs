//! Bodies that are not in memory as a whole.

use core::fmt;
use std::{any::Any, ops::Range, sync::Arc};

use async_trait::async_trait;
use futures_util::{TryStreamExt, stream};
#[cfg(not(target_arch = "wasm32"))]
use tiered_storage_core::range::ByteRange;
use tiered_storage_core::{Error, ErrorKind, Key, Metadata};

use crate::{
    payload::{self, Payload},
    tier::{Shareable, Stored},
};

/// The bytes of a body, one piece after the other. What cannot be read whole ends with an error.
#[cfg(not(target_arch = "wasm32"))]
pub type Pieces<E = Error> = stream::BoxStream<'static, Result<Payload, E>>;
/// The bytes of a body, one piece after the other. What cannot be read whole ends with an error.
#[cfg(target_arch = "wasm32")]
pub type Pieces<E = Error> = stream::LocalBoxStream<'static, Result<Payload, E>>;

/// What gives a body piece by piece.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub(crate) trait Give<E = Error> {
    /// The next piece; nothing at the end. It is not asked again after that, or after an error.
    async fn next(&mut self) -> Result<Option<Payload>, E>;
}

/// Something that gives a body piece by piece.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Giver<E = Error> = Box<dyn Give<E> + Send>;
/// Something that gives a body piece by piece.
#[cfg(target_arch = "wasm32")]
pub(crate) type Giver<E = Error> = Box<dyn Give<E>>;

/// What `giver` gives.
pub(crate) fn given<E: 'static>(giver: Giver<E>) -> Pieces<E> {
    Box::pin(stream::try_unfold(giver, |mut giver| async {
        Ok(giver.next().await?.map(|piece| (piece, giver)))
    }))
}

/// A body as one piece.
pub(crate) fn once(body: Payload) -> Pieces {
    Box::pin(stream::iter([Ok(body)]))
}

/// How large a body may be that a tier is given as a whole although it came in pieces, in bytes.
pub const GATHERED_BYTES_MAX: u64 = 64 << 20;

/// An entry whose body may come in pieces.
pub struct Opened {
    /// What is known of the body.
    pub metadata: Metadata,
    /// The body, as [`Stored::body`] has it.
    pub body: Body,
}

/// A body: there already, or on its way.
pub enum Body {
    /// All of it.
    Whole(Payload),
    /// One piece after the other; dropped, it is not read any further.
    Pieces(Pieces),
}

/// A part of an entry as a tier holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What is known of the whole body.
    pub metadata: Metadata,
    /// Where in the stored body it starts and ends. Empty, at its end, if the body does not reach that far.
    pub range: Range<u64>,
    /// Its bytes.
    pub body: Payload,
}

#[cfg(not(target_arch = "wasm32"))]
impl Part {
    /// What `range` is of an entry that is in memory, without copying.
    pub(crate) fn of(Stored { metadata, body }: Stored, range: ByteRange) -> Self {
        let end = body.len() as u64;
        let range = range.of(end).unwrap_or(end..end);
        Self { metadata, body: body.slice(range.start as usize..range.end as usize), range }
    }
}

/// Bytes that lie ready somewhere, to be read in any order and by several at once, as long as it is kept. The same may be
/// stored again.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Source: fmt::Debug + Shareable {
    /// How many bytes there are.
    fn size_bytes(&self) -> u64;

    /// Reads these bytes; they are within the size.
    async fn read(&self, range: Range<u64>) -> Result<Payload, Error>;

    /// The tier's own type, by which it knows what it staged itself.
    fn as_any(&self) -> &dyn Any;
}

/// A body on its way into a tier, invisible until it is [stored](crate::tier::StorageTier::store). Dropped, it leaves
/// nothing.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Stage: fmt::Debug + Shareable {
    /// Takes the next bytes. After a call that failed or was given up nothing more is written; where one that failed took
    /// none of `piece`, `finish` may still give what was there before, so that it can be brought to another tier.
    async fn write(&mut self, piece: Payload) -> Result<(), Error>;

    /// All bytes are there. What it gives is discarded when it is dropped without having been stored.
    async fn finish(self: Box<Self>) -> Result<Arc<dyn Source>, Error>;
}

/// Writes all that lies ready in `source` to `stage`, so many bytes at a time.
pub(crate) async fn pour(
    source: &dyn Source,
    stage: &mut dyn Stage,
    piece_bytes: u64,
) -> Result<(), Error> {
    let (size, mut at) = (source.size_bytes(), 0);
    while at < size {
        let piece = source.read(at..size.min(at + piece_bytes)).await?;
        if piece.is_empty() {
            let message = "a staged body ended before its size; stage it again";
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        at += piece.len() as u64;
        stage.write(piece).await?;
    }
    Ok(())
}

/// What a tier is to store as a body.
#[derive(Clone, Debug)]
pub enum Contents {
    /// All of it.
    Whole(Payload),
    /// What lies ready in a tier, this one or another.
    Staged(Arc<dyn Source>),
}

impl Contents {
    /// How many bytes there are.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Whole(body) => body.len() as u64,
            Self::Staged(source) => source.size_bytes(),
        }
    }

    /// The body in one piece, for tiers that take no other.
    ///
    /// # Errors
    ///
    /// `Unsupported` for more than [`GATHERED_BYTES_MAX`], and what reading it meets.
    pub async fn whole(&self) -> Result<Payload, Error> {
        match self {
            Self::Whole(body) => Ok(body.clone()),
            Self::Staged(source) if source.size_bytes() > GATHERED_BYTES_MAX => {
                let message = "this tier takes bodies as a whole, of at most 64 MiB; skip it";
                Err(Error::new(ErrorKind::Unsupported, message))
            }
            Self::Staged(source) => source.read(0..source.size_bytes()).await,
        }
    }
}

impl Body {
    /// The body in one piece. It takes as much memory as the body has bytes.
    ///
    /// # Errors
    ///
    /// What reading it meets.
    pub async fn whole(self) -> Result<Payload, Error> {
        match self {
            Self::Whole(body) => Ok(body),
            Self::Pieces(pieces) => {
                let pieces: Vec<Payload> = pieces.try_collect().await?;
                Ok(payload::concatenated(pieces))
            }
        }
    }
}

impl From<Stored> for Opened {
    fn from(Stored { metadata, body }: Stored) -> Self {
        Self { metadata, body: Body::Whole(body) }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metadata, body } = self;
        f.debug_struct("Opened").field("metadata", metadata).field("body", body).finish()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(body) => write!(f, "[{} bytes]", body.len()),
            Self::Pieces(_) => f.write_str("[pieces]"),
        }
    }
}

/// The bytes of `pieces` that are in `range`. What comes before is read, what comes behind is not.
pub(crate) fn within(pieces: Pieces, range: Range<u64>) -> Pieces {
    given(Box::new(Within { pieces, range, at: 0 }))
}

struct Within {
    pieces: Pieces,
    range: Range<u64>,
    at: u64,
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Give for Within {
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        while self.at < self.range.end {
            let Some(piece) = self.pieces.try_next().await? else { break };
            let part = overlap(&piece, self.at, &self.range);
            self.at += piece.len() as u64;
            if part.is_some() {
                return Ok(part);
            }
        }
        Ok(None)
    }
}

/// What of a piece that starts at `at` is in `range`.
pub(crate) fn overlap(piece: &Payload, at: u64, range: &Range<u64>) -> Option<Payload> {
    let end = at + piece.len() as u64;
    let (from, to) = (range.start.clamp(at, end) - at, range.end.clamp(at, end) - at);
    (from < to).then(|| payload::slice(piece, from as usize..to as usize))
}

/// What is said to a reader whose version is gone.
pub(crate) fn overtaken(key: &Key) -> Error {
    let message = "the entry was changed while it was read; read it again";
    Error::new(ErrorKind::Conflict, message).with_key(key)
}
