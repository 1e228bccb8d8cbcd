//! Write an entry: cold first, then the tiers above.
//!
//! ```text
//! announce* -> write cold --done----> spread: write the chosen tiers, remove from the others -> Written
//!                         '-failed--> spread: remove from all, for the end of that write is unknown -> Failed
//! ```

use super::{Action, Effects, Next, Operation, Outcome, Reply, View, spread::Spread};
use crate::{
    config::Mutant,
    metadata::Metadata,
    tier::{Tier, TierSet},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    metadata: Metadata,
    targets: TierSet,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Announcing(TierSet),
    WritingCold,
    Spreading(Spread, Reply),
}

impl Set {
    pub(crate) fn new(metadata: Metadata, targets: TierSet, announced: TierSet) -> Self {
        Self { metadata, targets, state: State::announcing(announced) }
    }
}

impl State {
    fn announcing(left: TierSet) -> Self {
        if left.is_empty() { Self::WritingCold } else { Self::Announcing(left) }
    }
}

impl Operation for Set {
    fn next(&self, _view: &View<'_>) -> Next {
        match &self.state {
            State::Announcing(left) => {
                let tier = left.iter().next().expect("an empty set is never announced to");
                Next::Do(Action::Announce(tier, self.metadata.key().clone()))
            }
            State::WritingCold => Next::Do(Action::Write(Tier::Cold, self.metadata.clone())),
            State::Spreading(spread, reply) => {
                match (spread.next(self.metadata.key(), &self.metadata), reply) {
                    (Some(action), _) => Next::Do(action),
                    (None, Reply::Written(..)) => {
                        let tiers = spread.written.with(Tier::Cold);
                        Next::End(Reply::Written(self.metadata.clone(), tiers))
                    }
                    (None, reply) => Next::End(reply.clone()),
                }
            }
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        self.state = match (&mut self.state, outcome) {
            (State::Announcing(left), _) => State::announcing(left.without(action.tier())),
            (State::WritingCold, Outcome::Failed(error)) => {
                let doubted = if effects.config.is_mutant(Mutant::ColdFailureIgnored) {
                    TierSet::EMPTY
                } else {
                    effects.config.tiers
                };
                State::Spreading(Spread::new(TierSet::EMPTY, doubted), Reply::Failed(error))
            }
            (State::WritingCold, outcome) => {
                if let Outcome::Done(etag) = outcome {
                    self.metadata.etag = etag;
                }
                let spread = Spread::new(self.targets, effects.config.tiers);
                let reply = Reply::Written(self.metadata.clone(), TierSet::EMPTY);
                State::Spreading(spread, reply)
            }
            (State::Spreading(spread, _), outcome) => {
                spread.finish(action, &outcome, effects);
                return;
            }
        };
    }
}
