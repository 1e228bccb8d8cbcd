//! The segments: files that small entries are appended to, and that are given back whole.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs::{File, OpenOptions},
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    files::{Layout, read_at, sync_folder, write_at},
    options::Durability,
    record::{SEGMENT_HEADER_BYTES, segment_header, segment_salt},
};

/// How many segments are kept open; others are opened when they are read.
const OPEN_MAX: usize = 128;

/// An open segment.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub(super) file: File,
    pub(super) salt: u64,
    /// How many appends have ended.
    written: AtomicU64,
    /// How many of them are durable. It is held while the device is waited for, so that all who wait share one wait.
    synced: Mutex<u64>,
}

impl SegmentFile {
    fn new(file: File, salt: u64) -> Self {
        Self { file, salt, written: AtomicU64::new(0), synced: Mutex::new(0) }
    }

    /// Writes a record at a place that was allotted to it.
    pub(super) fn write(&self, record: &[u8], at: u32) -> io::Result<()> {
        write_at(&self.file, record, u64::from(at))?;
        self.written.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Makes everything durable that was written before the call.
    pub(super) fn sync(&self) -> io::Result<()> {
        let wanted = self.written.load(Ordering::Acquire);
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced < wanted {
            let written = self.written.load(Ordering::Acquire);
            self.file.sync_data()?;
            *synced = written;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Segment {
    bytes: u64,
    /// The bytes of records that the index points to, and of those that are being written.
    live_bytes: u64,
    /// Where the records start that are being written.
    unlanded: BTreeSet<u32>,
    is_queued: bool,
    /// Whether all that is alive in it is known.
    is_settled: bool,
}

impl Segment {
    fn new(bytes: u64, is_settled: bool) -> Self {
        Self { bytes, live_bytes: 0, unlanded: BTreeSet::new(), is_queued: false, is_settled }
    }
}

/// A place in a segment that was allotted to a record.
#[derive(Debug)]
pub(super) struct Allotted {
    pub(super) segment: u32,
    pub(super) at: u32,
    pub(super) file: Arc<SegmentFile>,
    /// What the directory grew by: the record, and the header of a new segment.
    pub(super) grown_bytes: u64,
}

/// A file whose entries are all gone.
#[derive(Debug)]
pub(super) struct Debris {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// All segments.
#[derive(Debug)]
pub(super) struct Segments {
    layout: Layout,
    durability: Durability,
    target_bytes: u64,
    table: BTreeMap<u32, Segment>,
    active: Option<u32>,
    next: u32,
    open: BTreeMap<u32, Arc<SegmentFile>>,
    opened: VecDeque<u32>,
    /// Segments that are worth reclaiming, the one that became so first in front.
    reclaimable: VecDeque<u32>,
    /// Segments that were written since the last checkpoint.
    dirty: BTreeMap<u32, Arc<SegmentFile>>,
}

impl Segments {
    pub(super) fn new(layout: Layout, durability: Durability, target_bytes: u64) -> Self {
        Self {
            layout,
            durability,
            target_bytes,
            table: BTreeMap::new(),
            active: None,
            next: 0,
            open: BTreeMap::new(),
            opened: VecDeque::new(),
            reclaimable: VecDeque::new(),
            dirty: BTreeMap::new(),
        }
    }

    /// Forgets all segments, but uses none of their numbers again.
    pub(super) fn reset(&mut self) {
        let empty = Self::new(self.layout.clone(), self.durability, self.target_bytes);
        *self = Self { next: self.next, ..empty };
    }

    /// Takes a segment that was found on disk, with nothing alive in it yet.
    pub(super) fn add(&mut self, segment: u32, bytes: u64) {
        self.table.insert(segment, Segment::new(bytes, false));
        self.next = self.next.max(segment.saturating_add(1));
    }

    /// Appends to the newest segment again, whose end is known to be whole.
    pub(super) fn resume(&mut self) {
        let last = self.table.last_key_value();
        self.active = last.filter(|(_, it)| it.bytes < self.target_bytes).map(|(id, _)| *id);
    }

    pub(super) fn contains(&self, segment: u32, end: u64) -> bool {
        self.table.get(&segment).is_some_and(|found| end <= found.bytes)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.table.values().map(|segment| segment.bytes).sum()
    }

    pub(super) fn filled(&self) -> Vec<(u32, u64)> {
        self.table.iter().map(|(id, segment)| (*id, segment.bytes)).collect()
    }

    /// Up to where each segment holds nothing that is still to come into the index.
    pub(super) fn landed(&self) -> Vec<(u32, u64)> {
        let end = |it: &Segment| it.unlanded.first().map_or(it.bytes, |at| u64::from(*at));
        self.table.iter().map(|(id, segment)| (*id, end(segment))).collect()
    }

    /// Says that a record has come into the index, or never will.
    pub(super) fn land(&mut self, segment: u32, at: u32) {
        if let Some(found) = self.table.get_mut(&segment) {
            found.unlanded.remove(&at);
        }
    }

    /// The room that reclaiming a segment may need before it gives room back.
    pub(super) fn reserve_bytes(&self) -> u64 {
        let is_needed = self.table.len() > usize::from(self.active.is_some());
        if is_needed { self.target_bytes } else { 0 }
    }

    /// What the directory would grow by if a record of `bytes` were allotted.
    pub(super) fn growth_bytes(&self, bytes: u64) -> u64 {
        if self.fitting(bytes).is_some() { bytes } else { bytes + SEGMENT_HEADER_BYTES }
    }

    /// Allots the place for a record of `bytes`.
    pub(super) fn allot(&mut self, bytes: u64, debris: &mut Vec<Debris>) -> io::Result<Allotted> {
        let (segment, grown_bytes) = match self.fitting(bytes) {
            Some(segment) => (segment, bytes),
            None => {
                self.seal(debris);
                (self.create()?, bytes + SEGMENT_HEADER_BYTES)
            }
        };
        let file = self.file(segment)?;
        self.dirty.entry(segment).or_insert_with(|| Arc::clone(&file));
        let found = self.table.get_mut(&segment).expect("the active segment is in the table");
        let at = u32::try_from(found.bytes).expect("a segment ends before 4 GiB");
        found.bytes += bytes;
        found.live_bytes += bytes;
        found.unlanded.insert(at);
        Ok(Allotted { segment, at, file, grown_bytes })
    }

    /// Says that a record is pointed to, which `allot` says by itself.
    pub(super) fn revive(&mut self, segment: u32, bytes: u64) {
        if let Some(found) = self.table.get_mut(&segment) {
            found.live_bytes += bytes;
        }
    }

    /// Whether a record of it may be on its way into the index.
    pub(super) fn has_unlanded(&self, segment: u32) -> bool {
        self.table.get(&segment).is_some_and(|found| !found.unlanded.is_empty())
    }

    /// The bytes of records that are pointed to.
    pub(super) fn live_bytes(&self, segment: u32) -> u64 {
        self.table.get(&segment).map_or(0, |found| found.live_bytes)
    }

    /// Says that a record is no longer pointed to.
    pub(super) fn bury(&mut self, segment: u32, bytes: u64, debris: &mut Vec<Debris>) {
        if let Some(found) = self.table.get_mut(&segment) {
            found.live_bytes = found.live_bytes.saturating_sub(bytes);
            self.judge(segment, debris);
        }
    }

    /// Ends the active segment, so that it can be reclaimed.
    pub(super) fn seal(&mut self, debris: &mut Vec<Debris>) {
        if let Some(segment) = self.active.take() {
            self.judge(segment, debris);
        }
    }

    /// Whether the active segment holds anything dead.
    pub(super) fn is_active_wasteful(&self) -> bool {
        self.active
            .and_then(|active| self.table.get(&active))
            .is_some_and(|active| active.live_bytes + SEGMENT_HEADER_BYTES < active.bytes)
    }

    /// Says that all that is alive in the segment is known now.
    pub(super) fn settle(&mut self, segment: u32, debris: &mut Vec<Debris>) {
        if let Some(found) = self.table.get_mut(&segment) {
            found.is_settled = true;
            self.judge(segment, debris);
        }
    }

    /// The next segment that is worth reclaiming.
    pub(super) fn reclaimable(&mut self) -> Option<u32> {
        while let Some(segment) = self.reclaimable.pop_front() {
            if let Some(found) = self.table.get_mut(&segment) {
                found.is_queued = false;
                return Some(segment);
            }
        }
        None
    }

    /// Any sealed segment with something dead in it, the oldest first.
    pub(super) fn wasteful(&self) -> Option<u32> {
        let is_wasteful = |it: &Segment| it.live_bytes + SEGMENT_HEADER_BYTES < it.bytes;
        self.table
            .iter()
            .find(|(id, it)| Some(**id) != self.active && it.is_settled && is_wasteful(it))
            .map(|(id, _)| *id)
    }

    pub(super) fn has_reclaimable(&self) -> bool {
        !self.reclaimable.is_empty()
    }

    /// An open file of a segment.
    pub(super) fn file(&mut self, segment: u32) -> io::Result<Arc<SegmentFile>> {
        if let Some(file) = self.open.get(&segment) {
            return Ok(Arc::clone(file));
        }
        let path = self.layout.segment(segment);
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut header = [0; SEGMENT_HEADER_BYTES as usize];
        read_at(&file, &mut header, 0)?;
        let salt = segment_salt(&header).ok_or(io::ErrorKind::InvalidData)?;
        Ok(self.keep(segment, SegmentFile::new(file, salt)))
    }

    /// The segments that were written since this was last asked.
    pub(super) fn take_dirty(&mut self) -> Vec<Arc<SegmentFile>> {
        core::mem::take(&mut self.dirty).into_values().collect()
    }

    fn fitting(&self, bytes: u64) -> Option<u32> {
        let active = self.active?;
        let found = self.table.get(&active)?;
        (found.bytes + bytes <= self.target_bytes || found.bytes <= SEGMENT_HEADER_BYTES)
            .then_some(active)
    }

    fn create(&mut self) -> io::Result<u32> {
        let segment = self.next;
        let path = self.layout.segment(segment);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        self.next += 1;
        let salt = fastrand::u64(..);
        write_at(&file, &segment_header(salt), 0)?;
        if self.durability != Durability::Checkpoint {
            sync_folder(&self.layout.segments())?;
        }
        self.keep(segment, SegmentFile::new(file, salt));
        let bytes = SEGMENT_HEADER_BYTES;
        let fresh = Segment::new(bytes, true);
        self.table.insert(segment, fresh);
        self.active = Some(segment);
        Ok(segment)
    }

    fn keep(&mut self, segment: u32, file: SegmentFile) -> Arc<SegmentFile> {
        if self.opened.len() >= OPEN_MAX
            && let Some(oldest) = self.opened.pop_front()
        {
            self.open.remove(&oldest);
        }
        let file = Arc::new(file);
        self.opened.push_back(segment);
        self.open.insert(segment, Arc::clone(&file));
        file
    }

    /// Gives a sealed segment back if it is dead, and queues it if half of it is.
    fn judge(&mut self, segment: u32, debris: &mut Vec<Debris>) {
        if self.active == Some(segment) {
            return;
        }
        let Some(found) = self.table.get_mut(&segment).filter(|it| it.is_settled) else { return };
        if found.live_bytes == 0 {
            debris.push(Debris { path: self.layout.segment(segment), bytes: found.bytes });
            self.table.remove(&segment);
            self.open.remove(&segment);
            self.dirty.remove(&segment);
            self.opened.retain(|opened| *opened != segment);
        } else if !found.is_queued && found.live_bytes * 2 <= found.bytes {
            found.is_queued = true;
            self.reclaimable.push_back(segment);
        }
    }
}
