//! What goes into a queued write, and what is told of it.

use std::time::Duration;

use tiered_storage_core::{
    Content, ETag, Error, Key, Metadata, TierSet, Timestamp,
    condition::Condition,
    map::Map,
    queue::{Kind, Over},
};

use crate::entry::SetOptions;

/// How to queue a write: what it may take the place of, and how it is written then.
///
/// If nothing is said, a write may take the place of what its writer could have seen: of the version that the storage knows
/// of (a copy in hot or warm is enough; cold is waited for a second), of nothing where it knows of none, and of what
/// is queued before it.
#[derive(Clone, Debug, Default)]
pub struct QueueOptions {
    pub(super) set: SetOptions,
    pub(super) overwrites: bool,
}

impl QueueOptions {
    /// Nothing is said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Over whatever is there when it is sent. If the answer to it is lost, it is sent twice, and so may replace what
    /// somebody wrote in between.
    #[must_use]
    pub fn overwrite(mut self) -> Self {
        self.set.condition = None;
        self.overwrites = true;
        self
    }

    /// Only if there is no live entry.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.set = self.set.if_absent();
        self.overwrites = false;
        self
    }

    /// Only over this version, which is what [`Metadata::version`] said, or over what is queued before it.
    #[must_use]
    pub fn if_version(mut self, version: ETag) -> Self {
        self.set = self.set.if_version(version);
        self.overwrites = false;
        self
    }

    /// What was said of its place; `None` if nothing was.
    pub(super) fn over(&self) -> Option<Over> {
        let named = self.set.condition.clone().map(Over::Named);
        if self.overwrites { Some(Over::Anything) } else { named }
    }
}

/// With these options of a write; a condition among them is heeded. A time to live counts from when it is sent.
impl From<SetOptions> for QueueOptions {
    fn from(set: SetOptions) -> Self {
        Self { set, overwrites: false }
    }
}

/// How a queued write stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteState {
    /// It is sent when it is its turn.
    Waiting,
    /// It is being sent.
    Sending,
    /// There is this entry, or nothing, in place of what its writer saw. [Choose](super::WriteQueue::resolve).
    Conflict(Option<Metadata>),
    /// It cannot be sent. [Choose](super::WriteQueue::resolve), once the cause is gone.
    Failed(Error),
}

/// A write that is not sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedWrite {
    /// Names it, in this queue. Later writes have larger ones.
    pub id: u64,
    /// The key.
    pub key: Key,
    /// What it does.
    pub kind: Kind,
    /// The size of its body.
    pub size_bytes: u64,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// How often it was begun to be sent.
    pub attempts: u32,
    /// How it stands.
    pub state: WriteState,
}

/// What happens to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueEvent {
    /// What is [pending](super::WriteQueue::pending) is another than before.
    Changed,
    /// A write was sent; of an entry, what was stored with it.
    Sent(QueuedWrite, Option<Metadata>),
    /// A write waits for a choice.
    Conflict(QueuedWrite),
    /// A write cannot be sent.
    Failed(QueuedWrite),
}

/// How a write is written, as numbers and texts.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct How {
    ttl_ms: Option<u64>,
    metadata: Map<String, String>,
    mime_type: Option<String>,
    content: u8,
    /// Bits, as in [`TierSet`].
    skip: u8,
    only: Option<u8>,
}

impl How {
    pub(super) fn of(options: &SetOptions) -> Self {
        let bits = |tiers: TierSet| tiers.iter().map(|tier| 1 << tier as u8).sum();
        Self {
            ttl_ms: options.ttl.map(crate::builder::millis),
            metadata: options.metadata.clone(),
            mime_type: options.mime_type.clone(),
            content: match options.content {
                Content::Json => 1,
                Content::Custom => 2,
                _ => 0,
            },
            skip: bits(options.skip_tiers),
            only: options.only_tiers.map(bits),
        }
    }

    /// The options of the write that is sent.
    pub(super) fn options(&self, condition: Option<Condition>) -> SetOptions {
        let tiers = |bits: u8| -> TierSet {
            tiered_storage_core::Tier::ALL
                .into_iter()
                .filter(|tier| bits & (1 << *tier as u8) != 0)
                .collect()
        };
        SetOptions {
            ttl: self.ttl_ms.map(Duration::from_millis),
            metadata: self.metadata.clone(),
            mime_type: self.mime_type.clone(),
            content: match self.content {
                1 => Content::Json,
                2 => Content::Custom,
                _ => Content::Bytes,
            },
            skip_tiers: tiers(self.skip),
            only_tiers: self.only.map(tiers),
            condition,
        }
    }
}
