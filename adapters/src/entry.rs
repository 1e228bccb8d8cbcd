//! What goes into a write, and what comes out of a write and a read.

use std::{ops::Range, time::Duration};

use tiered_storage_core::{Condition, Content, ETag, Key, Metadata, Tier, TierSet, map::Map};

use crate::tier::Payload;

/// How to write an entry.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SetOptions {
    /// For how long the entry is live, in whole milliseconds; the storage's default if `None`.
    pub ttl: Option<Duration>,
    /// The user's own fields; with all else that is stored beside the body, at most 1.9 KiB encoded.
    pub metadata: Map<String, String>,
    /// The MIME type; guessed from the key's extension if `None`.
    pub mime_type: Option<String>,
    /// What the body is, for whoever reads it.
    pub content: Content,
    /// Tiers that must not have the entry; an older copy there is removed. Cold cannot be skipped.
    pub skip_tiers: TierSet,
    /// The only tiers, beside cold, that get the entry. It goes before `skip_tiers`, and both before placement rules.
    pub only_tiers: Option<TierSet>,
    /// What cold must hold for the write to take effect; whatever it holds if `None`.
    pub condition: Option<Condition>,
}

impl SetOptions {
    /// With a time to live.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// With a field of the user's.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// With a MIME type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// With a body that is something other than bytes.
    #[must_use]
    pub fn content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Not into these tiers.
    #[must_use]
    pub fn skip_tiers(mut self, tiers: impl Into<TierSet>) -> Self {
        self.skip_tiers = tiers.into();
        self
    }

    /// Only if there is no live entry. Else the write fails with a `Conflict` that [tells](crate::Error::current) what is
    /// there, and changes nothing.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.condition = Some(Condition::Absent);
        self
    }

    /// Only if the entry is still this version: what [`Metadata::version`] said of it. Else the write fails with a
    /// `Conflict` that [tells](crate::Error::current) what is there, and changes nothing.
    #[must_use]
    pub fn if_version(mut self, version: ETag) -> Self {
        self.condition = Some(Condition::Version(version));
        self
    }

    /// Only into these tiers, and cold.
    #[must_use]
    pub fn only_tiers(mut self, tiers: impl Into<TierSet>) -> Self {
        self.only_tiers = Some(tiers.into());
        self
    }
}

/// A part of an entry as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryPart {
    /// The bytes.
    pub data: Payload,
    /// Where in the body they start and end; empty if the body does not reach that far.
    pub range: Range<u64>,
    /// What is known of the whole body; its size, for one.
    pub metadata: Metadata,
    /// The tier that it came from.
    pub source: Tier,
}

/// An entry as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The body. It shares memory with the hot tier and never changes.
    pub data: Payload,
    /// What is known of it.
    pub metadata: Metadata,
    /// The tier that it came from.
    pub source: Tier,
}

/// An entry as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The entry's key.
    pub key: Key,
    /// What was stored beside the body.
    pub metadata: Metadata,
    /// The tiers that have it; cold is always one.
    pub tiers_written: TierSet,
}
