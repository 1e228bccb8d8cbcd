//! Which entries have accesses that nobody asked for yet: a bounded list, so that asking does not visit every entry.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The most entries with pending accesses; those of further entries are counted as dropped.
pub(super) const PENDING_MAX: usize = 10_000;

/// Where an entry is: its shard and its slot there. The slot may hold another entry by the time it is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) shard: u32,
    pub(super) slot: u32,
}

#[derive(Debug)]
pub(super) struct Ledger {
    places: Mutex<VecDeque<Place>>,
    is_full: AtomicBool,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            places: Mutex::new(VecDeque::with_capacity(PENDING_MAX)),
            is_full: AtomicBool::new(false),
        }
    }

    /// Whether the next [`Self::push`] would be refused, without a lock.
    pub(super) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Adds an entry; `false` if there is no space for it.
    pub(super) fn push(&self, place: Place) -> bool {
        let mut places = self.lock();
        let has_space = places.len() < PENDING_MAX;
        if has_space {
            places.push_back(place);
        }
        self.is_full.store(places.len() >= PENDING_MAX, Ordering::Relaxed);
        has_space
    }

    /// Takes the entry that has waited longest.
    pub(super) fn pop(&self) -> Option<Place> {
        let mut places = self.lock();
        let place = places.pop_front();
        self.is_full.store(places.len() >= PENDING_MAX, Ordering::Relaxed);
        place
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
