//! Export and import: all metadata, without the bodies, in the contract's names.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind},
    key::Key,
    metadata::{Checksum, Metadata},
    stats::Stats,
    time::Timestamp,
};

/// The metadata of everything in cold, at one time. It survives JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Snapshot {
    /// The version of this form: [`Snapshot::VERSION`].
    pub version: u32,
    /// When it was made.
    pub exported_at: Timestamp,
    /// All live keys of cold.
    pub keys: Vec<String>,
    /// The metadata of each key.
    pub metadata: BTreeMap<String, Record>,
    /// The statistics at that time.
    pub stats: Stats,
}

impl Snapshot {
    /// The version that this library writes, and the only one that it reads.
    pub const VERSION: u32 = 1;

    /// A snapshot of `entries`.
    pub fn new(exported_at: Timestamp, entries: &[Metadata], stats: Stats) -> Self {
        let keys = entries.iter().map(|entry| entry.key().to_string()).collect();
        let metadata =
            entries.iter().map(|entry| (entry.key().to_string(), Record::new(entry))).collect();
        Self { version: Self::VERSION, exported_at, keys, metadata, stats }
    }

    /// The metadata of every entry.
    ///
    /// # Errors
    ///
    /// `Invalid` if the snapshot is of another version, or if an entry's key or checksum is not one.
    pub fn entries(&self) -> Result<Vec<Metadata>, Error> {
        if self.version != Self::VERSION {
            let message =
                format!("the snapshot has version {}; this library reads version 1", self.version);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        self.metadata.iter().map(|(key, record)| record.metadata(key)).collect()
    }
}

/// What a snapshot says of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Record {
    /// The key.
    pub key: String,
    /// The uncompressed size in bytes.
    pub size: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last read.
    pub last_accessed: Timestamp,
    /// How often it was read.
    pub access_count: u64,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Timestamp>,
    /// Whether it is stored as gzip.
    pub compressed: bool,
    /// The SHA-256 of the uncompressed bytes in hexadecimal; empty where it is not known.
    pub checksum: String,
    /// The MIME type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// How the stored body is encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The user's own fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_metadata: Option<BTreeMap<String, String>>,
}

impl Record {
    /// What `entry` looks like in the contract's names.
    pub fn new(entry: &Metadata) -> Self {
        Self {
            key: entry.key().to_string(),
            size: entry.size(),
            created_at: entry.created_at(),
            last_accessed: entry.last_accessed,
            access_count: entry.access_count,
            ttl: entry.expires_at,
            compressed: entry.is_compressed(),
            checksum: entry.checksum().map(|sum| sum.to_string()).unwrap_or_default(),
            mime_type: entry.mime_type().map(ToString::to_string),
            encoding: entry.encoding().map(ToString::to_string),
            custom_metadata: Some(entry.custom().clone()).filter(|custom| !custom.is_empty()),
        }
    }

    fn metadata(&self, key: &str) -> Result<Metadata, Error> {
        let mut metadata = Metadata::new(Key::new(key)?, self.size, self.created_at)
            .with_compressed(self.compressed)
            .with_custom(self.custom_metadata.clone().unwrap_or_default());
        if !self.checksum.is_empty() {
            let checksum = Checksum::from_hex(&self.checksum).ok_or_else(|| {
                let message = format!("{:?} is not a SHA-256 in hexadecimal", self.checksum);
                Error::new(ErrorKind::Invalid, message).with_key(metadata.key())
            })?;
            metadata = metadata.with_checksum(checksum);
        }
        if let Some(mime_type) = &self.mime_type {
            metadata = metadata.with_mime_type(mime_type.clone());
        }
        metadata.expires_at = self.ttl;
        metadata.last_accessed = self.last_accessed;
        metadata.access_count = self.access_count;
        crate::format::check_size(&metadata).map_err(|error| error.with_key(metadata.key()))?;
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests;
