//! What happens behind the calls' backs.

use std::sync::Arc;

use tiered_storage_core::{Error, Key, Tier};

use crate::{tier::Shareable, trace};

/// Something that a caller may want to know and that no call returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A tier failed, and the call went on without it.
    TierFailed {
        /// The tier.
        tier: Tier,
        /// What it was asked: `read`, `head`, `write`, `patch`, `remove`, `list`, `clear` or `announce`.
        action: &'static str,
        /// The key, where it was about one.
        key: Option<Key>,
        /// What it said.
        error: Error,
    },
    /// A copy above cold was not what had been written; it is dropped, and a lower tier is asked.
    CopyCorrupt {
        /// The tier.
        tier: Tier,
        /// The key.
        key: Key,
    },
    /// A read's finding was copied into a tier.
    Promoted {
        /// The tier.
        tier: Tier,
        /// The key.
        key: Key,
    },
    /// An expired entry was removed from cold.
    ExpiredRemoved {
        /// The key.
        key: Key,
    },
    /// So many accesses were not counted, for too many keys had some pending.
    AccessesDropped {
        /// The number of accesses.
        count: u64,
    },
}

/// Who is told. They are called where the event happens, and should be quick.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Subscriber = Arc<dyn Fn(&Event) + Send + Sync>;
/// Who is told. They are called where the event happens, and should be quick.
#[cfg(target_arch = "wasm32")]
pub(crate) type Subscriber = Arc<dyn Fn(&Event)>;

/// All who are told.
#[derive(Clone, Default)]
pub(crate) struct Subscribers(Vec<Subscriber>);

impl Subscribers {
    pub(crate) fn add(&mut self, subscriber: Subscriber) {
        self.0.push(subscriber);
    }

    pub(crate) fn tell(&self, event: &Event) {
        trace::event(event);
        self.0.iter().for_each(|subscriber| subscriber(event));
    }
}

impl core::fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} subscribers", self.0.len())
    }
}

const _: fn() = || {
    fn is_shareable<T: Shareable>() {}
    is_shareable::<Subscribers>();
};
