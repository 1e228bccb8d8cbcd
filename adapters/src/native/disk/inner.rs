//! The calls that change something, as they run on a thread that may block.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64},
    },
};

use tiered_storage_core::{Error, ErrorKind, Key, Metadata};
use tokio::sync::watch;

use super::{
    files::{Layout, failure, remove},
    index::Overlay,
    journal::push_distrust,
    load::{create_data, leave_mark},
    log::Log,
    options::{Durability, Settings},
    recover::Phase,
    state::State,
    upkeep::discard,
};
use crate::{evictions::Evictions, tier::Patched};

/// How many bytes of changes may wait in memory before they are written to the journal.
const UNWRITTEN_BYTES_MAX: usize = 256 << 10;

/// What all handles of one directory share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) layout: Layout,
    pub(super) settings: Settings,
    state: Mutex<State>,
    /// Those of the state, to be told without its lock.
    pub(super) evictions: Arc<Evictions>,
    /// Tells those who wait for room that some was given back.
    pub(super) changed: Condvar,
    pub(super) log: Log,
    /// Held shared while something is written below the data root, and alone while that is exchanged.
    pub(super) gate: RwLock<()>,
    /// Held while a segment is reclaimed.
    pub(super) reclaiming: Mutex<()>,
    /// The folders of objects that are known to be there.
    pub(super) shards: Mutex<HashSet<PathBuf>>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) corrupt_reads: AtomicU64,
    pub(super) is_stopping: AtomicBool,
    /// Wakes the upkeep before its interval is over.
    pub(super) alarm: (Mutex<bool>, Condvar),
    /// Held open, and so locked, until the tier is closed or nothing can write any more.
    lock: Mutex<Option<File>>,
    #[cfg(test)]
    pub(super) faults: super::tests::Faults,
}

/// A call that changes a key and was begun. Dropping it ends the call.
#[derive(Debug)]
pub(super) struct Call {
    inner: Arc<Inner>,
    pub(super) key: Key,
    pub(super) generation: u64,
}

impl Call {
    pub(super) fn begin(inner: &Arc<Inner>, key: &Key) -> Result<Self, Error> {
        let mut state = inner.lock();
        state.check_open()?;
        let generation = state.begin(key);
        Ok(Self { inner: Arc::clone(inner), key: key.clone(), generation })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.inner.lock().end(&self.key, self.generation);
    }
}

