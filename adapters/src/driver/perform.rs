//! Doing what the engine wants, in a tier.

use tiered_storage_core::{
    Error, ErrorKind, Key, Metadata, Tier,
    engine::{Action, Outcome},
    seal::Verify,
};

use super::{Body, Inner};
use crate::{
    events::Event,
    tier::{Read, Stored},
    trace::Span,
};

impl Inner {
    /// Does what the engine wants, in a tier.
    pub(super) async fn perform(
        &self,
        action: &Action,
        body: Option<Body>,
    ) -> (Outcome, Option<Body>) {
        let tier = action.tier();
        let Some(place) = self.tier(tier) else {
            return (Outcome::Failed(internal("an action for a tier that there is not")), None);
        };
        let (name, key) = describe(action);
        let mut found = None;
        let work = self.act(place.as_ref(), action, body, &mut found);
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
    pub(crate) async fn ask(&self, action: Action) -> Result<Outcome, Error> {
        let tier = action.tier();
        let Some(place) = self.tier(tier) else { return Ok(Outcome::Missing) };
        let asked = self.act(place.as_ref(), &action, None, &mut None).await;
        asked.map_err(|error| error.in_tier(tier))
    }

    /// An expired entry was removed from cold.
    pub(crate) fn note_expired(&self, key: &Key) {
        self.subscribers.tell(&Event::ExpiredRemoved { key: key.clone() });
    }

    /// Checks and unpacks what a tier gave.
    pub(crate) async fn receive(
        &self,
        tier: Tier,
        key: &Key,
        read: Read,
        found: &mut Option<Body>,
    ) -> Result<Outcome, Error> {
        let (stored, outcome): (Stored, fn(Metadata) -> Outcome) = match read {
            Read::Found(stored) => (stored, Outcome::Found),
            Read::Suspect(stored) => (stored, Outcome::Suspect),
            Read::Unchanged => return Ok(Outcome::Unchanged),
            Read::Missing => return Ok(Outcome::Missing),
        };
        let Stored { metadata, body } = stored;
        if metadata.key() != key {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "the tier answered with another key's entry",
            ));
        }
        let properties = self.properties(tier);
        if properties.is_volatile {
            *found = Some(Body { plain: body, packed: None });
            return Ok(outcome(metadata));
        }
        let is_guarded = properties.is_guarded && tier != Tier::Cold;
        let verify = if is_guarded { Verify::Length } else { self.verify };
        *found = Some(self.open(&metadata, body, verify).await?);
        Ok(outcome(metadata))
    }

    /// What is to be stored in a tier: packed where the entry is, and the tier keeps it so.
    pub(crate) async fn stored(
        &self,
        tier: Tier,
        metadata: &Metadata,
        body: Option<Body>,
    ) -> Result<Stored, Error> {
        let Body { plain, packed } =
            body.ok_or_else(|| internal("a write without a body; it was not done"))?;
        let metadata = metadata.clone();
        let is_packed = metadata.is_compressed() && !self.properties(tier).is_volatile;
        let body = match (is_packed, packed) {
            (false, _) => plain,
            (true, Some(packed)) => packed,
            (true, None) => self.pack(plain).await?,
        };
        Ok(Stored { metadata, body })
    }

    fn report(&self, tier: Tier, action: &'static str, key: Option<Key>, error: &Error) {
        match (error.kind(), key) {
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
        Action::Write(_, metadata) => ("write", Some(metadata.key().clone())),
        Action::Patch(_, metadata) => ("patch", Some(metadata.key().clone())),
        Action::Remove(_, keys) => ("remove", keys.first().filter(|_| keys.len() == 1).cloned()),
        Action::RemoveVersion(_, metadata) => ("remove", Some(metadata.key().clone())),
        Action::List(..) => ("list", None),
        _ => ("clear", None),
    }
}
