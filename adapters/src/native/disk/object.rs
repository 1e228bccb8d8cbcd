//! Large bodies, read a part at a time.

use core::ops::Range;
use std::{
    fs::File,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tiered_storage_core::{Error, ErrorKind, Key, Metadata};

use super::{
    files::read_at,
    inner::Inner,
    read::Bad,
    record::{OBJECT_CHUNK_BYTES, are_chunks_right},
    task::Task,
};
use crate::tier::{Body, Opened, Pieces, Stored};

/// Bodies beyond this come in pieces.
pub(super) const WHOLE_BYTES_MAX: u64 = 1 << 20;
/// How much of a body is read and written at a time.
pub(super) const PIECE_BYTES: u64 = 256 << 10;

/// The file of an object, whose body is checked as far as it is read. It stays readable when the entry is gone.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) file: File,
    pub(super) body_bytes: u64,
    /// The checksums of the body's chunks, one behind the other.
    pub(super) crcs: Vec<u8>,
}

impl Object {
    /// Reads a part of the body, of which every chunk that it touches is checked.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Bytes, Bad> {
        self.read_into(Vec::new(), range)
    }

    /// The same, into a buffer that has [room](Object::buffer) already: where each of many threads reserves some, the
    /// allocator keeps that much for each of them.
    pub(super) fn read_into(&self, buffer: Vec<u8>, range: Range<u64>) -> Result<Bytes, Bad> {
        let first =
            usize::try_from(range.start / OBJECT_CHUNK_BYTES * 4).map_err(|_| Bad::Bytes)?;
        let crcs = self.crcs.get(first..).ok_or(Bad::Bytes)?;
        read_chunks(&self.file, self.body_bytes, range, crcs, buffer)
    }

    /// Room for what is read of a part.
    pub(super) fn buffer(&self, range: &Range<u64>) -> Vec<u8> {
        let touched = touched(self.body_bytes, range);
        Vec::with_capacity(usize::try_from(touched.end - touched.start).unwrap_or(0))
    }

    /// The first piece of the body.
    pub(super) fn start(&self) -> Result<Bytes, Bad> {
        self.read(0..PIECE_BYTES.min(self.body_bytes))
    }
}

/// The bytes of the chunks that a part of a body touches.
fn touched(body_bytes: u64, range: &Range<u64>) -> Range<u64> {
    let start = range.start / OBJECT_CHUNK_BYTES * OBJECT_CHUNK_BYTES;
    let end = range.end.next_multiple_of(OBJECT_CHUNK_BYTES).min(body_bytes);
    start..end.max(start)
}

/// Reads a part of a body, of which every chunk that it touches is checked: `crcs` are theirs.
pub(super) fn read_chunks(
    file: &File,
    body_bytes: u64,
    range: Range<u64>,
    crcs: &[u8],
    mut bytes: Vec<u8>,
) -> Result<Bytes, Bad> {
    let Range { start, end } = touched(body_bytes, &range);
    let count = usize::try_from(end - start).map_err(|_| Bad::Bytes)?;
    bytes.resize(count, 0);
    let mut at = start;
    let crcs = crcs.chunks((PIECE_BYTES / OBJECT_CHUNK_BYTES * 4) as usize);
    // Checked piece by piece, while the bytes are still near the processor.
    for (piece, crcs) in bytes.chunks_mut(PIECE_BYTES as usize).zip(crcs) {
        read_at(file, piece, at).map_err(Bad::Io)?;
        if !are_chunks_right(piece, crcs) {
            return Err(Bad::Bytes);
        }
        at += piece.len() as u64;
    }
    if at < end {
        return Err(Bad::Bytes);
    }
    let skipped = (range.start - start) as usize;
    Ok(Bytes::from(bytes).slice(skipped..skipped + (range.end - range.start) as usize))
}

/// An entry as it was found: whole if it is small, else with the first piece of its body.
#[derive(Debug)]
pub(super) enum Held {
    Whole(Stored),
    Large(Metadata, Object, Bytes),
}

impl Held {
    pub(super) fn opened(self, inner: &Arc<Inner>, key: &Key) -> Opened {
        match self {
            Self::Whole(stored) => stored.into(),
            Self::Large(metadata, object, start) => {
                let reading = Reading {
                    at: start.len() as u64,
                    object: Arc::new(object),
                    inner: Arc::downgrade(inner),
                    key: key.clone(),
                    ahead: Some(Task::Done(Ok(start))),
                };
                Opened { metadata, body: Body::Pieces(reading.pieces()) }
            }
        }
    }
}

/// A body that is being given out.
#[derive(Debug)]
struct Reading {
    object: Arc<Object>,
    /// Not held, so that who has a body left to read does not keep the directory open.
    inner: Weak<Inner>,
    key: Key,
    /// Where the piece after `ahead` starts.
    at: u64,
    /// The next piece. It is read while the one before is with the reader.
    ahead: Option<Task<Bytes>>,
}

impl Reading {
    fn pieces(self) -> Pieces {
        let next = async |mut reading: Self| {
            let Some(ahead) = reading.ahead.take() else { return Ok(None) };
            let piece = ahead.end().await?;
            reading.read_ahead();
            Ok(Some((piece, reading)))
        };
        stream::try_unfold(self, next).boxed()
    }

    fn read_ahead(&mut self) {
        let range = self.at..self.object.body_bytes.min(self.at + PIECE_BYTES);
        if range.is_empty() {
            return;
        }
        self.at = range.end;
        let (object, inner, key) =
            (Arc::clone(&self.object), Weak::clone(&self.inner), self.key.clone());
        let buffer = object.buffer(&range);
        self.ahead = Some(Task::spawn(move || {
            object.read_into(buffer, range).map_err(|bad| match inner.upgrade() {
                Some(inner) => inner.bad(&key, bad),
                None => Error::new(ErrorKind::Closed, "the disk tier is gone; open it again"),
            })
        }));
    }
}
