//! Doing what the engine wants, in a tier.

use std::sync::Arc;

use tiered_storage_core::{
    Error, ErrorKind, Key, Metadata, Tier,
    engine::{Action, Outcome},
};

use super::{Body, Inner, Want};
use crate::{events::Event, trace::Span};

impl Inner {
    /// Does what the engine wants, in a tier.
    pub(super) async fn perform(
        self: &Arc<Self>,
        action: &Action,
        body: Option<Body>,
        want: Want,
    ) -> (Outcome, Option<Body>) {
        let tier = action.tier();
        let Some(place) = self.tier(tier) else {
            return (Outcome::Failed(internal("an action for a tier that there is not")), None);
        };
        let (name, key) = describe(action);
        let mut found = None;
        let work = self.act(place.as_ref(), action, body, want, &mut found);
        let outcome = Span::action(tier, name).around(work).await;
        let outcome = outcome.unwrap_or_else(|error| {
            let mut error = error.in_tier(tier);
            if let Some(key) = &key {
                error = error.with_key(key);
            }
            self.report(tier, name, key, &error);
            Outcome::Failed(error)
        });
        (outcome, found)
    }

    /// Asks a tier for other than an operation: a failure is the caller's to tell.
    pub(crate) async fn ask(self: &Arc<Self>, action: Action) -> Result<Outcome, Error> {
        let tier = action.tier();
        let Some(place) = self.tier(tier) else { return Ok(Outcome::Missing) };
        let asked = self.act(place.as_ref(), &action, None, Want::Whole, &mut None).await;
        asked.map_err(|error| error.in_tier(tier))
    }

    /// Cold was asked to remove an entry if it is still what was seen; that it had expired is told.
    pub(crate) fn note_removed(&self, seen: &Metadata, is_removed: bool) -> Outcome {
        if !is_removed {
            return Outcome::Missing;
        }
        if !seen.is_live(self.host.now()) {
            self.subscribers.tell(&Event::ExpiredRemoved { key: seen.key().clone() });
        }
        Outcome::Done(None)
    }

    pub(super) fn report(&self, tier: Tier, action: &'static str, key: Option<Key>, error: &Error) {
        match (error.kind(), key) {
            // The tier answered: somebody else was first. The call says so where that matters.
            (ErrorKind::Conflict, _) => {}
            (ErrorKind::Corrupt, Some(key)) if tier != Tier::Cold => {
                self.subscribers.tell(&Event::CopyCorrupt { tier, key });
            }
            (_, key) => {
                let error = error.clone();
                self.subscribers.tell(&Event::TierFailed { tier, action, key, error });
            }
        }
    }
}

pub(super) fn internal(message: &'static str) -> Error {
    Error::new(ErrorKind::Internal, message)
}

fn describe(action: &Action) -> (&'static str, Option<Key>) {
    match action {
        Action::Announce(_, key) => ("announce", Some(key.clone())),
        Action::Read(_, key, _) => ("read", Some(key.clone())),
        Action::Head(_, key) => ("head", Some(key.clone())),
        Action::Write(_, metadata)
        | Action::WriteIf(_, metadata, _)
        | Action::WritePart(_, metadata) => ("write", Some(metadata.key().clone())),
        Action::Patch(_, metadata) => ("patch", Some(metadata.key().clone())),
        Action::Remove(_, keys) => ("remove", keys.first().filter(|_| keys.len() == 1).cloned()),
        Action::RemoveVersion(_, metadata) => ("remove", Some(metadata.key().clone())),
        Action::List(..) => ("list", None),
        _ => ("clear", None),
    }
}
