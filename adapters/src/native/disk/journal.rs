//! The index on disk: a snapshot, in the order of the keys, and journals of what changed since.
//!
//! ```text
//! snapshot:  magic 8 | record...   the first record says which journal continues it, the last how many entries it has
//! journal:   magic 8 | record...   the first record says how durable the writes of that run were
//! record:    payload length 4 | CRC32C of the payload 4 | payload
//! ```
//!
//! A snapshot is taken while the index changes, so that it may hold what its journal says again. Replaying gives
//! the right end all the same: generations only grow, and what is last in the journal is what was last.

use std::sync::Arc;

use tiered_storage_core::{ETag, Key, Timestamp};

use super::{
    index::{Entry, Overlay, Place},
    options::Durability,
    wire::Fields,
};

pub(super) const SNAPSHOT_MAGIC: &[u8; 8] = b"TSdiskI\x01";
pub(super) const JOURNAL_MAGIC: &[u8; 8] = b"TSdiskJ\x01";

const FRAME_BYTES: usize = 8;

/// One thing that a snapshot or a journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The entry is this one.
    Put(Entry),
    /// The entry is gone, unless it is of this generation or a later one.
    Remove { key: Key, generation: u64 },
    /// The entry's metadata was changed, and it is no longer suspect.
    Patch { key: Key, overlay: Arc<Overlay> },
    /// The cold tier is about to be told of a newer version than any entry of an earlier generation has.
    Announce { key: Key, generation: u64 },
    /// Every entry of an earlier generation is suspect.
    Distrust { generation: u64 },
    /// A journal starts, of a run with this durability.
    Run { durability: Durability },
    /// A snapshot starts.
    Start(Start),
    /// A snapshot ends.
    End { entries: u64 },
}

/// How a snapshot starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// The journal that continues it.
    pub(super) journal: u64,
    /// What was written with an earlier generation is in the snapshot, or gone.
    pub(super) generation: u64,
    /// How far the segments were filled.
    pub(super) segments: Vec<(u32, u64)>,
}

pub(super) fn push_put(buffer: &mut Vec<u8>, entry: &Entry) {
    push(buffer, |payload| {
        let is_object = entry.place == Place::Object;
        let (segment, at) = match entry.place {
            Place::Object => (0, 0),
            Place::Segment { segment, at } => (segment, at),
        };
        payload.push(1);
        payload.push(
            u8::from(entry.is_suspect || entry.is_announced)
                | u8::from(is_object) << 1
                | u8::from(entry.overlay.is_some()) << 2,
        );
        payload.extend_from_slice(&entry.generation.to_le_bytes());
        payload.extend_from_slice(&entry.body_bytes.to_le_bytes());
        payload.extend_from_slice(&entry.line_bytes.to_le_bytes());
        payload.extend_from_slice(&segment.to_le_bytes());
        payload.extend_from_slice(&at.to_le_bytes());
        push_key(payload, &entry.key);
        if let Some(overlay) = &entry.overlay {
            push_overlay(payload, overlay);
        }
    });
}

pub(super) fn push_remove(buffer: &mut Vec<u8>, key: &str, generation: u64) {
    push(buffer, |payload| {
        payload.push(2);
        payload.extend_from_slice(&generation.to_le_bytes());
        push_key(payload, key);
    });
}

pub(super) fn push_patch(buffer: &mut Vec<u8>, key: &str, overlay: &Overlay) {
    push(buffer, |payload| {
        payload.push(3);
        push_key(payload, key);
        push_overlay(payload, overlay);
    });
}

pub(super) fn push_announce(buffer: &mut Vec<u8>, key: &str, generation: u64) {
    push(buffer, |payload| {
        payload.push(4);
        payload.extend_from_slice(&generation.to_le_bytes());
        push_key(payload, key);
    });
}

pub(super) fn push_distrust(buffer: &mut Vec<u8>, generation: u64) {
    push(buffer, |payload| {
        payload.push(5);
        payload.extend_from_slice(&generation.to_le_bytes());
    });
}

pub(super) fn push_run(buffer: &mut Vec<u8>, durability: Durability) {
    push(buffer, |payload| {
        payload.push(6);
        payload.push(match durability {
            Durability::Checkpoint => 0,
            Durability::Object => 1,
            Durability::Full => 2,
        });
    });
}

pub(super) fn push_start(buffer: &mut Vec<u8>, start: &Start) {
    push(buffer, |payload| {
        payload.push(7);
        payload.extend_from_slice(&start.journal.to_le_bytes());
        payload.extend_from_slice(&start.generation.to_le_bytes());
        payload.extend_from_slice(&(start.segments.len() as u32).to_le_bytes());
        for (segment, bytes) in &start.segments {
            payload.extend_from_slice(&segment.to_le_bytes());
            payload.extend_from_slice(&bytes.to_le_bytes());
        }
    });
}

pub(super) fn push_end(buffer: &mut Vec<u8>, entries: u64) {
    push(buffer, |payload| {
        payload.push(8);
        payload.extend_from_slice(&entries.to_le_bytes());
    });
}

