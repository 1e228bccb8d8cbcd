//! Change an entry's metadata where it is, cold first, without moving its body.
//!
//! ```text
//! for each tier:  head --applies--> patch --done--> next tier
//!                   |                 '--failed---> cold: drop all upper copies -> Failed (a conflict: Done)
//!                   |                               above: drop that copy
//!                   '--does not----> next tier; cold: Done
//! ```

use alloc::vec;

use super::{Access, Action, Effects, Next, Operation, Outcome, Reply, View};
use crate::{
    error::{Error, ErrorKind},
    key::Key,
    metadata::Metadata,
    tier::{Tier, TierSet},
    time::Timestamp,
};

/// What to change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// Move the expiry of a live entry, in every tier that has it.
    Expiry(Timestamp),
    /// Take over what a snapshot says, in every tier where the checksum is the same.
    Adopt(Metadata),
    /// Count accesses, in those of hot and warm: how many, and when the last one was.
    Accessed(u64, Timestamp, TierSet),
    /// Record that the copy in a tier was found to be current.
    Renewed(Tier, Metadata),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Amend {
    key: Key,
    change: Change,
    left: TierSet,
    patch: Option<Metadata>,
    /// What cold has now.
    current: Option<Metadata>,
    drops: TierSet,
    failure: Option<Error>,
}

impl Amend {
    pub(crate) fn new(key: Key, change: Change) -> Self {
        let (left, patch) = match &change {
            Change::Expiry(_) | Change::Adopt(_) => (TierSet::ALL, None),
            Change::Accessed(.., tiers) => (tiers.intersection(TierSet::UPPER), None),
            Change::Renewed(tier, metadata) => (TierSet::from(*tier), Some(metadata.clone())),
        };
        let (current, drops) = (None, TierSet::EMPTY);
        Self { key, change, left, patch, current, drops, failure: None }
    }

    pub(crate) fn access(&self) -> Access {
        match self.change {
            Change::Expiry(_) | Change::Adopt(_) => Access::Changes,
            Change::Accessed(..) | Change::Renewed(..) => Access::Tends,
        }
    }

    /// The metadata to store where `found` is; `None` if the change does not apply there.
    fn applied(&mut self, tier: Tier, mut found: Metadata, now: Timestamp) -> Option<Metadata> {
        if let Some(current) =
            self.current.as_ref().filter(|current| !current.is_same_version(&found))
        {
            debug_assert_eq!(current.key(), found.key(), "one operation, one key");
            self.drops = self.drops.with(tier);
            return None;
        }
        match &self.change {
            Change::Expiry(expiry) => {
                if tier == Tier::Cold && !found.is_live(now) {
                    return None;
                }
                found.expires_at = Some(*expiry);
            }
            Change::Adopt(snapshot) => {
                found.checksum().filter(|sum| snapshot.checksum() == Some(*sum))?;
                found = found.adopting(snapshot);
            }
            Change::Accessed(count, last, _) => {
                found.access_count = found.access_count.saturating_add(*count);
                found.last_accessed = found.last_accessed.max(*last);
            }
            Change::Renewed(..) => {}
        }
        if let Some(current) = &self.current {
            found.etag.clone_from(&current.etag);
        }
        Some(found)
    }

    /// Nothing more to change: upper copies go if `drops` says so.
    fn stop(&mut self, drops: TierSet) {
        (self.left, self.drops) = (TierSet::EMPTY, drops);
    }

    fn hear_head(&mut self, tier: Tier, outcome: Outcome, effects: &Effects<'_>) {
        match outcome {
            Outcome::Found(found) => {
                self.patch = self.applied(tier, found.clone(), effects.now);
                if self.patch.as_ref() == Some(&found) {
                    // It says so already: no request is spent on it.
                    self.patch = None;
                    self.left = self.left.without(tier);
                    if tier == Tier::Cold {
                        self.current = Some(found);
                    }
                    return;
                }
            }
            Outcome::Failed(error) if tier == Tier::Cold => self.failure = Some(error),
            Outcome::Failed(_) if self.access() == Access::Changes => {
                self.drops = self.drops.with(tier);
            }
            _ => {}
        }
        if self.patch.is_none() {
            self.left = self.left.without(tier);
            if tier == Tier::Cold {
                self.stop(TierSet::EMPTY);
            }
        }
    }

    fn hear_patch(&mut self, tier: Tier, outcome: Outcome, effects: &Effects<'_>) {
        let mut patched = self.patch.take();
        self.left = self.left.without(tier);
        let uppers = effects.config.tiers.intersection(TierSet::UPPER);
        match (tier, outcome) {
            (Tier::Cold, Outcome::Done(etag)) => {
                if let Some(patched) = &mut patched {
                    patched.etag = etag;
                }
                self.current = patched;
            }
            (Tier::Cold, Outcome::Failed(error)) => {
                self.failure = Some(error).filter(|error| error.kind() != ErrorKind::Conflict);
                self.stop(uppers);
            }
            (Tier::Cold, _) => self.stop(uppers),
            (_, Outcome::Failed(_)) if self.access() == Access::Changes => {
                self.drops = self.drops.with(tier);
            }
            _ => {}
        }
    }
}

impl Operation for Amend {
    fn next(&self, view: &View<'_>) -> Next {
        let readable = view.config.tiers.difference(view.distrusted);
        // Cold comes first: what it does not take, no other tier may claim.
        if let Some(tier) = self.left.intersection(readable).iter().next_back() {
            return Next::Do(match &self.patch {
                Some(metadata) => Action::Patch(tier, metadata.clone()),
                None => Action::Head(tier, self.key.clone()),
            });
        }
        match (self.drops.iter().next(), &self.failure) {
            (Some(tier), _) => Next::Do(Action::Remove(tier, vec![self.key.clone()])),
            (None, Some(error)) => Next::End(Reply::Failed(error.clone())),
            (None, None) => Next::End(Reply::Done),
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        let tier = action.tier();
        match action {
            Action::Head(..) => self.hear_head(tier, outcome, effects),
            Action::Patch(..) => self.hear_patch(tier, outcome, effects),
            _ => {
                self.drops = self.drops.without(tier);
                match outcome {
                    Outcome::Failed(_) => effects.distrust(tier),
                    _ => effects.trust(tier),
                }
            }
        }
    }
}
