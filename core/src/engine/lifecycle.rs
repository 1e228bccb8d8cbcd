//! How operations begin, take their turns, end, and hand on what they held.

use alloc::vec::Vec;

use super::{Engine, Op, OpId, Reply, SlotId};
use crate::{
    condition::Condition,
    config::{Mutant, Promotion},
    key::Key,
    metadata::{ETag, Metadata},
    op::{Access, Get, Held, Invalidate, Machine, Next, Remove, Set, View},
    tier::TierSet,
};

/// How many keys are remembered for telling a second read within a minute.
const RECENT_MAX: usize = 4_096;
const RECENT_MS: u64 = 60_000;

impl Engine {
    pub(super) fn id(&mut self) -> OpId {
        self.last += 1;
        OpId(self.last)
    }

    pub(super) fn insert(
        &mut self,
        id: OpId,
        machine: Machine,
        key: Option<Key>,
        slot: Option<SlotId>,
    ) {
        let slot = slot.unwrap_or(SlotId(id.0));
        *self.slots.entry(slot).or_insert(0) += 1;
        let waits = matches!(machine.access(), Access::Tends | Access::Changes);
        if let Some(key) = &key {
            let lane = self.lanes.hold(key);
            if waits {
                lane.queue.push_back(id);
            }
        }
        let op = Op {
            machine,
            key: key.clone(),
            slot,
            issued: None,
            is_open: false,
            followers: Vec::new(),
        };
        self.ops.insert(id, op);
        if let Some(key) = key.filter(|_| waits) {
            self.admit(&key);
        }
    }

    pub(super) fn start_set(
        &mut self,
        id: OpId,
        metadata: Metadata,
        targets: TierSet,
        condition: Option<Condition>,
    ) {
        let key = metadata.key().clone();
        let announced = self.config.announced.intersection(self.config.tiers);
        let machine = Machine::Set(Set::new(metadata, targets, condition, announced));
        self.insert(id, machine, Some(key), None);
    }

    pub(super) fn start_remove(&mut self, id: OpId, key: Key, version: Option<ETag>) {
        let machine = Machine::Remove(Remove::new(key.clone(), self.config.tiers, version));
        self.insert(id, machine, Some(key), None);
    }

    /// A part is read by whoever wants it, and shared with nobody.
    pub(super) fn start_part(&mut self, id: OpId, key: Key) {
        let (epoch, is_clean) = self.outlook(&key);
        self.insert(id, Machine::Get(Get::part(key.clone(), epoch, is_clean)), Some(key), None);
    }

    /// What a read that begins now is to know of its lane: its epoch, and whether what is found may be copied.
    fn outlook(&self, key: &Key) -> (u64, bool) {
        let (epoch, is_free) = self.lanes.outlook(key);
        (epoch, is_free && !self.lanes.is_fenced(key))
    }

