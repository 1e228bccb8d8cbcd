//! What only native hosts have: files, tokio and reqwest.

pub(crate) mod clock;
#[cfg(feature = "disk")]
pub mod disk;
#[cfg(feature = "s3")]
pub mod http;
#[cfg(feature = "disk")]
pub mod queue;
