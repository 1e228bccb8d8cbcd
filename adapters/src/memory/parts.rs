//! Entries whose bodies are not all there.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tiered_storage_core::{
    Error, ErrorKind, Key, Metadata,
    format::{self, Audience},
    range::ByteRange,
};

use super::{
    MemoryTier,
    limits::{Room, Short, take},
    shard::{Demand, Entries},
};
use crate::{
    payload,
    tier::{Part, Patched, Read},
};

/// Parts take no more than one in so many bytes of the limit.
const SHARE: u64 = 4;

/// What all shards have of parts.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// What they weigh, with those that are about to go in.
    weight: AtomicU64,
    uses: AtomicU64,
}

/// An entry that is not whole.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) metadata: Metadata,
    /// What is there of the body, by where it starts; none of it twice.
    runs: BTreeMap<u64, Bytes>,
    bytes: u64,
    /// What is there of the body, key and stored metadata, in bytes.
    weight: u64,
    used: AtomicU64,
}

impl Partial {
    fn is_of(&self, metadata: &Metadata) -> bool {
        self.metadata.is_same_version(metadata) && self.metadata.size() == metadata.size()
    }

    /// What is not there of a range.
    fn gaps(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        if range.is_empty() {
            return gaps;
        }
        let mut at = range.start;
        let before = self.runs.range(..=at).next_back();
        for (start, run) in before.into_iter().chain(self.runs.range(at + 1..range.end)) {
            if at < *start {
                gaps.push(at..*start);
            }
            at = at.max(start + run.len() as u64);
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// These bytes of the body, if all of them are there.
    fn slice(&self, range: Range<u64>) -> Option<Bytes> {
        if range.is_empty() {
            return Some(Bytes::new());
        }
        if !self.gaps(range.clone()).is_empty() {
            return None;
        }
        let (first, _) = self.runs.range(..=range.start).next_back()?;
        let pieces = self.runs.range(first..&range.end).map(|(start, run)| {
            let end = start + run.len() as u64;
            let (from, to) = (range.start.max(*start), range.end.min(end));
            run.slice((from - start) as usize..(to - start) as usize)
        });
        Some(payload::concatenated(pieces.collect()))
    }
}

/// A part on its way in.
#[derive(Debug)]
struct Piece<'a> {
    key: &'a Key,
    hash: u64,
    metadata: &'a Metadata,
    /// Key and stored metadata, in bytes.
    frame: u64,
    start: u64,
    body: Bytes,
}

/// How far a part has come.
enum Step {
    Over,
    /// Its share of the limit has to be made room in.
    Share,
    Short(Short),
}

impl MemoryTier {
    /// Keeps a part of a body, if there can be room for it.
    pub(super) fn keep(
        &self,
        key: &Key,
        metadata: &Metadata,
        start: u64,
        body: Bytes,
    ) -> Result<(), Error> {
        if start.saturating_add(body.len() as u64) > metadata.size() {
            let message = "the part reaches beyond the end of its body; give its own bytes alone";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let line = format::encode(metadata, Audience::Local);
        let frame = (key.len() + line.len()) as u64;
        self.keep_piece(&Piece { key, hash: self.hash(key), metadata, frame, start, body });
        self.evictions.tell();
        Ok(())
    }

    fn keep_piece(&self, piece: &Piece<'_>) {
        let key = piece.key;
        let mut room = Room::new(&self.limits);
        let mut turn = None;
        loop {
            let step = self.step(&mut self.shard(piece.hash).write(), piece, &mut room);
            if matches!(step, Step::Over) {
                return;
            }
            turn.get_or_insert_with(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner));
            match step {
                Step::Short(short) => {
                    self.evict_from_fullest(short, Some(key), &mut room, &mut Vec::new());
                }
                _ if self.evict_parts(Some(key), &mut room) => {}
                _ => return,
            }
        }
    }

    fn step(&self, entries: &mut Entries, piece: &Piece<'_>, room: &mut Room<'_>) -> Step {
        let Piece { key, hash, metadata, frame, start, .. } = piece;
        if let Some((_, whole)) = entries.find(*hash, key) {
            if whole.metadata.is_same_version(metadata) {
                return Step::Over;
            }
            self.remove_from(entries, *hash, key);
        }
        if entries.parts.get(*key).is_some_and(|partial| !partial.is_of(metadata)) {
            self.drop_parts(entries, key);
        }
        let range = *start..start + piece.body.len() as u64;
        let partial = entries.parts.get(*key);
        let gaps = match partial {
            Some(partial) => partial.gaps(range),
            None => vec![range],
        };
        let bytes: u64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
        let more = bytes + if partial.is_some() { 0 } else { *frame };
        let weight = partial.map_or(0, |partial| partial.weight);
        let share = self.limits.bytes_max / SHARE;
        // A body that is there at once is an entry as any other.
        let is_whole = bytes == metadata.size();
        let is_vain = !is_whole && weight + more > share;
        if bytes == 0 && !is_whole
            || frame.saturating_add(metadata.size()) > self.limits.bytes_max
            || is_vain
        {
            return Step::Over;
        }
        let share = if is_whole { u64::MAX } else { share };
        if !take(&self.parts.weight, more, share) {
            return Step::Share;
        }
        if let Err(short) = room.fill(more, u64::from(partial.is_none())) {
            self.parts.weight.fetch_sub(more, Ordering::AcqRel);
            return Step::Short(short);
        }
        room.spend(more, u64::from(partial.is_none()));
        self.extend(entries, piece, gaps, more);
        Step::Over
    }

