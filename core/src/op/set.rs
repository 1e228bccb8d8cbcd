//! Write an entry: cold first, then the tiers above.
//!
//! ```text
//! announce* -> write cold --done------> spread: write the chosen tiers, remove from the others -> Written
//!                         |-conflict--> head cold -> spread: remove from all -> Failed, with what is there
//!                         '-failed----> spread: remove from all, for the end of that write is unknown -> Failed
//! ```

use super::{Action, Effects, Next, Operation, Outcome, Reply, View, spread::Spread};
use crate::{
    condition::Condition,
    config::{Config, Mutant},
    error::{Error, ErrorKind},
    metadata::Metadata,
    tier::{Tier, TierSet},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    metadata: Metadata,
    targets: TierSet,
    condition: Option<Condition>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Announcing(TierSet),
    WritingCold,
    Refused(Error),
    Spreading(Spread, Reply),
}

impl Set {
    pub(crate) fn new(
        metadata: Metadata,
        targets: TierSet,
        condition: Option<Condition>,
        announced: TierSet,
    ) -> Self {
        Self { metadata, targets, condition, state: State::announcing(announced) }
    }

    /// Nothing is acknowledged, and no upper copy is known to be what cold has.
    fn fail(&self, error: Error, config: &Config) -> State {
        let doubted = if config.is_mutant(Mutant::ColdFailureIgnored) {
            TierSet::EMPTY
        } else {
            config.tiers
        };
        State::Spreading(Spread::new(TierSet::EMPTY, doubted), Reply::Failed(error))
    }

    /// Takes in how the write to cold ended.
    fn hear_cold(&mut self, outcome: Outcome, config: &Config) -> State {
        match outcome {
            Outcome::Failed(error)
                if self.condition.is_some() && error.kind() == ErrorKind::Conflict =>
            {
                State::Refused(error)
            }
            Outcome::Failed(error) => self.fail(error, config),
            outcome => {
                if let Outcome::Done(etag) = outcome {
                    self.metadata.etag = etag;
                }
                let spread = Spread::new(self.targets, config.tiers);
                State::Spreading(spread, Reply::Written(self.metadata.clone(), TierSet::EMPTY))
            }
        }
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
            State::WritingCold => {
                let metadata = self.metadata.clone();
                Next::Do(match &self.condition {
                    Some(condition) => Action::WriteIf(Tier::Cold, metadata, condition.clone()),
                    None => Action::Write(Tier::Cold, metadata),
                })
            }
            State::Refused(_) => Next::Do(Action::Head(Tier::Cold, self.metadata.key().clone())),
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
            (State::WritingCold, outcome) => self.hear_cold(outcome, effects.config),
            (State::Refused(error), outcome) => {
                let error = error.clone();
                match outcome {
                    // What has expired is as good as absent, if nobody renews it meanwhile.
                    Outcome::Found(current)
                        if self.condition == Some(Condition::Absent)
                            && !current.is_live(effects.now) =>
                    {
                        self.condition = Some(Condition::Version(current.version()));
                        State::WritingCold
                    }
                    Outcome::Found(current) => {
                        let is_same = current.is_alike(&self.metadata);
                        let error = error.with_current(current).with_same(is_same);
                        self.fail(error, effects.config)
                    }
                    _ => self.fail(error, effects.config),
                }
            }
            (State::Spreading(spread, _), outcome) => {
                spread.finish(action, &outcome, effects);
                return;
            }
        };
    }
}
