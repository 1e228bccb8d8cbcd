//! What an operation needs that other instances over the same tiers leave alone, and what becomes of it where they do
//! not.

use super::{Action, Engine, OpId, Outcome, Ticket};
use crate::{
    error::{Error, ErrorKind},
    key::Key,
    op::{Access, Machine},
    scope::Scope,
    tier::Tier,
};

/// What others over the same tiers are to leave alone for a while.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// A key that is read from cold for a tier that others read too. Its caller waits; whoever gets it after a wait looks
    /// there once more, for somebody may have brought it.
    Copy(Key),
    /// A key that is copied, or whose copy is amended, while the next in line here waits. It is done at once or not at all.
    Tend(Key),
    /// What is changed.
    Change(Scope),
}

impl Engine {
    /// What `op` needs for `action`; nothing, if it cannot harm what others do.
    pub fn claim(&self, op: OpId, action: &Action) -> Option<Claim> {
        let op = self.ops.get(&op)?;
        let tier = action.tier();
        let is_shared = tier != Tier::Cold && !self.config.volatile.contains(tier);
        let is_from_cold = matches!(action, Action::Read(Tier::Cold, ..));
        let is_copied = is_shared && matches!(action, Action::Write(..) | Action::WritePart(..));
        match &op.machine {
            Machine::Get(get) if is_from_cold && get.may_copy(&self.config) => {
                let is_current = self.is_current(get.key(), get.epoch);
                is_current.then(|| Claim::Copy(get.key().clone()))
            }
            Machine::Invalidate(fence) => {
                fence.is_own().then(|| Claim::Change(fence.scope().clone()))
            }
            Machine::Load(_) if is_from_cold => op.key.clone().map(Claim::Tend),
            Machine::Promote(_) if is_copied => op.key.clone().map(Claim::Tend),
            Machine::Amend(amend) if is_shared && amend.access() == Access::Tends => {
                op.key.clone().map(Claim::Tend)
            }
            machine if machine.access() == Access::Changes => {
                op.key.clone().map(|key| Claim::Change(Scope::Key(key)))
            }
            _ => None,
        }
    }

    /// The action of `ticket` was not done, as others may have changed meanwhile what its read saw: that starts over. Gives
    /// back the ticket of what is no read.
    pub fn restart(&mut self, ticket: Ticket) -> Option<Ticket> {
        let Some(op) = self.ops.get_mut(&ticket.0) else { return Some(ticket) };
        let Machine::Get(get) = &mut op.machine else { return Some(ticket) };
        *get = get.anew();
        op.issued = None;
        None
    }

    /// Others are at what was to be copied. Gives back the ticket of a read, which goes on and leaves it at that; anything
    /// else ends.
    pub fn refuse(&mut self, ticket: Ticket) -> Option<Ticket> {
        let op = self.ops.get_mut(&ticket.0)?;
        if let Machine::Get(get) = &mut op.machine {
            get.is_clean = false;
            return Some(ticket);
        }
        let outcome = match &op.issued {
            // What is there may be older than what others bring, and goes.
            Some(Action::Write(..) | Action::WritePart(..)) => {
                Outcome::Failed(Error::new(ErrorKind::Conflict, "others are at this entry"))
            }
            _ => Outcome::Missing,
        };
        self.finish(ticket, outcome, self.now);
        None
    }
}
