//! The order of operations: a synchronous state machine that never sees a byte, reads no clock and never waits.
//!
//! A host [starts](Engine::start) a call, asks it to [step](Engine::step), does the [`Action`] it is given in a tier
//! and tells how that [ended](Engine::finish), until the step is a [`Reply`]. Any number of calls run at once. After
//! each of these the host drains [`Engine::woken`], [`Engine::orphan`] and [`Engine::freed`].
//!
//! The body of an entry waits in a slot of the host's, which the engine only names: a read fills it, a write takes it
//! from there, and all who share a read or promote what it found share its slot.

mod claims;
mod lifecycle;

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

pub use self::claims::Claim;
pub use crate::op::{Action, Call, Change, Outcome, Reply};
use crate::{
    config::Config,
    error::{Error, ErrorKind},
    key::Key,
    lane::Lanes,
    map::Map,
    metadata::Metadata,
    op::{Access, Amend, Effects, Head, Invalidate, Load, Machine, Next, Promote},
    tier::{Tier, TierSet},
    time::Timestamp,
};

/// Names one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(u64);

impl OpId {
    /// A number that no other operation of its engine has; from 1 on.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Names the place where a host keeps a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(u64);

/// The right to say, once, how an action ended.
#[must_use = "an action that is never finished keeps its lane for ever"]
#[derive(Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "explorer", derive(Clone))]
pub struct Ticket(OpId);

/// What an operation wants.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a host must handle every step")]
pub enum Step {
    /// Do this, with the body in that slot where it needs one, then call [`Engine::finish`].
    Do(Ticket, Action, SlotId),
    /// Nothing now; it will be [woken](Engine::woken), or its action is still under way.
    Park,
    /// It has ended, and the engine forgets it. The slot holds the body of what was read until it is freed.
    Reply(Reply, SlotId),
}

/// What became of an operation that its caller gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a host must handle both")]
pub enum Abandoned {
    /// It is over; an action of its that is under way is not to be finished.
    Gone,
    /// It has begun to change tiers: go on driving it in the background.
    MustEnd,
}

/// How many keys one round of upkeep repairs.
const REPAIRS_MAX: usize = 1_000;

/// The engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Engine {
    config: Arc<Config>,
    ops: Map<OpId, Op>,
    lanes: Lanes,
    slots: Map<SlotId, usize>,
    /// What is handed out piece by piece, by the slot it comes from.
    held: Map<SlotId, OpId>,
    recent: (Map<Key, Timestamp>, VecDeque<Key>),
    promotions: usize,
    woken: VecDeque<OpId>,
    orphans: VecDeque<OpId>,
    freed: VecDeque<SlotId>,
    last: u64,
    /// When a host last said what time it is.
    now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Op {
    machine: Machine,
    /// The key whose lane it holds.
    key: Option<Key>,
    slot: SlotId,
    /// The action that is under way.
    issued: Option<Action>,
    /// Whether the body of what it read comes piece by piece.
    is_open: bool,
    /// Those who share its read.
    followers: Vec<OpId>,
}

impl Engine {
    /// An engine with nothing under way. `config` was [validated](Config::validate).
    pub fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
            ops: Map::new(),
            lanes: Lanes::default(),
            slots: Map::new(),
            held: Map::new(),
            recent: Default::default(),
            promotions: 0,
            woken: VecDeque::new(),
            orphans: VecDeque::new(),
            freed: VecDeque::new(),
            last: 0,
            now: Timestamp::default(),
        }
    }

    /// Begins a call. Its slot is [`Engine::slot`].
    pub fn start(&mut self, call: Call, now: Timestamp) -> OpId {
        self.now = now;
        let id = self.id();
        match call {
            Call::Get(key) => self.start_get(id, key),
            Call::Part(key) => self.start_part(id, key),
            Call::Head(key) => {
                self.insert(id, Machine::Head(Head::new(key.clone())), Some(key), None)
            }
            Call::Set(metadata, targets) => self.start_set(id, metadata, targets, None),
            Call::SetIf(metadata, targets, condition) => {
                self.start_set(id, metadata, targets, Some(condition));
            }
            Call::Remove(key) => self.start_remove(id, key, None),
            Call::RemoveIf(key, version) => self.start_remove(id, key, Some(version)),
            Call::Amend(key, change) => {
                self.insert(id, Machine::Amend(Amend::new(key.clone(), change)), Some(key), None);
            }
            Call::Load(key, from, to) => {
                self.insert(id, Machine::Load(Load::new(key.clone(), from, to)), Some(key), None);
            }
            Call::Invalidate(prefix, tiers) => self.start_fence(id, Invalidate::new(prefix, tiers)),
            Call::Clear(tiers) => self.start_fence(id, Invalidate::everything(tiers)),
            Call::Echo(scope, tiers) => {
                let tiers = tiers.intersection(self.config.tiers).intersection(TierSet::UPPER);
                self.start_fence(id, Invalidate::echo(scope, tiers));
            }
        }
        self.advance(id);
        id
    }

    /// Where the body of an operation is kept: a host fills it before the first step of a [`Call::Set`].
    pub fn slot(&self, op: OpId) -> Option<SlotId> {
        self.ops.get(&op).map(|op| op.slot)
    }

    /// What `op` wants next. Asked again, it says the same, but that an action is given out once. An operation that
    /// the engine does not know parks.
    pub fn step(&mut self, op: OpId) -> Step {
        self.advance(op);
        match self.next(op) {
            Some(Next::Do(action)) => {
                let running = self.ops.get_mut(&op).expect("what has a next step is known");
                running.is_open &= !matches!(action, Action::Read(..));
                running.issued = Some(action.clone());
                Step::Do(Ticket(op), action, running.slot)
            }
            Some(Next::End(reply)) => {
                let slot = self.slot(op).expect("what has a next step is known");
                if let Some(held) = self.held_mut(slot) {
                    held.readers += 1;
                }
                self.forget(op);
                Step::Reply(reply, slot)
            }
            None => Step::Park,
        }
    }

    /// The body that the read of `ticket` found comes piece by piece: say so before [`Engine::finish`]. Those who read
    /// the key meanwhile share it, and what is to be copied from it waits until all of it is there.
    pub fn open(&mut self, ticket: &Ticket) {
        if let Some(op) = self.ops.get_mut(&ticket.0) {
            op.is_open = true;
        }
    }

    /// What hands out the body in `slot` piece by piece, and the tiers that are to have a copy of it then.
    pub fn held(&self, slot: SlotId) -> Option<(OpId, TierSet)> {
        let id = *self.held.get(&slot)?;
        let Machine::Held(held) = &self.ops.get(&id)?.machine else { return None };
        Some((id, held.promotion.as_ref().map_or(TierSet::EMPTY, Promote::writes)))
    }

    /// All of the body that `held` handed out is in its slot now, to be copied if nothing came between.
    pub fn delivered(&mut self, held: OpId, now: Timestamp) {
        self.now = now;
        self.land_held(held);
    }

    /// What `held` hands out turned out not to be what was written: the copy in `tier` is removed, if it still is that.
    pub fn spoiled(&mut self, held: OpId, tier: Tier) {
        let Some(op) = self.ops.get(&held) else { return };
        let (Machine::Held(held), Some(key)) = (&op.machine, op.key.clone()) else { return };
        let (epoch, nothing) = (held.epoch, Metadata::new(key.clone(), 0, self.now));
        let machine = Promote::new(nothing, TierSet::EMPTY, TierSet::from(tier), epoch);
        self.spawn(Machine::Promote(machine), key, None);
    }

    /// No read that begins from now on shares what `held` hands out: where it starts is gone, or it has ended.
    pub fn unshare(&mut self, held: OpId) {
        let key = self.ops.get(&held).and_then(|op| op.key.as_ref());
        if let Some(lane) = key.map(|key| self.lanes.lane(key))
            && lane.flight == Some(held)
        {
            lane.flight = None;
        }
    }

    /// One of those that were answered with a slot that is [held](Engine::held) reads no more. With the last of them goes
    /// what is not delivered.
    pub fn leave(&mut self, held: OpId) {
        let Some(slot) = self.slot(held) else { return };
        if let Some(held) = self.held_mut(slot) {
            held.readers -= 1;
        }
        self.drop_unread(slot);
    }

    /// Takes in how an action ended. The ticket of an operation that is gone says nothing.
    pub fn finish(&mut self, ticket: Ticket, outcome: Outcome, now: Timestamp) {
        let Ticket(id) = ticket;
        let Some(op) = self.ops.get_mut(&id) else { return };
        let Some(action) = op.issued.take() else { return };
        self.now = now;
        let mut distrusted = op.key.as_ref().map_or(TierSet::EMPTY, |key| self.lanes.doubts(key));
        let before = distrusted;
        let mut effects = Effects {
            config: &self.config,
            now,
            distrusted: &mut distrusted,
            doubts: Vec::new(),
            cleared: TierSet::EMPTY,
            quarantined: TierSet::EMPTY,
        };
        if let Some(operation) = op.machine.operation_mut() {
            operation.finish(&action, outcome, &mut effects);
        }
        let Effects { doubts, cleared, quarantined, .. } = effects;
        if let Some(key) = op.key.as_ref().filter(|_| distrusted != before) {
            self.lanes.set_distrusted(
                key,
                distrusted.difference(self.lanes.quarantined),
                &self.config,
            );
        }
        for (tier, key) in doubts.into_iter().filter(|(tier, _)| *tier != Tier::Cold) {
            let tiers = self.lanes.doubts(&key).with(tier).difference(self.lanes.quarantined);
            self.lanes.set_distrusted(&key, tiers, &self.config);
        }
        self.lanes.quarantined =
            self.lanes.quarantined.union(quarantined.intersection(TierSet::UPPER));
        if !cleared.is_empty() {
            self.lanes.set_empty(cleared, &self.config);
        }
        self.advance(id);
    }

    /// The caller of `op` gave up. A read that others share goes on with the next of them.
    pub fn abandon(&mut self, op: OpId) -> Abandoned {
        let Some(given_up) = self.ops.get(&op) else { return Abandoned::Gone };
        match given_up.machine.access() {
            Access::Reads => {
                self.hand_over(op);
                self.forget(op);
            }
            Access::Fences if !self.lanes.is_clear(op) => {
                self.lift(op);
                self.forget(op);
            }
            Access::Tends | Access::Changes if !self.is_writer(op) => {
                let key = given_up.key.clone().expect("a writer has a key");
                self.lanes.lane(&key).queue.retain(|queued| *queued != op);
                self.forget(op);
            }
            _ => return Abandoned::MustEnd,
        }
        Abandoned::Gone
    }

    /// Whoever drove `op` is gone, with the action that was under way: that ended nobody knows how. What is left to
    /// do goes to [`Engine::orphan`].
    pub fn lose(&mut self, op: OpId, now: Timestamp) {
        if self.abandon(op) == Abandoned::Gone {
            return;
        }
        if self.ops.get(&op).is_some_and(|lost| lost.issued.is_some()) {
            let error =
                Error::new(ErrorKind::Unavailable, "the call was dropped before its end was known");
            self.finish(Ticket(op), Outcome::Failed(error), now);
        }
        self.orphans.push_back(op);
    }

    /// Begins what is overdue: removals that failed are tried again, at most 1,000 at once.
    pub fn tend(&mut self, now: Timestamp) {
        self.now = now;
        for (key, tiers, epoch) in self.lanes.doubtful(REPAIRS_MAX) {
            let nothing = Metadata::new(key.clone(), 0, now);
            let machine = Machine::Promote(Promote::new(nothing, TierSet::EMPTY, tiers, epoch));
            self.spawn(machine, key, None);
        }
        if !self.lanes.quarantined.is_empty() {
            let id = self.id();
            self.start_fence(id, Invalidate::everything(self.lanes.quarantined));
            self.orphans.push_back(id);
            self.advance(id);
        }
    }

    /// An operation that may go on; every one that parked is woken before it has to.
    pub fn woken(&mut self) -> Option<OpId> {
        self.woken.pop_front()
    }

    /// An operation that no caller waits for, to be driven in the background.
    pub fn orphan(&mut self) -> Option<OpId> {
        self.orphans.pop_front()
    }

    /// A slot that nobody needs any more.
    pub fn freed(&mut self) -> Option<SlotId> {
        self.freed.pop_front()
    }

    /// Whether the hot tier may be asked for any key without the engine.
    pub fn is_hot_trusted(&self) -> bool {
        self.lanes.is_hot_trusted()
    }

    /// Whether what `tier` has of `key` may be read.
    pub fn is_trusted(&self, key: &Key, tier: Tier) -> bool {
        !self.lanes.distrusted(key).contains(tier)
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.ops.is_empty()
    }
}

#[cfg(test)]
mod tests;
