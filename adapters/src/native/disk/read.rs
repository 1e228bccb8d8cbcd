//! The calls that only read, as they run on a thread that may block, or without waiting where that is possible.

use core::ops::Range;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use tiered_storage_core::{Error, ErrorKind, Key, Metadata, format::decode, range::ByteRange};

use super::{
    files::{Layout, failure, hash, names, object_name, read_at, read_cached},
    index::{Entry, Place},
    inner::Inner,
    object::{Held, Object, WHOLE_BYTES_MAX},
    record::{
        OBJECT_FRAME_BYTES, Said, object_foot, object_footer_bytes, object_lengths, object_whole,
        record_head, record_head_bytes, record_whole,
    },
    segments::SegmentFile,
    state::State,
};
use crate::tier::{Part, Read, Stored};

/// How often a read starts again because the entry was replaced or moved under it.
const ATTEMPTS: u32 = 8;

/// Where an entry was when the index was asked.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) entry: Entry,
    file: Option<Arc<SegmentFile>>,
}

/// What the index said of a key.
#[derive(Debug)]
pub(super) enum Found {
    Spot(Spot),
    Missing,
    /// The index is being rebuilt, and does not have it yet.
    Unknown,
}

/// Why a record could not be read.
#[derive(Debug)]
pub(super) enum Bad {
    Io(io::Error),
    Bytes,
}

impl Spot {
    /// Whether the entry is still this one, wherever its record may have been moved.
    pub(super) fn is_current(&self, state: &State) -> bool {
        let current = state.index.find(&self.entry.key);
        current.is_some_and(|current| current.generation == self.entry.generation)
    }

    fn is_where_it_was(&self, state: &State) -> bool {
        let current = state.index.find(&self.entry.key);
        current.is_some_and(|current| {
            (current.generation, current.place) == (self.entry.generation, self.entry.place)
        })
    }

    /// Reads a small entry, if that needs no waiting and gives what it should.
    pub(super) fn read_cached(&self) -> Option<Stored> {
        let (Place::Segment { at, .. }, Some(file)) = (self.entry.place, &self.file) else {
            return None;
        };
        let mut record = vec![0; usize::try_from(self.entry.disk_bytes()).ok()?];
        read_cached(&file.file, &mut record, u64::from(at))?;
        self.stored(record, |record| record_whole(record, file.salt)).ok()
    }

    /// Reads the metadata of a small entry, if that needs no waiting and gives what it should.
    pub(super) fn head_cached(&self) -> Option<Metadata> {
        let (Place::Segment { at, .. }, Some(file)) = (self.entry.place, &self.file) else {
            return None;
        };
        let mut head = self.head_buffer();
        read_cached(&file.file, &mut head, u64::from(at))?;
        let (said, _) = record_head(&head, file.salt)?;
        self.metadata(&said).ok()
    }

    pub(super) fn read(&self, layout: &Layout) -> Result<Stored, Bad> {
        match (self.entry.place, &self.file) {
            (Place::Segment { at, .. }, Some(file)) => {
                let mut record = vec![0; self.entry.disk_bytes() as usize];
                read_at(&file.file, &mut record, u64::from(at)).map_err(Bad::Io)?;
                self.stored(record, |record| record_whole(record, file.salt))
            }
            _ => {
                let file = self.open(layout).map_err(Bad::Io)?;
                let bytes = self.entry.disk_bytes();
                if file.metadata().map_err(Bad::Io)?.len() != bytes {
                    return Err(Bad::Bytes);
                }
                let mut whole = vec![0; usize::try_from(bytes).map_err(|_| Bad::Bytes)?];
                read_at(&file, &mut whole, 0).map_err(Bad::Io)?;
                self.stored(whole, |whole| object_whole(whole, self.entry.body_bytes))
            }
        }
    }

    fn head(&self, layout: &Layout) -> Result<Metadata, Bad> {
        match (self.entry.place, &self.file) {
            (Place::Segment { at, .. }, Some(file)) => {
                let mut head = self.head_buffer();
                read_at(&file.file, &mut head, u64::from(at)).map_err(Bad::Io)?;
                self.metadata(&record_head(&head, file.salt).ok_or(Bad::Bytes)?.0)
            }
            _ => self.object(layout).map(|(metadata, _)| metadata),
        }
    }

