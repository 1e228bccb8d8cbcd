//! Tiered storage: cold objects in S3, warm objects on disk, hot objects in memory, one coherent view.
#![forbid(unsafe_code)]

pub use tiered_storage_core as core;
pub use tiered_storage_core::{
    Checksum, Content, ETag, Error, ErrorKind, Key, Metadata, Tier, TierSet, Timestamp, WriteId,
};

#[cfg(any(feature = "conformance", test))]
pub mod conformance;
pub mod memory;
pub mod tier;
