//! Tiered storage: cold objects in S3, warm objects on disk, hot objects in memory, one coherent view.
//!
//! [`TieredStorage`] is three [tiers](tier::StorageTier) as one. Writes go to the cold tier before they are acknowledged;
//! reads come from the highest tier that has a live, sound copy. When a write, removal or invalidation returns, no older
//! value can appear any more, in any tier of this storage.
//!
//! ```no_run
//! use std::sync::Arc;
//! use tiered_storage::{DiskOptions, DiskTier, MemoryOptions, MemoryTier, S3Tier, TieredStorage};
//!
//! # async fn example() -> Result<(), tiered_storage::Error> {
//! let storage = TieredStorage::builder(Arc::new(S3Tier::builder("my-bucket").build()?))
//!     .warm(Arc::new(DiskTier::open("/var/cache/my-app", DiskOptions::new())?))
//!     .hot(Arc::new(MemoryTier::new(MemoryOptions::new())?))
//!     .open()
//!     .await?;
//! storage.set("logo.svg", "<svg/>").await?;
//! assert!(storage.get("logo.svg").await?.is_some());
//! storage.close().await
//! # }
//! ```
//!
//! A storage is opened inside a tokio runtime, of either kind, with time enabled; it does its background work there, and
//! [`TieredStorage::close`] waits for that. A tier is shared, so that what is particular to it
//! ([presigned URLs](S3Tier::presign), for one) stays at hand.
//!
//! # What there is
//!
//! | for | see |
//! |---|---|
//! | how an entry is written | [`TieredStorage::set_with`] and [`SetOptions`] |
//! | what is done about a failure | [`ErrorKind`] |
//! | bodies that are not to be in memory | [`get_stream`](TieredStorage::get_stream), [`set_stream`](TieredStorage::set_stream), [`get_range`](TieredStorage::get_range) |
//! | several writers | [`update`](TieredStorage::update), [`if_version`](SetOptions::if_version), [`Builder::revalidate_after`], [`neighbours`] |
//! | which tiers get what | [`placement`], [`Promotion`], [`TieredStorage::bootstrap_warm`] |
//! | answers to HTTP | [`respond`] |
//! | writes without a network | [`queue`] |
//! | what happens | [`Builder::on_event`], [`TieredStorage::stats`] |
//! | a tier of your own | [`tier::StorageTier`] |
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `disk` | yes | [`DiskTier`], and [writes that are queued](queue) while cold cannot be reached |
//! | `s3` | yes | [`S3Tier`], with reqwest and rustls |
//! | `s3-credentials` | no | `s3::providers`: profiles, web identity, containers and instances of AWS, and a chain of them |
//! | `http` | no | `TieredStorage::respond`, with the types of the crate `http` |
//! | `conformance` | no | the suite that every tier passes, and a wrapper that fails on demand |
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    target_arch = "wasm32",
    expect(
        clippy::arc_with_non_send_sync,
        reason = "one source for all hosts; this one has one thread"
    )
)]
#![cfg_attr(web_tests, expect(unreachable_pub, reason = "what JavaScript calls must be public"))]

mod background;
mod builder;
#[cfg(any(feature = "conformance", test))]
pub mod conformance;
#[cfg(not(target_arch = "wasm32"))]
mod counters;
mod driver;
mod entry;
mod events;
#[cfg(not(target_arch = "wasm32"))]
mod evictions;
mod gate;
mod gather;
pub mod host;
mod lock;
#[cfg(not(target_arch = "wasm32"))]
pub mod memory;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod neighbours;
mod payload;
mod pieces;
pub mod respond;
#[cfg(feature = "s3")]
pub mod s3;
mod store;
pub mod tier;
mod trace;
mod upkeep;
mod waiting;
mod watchers;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use builder::{Builder, VerifyMode};
pub use entry::{Entry, EntryPart, SetOptions, Written};
pub use events::{Answered, Event, EvictionWatcher, Requested, Verdict, Watcher};
#[cfg(not(target_arch = "wasm32"))]
pub use memory::{MemoryOptions, MemoryTier};
#[cfg(all(feature = "disk", not(target_arch = "wasm32")))]
pub use native::{
    disk::{DiskOptions, DiskTier, Durability},
    queue,
};
#[cfg(feature = "s3")]
pub use s3::{EnvironmentCredentials, S3Tier, StaticCredentials};
pub use store::TieredStorage;
pub use store::pieces::EntryStream;
#[cfg(not(target_arch = "wasm32"))]
pub use tier::{Presign, PresignMethod};
#[cfg(not(target_arch = "wasm32"))]
pub use tiered_storage_core::snapshot;
pub use tiered_storage_core::{
    Checksum, Content, ETag, Error, ErrorKind, Key, Metadata, Scope, Tier, TierSet, Timestamp,
    WriteId,
    condition::Condition,
    config::{ExpiredCold, Promotion},
    cost, evict, format, placement,
    range::ByteRange,
    seal::Compression,
    stats,
};
#[cfg(target_arch = "wasm32")]
pub use tiered_storage_core::{map, queue};

/// The examples of the README are compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
