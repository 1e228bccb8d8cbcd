//! The files of the journal and the snapshot, as they are written.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tiered_storage_core::Key;

use super::{
    files::{Layout, journal_number, names, remove, sync_folder},
    inner::Inner,
    journal::{
        JOURNAL_MAGIC, SNAPSHOT_MAGIC, Start, push_distrust, push_end, push_put, push_run,
        push_start,
    },
    options::Durability,
};

/// How many entries a snapshot takes at a time, so that no call waits for all of them.
const SNAPSHOT_STEP: usize = 2_048;
/// A journal shorter than this is not worth a snapshot.
const JOURNAL_BYTES_MIN: u64 = 4 << 20;

/// The journal that is being written.
#[derive(Debug)]
pub(super) struct Log {
    /// Held while the file is written or synced, so that all who wait for the device share one wait.
    file: Mutex<Journal>,
    /// Up to which count of appended bytes the journal is durable.
    synced: AtomicU64,
    /// Whether writing failed, so that the file lacks changes.
    is_broken: AtomicBool,
    /// Whether it ever failed since the tier was opened.
    was_broken: AtomicBool,
}

#[derive(Debug)]
struct Journal {
    file: File,
    number: u64,
    bytes: u64,
    snapshot_bytes: u64,
    /// Up to which count of appended bytes they are in the file.
    written: u64,
}

impl Log {
    /// Starts a journal; what lies before it is distrusted if that is asked for.
    pub(super) fn start(
        layout: &Layout,
        number: u64,
        durability: Durability,
        distrusted: Option<u64>,
        snapshot_bytes: u64,
    ) -> io::Result<Self> {
        let (file, bytes) = create(layout, number, durability, distrusted)?;
        Ok(Self {
            file: Mutex::new(Journal { file, number, bytes, snapshot_bytes, written: 0 }),
            synced: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            was_broken: AtomicBool::new(false),
        })
    }

    /// Whether everything that changed since the tier was opened came into a journal.
    pub(super) fn is_whole(&self) -> bool {
        !self.was_broken.load(Ordering::Acquire)
    }

    /// Remembers that the index on disk lacks something.
    pub(super) fn give_up(&self) {
        self.was_broken.store(true, Ordering::Release);
    }

    /// Writes what waits in memory to the file.
    pub(super) fn flush(&self, inner: &Inner) -> io::Result<()> {
        self.flush_into(&mut self.lock(), inner)
    }

    /// Makes the changes up to `mark` durable.
    pub(super) fn sync(&self, inner: &Inner, mark: u64) -> io::Result<()> {
        if self.synced.load(Ordering::Acquire) >= mark {
            return Ok(());
        }
        let mut journal = self.lock();
        if self.synced.load(Ordering::Acquire) >= mark {
            return Ok(());
        }
        self.flush_into(&mut journal, inner)?;
        self.watch(journal.file.sync_data())?;
        self.synced.store(journal.written, Ordering::Release);
        Ok(())
    }

    /// Whether the journal has grown so long, or is so broken, that a snapshot pays.
    pub(super) fn wants_snapshot(&self) -> bool {
        let journal = self.lock();
        self.is_broken.load(Ordering::Acquire)
            || journal.bytes > JOURNAL_BYTES_MIN.max(2 * journal.snapshot_bytes)
    }

    /// Writes a snapshot and starts the journal that continues it. Answers the generation that the snapshot is of.
    pub(super) fn snapshot(&self, inner: &Inner) -> io::Result<u64> {
        let mut journal = self.lock();
        let number = journal.number + 1;
        // What is in the old journal must be durable before anything in the new one is.
        if !self.is_broken.load(Ordering::Acquire) {
            self.flush_into(&mut journal, inner)?;
            self.watch(journal.file.sync_data())?;
        }
        let (file, bytes) = create(&inner.layout, number, inner.settings.durability, None)?;
        let mut state = inner.lock();
        if self.is_broken.load(Ordering::Acquire) {
            // The snapshot holds what the broken journal lacks.
            state.unwritten.clear();
        }
        let (mark, generation) = (state.appended, state.landed_generation());
        let unwritten = core::mem::take(&mut state.unwritten);
        let segments = state.segments.landed();
        drop(state);
        let snapshot_bytes = journal.snapshot_bytes;
        *journal = Journal { file, number, bytes, snapshot_bytes, written: mark };
        self.watch(journal.append(&unwritten))?;
        drop(journal);

        let start = Start { journal: number, generation, segments };
        let new = inner.layout.data().join("snapshot-new");
        let snapshot_bytes = write_snapshot(&new, &start, inner)?;
        let mut journal = self.lock();
        self.is_broken.store(false, Ordering::Release);
        self.flush_into(&mut journal, inner)?;
        self.watch(journal.file.sync_data())?;
        self.synced.store(journal.written, Ordering::Release);
        journal.snapshot_bytes = snapshot_bytes;
        fs::rename(&new, inner.layout.snapshot())?;
        sync_folder(&inner.layout.data())?;
        remove_before(&inner.layout, number)?;
        Ok(generation)
    }