    /// Puts in what is not there yet of a part, for which there is room.
    fn extend(&self, entries: &mut Entries, piece: &Piece<'_>, gaps: Vec<Range<u64>>, more: u64) {
        let partial = entries.parts.entry(piece.key.clone()).or_insert_with(|| Partial {
            metadata: piece.metadata.clone(),
            runs: BTreeMap::new(),
            bytes: 0,
            weight: 0,
            used: AtomicU64::new(0),
        });
        partial.weight += more;
        self.touch_parts(partial);
        for gap in gaps {
            let range = (gap.start - piece.start) as usize..(gap.end - piece.start) as usize;
            let run = piece.body.slice(range);
            partial.bytes += run.len() as u64;
            self.body_bytes.fetch_add(run.len() as u64, Ordering::AcqRel);
            partial.runs.insert(gap.start, run);
        }
        if partial.bytes < partial.metadata.size() {
            return;
        }
        let Some(partial) = entries.parts.remove(piece.key) else { return };
        self.parts.weight.fetch_sub(partial.weight, Ordering::AcqRel);
        let body = payload::concatenated(partial.runs.into_values().collect());
        let demand = Demand { old: None, weight_old: 0, weight: partial.weight };
        entries.put(&self.change(piece.key, &partial.metadata, Some(body)), demand);
    }

    /// Reads a range from the parts of a key; `None` if it has none.
    pub(super) fn read_kept(&self, key: &Key, range: ByteRange) -> Option<Read<Part>> {
        let entries = self.shard(self.hash(key)).read();
        let partial = entries.parts.get(key)?;
        self.touch_parts(partial);
        let size = partial.metadata.size();
        let range = range.of(size).unwrap_or(size..size);
        let body = partial.slice(range.clone());
        Some(body.map_or(Read::Missing, |body| {
            Read::Found(Part { metadata: partial.metadata.clone(), range, body })
        }))
    }

    /// Replaces the metadata of an entry that is not whole; `None` if there is none.
    pub(super) fn patch_parts(
        &self,
        key: &Key,
        metadata: &Metadata,
    ) -> Result<Option<Patched>, Error> {
        let mut entries = self.shard(self.hash(key)).write();
        let Some(partial) = entries.parts.get_mut(key) else { return Ok(None) };
        if !partial.metadata.is_same_version(metadata) {
            let message = "the entry is of another version than the metadata; read it again";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let line = format::encode(metadata, Audience::Local);
        let weight = partial.bytes + (key.len() + line.len()) as u64;
        let more = weight.saturating_sub(partial.weight);
        let mut room = Room::new(&self.limits);
        let has_room = take(&self.parts.weight, more, self.limits.bytes_max / SHARE);
        if !has_room || room.fill(more, 0).is_err() {
            self.parts.weight.fetch_sub(if has_room { more } else { 0 }, Ordering::AcqRel);
            self.drop_parts(&mut entries, key);
            return Ok(Some(Patched::Missing));
        }
        room.spend(more, 0);
        let less = partial.weight.saturating_sub(weight);
        partial.weight = weight;
        partial.metadata = metadata.clone();
        self.parts.weight.fetch_sub(less, Ordering::AcqRel);
        self.limits.release(less, 0);
        Ok(Some(Patched::Done(None)))
    }

    /// Whether there are parts that could be given up.
    pub(super) fn has_parts(&self) -> bool {
        self.parts.weight.load(Ordering::Acquire) > 0
    }

    /// Gives up the parts of `key`; `false` if there are none.
    pub(super) fn drop_parts(&self, entries: &mut Entries, key: &Key) -> bool {
        let removed = entries.parts.remove(key);
        removed.map(|partial| self.release_parts(&partial)).is_some()
    }

    pub(super) fn release_parts(&self, partial: &Partial) {
        self.parts.weight.fetch_sub(partial.weight, Ordering::AcqRel);
        self.release(partial.bytes, partial.weight, 1);
    }

    /// Gives up the parts that were not used for longest, but those of `spared`, for `room`; `false` if there are none.
    pub(super) fn evict_parts(&self, spared: Option<&Key>, room: &mut Room<'_>) -> bool {
        let oldest = self.shards.iter().filter_map(|shard| {
            let entries = shard.read();
            let parts = entries.parts.iter().filter(|(key, _)| Some(*key) != spared);
            let used = |(key, it): (&Key, &Partial)| (it.used.load(Ordering::Relaxed), key.clone());
            parts.map(used).min().map(|(used, key)| (used, key, shard))
        });
        let Some((_, key, shard)) = oldest.min_by_key(|(used, ..)| *used) else { return false };
        if let Some(partial) = shard.write().parts.remove(&key) {
            self.parts.weight.fetch_sub(partial.weight, Ordering::AcqRel);
            self.body_bytes.fetch_sub(partial.bytes, Ordering::AcqRel);
            self.evictions.note(&key);
            room.inherit(partial.weight);
        }
        true
    }

    fn touch_parts(&self, partial: &Partial) {
        let now = self.parts.uses.fetch_add(1, Ordering::Relaxed);
        partial.used.store(now, Ordering::Relaxed);
    }
}
