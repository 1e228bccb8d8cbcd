//! Opening a directory: the lock, the clean mark, and the index as the last run left it.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use std::collections::HashMap;
use tiered_storage_core::{Error, ErrorKind, Key};

use super::{
    files::{Layout, failure, journal_number, names, remove, sync_folder},
    index::{Entry, Index, Place},
    journal::{Change, Changes, JOURNAL_MAGIC, SNAPSHOT_MAGIC, Start},
    log::{Log, write_empty_snapshot},
    options::{Durability, Settings},
    recover::Recovery,
    segments::Segments,
    state::State,
};

/// A directory that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) layout: Layout,
    pub(super) lock: File,
    pub(super) state: State,
    pub(super) log: Log,
}

/// The index as snapshot and journals have it.
#[derive(Debug, Default)]
struct Told {
    entries: BTreeMap<Key, Entry>,
    start: Start,
    snapshot_bytes: u64,
    /// The greatest generation that was seen.
    generation: u64,
    removed: HashMap<Key, u64>,
    announced: HashMap<Key, u64>,
    durability: Durability,
    /// Everything of an earlier generation is suspect, also what is not in the journals.
    distrusted_before: u64,
}

/// How far what was told can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    /// All of it: the last run closed the directory.
    Whole,
    /// The last run did not close it, but what it wrote can be read to its end.
    Unclean,
    /// Nothing of it.
    Lost,
}

pub(super) fn open(root: &Path, settings: &Settings) -> Result<Opened, Error> {
    let layout = Layout { root: root.to_path_buf() };
    let wrap = |error| failure(error, "opening the disk tier's directory");
    fs::create_dir_all(root).map_err(wrap)?;
    let lock = lock(&layout)?;
    let mark = take_mark(&layout).map_err(wrap)?;
    let mark = if prepare(&layout).map_err(wrap)? { Some(0) } else { mark };
    let (told, belief) = told(&layout, mark).map_err(wrap)?;
    let (state, log) = start(&layout, settings, told, belief).map_err(wrap)?;
    Ok(Opened { layout, lock, state, log })
}

/// Says that the index on disk is whole, as of this generation.
pub(super) fn leave_mark(layout: &Layout, generation: u64) -> io::Result<()> {
    let mut file = File::create(layout.clean())?;
    write!(file, "tiered-storage disk 1 {generation}")?;
    file.sync_all()?;
    sync_folder(&layout.root)
}

fn lock(layout: &Layout) -> Result<File, Error> {
    let wrap = |error| failure(error, "locking the disk tier's directory");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(layout.lock()).map_err(wrap)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Unavailable,
            "the disk tier's directory is in use; close the storage or process that has it, or give this one a \
             directory of its own",
        )),
        Err(TryLockError::Error(error)) => Err(wrap(error)),
    }
}

/// Takes the clean mark away, durably, before anything is changed.
fn take_mark(layout: &Layout) -> io::Result<Option<u64>> {
    let text = match fs::read_to_string(layout.clean()) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(error),
    };
    fs::remove_file(layout.clean())?;
    sync_folder(&layout.root)?;
    Ok(text.strip_prefix("tiered-storage disk 1 ").and_then(|number| number.parse().ok()))
}

/// Makes what is missing of the directory; says whether that was all of it.
fn prepare(layout: &Layout) -> io::Result<bool> {
    let is_new = !layout.data().is_dir();
    if is_new {
        create_data(layout)?;
    }
    layout.create().map(|()| is_new)
}

/// Makes the data root of a tier without entries, all at once.
pub(super) fn create_data(layout: &Layout) -> io::Result<()> {
    let next = Layout { root: layout.root.join("next") };
    if next.root.exists() {
        fs::remove_dir_all(&next.root)?;
    }
    next.create()?;
    write_empty_snapshot(&next, 0)?;
    fs::rename(next.data(), layout.data())?;
    fs::remove_dir(next.root)?;
    sync_folder(&layout.root)
}

fn told(layout: &Layout, mark: Option<u64>) -> io::Result<(Told, Belief)> {
    let Some(mut told) = read_snapshot(layout)? else { return Ok((Told::default(), Belief::Lost)) };
    let mut numbers: Vec<u64> = names(&layout.data())?
        .iter()
        .filter_map(|name| journal_number(name))
        .filter(|number| *number >= told.start.journal)
        .collect();
    numbers.sort_unstable();
    for (at, number) in numbers.iter().enumerate() {
        let bytes = fs::read(layout.journal(*number))?;
        let Some(mut changes) = Changes::read(&bytes, JOURNAL_MAGIC) else {
            return Ok((Told::default(), Belief::Lost));
        };
        changes.by_ref().for_each(|change| told.apply(change));
        let may_be_torn = mark.is_none() && at + 1 == numbers.len();
        if !changes.is_at_end() && (!may_be_torn || changes.resumes()) {
            return Ok((Told::default(), Belief::Lost));
        }
    }
    let is_whole = mark.is_some_and(|mark| mark == told.generation);
    Ok((told, if is_whole { Belief::Whole } else { Belief::Unclean }))
}