    /// Goes on in another, empty directory.
    pub(super) fn restart(&self, layout: &Layout, durability: Durability) -> io::Result<()> {
        let mut journal = self.lock();
        let (file, bytes) = create(layout, journal.number + 1, durability, None)?;
        *journal =
            Journal { file, number: journal.number + 1, bytes, snapshot_bytes: 0, ..*journal };
        Ok(())
    }

    fn flush_into(&self, journal: &mut Journal, inner: &Inner) -> io::Result<()> {
        if self.is_broken.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier write to the journal failed"));
        }
        let mut state = inner.lock();
        let unwritten = core::mem::take(&mut state.unwritten);
        let mark = state.appended;
        drop(state);
        self.watch(journal.append(&unwritten))?;
        journal.written = mark;
        Ok(())
    }

    fn watch<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.is_broken.store(true, Ordering::Release);
            self.was_broken.store(true, Ordering::Release);
            tracing::error!(%error, "the journal of the disk tier cannot be written");
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

fn create(
    layout: &Layout,
    number: u64,
    durability: Durability,
    distrusted: Option<u64>,
) -> io::Result<(File, u64)> {
    let mut buffer = JOURNAL_MAGIC.to_vec();
    push_run(&mut buffer, durability);
    if let Some(generation) = distrusted {
        push_distrust(&mut buffer, generation);
    }
    let path = layout.journal(number);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(&buffer)?;
    file.sync_data()?;
    sync_folder(&layout.data())?;
    Ok((file, buffer.len() as u64))
}

/// Writes the snapshot of a tier without entries.
pub(super) fn write_empty_snapshot(layout: &Layout, journal: u64) -> io::Result<()> {
    let mut buffer = SNAPSHOT_MAGIC.to_vec();
    push_start(&mut buffer, &Start { journal, ..Start::default() });
    push_end(&mut buffer, 0);
    let mut file = File::create(layout.snapshot())?;
    file.write_all(&buffer)?;
    file.sync_data()
}

fn write_snapshot(path: &std::path::Path, start: &Start, inner: &Inner) -> io::Result<u64> {
    let mut file = File::create(path)?;
    let mut buffer = SNAPSHOT_MAGIC.to_vec();
    push_start(&mut buffer, start);
    let (mut bytes, mut count) = (0, 0);
    let mut last: Option<Key> = None;
    loop {
        let state = inner.lock();
        let found: Vec<_> = state.index.after(last.as_deref()).take(SNAPSHOT_STEP).collect();
        found.iter().for_each(|entry| push_put(&mut buffer, entry));
        let step = found.len();
        let end = found.last().map(|entry| entry.key.clone());
        drop(found);
        drop(state);
        last = end;
        count += step as u64;
        if step < SNAPSHOT_STEP {
            push_end(&mut buffer, count);
        }
        file.write_all(&buffer)?;
        bytes += buffer.len() as u64;
        buffer.clear();
        if step < SNAPSHOT_STEP {
            file.sync_data()?;
            return Ok(bytes);
        }
    }
}

/// Removes the journals that the snapshot made needless.
fn remove_before(layout: &Layout, number: u64) -> io::Result<()> {
    for name in names(&layout.data())? {
        if journal_number(&name).is_some_and(|found| found < number) {
            remove(&layout.data().join(name))?;
        }
    }
    Ok(())
}