impl Inner {
    pub(super) fn new(
        layout: Layout,
        settings: Settings,
        state: State,
        log: Log,
        lock: File,
    ) -> Self {
        let phase = if state.recovery.is_some() { Phase::ReadingSegments } else { Phase::Complete };
        Self {
            layout,
            settings,
            evictions: Arc::clone(&state.evictions),
            state: Mutex::new(state),
            changed: Condvar::new(),
            log,
            gate: RwLock::new(()),
            reclaiming: Mutex::new(()),
            shards: Mutex::new(HashSet::new()),
            phase: watch::Sender::new(phase),
            corrupt_reads: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
            alarm: (Mutex::new(false), Condvar::new()),
            lock: Mutex::new(Some(lock)),
            #[cfg(test)]
            faults: super::tests::Faults::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the metadata of the entry that `metadata` is of: lays what may change over a record. `None` if there is more to change than that.
    pub(super) fn patch(&self, call: &Call, metadata: &Metadata) -> Result<Option<Patched>, Error> {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        if let Some(partial) = state.parts.touch(&call.key) {
            check_version(&partial.metadata, metadata)?;
            partial.metadata = metadata.clone();
            return Ok(Some(Patched::Done(None)));
        }
        drop(state);
        let Some((spot, found)) = self.head(&call.key)? else { return Ok(Some(Patched::Missing)) };
        check_version(&found, metadata)?;
        if !found.is_settled_alike(metadata) {
            return Ok(None);
        }
        let mut state = self.lock();
        if state.is_overtaken(&call.key, call.generation) || !spot.is_current(&state) {
            return Ok(Some(Patched::Missing));
        }
        state.patch(&call.key, Overlay::of(metadata));
        let mark = state.appended;
        drop(state);
        self.settle_change(mark, self.settings.durability != Durability::Checkpoint)?;
        Ok(Some(Patched::Done(None)))
    }

    pub(super) fn remove(&self, calls: &[Call]) -> Result<(), Error> {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        for call in calls {
            state.remove(&call.key, call.generation);
        }
        let mark = state.appended;
        if state.segments.has_reclaimable() {
            self.ring();
        }
        self.dispose(state);
        // The cold tier may be told as soon as this returns, and nothing announces removals: they last by themselves.
        self.settle_change(mark, self.settings.durability != Durability::Checkpoint)
    }

    pub(super) fn remove_version(&self, call: &Call, seen: &Metadata) -> Result<bool, Error> {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        if let Some(partial) = state.parts.find(&call.key) {
            let is_right = partial.metadata.is_same_version(seen);
            if is_right {
                state.remove(&call.key, call.generation);
                self.dispose(state);
            }
            return Ok(is_right);
        }
        drop(state);
        let Some((spot, found)) = self.head(&call.key)? else { return Ok(false) };
        let mut state = self.lock();
        if !found.is_same_version(seen) || !spot.is_current(&state) {
            return Ok(false);
        }
        state.remove(&call.key, call.generation);
        let mark = state.appended;
        self.dispose(state);
        self.settle_change(mark, self.settings.durability != Durability::Checkpoint)?;
        Ok(true)
    }

    /// Makes sure that no copy of `key` that is there now is trusted after a crash.
    pub(super) fn announce(&self, key: &Key) -> Result<(), Error> {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        state.check_open()?;
        let may_return =
            state.index.find(key).is_some() || state.is_changing(key) || state.recovery.is_some();
        if may_return {
            state.announce(key);
        }
        // An entry that is gone must stay gone: that it went is in the journal, but perhaps not yet on the device.
        let mark = if may_return { state.appended } else { state.removed_at };
        drop(state);
        self.log.sync(self, mark).map_err(|error| failure(error, "announcing a change"))
    }

    /// Exchanges the data root for an empty one; what is deleted afterwards is no longer counted.
    pub(super) fn clear(&self, caller: &Weak<()>) -> Result<(), Error> {
        let _alone = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let wrap = |error| {
            self.log.give_up();
            failure(error, "clearing the directory")
        };
        let mut state = self.lock();
        state.check_open()?;
        if caller.strong_count() == 0 {
            // It was given up before it began; what was written since must stay.
            return Ok(());
        }
        let barrier = state.next_generation();
        // Should the exchange fail half-way, nothing that is left may be trusted.
        state.note(|buffer| push_distrust(buffer, barrier));
        let mark = state.appended;
        drop(state);
        self.log.sync(self, mark).map_err(wrap)?;
        self.lock().reset(barrier);
        self.shards.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let trash = self.layout.trash(barrier);
        let exchange = || {
            fs::rename(self.layout.data(), &trash)?;
            create_data(&self.layout)?;
            self.bring_drafts(&trash)?;
            self.log.restart(&self.layout, self.settings.durability)
        };
        exchange().map_err(wrap)?;
        self.phase.send_if_modified(|phase| {
            let is_over = *phase < Phase::Complete;
            if is_over {
                *phase = Phase::Complete;
            }
            is_over
        });
        self.changed.notify_all();
        discard(trash);
        Ok(())
    }

    /// Brings staged bodies back, which are no entries yet.
    fn bring_drafts(&self, trash: &Path) -> io::Result<()> {
        let drafts = self.lock().drafts.clone();
        for path in drafts.into_iter().map(|generation| self.layout.draft(generation)) {
            let name = path.file_name().expect("a draft has a name");
            match fs::rename(trash.join("new").join(name), &path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes everything durable and says so, then lets the directory go.
    pub(super) fn close(&self) -> Result<(), Error> {
        self.lock().is_closed = true;
        self.changed.notify_all();
        let _alone = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        state.drop_all_parts();
        let drafts = core::mem::take(&mut state.drafts);
        self.dispose(state);
        for generation in drafts {
            // What cannot be removed is swept when the directory is opened again.
            let _ = remove(&self.layout.draft(generation));
        }
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            return Ok(());
        }
        let is_complete = *self.phase.borrow() == Phase::Complete;
        self.phase.send_replace(Phase::Stopped);
        let finish = || {
            let dirty = self.lock().segments.take_dirty();
            dirty.iter().try_for_each(|segment| segment.sync())?;
            if is_complete && self.log.is_whole() {
                let generation = self.log.snapshot(self)?;
                leave_mark(&self.layout, generation)?;
            }
            Ok(())
        };
        let result = finish().map_err(|error| failure(error, "closing the directory"));
        *lock = None;
        result
    }

    /// Wakes the upkeep.
    pub(super) fn ring(&self) {
        *self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.alarm.1.notify_all();
    }

    /// Bounds what waits in memory, and makes changes up to `mark` durable where that is asked for.
    pub(super) fn settle_change(&self, mark: u64, is_durable: bool) -> Result<(), Error> {
        let result = if is_durable {
            self.log.sync(self, mark)
        } else if self.lock().unwritten.len() > UNWRITTEN_BYTES_MAX {
            self.log.flush(self)
        } else {
            Ok(())
        };
        result.map_err(|error| failure(error, "writing the journal"))
    }
}

fn check_version(found: &Metadata, patch: &Metadata) -> Result<(), Error> {
    if found.is_same_version(patch) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "the disk tier has another version; read it again"))
}
