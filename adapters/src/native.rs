//! What only native hosts have: files, tokio and reqwest.

pub(crate) mod clock;
#[cfg(feature = "s3")]
pub mod http;
