//! Bring the tiers above in line with what a read found below them: copy it there, or drop what is no good there.
//!
//! ```text
//! [only in the epoch of its read] -> spread -> Done
//! ```

use super::{Action, Effects, Next, Operation, Outcome, Reply, View, spread::Spread};
use crate::{
    metadata::Metadata,
    tier::{Tier, TierSet},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Promote {
    metadata: Metadata,
    spread: Spread,
    /// Whether the slot holds a part of the body.
    is_part: bool,
    /// The epoch of its lane when its read began; in any other, the promotion is dropped.
    pub(crate) epoch: u64,
}

impl Promote {
    pub(crate) fn new(metadata: Metadata, writes: TierSet, removes: TierSet, epoch: u64) -> Self {
        Self { metadata, spread: Spread::new(writes, removes), is_part: false, epoch }
    }

    /// Copies a part of a body into warm, once `removes` are gone.
    pub(crate) fn part(metadata: Metadata, removes: TierSet, epoch: u64) -> Self {
        let spread = Spread::new(TierSet::from(Tier::Warm), removes);
        Self { metadata, spread, is_part: true, epoch }
    }

    /// What can be done at once, and what has to wait for the whole body: of the tiers, only warm is given a body that
    /// comes in pieces.
    pub(crate) fn deferred(self) -> (Option<Self>, Option<Self>) {
        let (writes, removes) = self.spread.left();
        let part = |writes: TierSet, removes: TierSet| {
            let is_wanted = !writes.union(removes).is_empty();
            is_wanted.then(|| Self::new(self.metadata.clone(), writes, removes, self.epoch))
        };
        let later = writes.intersection(TierSet::from(Tier::Warm));
        let now = removes.union(writes.difference(later));
        (part(TierSet::EMPTY, now), part(later, TierSet::EMPTY))
    }

    /// The tiers that it writes to.
    pub(crate) fn writes(&self) -> TierSet {
        self.spread.left().0
    }
}

impl Operation for Promote {
    fn next(&self, _view: &View<'_>) -> Next {
        match self.spread.next(self.metadata.key(), &self.metadata) {
            Some(Action::Write(tier, metadata)) if self.is_part => {
                Next::Do(Action::WritePart(tier, metadata))
            }
            Some(action) => Next::Do(action),
            None => Next::End(Reply::Done),
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        self.spread.finish(action, &outcome, effects);
    }
}
