//! What actions do to tiers that are maps.

use tiered_storage_core::{
    ETag, Error, ErrorKind, Key, Metadata, Tier, Timestamp,
    engine::{Action, Call, Claim, Engine, OpId, Outcome, SlotId, Ticket},
};

use super::{Fault, Flight, State, World};

impl World {
    /// Puts an entry into a tier, and cold's states on record.
    pub(super) fn store(&mut self, tier: Tier, mut metadata: Metadata) -> Option<ETag> {
        let key = metadata.key().clone();
        if tier == Tier::Cold {
            self.note(&key, Some((metadata.write_id(), metadata.expires_at)));
            let expiry = metadata.expires_at.map_or(0, Timestamp::as_millis);
            metadata.etag = Some(ETag::new(format!("{:?}-{expiry}", metadata.write_id())));
        }
        let etag = metadata.etag.clone();
        self.tiers.insert((tier, key), metadata);
        etag
    }

    fn note(&mut self, key: &Key, state: State) {
        let history = self.history.entry(key.clone()).or_insert_with(|| vec![None]);
        if history.last() != Some(&state) {
            history.push(state);
        }
    }

    pub(super) fn take_effect(&mut self, id: OpId, fault: Fault) {
        let mut flight = self.flights.remove(&id).expect("only known flights take effect");
        if fault == Fault::None {
            self.say(format!("  {id:?} {:?} takes effect", flight.action));
        } else {
            let when = if fault == Fault::Before { "before" } else { "after" };
            self.say(format!("  {id:?} {:?} fails {when} its effect", flight.action));
            self.faults -= 1;
            self.has_failed = true;
        }
        let outcome =
            if fault == Fault::Before { None } else { Some(self.effect(id, &mut flight)) };
        let failure = || Outcome::Failed(Error::new(ErrorKind::Unavailable, "injected"));
        flight.outcome = outcome.filter(|_| fault == Fault::None).or_else(|| Some(failure()));
        self.flights.insert(id, flight);
    }

    /// From when it hears of a change elsewhere on, a read sees it.
    pub(super) fn hear(&mut self, call: &Call) {
        let Call::Echo(scope, _) = call else { return };
        self.is_untold = false;
        for (key, states) in self.history.iter().filter(|(key, _)| scope.covers(key)) {
            self.floor.insert(key.clone(), states.len() - 1);
        }
    }

    /// What follows if others are at the entry of an action that was claimed; `None` if it would not have been.
    pub(super) fn keep_back(
        &self,
        id: OpId,
        keep: fn(&mut Engine, Ticket) -> Option<Ticket>,
    ) -> Option<Self> {
        let mut world = Self { has_failed: false, ..self.clone() };
        let flight = world.flights.remove(&id)?;
        match world.engine.claim(id, &flight.action)? {
            Claim::Copy(_) | Claim::Tend(_) => {}
            _ => return None,
        }
        world.say(format!("  {id:?} {:?} is kept back", flight.action));
        world.refusals -= 1;
        if let Some(ticket) = keep(&mut world.engine, flight.ticket.clone()) {
            world.flights.insert(id, Flight { ticket, ..flight });
        }
        Some(world)
    }

    fn effect(&mut self, id: OpId, flight: &mut Flight) -> Outcome {
        match flight.action.clone() {
            Action::Read(tier, key, unless) => match self.tiers.get(&(tier, key)) {
                Some(found) if unless.is_some() && found.etag == unless => Outcome::Unchanged,
                Some(found) => {
                    flight.found = Some(found.clone());
                    Outcome::Found(found.clone())
                }
                None => Outcome::Missing,
            },
            Action::Head(tier, key) => {
                self.tiers.get(&(tier, key)).cloned().map_or(Outcome::Missing, Outcome::Found)
            }
            Action::WriteIf(tier, metadata, condition)
                if !condition.holds(self.tiers.get(&(tier, metadata.key().clone()))) =>
            {
                Outcome::Failed(Error::new(ErrorKind::Conflict, "another version"))
            }
            Action::Write(tier, metadata)
            | Action::WriteIf(tier, metadata, _)
            | Action::WritePart(tier, metadata) => self.write(id, flight.slot, tier, metadata),
            Action::Patch(tier, metadata) => {
                let key = metadata.key().clone();
                match self.tiers.get(&(tier, key.clone())) {
                    Some(found) if found.is_same_version(&metadata) => {
                        let etag = self.store(tier, metadata);
                        self.credit(id, tier, &key);
                        Outcome::Done(etag)
                    }
                    Some(_) => Outcome::Failed(Error::new(ErrorKind::Conflict, "another version")),
                    None => Outcome::Missing,
                }
            }
            Action::Remove(tier, keys) => {
                keys.iter().for_each(|key| self.erase(id, tier, key));
                Outcome::Done(None)
            }
            Action::RemoveVersion(tier, seen) => {
                let key = seen.key().clone();
                if self
                    .tiers
                    .get(&(tier, key.clone()))
                    .is_some_and(|found| found.is_same_version(&seen))
                {
                    self.erase(id, tier, &key);
                    Outcome::Done(None)
                } else {
                    Outcome::Missing
                }
            }
            Action::List(tier, prefix, _) => {
                let keys =
                    self.tiers.keys().filter(|(at, key)| *at == tier && key.starts_with(&prefix));
                Outcome::Keys(keys.map(|(_, key)| key.clone()).collect(), None)
            }
            Action::Clear(tier) => {
                let keys: Vec<Key> = self
                    .tiers
                    .keys()
                    .filter(|(at, _)| *at == tier)
                    .map(|(_, key)| key.clone())
                    .collect();
                keys.iter().for_each(|key| self.erase(id, tier, key));
                Outcome::Done(None)
            }
            _ => Outcome::Done(None),
        }
    }

    fn write(&mut self, id: OpId, slot: SlotId, tier: Tier, metadata: Metadata) -> Outcome {
        let body = self.slots.get(&slot).and_then(Metadata::write_id);
        if body != metadata.write_id() {
            self.broken =
                Some(format!("VIOLATION {metadata:?} is written with the body of {body:?}"));
        }
        let key = metadata.key().clone();
        let etag = self.store(tier, metadata);
        self.credit(id, tier, &key);
        Outcome::Done(etag)
    }

    fn erase(&mut self, id: OpId, tier: Tier, key: &Key) {
        self.tiers.remove(&(tier, key.clone()));
        if tier == Tier::Cold {
            self.note(key, None);
            self.credit(id, tier, key);
        }
    }

    /// What cold holds of `key` now is the doing of `id`.
    fn credit(&mut self, id: OpId, tier: Tier, key: &Key) {
        if tier != Tier::Cold {
            return;
        }
        let state = self.history.get(key).map_or(0, |history| history.len() - 1);
        if let Some(begun) = self.calls.get_mut(&id) {
            begun.effects.insert(key.clone(), state);
        }
    }
}
