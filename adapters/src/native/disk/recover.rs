//! After an unclean start: what the index does not know of is found among the records, while calls are served.
//!
//! First the segments are read, from where the snapshot ends (a miss waits for that, and looks for an object
//! by its name), then the objects' names (a write under a limit waits for that, since it must know what is there),
//! then the footers of the objects that the index does not know (a listing waits for that).

use std::{
    fs, io,
    path::PathBuf,
    sync::{MutexGuard, PoisonError, atomic::Ordering},
};

use std::collections::HashMap;
use tiered_storage_core::Key;

use super::{
    files::{names, object_name, read_at},
    index::{Entry, Place},
    inner::Inner,
    journal::{Start, push_put},
    read::object_entry,
    record::{SEGMENT_HEADER_BYTES, records},
    room::Need,
    segments::Debris,
    state::State,
};

/// How far recovery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// What is in the segments is not all known.
    ReadingSegments,
    /// How much the objects take is not known.
    Measuring,
    /// What is in the objects is not all known.
    ReadingObjects,
    /// The index has everything.
    Complete,
    /// The tier was closed or dropped.
    Stopped,
}

/// What recovery must know to tell old records from current ones.
#[derive(Debug)]
pub(super) struct Recovery {
    start: Start,
    /// The first generation of this run.
    ceiling: u64,
    /// Records of an earlier generation than this are suspect: a run that could not be believed ended there.
    distrusted_before: u64,
    removed: HashMap<Key, u64>,
    announced: HashMap<Key, u64>,
    /// Objects that the index does not know.
    pub(super) orphans: Vec<Orphan>,
}

/// An object that the index does not know.
#[derive(Debug)]
pub(super) struct Orphan {
    path: PathBuf,
    bytes: u64,
}

impl From<Orphan> for Debris {
    fn from(orphan: Orphan) -> Self {
        Self { path: orphan.path, bytes: orphan.bytes }
    }
}

impl Recovery {
    pub(super) fn new(
        start: Start,
        ceiling: u64,
        distrusted_before: u64,
        removed: HashMap<Key, u64>,
        announced: HashMap<Key, u64>,
    ) -> Self {
        Self { start, ceiling, distrusted_before, removed, announced, orphans: Vec::new() }
    }

    pub(super) fn note_removed(&mut self, key: &Key, generation: u64) {
        let known = self.removed.entry(key.clone()).or_insert(0);
        *known = generation.max(*known);
    }

    pub(super) fn note_announced(&mut self, key: &Key, generation: u64) {
        self.announced.insert(key.clone(), generation);
    }

    /// Whether the key was removed in this run, so that no old record of it counts.
    pub(super) fn is_removed(&self, key: &Key) -> bool {
        self.removed.get(key).is_some_and(|generation| *generation >= self.ceiling)
    }

    /// Whether a record that was found is not known to be gone.
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        (self.start.generation..self.ceiling).contains(&entry.generation)
            && self.removed.get(&entry.key).is_none_or(|removed| *removed <= entry.generation)
    }

    /// Whether a newer record of this entry may still be found.
    pub(super) fn may_be_older(&self, entry: &Entry) -> bool {
        entry.generation < self.ceiling
    }

    fn is_suspect(&self, entry: &Entry) -> bool {
        let announced = self.announced.get(&entry.key);
        entry.generation < self.distrusted_before
            || announced.is_some_and(|announced| *announced > entry.generation)
    }
}

impl State {
    /// Takes a record that was found into the index, if it is the newest of its key; says whether it is there now.
    fn adopt(&mut self, mut entry: Entry) -> bool {
        let Some(recovery) = &self.recovery else { return false };
        let known = self.index.find(&entry.key);
        if !recovery.admits(&entry)
            || known.is_some_and(|known| known.generation >= entry.generation)
        {
            return false;
        }
        entry.is_suspect = recovery.is_suspect(&entry);
        if let Place::Segment { segment, .. } = entry.place {
            self.segments.revive(segment, entry.disk_bytes());
        }
        self.note(|buffer| push_put(buffer, &entry));
        if let Some(old) = self.index.insert(entry) {
            self.bury(&old);
        }
        true
    }
}

impl Inner {
    /// Finds what the index does not know of.
    pub(super) fn recover(&self) {
        if let Err(error) = self.try_recover() {
            // What is known is served; the next start looks again.
            tracing::error!(%error, "the index of the disk tier cannot be rebuilt");
            self.log.give_up();
            self.lock().recovery = None;
            self.phase.send_replace(Phase::Complete);
        }
    }

    fn try_recover(&self) -> io::Result<()> {
        self.read_segments()?;
        self.phase.send_replace(Phase::Measuring);
        self.measure_objects()?;
        self.phase.send_replace(Phase::ReadingObjects);
        self.read_objects();
        if !self.is_stopping.load(Ordering::Acquire) {
            let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            self.lock().recovery = None;
            self.keep_limits();
            self.phase.send_replace(Phase::Complete);
            self.log.snapshot(self)?;
        }
        Ok(())
    }

