//! Copy an entry from one tier into one above it, for warming up.
//!
//! ```text
//! read from --found, live--> spread: write to -> Written
//!           '-otherwise----> Missing, or Failed
//! ```

use super::{Action, Effects, Next, Operation, Outcome, Reply, View, spread::Spread};
use crate::{
    key::Key,
    metadata::Metadata,
    tier::{Tier, TierSet},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Load {
    key: Key,
    from: Tier,
    to: Tier,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Reading,
    Spreading(Metadata, Spread),
    Ended(Reply),
}

impl Load {
    pub(crate) fn new(key: Key, from: Tier, to: Tier) -> Self {
        Self { key, from, to, state: State::Reading }
    }
}

impl Operation for Load {
    fn next(&self, view: &View<'_>) -> Next {
        match &self.state {
            State::Reading if view.distrusted.contains(self.from) => Next::End(Reply::Missing),
            State::Reading => Next::Do(Action::Read(self.from, self.key.clone(), None)),
            State::Spreading(metadata, spread) => match spread.next(&self.key, metadata) {
                Some(action) => Next::Do(action),
                None => Next::End(Reply::Written(metadata.clone(), spread.written)),
            },
            State::Ended(reply) => Next::End(reply.clone()),
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        self.state = match (&mut self.state, outcome) {
            (State::Spreading(_, spread), outcome) => {
                spread.finish(action, &outcome, effects);
                return;
            }
            (_, Outcome::Found(mut metadata)) if metadata.is_live(effects.now) => {
                if self.from == Tier::Cold {
                    metadata.fresh_at = effects.now;
                }
                let allowed =
                    effects.config.targets(&self.key, None).intersection(TierSet::from(self.to));
                let to = effects.config.fitting(allowed, &metadata);
                State::Spreading(metadata, Spread::new(to, TierSet::EMPTY))
            }
            (_, Outcome::Failed(error)) => State::Ended(Reply::Failed(error)),
            _ => State::Ended(Reply::Missing),
        };
    }
}
