//! What one thread per directory does behind the calls: sweeping, recovery, reclaiming, checkpoints.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, PoisonError, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    files::{names, remove},
    inner::Inner,
    recover::Phase,
};

/// Runs until the tier is closed or dropped.
pub(super) fn run(inner: &Inner, first_generation: u64) {
    if let Err(error) = sweep(inner, first_generation) {
        tracing::warn!(%error, "what an earlier run left in the disk tier cannot be swept");
    }
    let is_complete = *inner.phase.borrow() == Phase::Complete;
    if is_complete {
        inner.keep_limits()
    } else {
        inner.recover()
    }
    let interval = Duration::from_millis(inner.settings.checkpoint_interval_ms);
    let mut due = Instant::now() + interval;
    while inner.rest(due) {
        inner.tidy();
        while let Some(segment) = inner.next_reclaimable() {
            let _shared = inner.gate.read().unwrap_or_else(PoisonError::into_inner);
            inner.reclaim(segment);
        }
        if Instant::now() >= due {
            if let Err(error) = inner.checkpoint() {
                tracing::warn!(%error, "a checkpoint of the disk tier failed");
            }
            due = Instant::now() + interval;
        }
    }
}

/// Deletes a folder behind the calls. What is left of it when the process ends is deleted at the next open.
pub(super) fn discard(folder: PathBuf) {
    let delete = move || {
        if let Err(error) = fs::remove_dir_all(&folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %folder.display(), %error, "a folder of the disk tier is left");
        }
    };
    let builder = thread::Builder::new().name("tiered-storage-trash".into());
    if let Err(error) = builder.spawn(delete) {
        tracing::warn!(%error, "a folder of the disk tier is left");
    }
}

/// Removes what an earlier run did not finish.
fn sweep(inner: &Inner, first_generation: u64) -> io::Result<()> {
    for name in names(&inner.layout.root)? {
        if name.starts_with("trash-") {
            discard(inner.layout.root.join(name));
        }
    }
    for name in names(&inner.layout.unfinished())? {
        let generation = u64::from_str_radix(&name, 16);
        if generation.is_ok_and(|generation| generation < first_generation) {
            remove(&inner.layout.unfinished().join(name))?;
        }
    }
    Ok(())
}

impl Inner {
    /// Makes durable what was written so far.
    pub(super) fn checkpoint(&self) -> io::Result<()> {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        let dirty = state.segments.take_dirty();
        let mark = state.appended;
        self.dispose(state);
        dirty.iter().try_for_each(|segment| segment.sync())?;
        if *self.phase.borrow() == Phase::Complete && self.log.wants_snapshot() {
            self.log.snapshot(self)?;
        }
        self.log.sync(self, mark)
    }

    /// Deletes what is left of bodies that were staged and then given up.
    fn tidy(&self) {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.dispose(self.lock());
    }

    /// Waits until `due` or until there is something to reclaim; `false` if the tier is going.
    fn rest(&self, due: Instant) -> bool {
        let mut is_rung = self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_rung {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.alarm.1.wait_timeout(is_rung, left);
            is_rung = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *is_rung = false;
        !self.is_stopping.load(Ordering::Acquire)
    }

    fn next_reclaimable(&self) -> Option<u32> {
        let is_wanted = !self.is_stopping.load(Ordering::Acquire);
        is_wanted.then(|| self.lock().segments.reclaimable()).flatten()
    }
}

/// The thread of a directory.
#[derive(Debug)]
pub(super) struct Upkeep(Option<thread::JoinHandle<()>>);

impl Upkeep {
    pub(super) fn spawn(inner: &Arc<Inner>) -> io::Result<Self> {
        let first_generation = inner.lock().generation;
        let inner = Arc::clone(inner);
        let builder = thread::Builder::new().name("tiered-storage-disk".into());
        builder.spawn(move || run(&inner, first_generation)).map(|thread| Self(Some(thread)))
    }

    /// Ends the thread after what it is doing.
    pub(super) fn stop(&mut self, inner: &Inner) {
        inner.is_stopping.store(true, Ordering::Release);
        inner.ring();
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            tracing::error!("the upkeep of the disk tier panicked");
        }
    }
}
