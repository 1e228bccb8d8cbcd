//! From a caller's bytes to what tiers store, and back.

use alloc::{borrow::Cow, collections::BTreeMap, format, string::String, vec::Vec};

use crate::{
    codec,
    digest::checksum,
    error::{Error, ErrorKind},
    format::check_size,
    key::Key,
    metadata::{Checksum, Content, Metadata, WriteId, mime_type_of},
    time::Timestamp,
};

/// Whether bodies are stored as gzip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// As they are.
    #[default]
    Off,
    /// As gzip of level 6, where that pays.
    Gzip,
}

/// What a write says of its body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Draft {
    /// The entry's key.
    pub key: Key,
    /// The time of the write.
    pub now: Timestamp,
    /// Names the write.
    pub write_id: WriteId,
    /// For how many milliseconds the entry is live; for ever if `None`.
    pub ttl_ms: Option<u64>,
    /// What the body is.
    pub content: Content,
    /// The MIME type; guessed from the key's extension if `None`.
    pub mime_type: Option<String>,
    /// The user's own fields.
    pub custom: BTreeMap<String, String>,
    /// Whether the body is to be compressed.
    pub compression: Compression,
}

impl Draft {
    /// A write of bytes that never expire, uncompressed.
    pub fn new(key: Key, now: Timestamp, write_id: WriteId) -> Self {
        Self {
            key,
            now,
            write_id,
            ttl_ms: None,
            content: Content::default(),
            mime_type: None,
            custom: BTreeMap::new(),
            compression: Compression::default(),
        }
    }

    /// Compresses `body` where that is asked for and pays, and describes it. Gives the packed bytes if they are to be
    /// stored in place of `body`.
    ///
    /// # Errors
    ///
    /// `Invalid` if the metadata is too large for every tier to hold.
    pub fn seal(self, body: &[u8]) -> Result<(Metadata, Option<Vec<u8>>), Error> {
        let mime_type = self.mime_type.or_else(|| mime_type_of(&self.key));
        let mut metadata = Metadata::new(self.key, body.len() as u64, self.now)
            .with_checksum(Checksum([0; 32]))
            .with_write_id(self.write_id)
            .with_content(self.content)
            .with_custom(self.custom);
        if let Some(mime_type) = mime_type {
            metadata = metadata.with_mime_type(mime_type);
        }
        metadata.expires_at = self.ttl_ms.map(|ms| self.now.plus_millis(ms));
        // Bad input is refused before the expensive part; a digest is as long as the zeros that stand for it.
        check_size(&metadata.clone().with_compressed(true))?;
        let pays = self.compression == Compression::Gzip
            && codec::worth_compressing(metadata.size(), metadata.mime_type());
        let packed = pays.then(|| codec::compress(body)).filter(|packed| packed.len() < body.len());
        Ok((metadata.with_checksum(checksum(body)).with_compressed(packed.is_some()), packed))
    }
}

/// How closely a stored body is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// Its SHA-256 is computed and compared.
    Digest,
    /// Its length is compared; what else can go wrong, the tier has ruled out or the user takes upon themselves.
    Length,
}

/// Gives back the bytes that were sealed, unpacked if need be.
///
/// # Errors
///
/// `Corrupt` if they are not what was written. It never unpacks to more than the recorded size.
pub fn open<'a>(
    metadata: &Metadata,
    stored: &'a [u8],
    verify: Verify,
) -> Result<Cow<'a, [u8]>, Error> {
    let size = metadata.size();
    let body = if metadata.is_compressed() {
        Cow::Owned(codec::decompress(stored, size).map_err(|error| error.with_key(metadata.key()))?)
    } else {
        Cow::Borrowed(stored)
    };
    if body.len() as u64 != size {
        let message = format!("the stored body has {} bytes where {size} were written", body.len());
        return Err(Error::new(ErrorKind::Corrupt, message).with_key(metadata.key()));
    }
    let expected = metadata.checksum().filter(|_| verify == Verify::Digest);
    if expected.is_some_and(|expected| checksum(&body) != expected) {
        let message =
            "the stored body does not have the SHA-256 that was recorded when it was written";
        return Err(Error::new(ErrorKind::Corrupt, message).with_key(metadata.key()));
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
