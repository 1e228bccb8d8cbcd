//! The portable core of tiered storage: no I/O, no clock, no randomness, no runtime.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod base64;
pub mod codec;
pub mod condition;
pub mod config;
pub mod cost;
pub mod digest;
pub mod engine;
pub mod error;
pub mod evict;
pub mod format;
pub mod key;
mod lane;
pub mod map;
pub mod metadata;
mod mutant;
mod op;
pub mod placement;
pub mod queue;
pub mod range;
pub mod respond;
mod scope;
pub mod seal;
#[cfg(not(target_arch = "wasm32"))]
pub mod snapshot;
pub mod stats;
pub mod tier;
pub mod time;

pub use condition::Condition;
pub use error::{Error, ErrorKind};
pub use key::Key;
pub use metadata::{Checksum, Content, ETag, Metadata, WriteId};
pub use scope::Scope;
pub use tier::{Tier, TierSet};
pub use time::Timestamp;
