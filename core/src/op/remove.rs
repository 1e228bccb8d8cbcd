//! Remove an entry: from the tiers above first, from cold last.
//!
//! ```text
//! remove hot -> remove warm -> remove cold -> Done, or Failed with the first failure
//! ```

use alloc::vec;

use super::{Action, Effects, Next, Operation, Outcome, Reply, View};
use crate::{error::Error, key::Key, tier::TierSet};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Remove {
    key: Key,
    left: TierSet,
    failure: Option<Error>,
}

impl Remove {
    pub(crate) fn new(key: Key, tiers: TierSet) -> Self {
        Self { key, left: tiers, failure: None }
    }
}

impl Operation for Remove {
    fn next(&self, _view: &View<'_>) -> Next {
        match (self.left.iter().next(), &self.failure) {
            (Some(tier), _) => Next::Do(Action::Remove(tier, vec![self.key.clone()])),
            (None, Some(error)) => Next::End(Reply::Failed(error.clone())),
            (None, None) => Next::End(Reply::Done),
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        let tier = action.tier();
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
