//! The order of operations on one key, and fences over many.
//!
//! A lane has one writer at a time; the others wait in line. Its epoch moves when a change begins and when it ends,
//! so that a copy made from a read can tell whether a change came between. The tiers whose last write or removal of
//! this key has an unknown end are distrusted: they are not read until one has succeeded there.

use alloc::{collections::VecDeque, vec::Vec};
use core::ops::Bound;

use crate::{
    config::Config,
    engine::OpId,
    key::Key,
    map::Map,
    scope::Scope,
    tier::{Tier, TierSet},
};

/// What is remembered of one key, while an operation needs it or a tier is distrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    /// Moves with every change and barrier, when it begins and when it ends.
    pub(crate) epoch: u64,
    /// The operation that may write now.
    pub(crate) writer: Option<OpId>,
    /// Those that wait for it, first come first.
    pub(crate) queue: VecDeque<OpId>,
    /// The read that others may share.
    pub(crate) flight: Option<OpId>,
    /// How many operations need the lane kept.
    users: usize,
    distrusted: TierSet,
}

/// A fence over some keys: while it stands, no writer under it is let in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Barrier {
    owner: OpId,
    scope: Scope,
    /// The tiers that are not read under it, for they may hold what was changed elsewhere.
    doubted: TierSet,
    /// Whether all writers under it have left, so that its owner may begin.
    is_clear: bool,
}

/// All lanes and barriers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lanes {
    lanes: Map<Key, Lane>,
    /// In the order in which they were raised.
    barriers: Vec<Barrier>,
    /// Tiers that are not read for any key.
    pub(crate) quarantined: TierSet,
    /// How many lanes distrust any tier, and how many the hot one.
    doubts: (usize, usize),
}

impl Lanes {
    /// The lane of `key`, kept until [`Lanes::release`].
    pub(crate) fn hold(&mut self, key: &Key) -> &mut Lane {
        let lane = self.lanes.entry(key.clone()).or_default();
        lane.users += 1;
        lane
    }