fn read_snapshot(layout: &Layout) -> io::Result<Option<Told>> {
    let bytes = match fs::read(layout.snapshot()) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(mut changes) = Changes::read(&bytes, SNAPSHOT_MAGIC) else { return Ok(None) };
    let Some(Change::Start(start)) = changes.next() else { return Ok(None) };
    let mut entries = Vec::new();
    let mut end = None;
    for change in changes.by_ref() {
        match change {
            Change::Put(entry) if end.is_none() => entries.push(entry),
            Change::End { entries } if end.is_none() => end = Some(entries),
            _ => return Ok(None),
        }
    }
    if end != Some(entries.len() as u64) || !changes.is_at_end() {
        return Ok(None);
    }
    let generation = entries.iter().map(|entry| entry.generation).max().unwrap_or(0);
    Ok(Some(Told {
        entries: entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect(),
        generation: generation.max(start.generation),
        start,
        snapshot_bytes: bytes.len() as u64,
        ..Told::default()
    }))
}

impl Told {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Put(mut entry) => {
                self.generation = self.generation.max(entry.generation);
                let is_announced = self.announced.get(&entry.key);
                entry.is_suspect |= is_announced.is_some_and(|it| *it > entry.generation);
                let known = self.entries.get(&entry.key);
                if let Some(known) = known.filter(|known| known.generation == entry.generation) {
                    // It was moved, or a snapshot that was taken later has it already.
                    entry.is_suspect |= known.is_suspect;
                }
                if known.is_none_or(|known| known.generation <= entry.generation) {
                    self.entries.insert(entry.key.clone(), entry);
                }
            }
            Change::Remove { key, generation } => {
                self.generation = self.generation.max(generation);
                if self.entries.get(&key).is_some_and(|entry| entry.generation < generation) {
                    self.entries.remove(&key);
                }
                self.removed.insert(key, generation);
            }
            Change::Patch { key, overlay } => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.overlay = Some(overlay);
                    entry.is_suspect = false;
                }
            }
            Change::Announce { key, generation } => {
                self.generation = self.generation.max(generation);
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.is_suspect |= entry.generation < generation;
                }
                self.announced.insert(key, generation);
            }
            Change::Distrust { generation } => self.distrust(generation),
            Change::Run { durability } => self.durability = durability,
            Change::Start(_) | Change::End { .. } => {}
        }
    }

    fn distrust(&mut self, generation: u64) {
        self.distrusted_before = self.distrusted_before.max(generation);
        self.generation = self.generation.max(generation);
        for entry in self.entries.values_mut() {
            entry.is_suspect |= entry.generation < generation;
        }
    }
}

/// Starts a run with what was told.
fn start(
    layout: &Layout,
    settings: &Settings,
    mut told: Told,
    belief: Belief,
) -> io::Result<(State, Log)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    // Records that the journal does not know of have generations near the time they were written at.
    let generation = told.generation.max(now) + 1;
    let is_distrusted = belief == Belief::Lost
        || (belief == Belief::Unclean && told.durability == Durability::Checkpoint);
    if is_distrusted {
        told.distrust(generation);
    }
    let last = names(&layout.data())?.iter().filter_map(|name| journal_number(name)).max();
    if belief == Belief::Lost {
        remove(&layout.snapshot())?;
        for name in names(&layout.data())? {
            if journal_number(&name).is_some() {
                remove(&layout.data().join(name))?;
            }
        }
    }
    let number = last.map_or(told.start.journal, |last| last + 1);
    let distrusted = is_distrusted.then_some(generation);
    let snapshot_bytes = told.snapshot_bytes;
    let log = Log::start(layout, number, settings.durability, distrusted, snapshot_bytes)?;
    let state = state(layout, settings, told, belief, generation)?;
    Ok((state, log))
}

fn state(
    layout: &Layout,
    settings: &Settings,
    told: Told,
    belief: Belief,
    generation: u64,
) -> io::Result<State> {
    let mut segments = Segments::new(layout.clone(), settings.durability, settings.segment_bytes);
    let mut found = Vec::new();
    for name in names(&layout.segments())? {
        let Ok(segment) = u32::from_str_radix(&name, 16) else { continue };
        segments.add(segment, fs::metadata(layout.segment(segment))?.len());
        found.push(segment);
    }
    let mut entries: Vec<Entry> = told.entries.into_values().collect();
    entries.retain(|entry| match entry.place {
        Place::Object => true,
        Place::Segment { segment, at } => {
            let is_there = segments.contains(segment, u64::from(at) + entry.disk_bytes());
            if is_there {
                segments.revive(segment, entry.disk_bytes());
            }
            is_there
        }
    });
    let mut debris = Vec::new();
    let recovery = if belief == Belief::Whole {
        segments.resume();
        found.iter().for_each(|segment| segments.settle(*segment, &mut debris));
        None
    } else {
        let is_lost = belief == Belief::Lost;
        Some(Recovery::new(
            if is_lost { Start::default() } else { told.start },
            generation,
            told.distrusted_before,
            told.removed,
            told.announced,
        ))
    };
    let mut state = State::new(layout.clone(), Index::from_sorted(entries), segments, generation);
    state.disk_bytes += debris.iter().map(|it| it.bytes).sum::<u64>();
    state.debris = debris;
    state.recovery = recovery;
    Ok(state)
}
