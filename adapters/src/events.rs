//! What happens behind the calls' backs.

use std::sync::Arc;

use tiered_storage_core::{Error, Key, Tier, cost::Operation};

#[cfg(not(target_arch = "wasm32"))]
use crate::tier::Place;
use crate::{tier::Shareable, trace};

/// Something that a caller may want to know and that no call returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A tier failed. The call went on without it, or failed with this error. A `Conflict` is no failure of a tier.
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
    /// A tier sent a request to a store that bills it.
    Requested {
        /// The tier.
        tier: Tier,
        /// The request.
        request: Requested,
    },
    /// A tier gave an entry up to keep its limits. A lower one still has it.
    Evicted {
        /// The tier.
        tier: Tier,
        /// The key.
        key: Key,
    },
    /// A tier was asked for an entry. Told only where [`answers`](crate::Builder::answers) were asked for.
    Answered {
        /// The tier.
        tier: Tier,
        /// The key.
        key: Key,
        /// What it said.
        answer: Answered,
    },
}

/// What a tier said that was asked for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// Names the read: all tiers that were asked for it say the same number. 0 is a hot hit that needed no more than a look:
    /// each of them is a read of its own.
    pub read: u64,
    /// What it was asked for: `read` for the entry, `head` for its metadata.
    pub action: &'static str,
    /// What it said.
    pub verdict: Verdict,
    /// The bytes of the entry's whole body, where it has a live one.
    pub size_bytes: Option<u64>,
    /// How long that took, in microseconds, with the verification. Of a body that comes in pieces, until its beginning.
    pub elapsed_us: u64,
}

/// What the answer of a tier means to a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It has a live entry.
    Found,
    /// The same, but it cannot vouch that it is the last version.
    Suspect,
    /// It has the version that it was compared with.
    Unchanged,
    /// It does not have the entry.
    Missing,
    /// What it has is expired.
    Expired,
    /// What it has is not what had been written.
    Corrupt,
    /// It did not answer.
    Failed,
}

impl Verdict {
    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Suspect => "suspect",
            Self::Unchanged => "unchanged",
            Self::Missing => "missing",
            Self::Expired => "expired",
            Self::Corrupt => "corrupt",
            Self::Failed => "failed",
        }
    }
}

/// A request, with all attempts at it. It is told of when it is at its end or was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requested {
    /// What it asked for.
    pub operation: Operation,
    /// The HTTP status of the last attempt's answer; 0 if there was none.
    pub status: u16,
    /// How often it was sent.
    pub attempts: u32,
    /// Bytes of the bodies that were sent, each time.
    pub bytes_sent: u64,
    /// Bytes of the bodies of answers.
    pub bytes_received: u64,
    /// The time from the call to its end, waits included, in milliseconds.
    pub elapsed_ms: u64,
}

/// Who is told of a tier's requests. They are called where a request ends, and should be quick.
#[cfg(not(target_arch = "wasm32"))]
pub type Watcher = dyn Fn(&Requested) + Send + Sync;
/// Who is told of a tier's requests. They are called where a request ends, and should be quick.
#[cfg(target_arch = "wasm32")]
pub type Watcher = dyn Fn(&Requested);

/// Who is told of a tier's evictions, by their keys. They are called where one happens, and should be quick.
#[cfg(not(target_arch = "wasm32"))]
pub type EvictionWatcher = dyn Fn(&Key) + Send + Sync;
/// Who is told of a tier's evictions, by their keys. They are called where one happens, and should be quick.
#[cfg(target_arch = "wasm32")]
pub type EvictionWatcher = dyn Fn(&Key);

/// Who is told. They are called where the event happens, and should be quick.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Subscriber = Arc<dyn Fn(&Event) + Send + Sync>;
/// Who is told. They are called where the event happens, and should be quick.
#[cfg(target_arch = "wasm32")]
pub(crate) type Subscriber = Arc<dyn Fn(&Event)>;

/// All who are told.
#[derive(Default)]
pub(crate) struct Subscribers {
    all: Vec<Subscriber>,
    /// Whether they are told what tiers answer, too. In JavaScript that changes while the storage is open.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) hear_answers: bool,
    /// What tiers tell of their requests and evictions; they hold it no longer than this does.
    #[cfg(not(target_arch = "wasm32"))]
    watchers: Vec<(Arc<Watcher>, Arc<EvictionWatcher>)>,
}

impl Subscribers {
    pub(crate) fn add(&mut self, subscriber: Subscriber) {
        self.all.push(subscriber);
    }

    /// Has `place` tell of its requests and evictions, if there is somebody to be told. Spans of its own are in the log already.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn watch(&mut self, tier: Tier, place: &Place) {
        if self.all.is_empty() {
            return;
        }
        let told = |all: Vec<Subscriber>| {
            move |event: &Event| all.iter().for_each(|subscriber| subscriber(event))
        };
        let tell = told(self.all.clone());
        let requested: Arc<Watcher> =
            Arc::new(move |request| tell(&Event::Requested { tier, request: *request }));
        let tell = told(self.all.clone());
        let evicted: Arc<EvictionWatcher> =
            Arc::new(move |key| tell(&Event::Evicted { tier, key: key.clone() }));
        place.watch(Arc::downgrade(&requested));
        place.watch_evictions(Arc::downgrade(&evicted));
        self.watchers.push((requested, evicted));
    }

    pub(crate) fn tell(&self, event: &Event) {
        trace::event(event);
        self.all.iter().for_each(|subscriber| subscriber(event));
    }
}

impl core::fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} subscribers", self.all.len())
    }
}

const _: fn() = || {
    fn is_shareable<T: Shareable>() {}
    is_shareable::<Subscribers>();
};