    /// Reads an entry as far as it is to be in memory.
    pub(super) fn hold(&self, layout: &Layout) -> Result<Held, Bad> {
        if self.entry.place != Place::Object || self.entry.body_bytes <= WHOLE_BYTES_MAX {
            return self.read(layout).map(Held::Whole);
        }
        let (metadata, object) = self.object(layout)?;
        let start = object.start()?;
        Ok(Held::Large(metadata, object, start))
    }

    /// Reads a part of an entry.
    pub(super) fn part(&self, layout: &Layout, range: ByteRange) -> Result<Part, Bad> {
        if self.entry.place != Place::Object {
            return self.read(layout).map(|stored| Part::of(stored, range));
        }
        let (metadata, object) = self.object(layout)?;
        let range = range.of(object.body_bytes).unwrap_or(object.body_bytes..object.body_bytes);
        let body = object.read(range.clone())?;
        Ok(Part { metadata, range, body })
    }

    fn object(&self, layout: &Layout) -> Result<(Metadata, Object), Bad> {
        let file = self.open(layout).map_err(Bad::Io)?;
        let Entry { key, line_bytes, body_bytes, .. } = &self.entry;
        let bytes = object_footer_bytes(key.len(), usize::from(*line_bytes), *body_bytes);
        let mut footer = vec![0; usize::try_from(bytes).map_err(|_| Bad::Bytes)?];
        read_at(&file, &mut footer, *body_bytes).map_err(Bad::Io)?;
        let (said, crcs) = object_foot(&footer).ok_or(Bad::Bytes)?;
        let object = Object { file, body_bytes: *body_bytes, crcs: crcs.to_vec() };
        Ok((self.metadata(&said)?, object))
    }

    fn open(&self, layout: &Layout) -> io::Result<File> {
        File::open(layout.object(&self.entry.key, self.entry.generation))
    }

    fn head_buffer(&self) -> Vec<u8> {
        vec![0; record_head_bytes(self.entry.key.len(), usize::from(self.entry.line_bytes))]
    }

    fn stored(
        &self,
        record: Vec<u8>,
        check: impl FnOnce(&[u8]) -> Option<Said<'_>>,
    ) -> Result<Stored, Bad> {
        let said = check(&record).ok_or(Bad::Bytes)?;
        let metadata = self.metadata(&said)?;
        let body = said.body;
        Ok(Stored { metadata, body: Bytes::from(record).slice(body) })
    }

    /// The metadata that a record says, if it is the record of this entry.
    fn metadata(&self, said: &Said<'_>) -> Result<Metadata, Bad> {
        let Entry { key, generation, body_bytes, overlay, .. } = &self.entry;
        if (said.generation, said.key) != (*generation, key.as_str())
            || said.body.len() as u64 != *body_bytes
        {
            return Err(Bad::Bytes);
        }
        let mut metadata = decode(key, said.line).map_err(|_| Bad::Bytes)?;
        if let Some(overlay) = overlay {
            overlay.lay_over(&mut metadata);
        }
        Ok(metadata)
    }

    pub(super) fn vouch<T>(&self, found: T) -> Read<T> {
        if self.entry.is_suspect { Read::Suspect(found) } else { Read::Found(found) }
    }
}

impl Inner {
    /// Asks the index where an entry is, and counts a read of it.
    pub(super) fn find(&self, key: &Key) -> Result<Found, Error> {
        let mut state = self.lock();
        state.check_open()?;
        let Some(mut entry) = state.index.touch(key).cloned() else {
            let is_unknown =
                state.recovery.as_ref().is_some_and(|recovery| !recovery.is_removed(key));
            return Ok(if is_unknown { Found::Unknown } else { Found::Missing });
        };
        if let Some(recovery) = &state.recovery {
            entry.is_suspect |= recovery.may_be_older(&entry);
        }
        let file = match entry.place {
            Place::Object => None,
            Place::Segment { segment, .. } => {
                let file = state.segments.file(segment);
                drop(state);
                Some(file.map_err(|error| self.bad(key, Bad::Io(error)))?)
            }
        };
        Ok(Found::Spot(Spot { entry, file }))
    }

    /// Reads of an entry what `read` reads; `None` if it is not in the index.
    pub(super) fn look<T>(
        &self,
        key: &Key,
        read: impl Fn(&Spot, &Layout) -> Result<T, Bad>,
    ) -> Result<Option<Read<T>>, Error> {
        let found = self.attempt(key, read)?;
        Ok(found.map(|(spot, found)| spot.vouch(found)))
    }

