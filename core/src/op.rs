//! The operations, one small machine each. A machine says what to do next and takes in how that ended; it never waits,
//! never sees a byte, and knows only its own key's lane.

mod amend;
mod get;
mod head;
mod held;
mod invalidate;
mod load;
mod promote;
mod remove;
mod set;
mod spread;
mod sweep;

use alloc::{string::String, vec::Vec};

pub(crate) use self::{
    amend::Amend, get::Get, head::Head, held::Held, invalidate::Invalidate, load::Load,
    promote::Promote, remove::Remove, set::Set, sweep::Sweep,
};
pub use amend::Change;

use crate::{
    condition::Condition,
    config::{Config, Mutant},
    error::Error,
    key::Key,
    metadata::{ETag, Metadata},
    scope::Scope,
    tier::{Tier, TierSet},
    time::Timestamp,
};

/// What a caller, or upkeep, asks of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// Read an entry.
    Get(Key),
    /// Read the metadata of the first live entry; deletes nothing.
    Head(Key),
    /// Write the entry whose body is in the slot to these tiers, and remove it from the others.
    Set(Metadata, TierSet),
    /// The same, if cold holds what the condition says.
    SetIf(Metadata, TierSet, Condition),
    /// Read a part of an entry, which others do not share and no tier takes over.
    Part(Key),
    /// Remove an entry from every tier.
    Remove(Key),
    /// The same, if cold holds this version.
    RemoveIf(Key, ETag),
    /// Change metadata where the entry is.
    Amend(Key, Change),
    /// Copy an entry from a tier into one above it.
    Load(Key, Tier, Tier),
    /// Remove every entry whose key starts with this from these tiers.
    Invalidate(String, TierSet),
    /// Remove everything from these tiers.
    Clear(TierSet),
    /// Another instance over the same tiers changed this: what these tiers have of it is not read any more, and goes.
    Echo(Scope, TierSet),
}

/// One thing for a host to do in a tier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Tell the tier that its copy is about to be overtaken.
    Announce(Tier, Key),
    /// Read the entry into the slot, unless its version is this one.
    Read(Tier, Key, Option<ETag>),
    /// Read the metadata.
    Head(Tier, Key),
    /// Write the body in the slot.
    Write(Tier, Metadata),
    /// Write the body in the slot if the tier holds what the condition says, else fail with a `Conflict`.
    WriteIf(Tier, Metadata, Condition),
    /// Write the part of the body that is in the slot, beside the parts of that version that are there.
    WritePart(Tier, Metadata),
    /// Replace the metadata.
    Patch(Tier, Metadata),
    /// Remove entries.
    Remove(Tier, Vec<Key>),
    /// Remove the entry if it is still this version; else it is `Missing`.
    RemoveVersion(Tier, Metadata),
    /// List keys with a prefix, from a cursor.
    List(Tier, String, Option<String>),
    /// Remove everything.
    Clear(Tier),
}

impl Action {
    /// The tier that it is for.
    pub fn tier(&self) -> Tier {
        match self {
            Self::Announce(tier, _)
            | Self::Read(tier, ..)
            | Self::Head(tier, _)
            | Self::Write(tier, _)
            | Self::WriteIf(tier, ..)
            | Self::WritePart(tier, _)
            | Self::Patch(tier, _)
            | Self::Remove(tier, _)
            | Self::RemoveVersion(tier, _)
            | Self::List(tier, ..)
            | Self::Clear(tier) => *tier,
        }
    }
}

/// How an [`Action`] ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The tier has the entry; after a read, its verified body is in the slot.
    Found(Metadata),
    /// The same, but the tier cannot vouch that it is the last version.
    Suspect(Metadata),
    /// The tier has the version that was named; the slot is as it was.
    Unchanged,
    /// The tier does not have the entry.
    Missing,
    /// It took effect; the version that the tier gave, if it gives any.
    Done(Option<ETag>),
    /// A page of keys, and the cursor of the next one.
    Keys(Vec<Key>, Option<String>),
    /// It failed; it may have taken effect or not.
    Failed(Error),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reply {
    /// The entry, or its metadata, and the tier it came from; after a read, the body is in the slot.
    Found(Metadata, Tier),
    /// There is no live entry.
    Missing,
    /// The write is safe in cold; these tiers have it.
    Written(Metadata, TierSet),
    /// It is done.
    Done,
    /// So many distinct keys went.
    Count(u64),
    /// It failed.
    Failed(Error),
}

