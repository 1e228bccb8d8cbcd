//! From a caller's bytes to what tiers store, and back.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use crate::{
    codec,
    digest::checksum,
    error::{Error, ErrorKind},
    format::check_size,
    key::Key,
    map::Map,
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
    pub custom: Map<String, String>,
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
            custom: Map::new(),
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
        let plan = self.plan(body.len() as u64)?;
        let packed = plan.pays().then(|| codec::compress(body));
        let packed = packed.filter(|packed| packed.len() < body.len());
        Ok((plan.metadata(checksum(body), packed.is_some()), packed))
    }

    /// The first half of [`Draft::seal`], for hosts that hash and pack by means of their own.
    ///
    /// # Errors
    ///
    /// `Invalid` if the metadata is too large for every tier to hold.
    pub fn plan(self, size_bytes: u64) -> Result<Plan, Error> {
        let mime_type = self.mime_type.or_else(|| mime_type_of(&self.key));
        let mut metadata = Metadata::new(self.key, size_bytes, self.now)
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
        Ok(Plan { metadata, pays })
    }
}

/// A write of which all is known but what its bytes make.
#[derive(Clone, Debug)]
pub struct Plan {
    metadata: Metadata,
    pays: bool,
}

impl Plan {
    /// Whether packing the body is asked for and may pay. What does not get smaller is not stored packed.
    pub fn pays(&self) -> bool {
        self.pays
    }

    /// What is stored beside the body: with its SHA-256, and with whether it is stored as gzip.
    pub fn metadata(self, checksum: Checksum, is_packed: bool) -> Metadata {
        self.metadata.with_checksum(checksum).with_compressed(is_packed)
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
    check_length(metadata, body.len() as u64)?;
    if metadata.checksum().is_some() && verify == Verify::Digest {
        check_digest(metadata, checksum(&body))?;
    }
    Ok(body)
}

/// The first part of [`open`], for hosts that unpack by means of their own.
///
/// # Errors
///
/// `Corrupt` if that is not how long the body was when it was written.
pub fn check_length(metadata: &Metadata, size_bytes: u64) -> Result<(), Error> {
    let size = metadata.size();
    if size_bytes == size {
        return Ok(());
    }
    let message = format!("the stored body has {size_bytes} bytes where {size} were written");
    Err(Error::new(ErrorKind::Corrupt, message).with_key(metadata.key()))
}

/// The second part of [`open`], for hosts that hash by means of their own.
///
/// # Errors
///
/// `Corrupt` if a checksum was recorded and is another.
pub fn check_digest(metadata: &Metadata, found: Checksum) -> Result<(), Error> {
    if metadata.checksum().is_none_or(|expected| expected == found) {
        return Ok(());
    }
    let message = "the stored body does not have the SHA-256 that was recorded when it was written";
    Err(Error::new(ErrorKind::Corrupt, message).with_key(metadata.key()))
}

#[cfg(test)]
mod tests;