    /// The state, as long as recovery is wanted.
    fn recovering(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.lock();
        (state.recovery.is_some() && !self.is_stopping.load(Ordering::Acquire)).then_some(state)
    }

    fn read_segments(&self) -> io::Result<()> {
        let Some(state) = self.recovering() else { return Ok(()) };
        let ceiling = state.segments.filled();
        let known: HashMap<u32, u64> =
            state.recovery.iter().flat_map(|it| it.start.segments.iter().copied()).collect();
        drop(state);
        for (segment, bytes) in ceiling {
            let Some(mut state) = self.recovering() else { return Ok(()) };
            let start = known.get(&segment).copied().unwrap_or(SEGMENT_HEADER_BYTES);
            let file = state.segments.file(segment).ok().filter(|_| start < bytes);
            drop(state);
            if let Some(file) = file {
                let mut tail = vec![0; usize::try_from(bytes - start).map_err(io::Error::other)?];
                if let Err(error) = read_at(&file.file, &mut tail, start) {
                    tracing::warn!(segment, %error, "a segment of the disk tier cannot be read");
                    tail.clear();
                }
                self.adopt_records(segment, start, &tail, file.salt);
            }
            let mut state = self.lock();
            let State { segments, debris, .. } = &mut *state;
            segments.settle(segment, debris);
            self.dispose(state);
        }
        Ok(())
    }

    fn adopt_records(&self, segment: u32, start: u64, tail: &[u8], salt: u64) {
        for (at, said) in records(tail, salt, 0) {
            let (Ok(key), Ok(at)) = (Key::new(said.key), u32::try_from(start + at as u64)) else {
                continue;
            };
            let Some(mut state) = self.recovering() else { return };
            state.adopt(Entry {
                key,
                generation: said.generation,
                body_bytes: said.body.len() as u64,
                line_bytes: said.line.len() as u16,
                place: Place::Segment { segment, at },
                is_suspect: true,
                is_announced: false,
                overlay: None,
            });
        }
    }

    /// Lists the objects, drops the entries that have lost theirs and the objects that are known to be dead.
    fn measure_objects(&self) -> io::Result<()> {
        let Some(state) = self.recovering() else { return Ok(()) };
        let is_object = |entry: &&Entry| entry.place == Place::Object;
        let mut missing: HashMap<u64, Key> = (state.index.after(None).filter(is_object))
            .map(|entry| (entry.generation, entry.key.clone()))
            .collect();
        let recovery = state.recovery.as_ref().expect("it was there under this lock");
        let old = recovery.start.generation..recovery.ceiling;
        missing.retain(|generation, _| *generation < old.end);
        drop(state);
        let mut unknown = Vec::new();
        for shard in names(&self.layout.objects())? {
            let folder = self.layout.objects().join(shard);
            for name in names(&folder)? {
                match object_name(&name) {
                    Some((_, generation)) if generation >= old.end => {}
                    Some((_, generation)) if missing.remove(&generation).is_some() => {}
                    _ => {
                        unknown.push(folder.join(name));
                    }
                }
            }
        }
        let mut orphans = Vec::new();
        for path in unknown {
            let Ok(found) = fs::metadata(&path) else { continue };
            orphans.push(Orphan { path, bytes: found.len() });
        }
        let Some(mut state) = self.recovering() else { return Ok(()) };
        for (generation, key) in missing {
            state.remove(&key, generation + 1);
        }
        state.disk_bytes += orphans.iter().map(|it| it.bytes).sum::<u64>();
        state.recovery.as_mut().expect("it was there under this lock").orphans = orphans;
        self.dispose(state);
        Ok(())
    }

    fn read_objects(&self) {
        loop {
            let Some(mut state) = self.recovering() else { return };
            let Some(orphan) = state.recovery.as_mut().and_then(|it| it.orphans.pop()) else {
                return;
            };
            drop(state);
            let entry = object_entry(&orphan.path)
                .filter(|entry| self.layout.object(&entry.key, entry.generation) == orphan.path);
            let Some(mut state) = self.recovering() else { return };
            if !entry.is_some_and(|entry| state.adopt(entry)) {
                state.debris.push(orphan.into());
            }
            self.dispose(state);
        }
    }

    /// Gives up entries until the limits hold, which may be lower than they were in the last run.
    pub(super) fn keep_limits(&self) {
        let mut state = self.lock();
        let items_max = self.settings.items_max.unwrap_or(u64::MAX);
        while state.items() > items_max && state.evict() {}
        self.dispose(state);
        if let Ok(room) = self.make_room(Need::Object(0), None) {
            self.give_back(&room, None);
        }
    }
}
