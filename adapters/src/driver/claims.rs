//! What operations claim where other instances work over the same tiers.

use std::sync::Arc;

use tiered_storage_core::{
    Key, Scope, Tier,
    engine::{Action, Claim, OpId, Outcome, SlotId, Ticket},
};

use super::{Inner, Table};
use crate::neighbours::{Granted, Hold};

/// What is claimed, by the slot of the operation that needs it: it goes when the last who shares the slot has ended, a
/// promotion of what a read found, for one. With the key, where it is held by a read.
#[derive(Debug, Default)]
pub(super) struct Holds(Table<SlotId, (Option<Key>, Hold)>);

impl Holds {
    pub(super) fn remove(&mut self, slot: SlotId) -> Option<Hold> {
        self.0.remove(&slot).map(|(_, hold)| hold)
    }

    /// What a read of this instance holds of these keys.
    fn read(&self, scope: &Scope) -> Option<(SlotId, Hold)> {
        let is_read = |key: &Option<Key>| key.as_ref().is_some_and(|key| scope.covers(key));
        let held = self.0.iter().find(|(_, (key, _))| is_read(key));
        held.map(|(slot, (_, hold))| (*slot, hold.clone()))
    }
}

impl Inner {
    /// Waits until `action` may be done beside what others do. `None` if it is not to be done: then the engine knows what
    /// is.
    ///
    /// Who holds a key waits for no other, and no operation waits for a claim while another of this instance that holds
    /// it waits for that one: so nobody waits for ever.
    pub(super) async fn enter(
        self: &Arc<Self>,
        op: OpId,
        ticket: Ticket,
        slot: SlotId,
        action: &Action,
    ) -> Option<Ticket> {
        let Some(neighbours) = &self.neighbours else { return Some(ticket) };
        let Some(claim) = self.unclaimed(op, slot, action) else { return Some(ticket) };
        let (hold, has_waited) = match neighbours.claim(&claim).await {
            Granted::AtOnce(hold) => (hold, false),
            Granted::AfterWait(hold) => (hold, true),
            Granted::No if matches!(claim, Claim::Change(_)) => return Some(ticket),
            Granted::No => return self.refuse(ticket),
        };
        let (key, is_tended) = match claim {
            Claim::Copy(key) => (Some(key), false),
            claim => (None, matches!(claim, Claim::Tend(_))),
        };
        let is_wanted = self.with(|state| {
            // A change that began here meanwhile may wait for what this read was given.
            let is_wanted = state.engine.claim(op, action).is_some();
            if is_wanted {
                state.holds.0.insert(slot, (key, hold));
            }
            is_wanted
        });
        if !is_wanted {
            return Some(ticket);
        }
        if is_tended && !self.is_still_cold(action).await {
            return self.refuse(ticket);
        }
        if has_waited { self.with(|state| state.engine.restart(ticket)) } else { Some(ticket) }
    }

    /// What has to be claimed for `action`.
    fn unclaimed(self: &Arc<Self>, op: OpId, slot: SlotId, action: &Action) -> Option<Claim> {
        let mut outdated = Vec::new();
        let mut state = self.lock();
        if state.holds.0.contains_key(&slot) {
            return None;
        }
        let claim = state.engine.claim(op, action)?;
        match &claim {
            // Reads of one instance do not wait for each other.
            Claim::Copy(key) | Claim::Tend(key) => {
                if let Some((_, hold)) = state.holds.read(&Scope::Key(key.clone())) {
                    let key = Some(key.clone()).filter(|_| matches!(claim, Claim::Copy(_)));
                    state.holds.0.insert(slot, (key, hold));
                    return None;
                }
            }
            // Nothing that these reads find may be copied any more.
            Claim::Change(scope) => {
                while let Some((read, hold)) = state.holds.read(scope) {
                    state.holds.remove(read);
                    outdated.push(hold);
                }
            }
            _ => {}
        }
        drop(state);
        drop(outdated);
        Some(claim)
    }

    fn refuse(self: &Arc<Self>, ticket: Ticket) -> Option<Ticket> {
        self.with(|state| state.engine.refuse(ticket))
    }

    /// Whether what is to be copied without that it was held since it was read, as the body of a stream is, is what cold
    /// has.
    async fn is_still_cold(self: &Arc<Self>, action: &Action) -> bool {
        let (Action::Write(_, metadata) | Action::WritePart(_, metadata)) = action else {
            return true;
        };
        match self.ask(Action::Head(Tier::Cold, metadata.key().clone())).await {
            Ok(Outcome::Found(found)) => {
                found.is_same_version(metadata) && found.expires_at == metadata.expires_at
            }
            _ => false,
        }
    }
}
