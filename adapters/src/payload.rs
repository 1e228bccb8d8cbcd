//! The bytes of a body, wherever the host keeps them.

#[cfg(not(target_arch = "wasm32"))]
mod native {
    #[cfg(feature = "s3")]
    use std::borrow::Cow;
    use std::ops::Range;

    use bytes::{BufMut, Bytes, BytesMut};
    use tiered_storage_core::digest::Sha256;

    /// The bytes of a body. A clone is a reference count.
    pub type Payload = Bytes;

    /// The first `len` bytes, or all if there are fewer.
    #[cfg(feature = "s3")]
    pub(crate) fn start(payload: &Payload, len: usize) -> Cow<'_, [u8]> {
        Cow::Borrowed(&payload[..len.min(payload.len())])
    }

    /// What follows the first `len` bytes.
    #[cfg(feature = "s3")]
    pub(crate) fn after(payload: &Payload, len: usize) -> Payload {
        payload.slice(len..)
    }

    /// `front`, and `payload` behind it.
    #[cfg(feature = "s3")]
    pub(crate) fn joined(front: &[u8], payload: &Payload) -> Payload {
        let mut joined = BytesMut::with_capacity(front.len() + payload.len());
        joined.put_slice(front);
        joined.put_slice(payload);
        joined.freeze()
    }

    /// These bytes of it.
    pub(crate) fn slice(payload: &Payload, range: Range<usize>) -> Payload {
        payload.slice(range)
    }

    /// Hashes the bytes.
    pub(crate) fn hash(hasher: &mut Sha256, payload: &Payload) {
        hasher.update(payload);
    }

    /// The pieces as one, without copying where there is only one.
    pub(crate) fn concatenated(mut pieces: Vec<Payload>) -> Payload {
        if pieces.len() == 1 {
            return pieces.swap_remove(0);
        }
        let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
        pieces.iter().for_each(|piece| whole.put_slice(piece));
        whole.freeze()
    }

    /// The SHA-256 of the bytes.
    #[cfg(feature = "s3")]
    pub(crate) async fn sha256(payload: &Payload) -> [u8; 32] {
        tiered_storage_core::digest::checksum(payload).0
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use native::Payload;
#[cfg(all(not(target_arch = "wasm32"), feature = "s3"))]
pub(crate) use native::{after, joined, sha256, start};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{concatenated, hash, slice};

#[cfg(target_arch = "wasm32")]
pub use crate::web::payload::Payload;
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::web::payload::{after, concatenated, hash, joined, sha256, slice, start};