    pub(crate) fn release(&mut self, key: &Key) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.users -= 1;
            if lane.users == 0 && lane.distrusted.is_empty() {
                self.lanes.remove(key);
            }
        }
    }

    /// A lane that is held.
    pub(crate) fn lane(&mut self, key: &Key) -> &mut Lane {
        self.lanes.get_mut(key).expect("an operation holds its lane from start to end")
    }

    /// The epoch of `key`, and whether nobody writes it.
    pub(crate) fn outlook(&self, key: &str) -> (u64, bool) {
        self.lanes.get(key).map_or((0, true), |lane| (lane.epoch, lane.writer.is_none()))
    }

    /// Who may write `key` now.
    pub(crate) fn writer(&self, key: &str) -> Option<OpId> {
        self.lanes.get(key).and_then(|lane| lane.writer)
    }

    /// The tiers not to be read for `key`.
    pub(crate) fn distrusted(&self, key: &str) -> TierSet {
        let fenced = self.barriers.iter().filter(|barrier| barrier.scope.covers(key));
        fenced.fold(self.doubts(key).union(self.quarantined), |tiers, barrier| {
            tiers.union(barrier.doubted)
        })
    }

    /// The tiers whose last write or removal of `key` has an unknown end.
    pub(crate) fn doubts(&self, key: &str) -> TierSet {
        self.lanes.get(key).map_or(TierSet::EMPTY, |lane| lane.distrusted)
    }

    /// Replaces what is known of the tiers of `key`. Beyond the bound, whole tiers are given up instead.
    pub(crate) fn set_distrusted(&mut self, key: &Key, tiers: TierSet, config: &Config) {
        let old = self.doubts(key);
        if old.is_empty() && !tiers.is_empty() && self.doubts.0 >= config.distrusted_max {
            self.quarantined = self.quarantined.union(tiers);
            return;
        }
        let lane = self.hold(key);
        lane.distrusted = tiers;
        let adjust = |count: &mut usize, before: bool, after: bool| match (before, after) {
            (false, true) => *count += 1,
            (true, false) => *count -= 1,
            _ => {}
        };
        adjust(&mut self.doubts.0, !old.is_empty(), !tiers.is_empty());
        adjust(&mut self.doubts.1, old.contains(Tier::Hot), tiers.contains(Tier::Hot));
        self.release(key);
    }

    /// Nothing is in `tiers` any more, so nothing there is in doubt.
    pub(crate) fn set_empty(&mut self, tiers: TierSet, config: &Config) {
        self.quarantined = self.quarantined.difference(tiers);
        let doubted: Vec<(Key, TierSet)> = self
            .lanes
            .iter()
            .filter(|(_, lane)| !lane.distrusted.is_empty())
            .map(|(key, lane)| (key.clone(), lane.distrusted.difference(tiers)))
            .collect();
        for (key, left) in doubted {
            self.set_distrusted(&key, left, config);
        }
    }

    /// Whether the hot tier may be read for every key.
    pub(crate) fn is_hot_trusted(&self) -> bool {
        let fenced = self.barriers.iter().map(|barrier| barrier.doubted);
        self.doubts.1 == 0 && !fenced.fold(self.quarantined, TierSet::union).contains(Tier::Hot)
    }

    /// Keys with a distrusted tier that no operation is at, at most `limit`, and their epochs.
    pub(crate) fn doubtful(&self, limit: usize) -> Vec<(Key, TierSet, u64)> {
        self.lanes
            .iter()
            .filter(|(_, lane)| lane.users == 0 && !lane.distrusted.is_empty())
            .take(limit)
            .map(|(key, lane)| (key.clone(), lane.distrusted, lane.epoch))
            .collect()
    }

    /// Whether a barrier keeps writers from `key`.
    pub(crate) fn is_fenced(&self, key: &str) -> bool {
        self.barriers.iter().any(|barrier| barrier.scope.covers(key))
    }

    /// Raises a barrier, at once: every copy that was read before is out of date now, and what is in the tiers `doubted` is
    /// not read.
    pub(crate) fn raise(&mut self, owner: OpId, scope: Scope, doubted: TierSet) {
        self.under(&scope, |lane| lane.epoch += 1);
        self.barriers.push(Barrier { owner, scope, doubted, is_clear: false });
    }

    /// Takes a barrier away and says which keys have writers that it kept waiting.
    pub(crate) fn lift(&mut self, owner: OpId) -> Vec<Key> {
        let Some(at) = self.barriers.iter().position(|barrier| barrier.owner == owner) else {
            return Vec::new();
        };
        let barrier = self.barriers.remove(at);
        self.under(&barrier.scope, |lane| lane.epoch += 1);
        let under = self.lanes.range::<str, _>(from(&barrier.scope));
        under
            .take_while(|(key, _)| barrier.scope.covers(key))
            .filter(|(_, lane)| !lane.queue.is_empty())
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Whether the owner of a barrier may begin.
    pub(crate) fn is_clear(&self, owner: OpId) -> bool {
        self.barriers.iter().any(|barrier| barrier.owner == owner && barrier.is_clear)
    }

    /// Finds the barriers that no writer and no earlier barrier stands in the way of any more; says whose they are.
    pub(crate) fn cleared(&mut self) -> Vec<OpId> {
        let mut owners = Vec::new();
        for at in 0..self.barriers.len() {
            let (earlier, rest) = self.barriers.split_at_mut(at);
            let barrier = &mut rest[0];
            let overlaps = |other: &Barrier| barrier.scope.overlaps(&other.scope);
            if barrier.is_clear || earlier.iter().any(overlaps) {
                continue;
            }
            let mut under = self
                .lanes
                .range::<str, _>(from(&barrier.scope))
                .take_while(|(key, _)| barrier.scope.covers(key));
            if under.all(|(_, lane)| lane.writer.is_none()) {
                barrier.is_clear = true;
                owners.push(barrier.owner);
            }
        }
        owners
    }

    fn under(&mut self, scope: &Scope, mut change: impl FnMut(&mut Lane)) {
        let lanes = self.lanes.range_mut::<str, _>(from(scope));
        lanes.take_while(|(key, _)| scope.covers(key)).for_each(|(_, lane)| change(lane));
    }
}

fn from(scope: &Scope) -> (Bound<&str>, Bound<&str>) {
    (Bound::Included(scope.as_str()), Bound::Unbounded)
}