/// What a machine wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Do(Action),
    End(Reply),
}

/// What a machine may look at.
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    /// The tiers not to be read for this key.
    pub(crate) distrusted: TierSet,
}

impl View<'_> {
    /// The first tier that a read may ask, from `tier` on. Cold is never distrusted.
    pub(crate) fn readable_from(&self, tier: Tier) -> Tier {
        let readable = self.config.tiers.difference(self.distrusted);
        readable.iter().find(|at| *at >= tier).unwrap_or(Tier::Cold)
    }
}

/// What a machine may bring about beside its own state.
pub(crate) struct Effects<'a> {
    pub(crate) config: &'a Config,
    pub(crate) now: Timestamp,
    /// Of the lane that the machine runs in.
    pub(crate) distrusted: &'a mut TierSet,
    /// Of other keys: what a batch left in doubt.
    pub(crate) doubts: Vec<(Tier, Key)>,
    /// Tiers that are empty now, and so beyond doubt.
    pub(crate) cleared: TierSet,
    /// Tiers of which nothing is known any more.
    pub(crate) quarantined: TierSet,
}

impl Effects<'_> {
    /// The copy in `tier` is known again.
    pub(crate) fn trust(&mut self, tier: Tier) {
        *self.distrusted = self.distrusted.without(tier);
    }

    /// What `tier` holds of this key is unknown.
    pub(crate) fn distrust(&mut self, tier: Tier) {
        if tier != Tier::Cold && !self.config.is_mutant(Mutant::NoDistrust) {
            *self.distrusted = self.distrusted.with(tier);
        }
    }
}

/// A machine.
pub(crate) trait Operation {
    /// What to do next; asked again, it says the same.
    fn next(&self, view: &View<'_>) -> Next;

    /// Takes in how `action` ended.
    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>);
}

/// Every kind of machine; an enum, so that the engine can be cloned, compared and hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Machine {
    Get(Get),
    Head(Head),
    Set(Set),
    Remove(Remove),
    Amend(Amend),
    Load(Load),
    Promote(Promote),
    Sweep(Sweep),
    Invalidate(Invalidate),
    /// Shares the read of another operation.
    Follow,
    /// Has been read, and is still handed out.
    Held(Held),
    /// Has its answer.
    Ended(Reply),
}

/// How a machine stands to its key's lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Beside the writer.
    Reads,
    /// As the writer, leaving versions and expiry as they are.
    Tends,
    /// As the writer, changing what reads may answer.
    Changes,
    /// Alone under a prefix.
    Fences,
}

impl Machine {
    pub(crate) fn access(&self) -> Access {
        match self {
            Self::Get(_) | Self::Head(_) | Self::Held(_) | Self::Follow | Self::Ended(_) => {
                Access::Reads
            }
            Self::Amend(amend) => amend.access(),
            Self::Load(_) | Self::Promote(_) | Self::Sweep(_) => Access::Tends,
            Self::Set(_) | Self::Remove(_) => Access::Changes,
            Self::Invalidate(_) => Access::Fences,
        }
    }

    /// The machine behind it; `None` for those that only wait or have ended.
    pub(crate) fn operation(&self) -> Option<&dyn Operation> {
        machine_in!(self)
    }

    pub(crate) fn operation_mut(&mut self) -> Option<&mut dyn Operation> {
        machine_in!(self)
    }
}

/// The machine in a `Machine`, shared or exclusive as that is.
macro_rules! machine_in {
    ($machine:expr) => {
        Some(match $machine {
            Machine::Get(machine) => machine,
            Machine::Head(machine) => machine,
            Machine::Set(machine) => machine,
            Machine::Remove(machine) => machine,
            Machine::Amend(machine) => machine,
            Machine::Load(machine) => machine,
            Machine::Promote(machine) => machine,
            Machine::Sweep(machine) => machine,
            Machine::Invalidate(machine) => machine,
            Machine::Follow | Machine::Held(_) | Machine::Ended(_) => return None,
        })
    };
}
use machine_in;
