//! What only native hosts have: files.

#[cfg(feature = "disk")]
pub mod disk;
