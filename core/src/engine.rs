//! The order of operations: a synchronous state machine that never sees a byte, reads no clock and never waits.
//!
//! A host [starts](Engine::start) a call, asks it to [step](Engine::step), does the [`Action`] it is given in a tier
//! and tells how that [ended](Engine::finish), until the step is a [`Reply`]. Any number of calls run at once. After
//! each of these the host drains [`Engine::woken`], [`Engine::orphan`] and [`Engine::freed`].
//!
//! The body of an entry waits in a slot of the host's, which the engine only names: a read fills it, a write takes it
//! from there, and all who share a read or promote what it found share its slot.

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::String,
    sync::Arc,
    vec::Vec,
};

pub use crate::op::{Action, Call, Change, Outcome, Reply};
use crate::{
    config::{Config, Mutant, Promotion},
    error::{Error, ErrorKind},
    key::Key,
    lane::Lanes,
    metadata::Metadata,
    op::{
        Access, Amend, Effects, Get, Head, Invalidate, Load, Machine, Next, Promote, Remove, Set,
        View,
    },
    tier::{Tier, TierSet},
    time::Timestamp,
};

/// Names one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(u64);

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

/// How many keys are remembered for telling a second read within a minute.
const RECENT_MAX: usize = 4_096;
const RECENT_MS: u64 = 60_000;
/// How many keys one round of upkeep repairs.
const REPAIRS_MAX: usize = 1_000;

/// The engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Engine {
    config: Arc<Config>,
    ops: BTreeMap<OpId, Op>,
    lanes: Lanes,
    slots: BTreeMap<SlotId, usize>,
    recent: (BTreeMap<Key, Timestamp>, VecDeque<Key>),
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
    /// Those who share its read.
    followers: Vec<OpId>,
}

