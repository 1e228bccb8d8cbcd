//! Remove everything under a prefix, or everything, alone behind a barrier; or what was changed elsewhere, from the
//! tiers that did not hear of it.
//!
//! ```text
//! for cold, warm, hot:  list a page -> remove it from hot, warm and cold as far as they are asked for -> next page
//! everything:           clear hot -> clear warm -> clear cold
//! one key, elsewhere:   remove it from the tiers that are asked for
//! ```
//!
//! What cold has is found there and goes from all tiers; then warm and hot are listed for what only they have. So
//! each key is counted once, and no more than a page is held.

use alloc::{string::String, vec, vec::Vec};

use super::{Action, Effects, Next, Operation, Outcome, Reply, View};
use crate::{
    error::Error,
    key::Key,
    scope::Scope,
    tier::{Tier, TierSet},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Invalidate {
    scope: Scope,
    /// Whether another instance made the change, and the tiers below are in line already.
    is_echo: bool,
    tiers: TierSet,
    /// The tiers that were not listed to their end.
    unlisted: TierSet,
    state: State,
    count: u64,
    failure: Option<Error>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Listing(Option<String>),
    Removing { keys: Vec<Key>, left: TierSet, cursor: Option<String> },
    Clearing(TierSet),
}

impl Invalidate {
    pub(crate) fn new(prefix: String, tiers: TierSet) -> Self {
        let state = State::Listing(None);
        let scope = Scope::Prefix(prefix);
        Self { scope, is_echo: false, tiers, unlisted: tiers, state, count: 0, failure: None }
    }

    pub(crate) fn everything(tiers: TierSet) -> Self {
        Self { state: State::Clearing(tiers), ..Self::new(String::new(), tiers) }
    }

    /// Removes from `tiers` what another instance changed.
    pub(crate) fn echo(scope: Scope, tiers: TierSet) -> Self {
        let state = match &scope {
            Scope::Key(key) => {
                State::Removing { keys: vec![key.clone()], left: tiers, cursor: None }
            }
            Scope::Prefix(_) => State::Listing(None),
        };
        let unlisted = if matches!(scope, Scope::Key(_)) { TierSet::EMPTY } else { tiers };
        Self { scope, is_echo: true, tiers, unlisted, state, count: 0, failure: None }
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What it removes from was changed by this instance, so that others are to know.
    pub(crate) fn is_own(&self) -> bool {
        !self.is_echo
    }

    /// The tiers that are not to be read until it is done.
    pub(crate) fn doubted(&self) -> TierSet {
        if self.is_echo { self.tiers } else { TierSet::EMPTY }
    }

    fn listed(&self) -> Option<Tier> {
        self.unlisted.iter().next_back()
    }

    /// After a page, or in place of one.
    fn go_on(&mut self, cursor: Option<String>) {
        if cursor.is_none()
            && let Some(tier) = self.listed()
        {
            self.unlisted = self.unlisted.without(tier);
        }
        self.state = State::Listing(cursor);
    }

    fn fail(&mut self, tier: Tier, error: Error) {
        if tier == Tier::Cold {
            // The source of truth does not answer; asking it page after page would not help.
            self.unlisted = TierSet::EMPTY;
            self.state = State::Listing(None);
        }
        self.failure.get_or_insert(error);
    }

    fn hear_list(&mut self, tier: Tier, outcome: Outcome) {
        match outcome {
            Outcome::Keys(keys, cursor) if keys.is_empty() => self.go_on(cursor),
            Outcome::Keys(keys, cursor) => {
                let left = self
                    .tiers
                    .intersection(TierSet::EMPTY.with(tier).union(TierSet::ALL.above(tier)));
                self.state = State::Removing { keys, left, cursor };
            }
            Outcome::Failed(error) => {
                self.go_on(None);
                self.fail(tier, error);
            }
            _ => self.go_on(None),
        }
    }

    fn hear_remove(&mut self, tier: Tier, outcome: Outcome, effects: &mut Effects<'_>) {
        let State::Removing { keys, left, cursor } = &mut self.state else { return };
        *left = left.without(tier);
        let failure = match outcome {
            Outcome::Failed(error) => {
                effects.doubts.extend(keys.iter().map(|key| (tier, key.clone())));
                Some(error)
            }
            _ => None,
        };
        if left.is_empty() {
            let cursor = cursor.take();
            self.count += keys.len() as u64;
            self.go_on(cursor);
        }
        if let Some(error) = failure {
            self.fail(tier, error);
        }
    }

    fn hear_clear(&mut self, tier: Tier, outcome: Outcome, effects: &mut Effects<'_>) {
        if let State::Clearing(left) = &mut self.state {
            *left = left.without(tier);
        }
        match outcome {
            Outcome::Failed(error) => {
                effects.quarantined = effects.quarantined.with(tier);
                self.failure.get_or_insert(error);
            }
            _ => effects.cleared = effects.cleared.with(tier),
        }
    }
}

impl Operation for Invalidate {
    fn next(&self, _view: &View<'_>) -> Next {
        let action = match &self.state {
            State::Listing(cursor) => self
                .listed()
                .map(|tier| Action::List(tier, String::from(self.scope.as_str()), cursor.clone())),
            State::Removing { keys, left, .. } => {
                left.iter().next().map(|tier| Action::Remove(tier, keys.clone()))
            }
            State::Clearing(left) => left.iter().next().map(Action::Clear),
        };
        match (action, &self.failure) {
            (Some(action), _) => Next::Do(action),
            (None, Some(error)) => Next::End(Reply::Failed(error.clone())),
            (None, None) => Next::End(Reply::Count(self.count)),
        }
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        let tier = action.tier();
        match action {
            Action::List(..) => self.hear_list(tier, outcome),
            Action::Clear(_) => self.hear_clear(tier, outcome, effects),
            _ => self.hear_remove(tier, outcome, effects),
        }
    }
}
