//! SHA-256, which names the content of an entry.

use core::fmt;

use sha2::Digest;

use crate::metadata::Checksum;

/// Computes the SHA-256 of bytes that come in pieces.
///
/// ```
/// use tiered_storage_core::digest::{self, Sha256};
///
/// let mut hasher = Sha256::new();
/// hasher.update(b"warm ");
/// hasher.update(b"bytes");
/// assert_eq!(hasher.finish(), digest::checksum(b"warm bytes"));
/// ```
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// A computation that has seen no bytes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next `bytes`; how they are cut into pieces makes no difference.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The SHA-256 of all the bytes taken.
    pub fn finish(self) -> Checksum {
        Checksum(self.0.finalize().into())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sha256").finish_non_exhaustive()
    }
}

/// The SHA-256 of `bytes`.
pub fn checksum(bytes: &[u8]) -> Checksum {
    Checksum(sha2::Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests;
