//! Remove an entry: from the tiers above first, from cold last; and, where a version is named, only if cold has that.
//!
//! ```text
//! [head cold] -> remove hot -> remove warm -> remove cold -> Done, or Failed with the first failure
//!     |                                           '-overtaken--> head cold
//!     |-missing--> remove hot -> remove warm -> Done
//!     '-another--> remove hot -> remove warm -> Failed, with what is there
//! ```

use alloc::vec;

use super::{Action, Effects, Next, Operation, Outcome, Reply, View};
use crate::{
    error::{Error, ErrorKind},
    key::Key,
    metadata::{ETag, Metadata},
    tier::{Tier, TierSet},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Remove {
    key: Key,
    left: TierSet,
    check: Check,
    failure: Option<Error>,
}

/// What is known of cold's version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Check {
    /// It does not matter.
    Free,
    /// It must be this one, and is to be asked for; `true` once it was found and overtaken.
    Asking(ETag, bool),
    /// It is the one that it must be.
    Seen(Metadata, ETag),
}

impl Remove {
    pub(crate) fn new(key: Key, tiers: TierSet, version: Option<ETag>) -> Self {
        let check = version.map_or(Check::Free, |version| Check::Asking(version, false));
        Self { key, left: tiers, check, failure: None }
    }

    /// Cold is left as it is. The copies above go all the same: the caller knew of something that is not so.
    fn spare_cold(&mut self, failure: Option<Error>) {
        self.left = self.left.without(Tier::Cold);
        self.check = Check::Free;
        self.failure = failure;
    }

    /// Takes in what cold has.
    fn hear(&mut self, version: ETag, was_found: bool, outcome: Outcome, effects: &Effects<'_>) {
        match outcome {
            Outcome::Failed(error) => {
                self.spare_cold(Some(error));
                self.left = TierSet::EMPTY;
            }
            Outcome::Found(found) if found.is_live(effects.now) => {
                if found.version() == version && !was_found {
                    self.check = Check::Seen(found, version);
                } else {
                    let message =
                        "there is another version than the one to be removed; read it again";
                    let error = Error::new(ErrorKind::Conflict, message).with_key(&self.key);
                    self.spare_cold(Some(error.in_tier(Tier::Cold).with_current(found)));
                }
            }
            _ => self.spare_cold(None),
        }
    }
}

impl Operation for Remove {
    fn next(&self, _view: &View<'_>) -> Next {
        if let Check::Asking(..) = self.check {
            return Next::Do(Action::Head(Tier::Cold, self.key.clone()));
        }
        match (self.left.iter().next(), &self.check, &self.failure) {
            (Some(Tier::Cold), Check::Seen(seen, _), _) => {
                Next::Do(Action::RemoveVersion(Tier::Cold, seen.clone()))
            }
            (Some(tier), ..) => Next::Do(Action::Remove(tier, vec![self.key.clone()])),
            (None, _, Some(error)) => Next::End(Reply::Failed(error.clone())),
            (None, _, None) => Next::End(Reply::Done),
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        if let Check::Asking(version, was_found) = self.check.clone() {
            return self.hear(version, was_found, outcome, effects);
        }
        let tier = action.tier();
        if let (Outcome::Missing, Tier::Cold, Check::Seen(_, version)) =
            (&outcome, tier, self.check.clone())
        {
            self.check = Check::Asking(version, true);
            return;
        }
        self.left = self.left.without(tier);
        match outcome {
            Outcome::Failed(error) => {
                effects.distrust(tier);
                self.failure.get_or_insert(error);
            }
            _ => effects.trust(tier),
        }
    }
}
