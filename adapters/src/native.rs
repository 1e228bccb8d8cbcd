//! What only native hosts have.

#[cfg(feature = "s3")]
pub mod http;
