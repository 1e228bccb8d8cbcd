//! Remove an entry that cold says is expired: upper copies first, then from cold, if it is still the version that was
//! seen.
//!
//! ```text
//! [only in the epoch of its read] -> spread: remove -> remove that version from cold -> Done
//! ```
//!
//! A failure changes nothing: the entry stays expired, and the next read says so again.

use super::{Action, Effects, Next, Operation, Outcome, Reply, View, spread::Spread};
use crate::{
    metadata::Metadata,
    tier::{Tier, TierSet},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sweep {
    seen: Metadata,
    spread: Spread,
    is_done: bool,
    /// The epoch of its lane when its read began; in any other, the sweep is dropped.
    pub(crate) epoch: u64,
}

impl Sweep {
    pub(crate) fn new(seen: Metadata, removes: TierSet, epoch: u64) -> Self {
        Self { seen, spread: Spread::new(TierSet::EMPTY, removes), is_done: false, epoch }
    }
}

impl Operation for Sweep {
    fn next(&self, _view: &View<'_>) -> Next {
        if let Some(action) = self.spread.next(self.seen.key(), &self.seen) {
            Next::Do(action)
        } else if self.is_done {
            Next::End(Reply::Done)
        } else {
            Next::Do(Action::RemoveVersion(Tier::Cold, self.seen.clone()))
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        if action.tier() == Tier::Cold {
            self.is_done = true;
        } else {
            self.spread.finish(action, &outcome, effects);
        }
    }
}
