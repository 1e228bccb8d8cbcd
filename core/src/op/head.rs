//! Read the metadata of the first live entry. It deletes nothing and copies nothing.
//!
//! ```text
//! head hot -> head warm -> head cold -> Missing, or Failed if one of them failed
//!     '---live--'------live---'--------> Found
//! ```

use super::{Action, Effects, Next, Operation, Outcome, Reply, View};
use crate::{error::Error, key::Key, metadata::Metadata, tier::Tier};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    key: Key,
    at: Tier,
    /// An upper copy that is due to be compared with cold; the answer only if cold cannot be asked.
    due: Option<(Metadata, Tier)>,
    failure: Option<Error>,
    reply: Option<Reply>,
}

impl Head {
    pub(crate) fn new(key: Key) -> Self {
        Self { key, at: Tier::Hot, due: None, failure: None, reply: None }
    }

    fn answer(&mut self, tier: Tier, outcome: Outcome, effects: &Effects<'_>) -> Option<Reply> {
        let (config, now) = (effects.config, effects.now);
        match outcome {
            Outcome::Found(metadata) if metadata.is_live(now) => {
                if tier == Tier::Cold || !config.is_due(&metadata, now) {
                    return Some(Reply::Found(metadata, tier));
                }
                self.due.get_or_insert((metadata, tier));
            }
            Outcome::Failed(error) if tier == Tier::Cold => {
                let tolerated = self.due.take().filter(|(copy, _)| config.tolerates(copy, now));
                return Some(
                    tolerated.map_or(Reply::Failed(error), |(copy, at)| Reply::Found(copy, at)),
                );
            }
            Outcome::Failed(error) => {
                self.failure.get_or_insert(error);
            }
            _ => {}
        }
        (tier == Tier::Cold).then(|| self.failure.take().map_or(Reply::Missing, Reply::Failed))
    }
}

impl Operation for Head {
    fn next(&self, view: &View<'_>) -> Next {
        match &self.reply {
            Some(reply) => Next::End(reply.clone()),
            None => Next::Do(Action::Head(view.readable_from(self.at), self.key.clone())),
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        let tier = action.tier();
        self.reply = self.answer(tier, outcome, effects);
        self.at = if tier == Tier::Hot { Tier::Warm } else { Tier::Cold };
    }
}
