//! A queue whose links live in the slots, so that a slot leaves it from anywhere in constant time.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// What each slot in use weighs and where it stands. Slots of several queues can live in one of these.
#[derive(Debug)]
pub(super) struct Slots<T>(Vec<Option<Slot<T>>>);

#[derive(Debug)]
pub(super) struct Slot<T> {
    older: Link,
    newer: Link,
    pub(super) weight: u64,
    pub(super) held: T,
}

/// Another slot, or none: half as large as an `Option<u32>`. No slot has the highest number, since there would have to be
/// 2^32 entries.
#[derive(Clone, Copy, Debug)]
struct Link(u32);

impl Link {
    const NONE: Self = Self(u32::MAX);

    fn to(id: Option<u32>) -> Self {
        id.map_or(Self::NONE, Self)
    }

    fn id(self) -> Option<u32> {
        (self.0 != Self::NONE.0).then_some(self.0)
    }
}

impl<T> Slots<T> {
    pub(super) fn get(&self, id: u32) -> Option<&Slot<T>> {
        self.0.get(id as usize)?.as_ref()
    }

    pub(super) fn insert(&mut self, id: u32, weight: u64, held: T) {
        let at = id as usize;
        if at >= self.0.len() {
            self.0.resize_with(at + 1, || None);
        }
        assert!(self.0[at].is_none(), "slot {id} is in use already");
        self.0[at] = Some(Slot { older: Link::NONE, newer: Link::NONE, weight, held });
    }

    pub(super) fn remove(&mut self, id: u32) -> Slot<T> {
        self.0[id as usize].take().expect("only a slot in use is removed")
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A slot that is known to be in use.
impl<T> Index<u32> for Slots<T> {
    type Output = Slot<T>;

    fn index(&self, id: u32) -> &Slot<T> {
        self.0[id as usize].as_ref().expect("the slot is in use")
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    fn index_mut(&mut self, id: u32) -> &mut Slot<T> {
        self.0[id as usize].as_mut().expect("the slot is in use")
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    oldest: Option<u32>,
    newest: Option<u32>,
    len: usize,
    weight: u64,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        self.oldest
    }

    /// Links the slot `id`, which is in no queue, as the newest.
    pub(super) fn push<T>(&mut self, slots: &mut Slots<T>, id: u32) {
        let slot = &mut slots[id];
        (slot.older, slot.newer) = (Link::to(self.newest), Link::NONE);
        self.weight += slot.weight;
        self.len += 1;
        match self.newest.replace(id) {
            Some(older) => slots[older].newer = Link(id),
            None => self.oldest = Some(id),
        }
    }

    /// Takes out the slot `id`, which is in this queue.
    pub(super) fn unlink<T>(&mut self, slots: &mut Slots<T>, id: u32) {
        let slot = &slots[id];
        let (older, newer) = (slot.older, slot.newer);
        self.weight -= slot.weight;
        self.len -= 1;
        match older.id() {
            Some(older) => slots[older].newer = newer,
            None => self.oldest = newer.id(),
        }
        match newer.id() {
            Some(newer) => slots[newer].older = older,
            None => self.newest = older.id(),
        }
    }

    /// Gives the slot `id`, which is in this queue, another weight.
    pub(super) fn reweigh<T>(&mut self, slots: &mut Slots<T>, id: u32, weight: u64) {
        let slot = &mut slots[id];
        self.weight = self.weight - slot.weight + weight;
        slot.weight = weight;
    }
}
