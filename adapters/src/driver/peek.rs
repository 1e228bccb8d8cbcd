//! Hot hits, which take no more than a look into the hot tier.

use tiered_storage_core::{Metadata, Tier, Timestamp};

use super::{Caller, Inner};
use crate::tier::{Payload, Peeked, Place, Stored};

/// How far a rough clock may be behind: a thousand ticks of a slow timer.
const LAG_MS_MAX: u64 = 10_000;

impl Inner {
    /// A live hot entry, without the engine, where that is as good as asking it.
    pub(crate) fn peek(&self, key: &str) -> Option<Stored> {
        let (hot, now) = self.hot()?;
        let asked_us = self.asked(Caller::Reads);
        let found = hot.peek(key, now)?;
        let Metadata { expires_at, fresh_at, .. } = found.metadata;
        self.is_current(expires_at, fresh_at, now).then(|| {
            self.looked(key, found.body.len(), asked_us);
            found
        })
    }

    /// The body of what [`Inner::peek`] would find.
    pub(crate) fn peek_body(&self, key: &str) -> Option<Payload> {
        let (hot, now) = self.hot()?;
        let asked_us = self.asked(Caller::Reads);
        let Peeked { body, expires_at, fresh_at } = hot.peek_body(key, now)?;
        self.is_current(expires_at, fresh_at, now).then(|| {
            self.looked(key, body.len(), asked_us);
            body
        })
    }

    /// The hot tier, if it may be peeked at, and about what time it is.
    fn hot(&self) -> Option<(&Place, Timestamp)> {
        if !self.gate.is_open() {
            return None;
        }
        Some((&**self.tier(Tier::Hot)?, self.host.now_roughly()))
    }

    /// Whether what was found in hot may be served; if so, it is counted. The exact clock is asked where a rough one
    /// could be wrong.
    fn is_current(
        &self,
        expires_at: Option<Timestamp>,
        fresh_at: Timestamp,
        roughly: Timestamp,
    ) -> bool {
        let is_far = expires_at.is_none_or(|expiry| expiry > roughly.plus_millis(LAG_MS_MAX));
        if !is_far || self.config.revalidate_after_ms.is_some() {
            let now = self.host.now();
            let is_expired = expires_at.is_some_and(|expiry| expiry < now);
            let age_max = self.config.revalidate_after_ms.unwrap_or(u64::MAX);
            if is_expired || now.millis_since(fresh_at) > age_max {
                return false;
            }
        }
        self.counters.hit(Tier::Hot);
        true
    }
}
