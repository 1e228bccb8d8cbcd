//! Who watches a tier, for as long as somebody holds them.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use crate::lock::Lock;

/// Functions that are told of something.
pub(crate) struct Watchers<W: ?Sized> {
    all: Lock<Vec<Weak<W>>>,
    /// Whether there may be any, so that nobody waits for a lock, and nothing is kept, where there are none.
    are_there: AtomicBool,
}

impl<W: ?Sized> Watchers<W> {
    pub(crate) fn push(&self, watcher: Weak<W>) {
        self.all.lock().push(watcher);
        self.are_there.store(true, Ordering::Release);
    }

    pub(crate) fn are_there(&self) -> bool {
        self.are_there.load(Ordering::Acquire)
    }

    /// Those that are left, to be told outside of any lock.
    pub(crate) fn left(&self) -> Vec<Arc<W>> {
        let mut left = Vec::new();
        let mut all = self.all.lock();
        all.retain(|watcher| watcher.upgrade().map(|watcher| left.push(watcher)).is_some());
        self.are_there.store(!all.is_empty(), Ordering::Release);
        left
    }
}

impl<W: ?Sized> Default for Watchers<W> {
    fn default() -> Self {
        Self { all: Lock::default(), are_there: AtomicBool::new(false) }
    }
}
