//! Bringing the tiers above cold in line with a version: written there, or removed there. A part of other machines.
//!
//! ```text
//! for warm, then hot:   write --failed--> remove --failed--> distrusted, and left for upkeep
//!                       remove --failed--> distrusted
//! ```

use alloc::vec;

use super::{Action, Effects, Outcome};
use crate::{key::Key, metadata::Metadata, tier::TierSet};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Spread {
    writes: TierSet,
    removes: TierSet,
    /// The tiers that took the write.
    pub(super) written: TierSet,
}

impl Spread {
    /// Writes to `writes` and removes from `removes`, as far as these are above cold.
    pub(super) fn new(writes: TierSet, removes: TierSet) -> Self {
        let writes = writes.intersection(TierSet::UPPER);
        let removes = removes.intersection(TierSet::UPPER).difference(writes);
        Self { writes, removes, written: TierSet::EMPTY }
    }

    /// The tiers that are still to be written to, and to be removed from.
    pub(super) fn left(&self) -> (TierSet, TierSet) {
        (self.writes, self.removes)
    }

    /// What to do next; `None` once all is done.
    pub(super) fn next(&self, key: &Key, metadata: &Metadata) -> Option<Action> {
        let tier = self.writes.union(self.removes).iter().next_back()?;
        Some(if self.writes.contains(tier) {
            Action::Write(tier, metadata.clone())
        } else {
            Action::Remove(tier, vec![key.clone()])
        })
    }

    pub(super) fn finish(&mut self, action: &Action, outcome: &Outcome, effects: &mut Effects<'_>) {
        let tier = action.tier();
        let is_write = matches!(action, Action::Write(..) | Action::WritePart(..));
        let failed = matches!(outcome, Outcome::Failed(_));
        self.writes = self.writes.without(tier);
        if failed {
            effects.distrust(tier);
        } else {
            effects.trust(tier);
        }
        self.removes =
            if is_write && failed { self.removes.with(tier) } else { self.removes.without(tier) };
        if is_write && !failed {
            self.written = self.written.with(tier);
        }
    }
}
