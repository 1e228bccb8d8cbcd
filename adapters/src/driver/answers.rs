//! Telling what tiers answer, while somebody wants to know.

use tiered_storage_core::{
    ErrorKind,
    engine::{Action, OpId, Outcome},
};
#[cfg(not(target_arch = "wasm32"))]
use tiered_storage_core::{Key, Tier};

use super::{Caller, Inner};
use crate::events::{Answered, Event, Verdict};

impl Inner {
    /// When a tier is asked by such a caller, in ticks, if somebody is to be told.
    pub(super) fn asked(&self, caller: Caller) -> Option<u64> {
        let is_told = caller == Caller::Reads && self.hears_answers();
        is_told.then(|| self.host.ticks_us())
    }

    /// Tells what a tier said that was asked then.
    pub(super) fn answered(
        &self,
        op: OpId,
        action: &Action,
        outcome: &Outcome,
        asked_us: Option<u64>,
    ) {
        let Some(asked_us) = asked_us else { return };
        let (action, tier, key) = match action {
            Action::Read(tier, key, _) => ("read", *tier, key),
            Action::Head(tier, key) => ("head", *tier, key),
            _ => return,
        };
        let now = self.host.now();
        let (verdict, found) = match outcome {
            Outcome::Found(found) | Outcome::Suspect(found) if !found.is_live(now) => {
                (Verdict::Expired, None)
            }
            Outcome::Found(found) => (Verdict::Found, Some(found)),
            Outcome::Suspect(found) => (Verdict::Suspect, Some(found)),
            Outcome::Unchanged => (Verdict::Unchanged, None),
            Outcome::Failed(error) if error.kind() == ErrorKind::Corrupt => {
                (Verdict::Corrupt, None)
            }
            Outcome::Failed(_) => (Verdict::Failed, None),
            _ => (Verdict::Missing, None),
        };
        let size_bytes = found.map(|found| found.size());
        let elapsed_us = self.host.ticks_us().saturating_sub(asked_us);
        let answer = Answered { read: op.number(), action, verdict, size_bytes, elapsed_us };
        self.subscribers.tell(&Event::Answered { tier, key: key.clone(), answer });
    }

    /// Tells of a hit that took no more than a look, which was cast then.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn looked(&self, key: &str, size_bytes: usize, asked_us: Option<u64>) {
        let Some(asked_us) = asked_us else { return };
        // Only a key that is one can have been found.
        let Ok(key) = Key::new(key) else { return };
        let elapsed_us = self.host.ticks_us().saturating_sub(asked_us);
        let size_bytes = Some(size_bytes as u64);
        let verdict = Verdict::Found;
        let answer = Answered { read: 0, action: "read", verdict, size_bytes, elapsed_us };
        self.subscribers.tell(&Event::Answered { tier: Tier::Hot, key, answer });
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn hears_answers(&self) -> bool {
        self.subscribers.hear_answers
    }

    #[cfg(target_arch = "wasm32")]
    fn hears_answers(&self) -> bool {
        self.gate.hears_answers()
    }
}
