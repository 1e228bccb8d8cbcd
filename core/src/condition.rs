//! What must be so for a write to take effect.

use crate::metadata::{ETag, Metadata};

/// What the cold tier must hold for a write to take effect; whether it does is asked in the same step as the write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// No entry.
    Absent,
    /// This version, as [`Metadata::version`] named it.
    Version(ETag),
}

impl Condition {
    /// Whether it is so, with what is there.
    pub fn holds(&self, current: Option<&Metadata>) -> bool {
        match (self, current) {
            (Self::Absent, current) => current.is_none(),
            (Self::Version(wanted), Some(current)) => current.version() == *wanted,
            (Self::Version(_), None) => false,
        }
    }
}

impl Metadata {
    /// Whether both have the same body, by its SHA-256, and say the same of it to a user.
    pub fn is_alike(&self, other: &Self) -> bool {
        self.checksum().is_some()
            && self.checksum() == other.checksum()
            && self.mime_type() == other.mime_type()
            && self.custom() == other.custom()
    }
}