impl Engine {
    /// An engine with nothing under way. `config` was [validated](Config::validate).
    pub fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
            ops: BTreeMap::new(),
            lanes: Lanes::default(),
            slots: BTreeMap::new(),
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
            Call::Head(key) => {
                self.insert(id, Machine::Head(Head::new(key.clone())), Some(key), None)
            }
            Call::Set(metadata, targets) => {
                let key = metadata.key().clone();
                let announced = self.config.announced.intersection(self.config.tiers);
                self.insert(
                    id,
                    Machine::Set(Set::new(metadata, targets, announced)),
                    Some(key),
                    None,
                );
            }
            Call::Remove(key) => {
                let machine = Machine::Remove(Remove::new(key.clone(), self.config.tiers));
                self.insert(id, machine, Some(key), None);
            }
            Call::Amend(key, change) => {
                self.insert(id, Machine::Amend(Amend::new(key.clone(), change)), Some(key), None);
            }
            Call::Load(key, from, to) => {
                self.insert(id, Machine::Load(Load::new(key.clone(), from, to)), Some(key), None);
            }
            Call::Invalidate(prefix, tiers) => self.start_fence(id, Invalidate::new(prefix, tiers)),
            Call::Clear(tiers) => self.start_fence(id, Invalidate::everything(tiers)),
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
                running.issued = Some(action.clone());
                Step::Do(Ticket(op), action, running.slot)
            }
            Some(Next::End(reply)) => {
                let slot = self.slot(op).expect("what has a next step is known");
                self.forget(op);
                Step::Reply(reply, slot)
            }
            None => Step::Park,
        }
    }

    /// Takes in how an action ended. The ticket of an operation that is gone says nothing.
    pub fn finish(&mut self, ticket: Ticket, outcome: Outcome, now: Timestamp) {
        let Ticket(id) = ticket;
        let Some(op) = self.ops.get_mut(&id) else { return };
        let Some(action) = op.issued.take() else { return };
        self.now = now;
        let mut distrusted =
            op.key.as_ref().map_or(TierSet::EMPTY, |key| self.lanes.distrusted(key));
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
            let tiers = self.lanes.distrusted(&key).with(tier).difference(self.lanes.quarantined);
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
        for (key, tiers) in self.lanes.doubtful(REPAIRS_MAX) {
            let epoch = self.lanes.hold(&key).epoch;
            self.lanes.release(&key);
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

    fn id(&mut self) -> OpId {
        self.last += 1;
        OpId(self.last)
    }

    fn insert(&mut self, id: OpId, machine: Machine, key: Option<Key>, slot: Option<SlotId>) {
        let slot = slot.unwrap_or(SlotId(id.0));
        *self.slots.entry(slot).or_insert(0) += 1;
        let waits = matches!(machine.access(), Access::Tends | Access::Changes);
        if let Some(key) = &key {
            let lane = self.lanes.hold(key);
            if waits {
                lane.queue.push_back(id);
            }
        }
        let op = Op { machine, key: key.clone(), slot, issued: None, followers: Vec::new() };
        self.ops.insert(id, op);
        if let Some(key) = key.filter(|_| waits) {
            self.admit(&key);
        }
    }

    fn start_get(&mut self, id: OpId, key: Key) {
        let is_fenced = self.lanes.is_fenced(&key);
        let lane = self.lanes.hold(&key);
        let (epoch, is_clean) = (lane.epoch, lane.writer.is_none() && !is_fenced);
        let any_epoch = self.config.is_mutant(Mutant::JoinOldFlight);
        let joins = |leader: &Op| matches!(&leader.machine, Machine::Get(get) if any_epoch || get.epoch == epoch);
        if let Some((leader, shared)) = lane
            .flight
            .and_then(|leader| Some((leader, self.ops.get_mut(&leader).filter(|op| joins(op))?)))
        {
            shared.followers.push(id);
            let slot = self.slot(leader);
            self.insert(id, Machine::Follow, Some(key.clone()), slot);
        } else {
            lane.flight = Some(id);
            self.insert(
                id,
                Machine::Get(Get::new(key.clone(), epoch, is_clean)),
                Some(key.clone()),
                None,
            );
        }
        self.lanes.release(&key);
    }

    fn start_fence(&mut self, id: OpId, fence: Invalidate) {
        let prefix = String::from(fence.prefix());
        self.insert(id, Machine::Invalidate(fence), None, None);
        if !self.config.is_mutant(Mutant::NoBarrier) {
            self.lanes.raise(id, &prefix);
            self.wake_cleared();
        }
    }

    fn spawn(&mut self, machine: Machine, key: Key, slot: Option<SlotId>) {
        let id = self.id();
        self.promotions += usize::from(matches!(machine, Machine::Promote(_)));
        self.insert(id, machine, Some(key), slot);
        self.orphans.push_back(id);
        self.advance(id);
    }

    /// What an operation wants; `None` while it must wait.
    fn next(&self, id: OpId) -> Option<Next> {
        let op = self.ops.get(&id)?;
        if let Machine::Ended(reply) = &op.machine {
            return Some(Next::End(reply.clone()));
        }
        let may_run = op.issued.is_none()
            && match op.machine.access() {
                Access::Reads => true,
                Access::Tends | Access::Changes => self.is_writer(id),
                Access::Fences => {
                    self.lanes.is_clear(id) || self.config.is_mutant(Mutant::NoBarrier)
                }
            };
        let distrusted = op.key.as_ref().map_or(TierSet::EMPTY, |key| self.lanes.distrusted(key));
        let view = View { config: &self.config, distrusted };
        op.machine.operation().filter(|_| may_run).map(|operation| operation.next(&view))
    }

    fn is_writer(&self, id: OpId) -> bool {
        let key = self.ops.get(&id).and_then(|op| op.key.as_ref());
        key.is_some_and(|key| self.lanes.writer(key) == Some(id))
    }

    /// Ends an operation that has nothing more to do.
    fn advance(&mut self, id: OpId) {
        let Some(Next::End(reply)) = self.next(id) else { return };
        let op = self.ops.get_mut(&id).expect("what has a next step is known");
        if matches!(op.machine, Machine::Ended(_)) {
            return;
        }
        let machine = core::mem::replace(&mut op.machine, Machine::Ended(reply.clone()));
        let (key, slot) = (op.key.clone(), op.slot);
        let followers = core::mem::take(&mut op.followers);
        let is_shared = !followers.is_empty();
        self.woken.push_back(id);
        for follower in followers {
            if let Some(op) = self.ops.get_mut(&follower) {
                op.machine = Machine::Ended(reply.clone());
                self.woken.push_back(follower);
            }
        }
        match (machine.access(), machine) {
            (_, Machine::Get(get)) => self.land(id, get, slot, is_shared),
            (Access::Fences, _) => self.lift(id),
            (access @ (Access::Tends | Access::Changes), machine) => {
                self.promotions -= usize::from(matches!(machine, Machine::Promote(_)));
                let key = key.expect("a writer has a key");
                let lane = self.lanes.lane(&key);
                lane.writer = None;
                lane.epoch += u64::from(access == Access::Changes);
                self.admit(&key);
                self.wake_cleared();
            }
            _ => {}
        }
    }

    /// A read has its answer: what it leaves to do is begun, if nothing came between.
    fn land(&mut self, id: OpId, mut get: Get, slot: SlotId, is_shared: bool) {
        let key = get.key().clone();
        let is_repeated = self.note_read(&key) || is_shared;
        let lane = self.lanes.lane(&key);
        if lane.flight == Some(id) {
            lane.flight = None;
        }
        if self.config.is_mutant(Mutant::PromoteOverlapped) {
            (get.is_clean, get.epoch) = (true, lane.epoch);
        }
        let is_current = lane.epoch == get.epoch || self.config.is_mutant(Mutant::NoEpochCheck);
        if !is_current || self.lanes.is_fenced(&key) {
            return;
        }
        if let Some(machine) = get.aftermath(&self.config, is_repeated) {
            let is_promotion = matches!(machine, Machine::Promote(_));
            if !is_promotion || self.promotions < self.config.promotions_max {
                self.spawn(machine, key, Some(slot));
            }
        }
    }

    /// Lets the next in line write, if it may.
    fn admit(&mut self, key: &Key) {
        let checks_epoch = !self.config.is_mutant(Mutant::NoEpochCheck);
        while !self.lanes.is_fenced(key) {
            let lane = self.lanes.lane(key);
            if lane.writer.is_some() {
                return;
            }
            let Some(id) = lane.queue.pop_front() else { return };
            let op = self.ops.get_mut(&id).expect("what is queued is known");
            let is_outdated = match &op.machine {
                Machine::Promote(promote) => promote.epoch != lane.epoch,
                Machine::Sweep(sweep) => sweep.epoch != lane.epoch,
                _ => false,
            };
            if is_outdated && checks_epoch {
                self.promotions -= usize::from(matches!(op.machine, Machine::Promote(_)));
                op.machine = Machine::Ended(Reply::Done);
            } else {
                lane.writer = Some(id);
                lane.epoch += u64::from(op.machine.access() == Access::Changes);
            }
            self.woken.push_back(id);
        }
    }

    fn lift(&mut self, owner: OpId) {
        for key in self.lanes.lift(owner) {
            self.admit(&key);
        }
        self.wake_cleared();
    }

    fn wake_cleared(&mut self) {
        self.woken.extend(self.lanes.cleared());
    }

    /// Gives the read of `leader` to the first who shares it.
    fn hand_over(&mut self, leader: OpId) {
        let Some(op) = self.ops.get_mut(&leader) else { return };
        let key = op.key.clone();
        let mut followers = core::mem::take(&mut op.followers);
        let machine = core::mem::replace(&mut op.machine, Machine::Ended(Reply::Missing));
        let heir = (!followers.is_empty()).then(|| followers.remove(0));
        if let (Some(heir), Some(op)) = (heir, heir.and_then(|heir| self.ops.get_mut(&heir))) {
            (op.machine, op.followers) = (machine, followers);
            self.woken.push_back(heir);
        } else if matches!(machine, Machine::Follow) {
            for op in self.ops.values_mut() {
                op.followers.retain(|follower| *follower != leader);
            }
        }
        if let Some(lane) =
            key.map(|key| self.lanes.lane(&key)).filter(|lane| lane.flight == Some(leader))
        {
            lane.flight = heir;
        }
    }

    /// Removes what is left of an operation.
    fn forget(&mut self, id: OpId) {
        let Some(op) = self.ops.remove(&id) else { return };
        if let Some(key) = &op.key {
            self.lanes.release(key);
        }
        if let Some(users) = self.slots.get_mut(&op.slot) {
            *users -= 1;
            if *users == 0 {
                self.slots.remove(&op.slot);
                self.freed.push_back(op.slot);
            }
        }
    }

    /// Whether `key` was read within the last minute, as far as it is remembered; now it was.
    fn note_read(&mut self, key: &Key) -> bool {
        if self.config.promotion != Promotion::OnSecondHit {
            return false;
        }
        let (now, (times, order)) = (self.now, &mut self.recent);
        if let Some(last) = times.get_mut(key) {
            return now.millis_since(core::mem::replace(last, now)) <= RECENT_MS;
        }
        times.insert(key.clone(), now);
        order.push_back(key.clone());
        if order.len() > RECENT_MAX
            && let Some(oldest) = order.pop_front()
        {
            times.remove(&oldest);
        }
        false
    }
}
