//! Bodies that stay on the JavaScript heap.

use core::fmt;
use std::{borrow::Cow, ops::Range};

use js_sys::Uint8Array;
use tiered_storage_core::{Checksum, digest::Sha256};

use super::streams;
use crate::host::Task;

/// How much of a body is looked at once: WebAssembly's memory grows and never shrinks.
const CHUNK_BYTES: u32 = 64 * 1024;

/// The bytes of a body, as a handle to a `Uint8Array` that nobody changes. A clone is another handle.
#[derive(Clone)]
pub struct Payload(Uint8Array);

impl Payload {
    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.length() as usize
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.length() == 0
    }

    /// The array.
    pub fn as_js(&self) -> &Uint8Array {
        &self.0
    }

    /// Gives the bytes piece by piece, so that little of them is in WebAssembly's memory at once.
    pub(super) fn chunks(&self, mut take: impl FnMut(&[u8])) {
        let len = self.0.length();
        let mut chunk = vec![0; CHUNK_BYTES.min(len) as usize];
        let mut at = 0;
        while at < len {
            let end = len.min(at + CHUNK_BYTES);
            let chunk = &mut chunk[..(end - at) as usize];
            self.0.subarray(at, end).copy_to(chunk);
            take(chunk);
            at = end;
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self(Uint8Array::new_with_length(0))
    }
}

impl From<Uint8Array> for Payload {
    fn from(array: Uint8Array) -> Self {
        Self(array)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Uint8Array::from(&bytes[..]))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_vec() == other.0.to_vec()
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.len())
    }
}

/// The first `len` bytes, or all if there are fewer.
pub(crate) fn start(payload: &Payload, len: usize) -> Cow<'_, [u8]> {
    let len = u32::try_from(len).unwrap_or(u32::MAX).min(payload.0.length());
    Cow::Owned(payload.0.subarray(0, len).to_vec())
}

/// What follows the first `len` bytes.
#[cfg(feature = "s3")]
pub(crate) fn after(payload: &Payload, len: usize) -> Payload {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    Payload(payload.0.subarray(len, payload.0.length()))
}

/// `front`, and `payload` behind it.
#[cfg(feature = "s3")]
pub(crate) fn joined(front: &[u8], payload: &Payload) -> Payload {
    let front = Uint8Array::from(front);
    let joined = Uint8Array::new_with_length(front.length() + payload.0.length());
    joined.set(&front, 0);
    joined.set(&payload.0, front.length());
    Payload(joined)
}

/// These bytes of it.
pub(crate) fn slice(payload: &Payload, range: Range<usize>) -> Payload {
    let at = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Payload(payload.0.subarray(at(range.start), at(range.end)))
}

/// Hashes the bytes.
pub(crate) fn hash(hasher: &mut Sha256, payload: &Payload) {
    payload.chunks(|chunk| hasher.update(chunk));
}

/// The pieces as one, without copying where there is only one.
pub(crate) fn concatenated(mut pieces: Vec<Payload>) -> Payload {
    if pieces.len() == 1 {
        return pieces.swap_remove(0);
    }
    let whole = Uint8Array::new_with_length(pieces.iter().map(|piece| piece.0.length()).sum());
    let mut at = 0;
    for Payload(piece) in &pieces {
        whole.set(piece, at);
        at += piece.length();
    }
    Payload(whole)
}

/// The SHA-256 of the bytes: by the runtime where that is quicker.
pub(crate) fn sha256(payload: &Payload) -> Task<[u8; 32]> {
    let payload = payload.clone();
    Box::pin(async move {
        if let Some(digest) = streams::sha256(&payload).await {
            return digest;
        }
        let mut hasher = Sha256::new();
        hash(&mut hasher, &payload);
        let Checksum(digest) = hasher.finish();
        digest
    })
}

#[cfg(web_tests)]
mod tests;