    /// Reads the metadata of an entry; `None` if it is not in the index.
    pub(super) fn head(&self, key: &Key) -> Result<Option<(Spot, Metadata)>, Error> {
        self.attempt(key, Spot::head)
    }

    /// Reads what the index points to, and again where the entry was replaced or moved meanwhile.
    pub(super) fn attempt<T>(
        &self,
        key: &Key,
        read: impl Fn(&Spot, &Layout) -> Result<T, Bad>,
    ) -> Result<Option<(Spot, T)>, Error> {
        let mut attempt = 0;
        loop {
            let Found::Spot(spot) = self.find(key)? else { return Ok(None) };
            attempt += 1;
            match read(&spot, &self.layout) {
                Ok(found) => return Ok(Some((spot, found))),
                Err(_) if attempt < ATTEMPTS && !spot.is_where_it_was(&self.lock()) => {}
                Err(bad) => return Err(self.bad(key, bad)),
            }
        }
    }

    /// Looks for the object of a key that the index does not have, while it is being rebuilt.
    pub(super) fn probe<T>(
        &self,
        key: &Key,
        read: impl Fn(&Spot, &Layout) -> Result<T, Bad>,
    ) -> Result<Option<Read<T>>, Error> {
        let wanted = hash(key);
        let shard = self.layout.shard(key);
        let found = names(&shard).map_err(|error| failure(error, "looking for an entry"))?;
        let mut generations: Vec<u64> = found
            .iter()
            .filter_map(|name| object_name(name))
            .filter_map(|(hash, generation)| (hash == wanted).then_some(generation))
            .collect();
        generations.sort_unstable();
        for generation in generations.into_iter().rev() {
            let path = self.layout.object(key, generation);
            let Some(entry) = object_entry(&path).filter(|it| it.key == *key) else { continue };
            let may_be = self.lock().recovery.as_ref().is_some_and(|it| it.admits(&entry));
            let spot = Spot { entry: Entry { is_suspect: true, ..entry }, file: None };
            if may_be && let Ok(found) = read(&spot, &self.layout) {
                return Ok(Some(spot.vouch(found)));
            }
        }
        Ok(None)
    }

    /// Where the body of an entry is; `None` if the index does not have it.
    pub(super) fn locate(&self, key: &str) -> Option<(PathBuf, Range<u64>)> {
        let state = self.lock();
        let entry = state.index.find(key)?;
        let (path, start) = match entry.place {
            Place::Object => (self.layout.object(key, entry.generation), 0),
            Place::Segment { segment, at } => {
                let head = record_head_bytes(key.len(), usize::from(entry.line_bytes));
                (self.layout.segment(segment), u64::from(at) + head as u64)
            }
        };
        Some((path, start..start + entry.body_bytes))
    }

    pub(super) fn bad(&self, key: &Key, bad: Bad) -> Error {
        use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
        match bad {
            Bad::Io(error) if !matches!(error.kind(), InvalidData | NotFound | UnexpectedEof) => {
                failure(error, "reading an entry")
            }
            _ => {
                self.corrupt_reads.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(key = key.as_str(), "an entry of the disk tier is damaged");
                Error::new(ErrorKind::Corrupt, "the entry on disk is not what was written")
            }
        }
    }
}

/// What an object's file says of its entry, if its footer is whole.
pub(super) fn object_entry(path: &Path) -> Option<Entry> {
    let file = File::open(path).ok()?;
    let bytes = file.metadata().ok()?.len();
    let mut frame = [0; OBJECT_FRAME_BYTES as usize];
    read_at(&file, &mut frame, bytes.checked_sub(OBJECT_FRAME_BYTES)?).ok()?;
    let (footer_bytes, body_bytes) = object_lengths(&frame)?;
    (footer_bytes.checked_add(body_bytes)? == bytes).then_some(())?;
    let mut footer = vec![0; usize::try_from(footer_bytes).ok()?];
    read_at(&file, &mut footer, body_bytes).ok()?;
    let (said, _) = object_foot(&footer)?;
    Some(Entry {
        key: Key::new(said.key).ok()?,
        generation: said.generation,
        body_bytes,
        line_bytes: u16::try_from(said.line.len()).ok()?,
        place: Place::Object,
        is_suspect: false,
        is_announced: false,
        overlay: None,
    })
}
