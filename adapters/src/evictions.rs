//! What a tier gave up to keep its limits: how many entries, and who is told which.

use std::sync::{
    Weak,
    atomic::{AtomicU64, Ordering},
};

use tiered_storage_core::Key;

use crate::{events::EvictionWatcher, lock::Lock, watchers::Watchers};

/// The evictions of one tier. They are noted where they happen, also under locks, and told outside of them.
#[derive(Default)]
pub(crate) struct Evictions {
    count: AtomicU64,
    watchers: Watchers<EvictionWatcher>,
    untold: Lock<Vec<Key>>,
}

impl Evictions {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Tells `watcher` of every eviction from now on, for as long as somebody holds it.
    pub(crate) fn watch(&self, watcher: Weak<EvictionWatcher>) {
        self.watchers.push(watcher);
    }

    /// Counts an entry that is gone, and of which nobody is told.
    #[cfg(feature = "disk")]
    pub(crate) fn count_lost(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// An entry was given up; who watches is told by [`Self::tell`].
    pub(crate) fn note(&self, key: &Key) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.watchers.are_there() {
            self.untold.lock().push(key.clone());
        }
    }

    /// Tells what was noted, also by others. No lock of the tier's may be held.
    pub(crate) fn tell(&self) {
        if !self.watchers.are_there() {
            return;
        }
        let keys = core::mem::take(&mut *self.untold.lock());
        if keys.is_empty() {
            return;
        }
        let watchers = self.watchers.left();
        for key in &keys {
            watchers.iter().for_each(|watcher| watcher(key));
        }
    }
}

impl core::fmt::Debug for Evictions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Evictions").field(&self.count()).finish()
    }
}
