//! Tiered storage: cold objects in S3, warm objects on disk, hot objects in memory, one coherent view.
#![forbid(unsafe_code)]

pub use tiered_storage_core as core;
pub use tiered_storage_core::{
    Checksum, Content, ETag, Error, ErrorKind, Key, Metadata, Tier, TierSet, Timestamp, WriteId,
};

mod builder;
#[cfg(any(feature = "conformance", test))]
pub mod conformance;
mod counters;
mod driver;
mod events;
pub mod host;
pub mod memory;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
#[cfg(feature = "s3")]
pub mod s3;
mod store;
pub mod tier;
mod upkeep;

pub use builder::{Builder, VerifyMode};
pub use events::Event;
pub use store::{Entry, SetOptions, TieredStorage, Written};
pub use tiered_storage_core::{
    config::{ExpiredCold, Promotion},
    seal::Compression,
};