    pub(super) fn start_get(&mut self, id: OpId, key: Key) {
        let (epoch, is_clean) = self.outlook(&key);
        let lane = self.lanes.hold(&key);
        let any_epoch = self.config.is_mutant(Mutant::JoinOldFlight);
        let (config, now) = (&self.config, self.now);
        let joins = |leader: &Op| match &leader.machine {
            Machine::Get(get) => any_epoch || get.epoch == epoch,
            Machine::Held(held) => (any_epoch || held.epoch == epoch) && held.is_good(config, now),
            _ => false,
        };
        if let Some((leader, shared)) = lane
            .flight
            .and_then(|leader| Some((leader, self.ops.get_mut(&leader).filter(|op| joins(op))?)))
        {
            let machine = match &shared.machine {
                Machine::Held(held) => Machine::Ended(held.reply.clone()),
                _ => {
                    shared.followers.push(id);
                    Machine::Follow
                }
            };
            let slot = self.slot(leader);
            self.insert(id, machine, Some(key.clone()), slot);
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

    pub(super) fn start_fence(&mut self, id: OpId, fence: Invalidate) {
        let (scope, doubted) = (fence.scope().clone(), fence.doubted());
        let is_read = self.config.is_mutant(Mutant::ReadEchoed);
        let doubted = if is_read { TierSet::EMPTY } else { doubted };
        self.insert(id, Machine::Invalidate(fence), None, None);
        if !self.config.is_mutant(Mutant::NoBarrier) {
            self.lanes.raise(id, scope, doubted);
            self.wake_cleared();
        }
    }

    pub(super) fn spawn(&mut self, machine: Machine, key: Key, slot: Option<SlotId>) {
        let id = self.id();
        self.promotions += usize::from(matches!(machine, Machine::Promote(_)));
        self.insert(id, machine, Some(key), slot);
        self.orphans.push_back(id);
        self.advance(id);
    }

    /// What an operation wants; `None` while it must wait.
    pub(super) fn next(&self, id: OpId) -> Option<Next> {
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

    pub(super) fn is_writer(&self, id: OpId) -> bool {
        let key = self.ops.get(&id).and_then(|op| op.key.as_ref());
        key.is_some_and(|key| self.lanes.writer(key) == Some(id))
    }

    /// Ends an operation that has nothing more to do.
    pub(super) fn advance(&mut self, id: OpId) {
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
        if !self.is_current(&key, get.epoch) {
            return;
        }
        let mut aftermath = get.aftermath(&self.config, is_repeated);
        if self.ops.get(&id).is_some_and(|op| op.is_open) {
            aftermath = self.hold(&get, slot, aftermath);
        }
        if let Some(machine) = aftermath {
            self.follow_up(machine, key, slot);
        }
    }

    /// Whether nothing came between a read that began in `epoch` and now.
    pub(super) fn is_current(&self, key: &Key, epoch: u64) -> bool {
        let (now, _) = self.lanes.outlook(key);
        let is_same = now == epoch || self.config.is_mutant(Mutant::NoEpochCheck);
        is_same && !self.lanes.is_fenced(key)
    }

    /// Begins what a read left to do; a promotion, only where there are not too many.
    fn follow_up(&mut self, machine: Machine, key: Key, slot: SlotId) {
        let is_promotion = matches!(machine, Machine::Promote(_));
        if !is_promotion || self.promotions < self.config.promotions_max {
            self.spawn(machine, key, Some(slot));
        }
    }

    /// Keeps a read that others may share until its body was handed out. Gives back what is left to do at once.
    fn hold(&mut self, get: &Get, slot: SlotId, aftermath: Option<Machine>) -> Option<Machine> {
        let Some(reply @ Reply::Found(..)) = get.reply() else { return aftermath };
        let (now, promotion) = match aftermath {
            Some(Machine::Promote(promote)) => {
                let (now, later) = promote.deferred();
                (now.map(Machine::Promote), later)
            }
            other => (other, None),
        };
        let (id, key) = (self.id(), get.key().clone());
        let held = Held { reply: reply.clone(), promotion, readers: 0, epoch: get.epoch };
        self.insert(id, Machine::Held(held), Some(key.clone()), Some(slot));
        self.held.insert(slot, id);
        self.lanes.lane(&key).flight = Some(id);
        now
    }

    pub(super) fn held_mut(&mut self, slot: SlotId) -> Option<&mut Held> {
        match &mut self.ops.get_mut(self.held.get(&slot)?)?.machine {
            Machine::Held(held) => Some(held),
            _ => None,
        }
    }

    /// Gives up what is handed out to nobody any more.
    pub(super) fn drop_unread(&mut self, slot: SlotId) {
        let is_last = self.slots.get(&slot) == Some(&1);
        if is_last
            && self.held_mut(slot).is_some_and(|held| held.readers == 0)
            && let Some(id) = self.held.get(&slot).copied()
        {
            self.hand_over(id);
            self.forget(id);
        }
    }

    /// What was handed out is there as a whole: it is copied if nothing came between.
    pub(super) fn land_held(&mut self, id: OpId) {
        let Some(op) = self.ops.get(&id) else { return };
        let (Machine::Held(held), Some(key)) = (op.machine.clone(), op.key.clone()) else { return };
        let slot = op.slot;
        if let Some(promote) = held.promotion.filter(|_| self.is_current(&key, held.epoch)) {
            self.follow_up(Machine::Promote(promote), key, slot);
        }
        self.hand_over(id);
        self.forget(id);
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

    pub(super) fn lift(&mut self, owner: OpId) {
        for key in self.lanes.lift(owner) {
            self.admit(&key);
        }
        self.wake_cleared();
    }

    fn wake_cleared(&mut self) {
        self.woken.extend(self.lanes.cleared());
    }

    /// Gives the read of `leader` to the first who shares it.
    pub(super) fn hand_over(&mut self, leader: OpId) {
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
    pub(super) fn forget(&mut self, id: OpId) {
        let Some(op) = self.ops.remove(&id) else { return };
        if matches!(op.machine, Machine::Held(_)) {
            self.held.remove(&op.slot);
        }
        if let Some(key) = &op.key {
            self.lanes.release(key);
        }
        if let Some(users) = self.slots.get_mut(&op.slot) {
            *users -= 1;
            if *users == 0 {
                self.slots.remove(&op.slot);
                self.freed.push_back(op.slot);
            } else {
                self.drop_unread(op.slot);
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