fn push(buffer: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; FRAME_BYTES]);
    write(buffer);
    let payload = &buffer[start + FRAME_BYTES..];
    let (bytes, crc) = (payload.len() as u32, crc32c::crc32c(payload));
    buffer[start..start + 4].copy_from_slice(&bytes.to_le_bytes());
    buffer[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

fn push_key(payload: &mut Vec<u8>, key: &str) {
    payload.extend_from_slice(&(key.len() as u16).to_le_bytes());
    payload.extend_from_slice(key.as_bytes());
}

fn push_overlay(payload: &mut Vec<u8>, overlay: &Overlay) {
    let expires_at = overlay.expires_at.map_or(u64::MAX, Timestamp::as_millis);
    let etag = overlay.etag.as_ref().map_or("", ETag::as_str);
    payload.extend_from_slice(&expires_at.to_le_bytes());
    payload.extend_from_slice(&overlay.last_accessed.as_millis().to_le_bytes());
    payload.extend_from_slice(&overlay.access_count.to_le_bytes());
    payload.extend_from_slice(&overlay.fresh_at.as_millis().to_le_bytes());
    payload.push(u8::from(overlay.etag.is_some()));
    payload.extend_from_slice(&(etag.len() as u32).to_le_bytes());
    payload.extend_from_slice(etag.as_bytes());
}

/// The records at the start of `bytes`, as far as they are whole.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    rest: &'a [u8],
}

impl<'a> Changes<'a> {
    /// Reads what follows `magic`; `None` if `bytes` starts with something else.
    pub(super) fn read(bytes: &'a [u8], magic: &[u8; 8]) -> Option<Self> {
        bytes.strip_prefix(magic).map(|rest| Self { rest })
    }

    /// Whether everything was read.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether a whole record stands anywhere behind where reading ended: then it ended at damage, not at a tear.
    pub(super) fn resumes(&self) -> bool {
        (1..self.rest.len()).any(|at| take(&self.rest[at..]).is_some())
    }
}

impl Iterator for Changes<'_> {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        let (payload, rest) = take(self.rest)?;
        let change = parse(payload)?;
        self.rest = rest;
        Some(change)
    }
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Fields(bytes);
    let count = fields.u32()? as usize;
    let crc = fields.u32()?;
    let payload = fields.bytes(count)?;
    (count > 0 && crc32c::crc32c(payload) == crc).then_some((payload, fields.0))
}

fn parse(payload: &[u8]) -> Option<Change> {
    let mut fields = Fields(payload);
    let fields = &mut fields;
    Some(match fields.u8()? {
        1 => Change::Put(entry(fields)?),
        2 => {
            let generation = fields.u64()?;
            Change::Remove { key: key(fields)?, generation }
        }
        3 => {
            let key = key(fields)?;
            Change::Patch { key, overlay: Arc::new(overlay(fields)?) }
        }
        4 => {
            let generation = fields.u64()?;
            Change::Announce { key: key(fields)?, generation }
        }
        5 => Change::Distrust { generation: fields.u64()? },
        6 => Change::Run {
            durability: match fields.u8()? {
                0 => Durability::Checkpoint,
                1 => Durability::Object,
                2 => Durability::Full,
                _ => return None,
            },
        },
        7 => {
            let journal = fields.u64()?;
            let generation = fields.u64()?;
            let count = fields.u32()?;
            let mut segment = || Some((fields.u32()?, fields.u64()?));
            let segments = (0..count).map(|_| segment()).collect::<Option<_>>()?;
            Change::Start(Start { journal, generation, segments })
        }
        8 => Change::End { entries: fields.u64()? },
        _ => return None,
    })
}

fn entry(fields: &mut Fields<'_>) -> Option<Entry> {
    let flags = fields.u8()?;
    let generation = fields.u64()?;
    let body_bytes = fields.u64()?;
    let line_bytes = fields.u16()?;
    let (segment, at) = (fields.u32()?, fields.u32()?);
    let key = key(fields)?;
    let overlay = if flags & 4 == 0 { None } else { Some(Arc::new(overlay(fields)?)) };
    let place = if flags & 2 == 0 { Place::Segment { segment, at } } else { Place::Object };
    let is_suspect = flags & 1 != 0;
    let is_announced = false;
    Some(Entry {
        key,
        generation,
        body_bytes,
        line_bytes,
        place,
        is_suspect,
        is_announced,
        overlay,
    })
}

fn key(fields: &mut Fields<'_>) -> Option<Key> {
    let count = usize::from(fields.u16()?);
    Key::new(fields.text(count)?).ok()
}

fn overlay(fields: &mut Fields<'_>) -> Option<Overlay> {
    let expires_at = match fields.u64()? {
        u64::MAX => None,
        ms => Some(Timestamp::from_millis(ms)),
    };
    let last_accessed = Timestamp::from_millis(fields.u64()?);
    let access_count = fields.u64()?;
    let fresh_at = Timestamp::from_millis(fields.u64()?);
    let has_etag = fields.u8()? != 0;
    let count = fields.u32()? as usize;
    let etag = fields.text(count)?;
    let etag = has_etag.then(|| ETag::new(etag));
    Some(Overlay { expires_at, last_accessed, access_count, fresh_at, etag })
}

#[cfg(test)]
mod tests;
