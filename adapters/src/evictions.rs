//! What a tier gave up to keep its limits: how many entries, and who is told which.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tiered_storage_core::Key;

use crate::events::EvictionWatcher;

/// The evictions of one tier. They are noted where they happen, also under locks, and told outside of them.
#[derive(Default)]
pub(crate) struct Evictions {
    count: AtomicU64,
    /// Whether there may be watchers, so that nothing is kept for nobody.
    is_watched: AtomicBool,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    watchers: Vec<Weak<EvictionWatcher>>,
    untold: Vec<Key>,
}

impl Evictions {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Tells `watcher` of every eviction from now on, for as long as somebody holds it.
    pub(crate) fn watch(&self, watcher: Weak<EvictionWatcher>) {
        self.watched().watchers.push(watcher);
        self.is_watched.store(true, Ordering::Release);
    }

    /// Counts an entry that is gone, and of which nobody is told.
    #[cfg(all(feature = "disk", not(target_arch = "wasm32")))]
    pub(crate) fn count_lost(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// An entry was given up; who watches is told by [`Self::tell`].
    pub(crate) fn note(&self, key: &Key) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.is_watched.load(Ordering::Acquire) {
            self.watched().untold.push(key.clone());
        }
    }

    /// Tells what was noted, also by others. No lock of the tier's may be held.
    pub(crate) fn tell(&self) {
        if !self.is_watched.load(Ordering::Acquire) {
            return;
        }
        let (watchers, keys) = {
            let mut watched = self.watched();
            if watched.untold.is_empty() {
                return;
            }
            let left: Vec<Arc<EvictionWatcher>> =
                watched.watchers.iter().filter_map(Weak::upgrade).collect();
            watched.watchers.retain(|watcher| watcher.strong_count() > 0);
            self.is_watched.store(!watched.watchers.is_empty(), Ordering::Release);
            (left, core::mem::take(&mut watched.untold))
        };
        for key in &keys {
            watchers.iter().for_each(|watcher| watcher(key));
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl core::fmt::Debug for Evictions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Evictions").field(&self.count()).finish()
    }
}
