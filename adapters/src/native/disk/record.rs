//! How an entry lies on disk.
//!
//! ```text
//! segment:  magic 8 | salt 8 | record...                              each record starts at a multiple of 8
//! record:   magic 4 | crc 4 | salt 8 | generation 8 | key length 2 | metadata length 2 | body length 4
//!           | body crc 4 | 0 4 | key | metadata | body | 0 to 7 zeros  crc: over what lies between it and the body
//! object:   body | key | metadata | crc of each 64 KiB of the body 4n
//!           | body length 8 | generation 8 | key length 2 | metadata length 2 | 0 4 | crc 4 | magic 8
//!                                                                      crc: over what lies between body and crc
//! ```
//!
//! Every checksum is a CRC32C. The salt is drawn per segment: a body that was made to look like a record does not
//! know it, so that a scan that has lost its place never takes one for a record.

use core::ops::Range;

use super::wire::Fields;

pub(super) const SEGMENT_MAGIC: &[u8; 8] = b"TSdiskS\x01";
pub(super) const SEGMENT_HEADER_BYTES: u64 = 16;
pub(super) const OBJECT_CHUNK_BYTES: u64 = 64 << 10;
pub(super) const OBJECT_FRAME_BYTES: u64 = 36;

const RECORD_MAGIC: [u8; 4] = *b"TSr\x01";
const RECORD_HEADER_BYTES: usize = 40;
const OBJECT_MAGIC: &[u8; 8] = b"TSdiskO\x01";

/// What a record says of its entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) generation: u64,
    pub(super) key: &'a str,
    pub(super) line: &'a str,
    pub(super) body: Range<usize>,
}

/// The bytes that a record of a segment takes.
pub(super) fn record_bytes(key_bytes: usize, line_bytes: usize, body_bytes: u64) -> u64 {
    ((RECORD_HEADER_BYTES + key_bytes + line_bytes) as u64 + body_bytes).next_multiple_of(8)
}

/// The bytes of a record that stand before the body.
pub(super) fn record_head_bytes(key_bytes: usize, line_bytes: usize) -> usize {
    RECORD_HEADER_BYTES + key_bytes + line_bytes
}

/// The bytes that the file of an object takes.
pub(super) fn object_bytes(key_bytes: usize, line_bytes: usize, body_bytes: u64) -> u64 {
    body_bytes + object_footer_bytes(key_bytes, line_bytes, body_bytes)
}

pub(super) fn object_footer_bytes(key_bytes: usize, line_bytes: usize, body_bytes: u64) -> u64 {
    let chunks = body_bytes.div_ceil(OBJECT_CHUNK_BYTES);
    (key_bytes + line_bytes) as u64 + 4 * chunks + OBJECT_FRAME_BYTES
}

pub(super) fn segment_header(salt: u64) -> [u8; SEGMENT_HEADER_BYTES as usize] {
    let mut header = [0; SEGMENT_HEADER_BYTES as usize];
    header[..8].copy_from_slice(SEGMENT_MAGIC);
    header[8..].copy_from_slice(&salt.to_le_bytes());
    header
}

/// The salt of a segment, or `None` if it is not a segment of this version.
pub(super) fn segment_salt(header: &[u8]) -> Option<u64> {
    let mut fields = Fields(header);
    (fields.array()? == *SEGMENT_MAGIC).then_some(())?;
    fields.u64()
}

/// Builds a record. The caller keeps keys under 64 KiB, lines under 64 KiB and bodies under 4 GiB.
pub(super) fn record(salt: u64, generation: u64, key: &str, line: &str, body: &[u8]) -> Vec<u8> {
    let bytes = record_bytes(key.len(), line.len(), body.len() as u64) as usize;
    let mut record = Vec::with_capacity(bytes);
    record.extend_from_slice(&RECORD_MAGIC);
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&salt.to_le_bytes());
    record.extend_from_slice(&generation.to_le_bytes());
    record.extend_from_slice(&(key.len() as u16).to_le_bytes());
    record.extend_from_slice(&(line.len() as u16).to_le_bytes());
    record.extend_from_slice(&(body.len() as u32).to_le_bytes());
    record.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(key.as_bytes());
    record.extend_from_slice(line.as_bytes());
    let crc = crc32c::crc32c(&record[8..]);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
    record.extend_from_slice(body);
    record.resize(bytes, 0);
    record
}

/// Reads what stands before the body of a record, and the checksum that the body must have.
pub(super) fn record_head(bytes: &[u8], salt: u64) -> Option<(Said<'_>, u32)> {
    let mut fields = Fields(bytes);
    if fields.array()? != RECORD_MAGIC {
        return None;
    }
    let crc = fields.u32()?;
    if fields.u64()? != salt {
        return None;
    }
    let generation = fields.u64()?;
    let key_bytes = usize::from(fields.u16()?);
    let line_bytes = usize::from(fields.u16()?);
    let body_bytes = fields.u32()? as usize;
    let body_crc = fields.u32()?;
    let _reserved = fields.u32()?;
    let key = fields.text(key_bytes)?;
    let line = fields.text(line_bytes)?;
    let start = record_head_bytes(key_bytes, line_bytes);
    (crc32c::crc32c(&bytes[8..start]) == crc).then_some(())?;
    Some((Said { generation, key, line, body: start..start + body_bytes }, body_crc))
}

/// Reads a whole record and checks its body.
pub(super) fn record_whole(bytes: &[u8], salt: u64) -> Option<Said<'_>> {
    let (said, crc) = record_head(bytes, salt)?;
    let body = bytes.get(said.body.clone())?;
    (crc32c::crc32c(body) == crc).then_some(said)
}

/// The records of a segment's bytes with where each starts, as far as they are whole. `start` is a multiple of 8.
pub(super) fn records(
    bytes: &[u8],
    salt: u64,
    start: usize,
) -> impl Iterator<Item = (usize, Said<'_>)> {
    let mut at = start;
    core::iter::from_fn(move || {
        loop {
            let rest = bytes.get(at..).filter(|rest| rest.len() >= RECORD_HEADER_BYTES)?;
            match record_whole(rest, salt) {
                Some(said) => {
                    let found = at;
                    at += said.body.end.next_multiple_of(8);
                    return Some((found, said));
                }
                // An append that failed or was under way leaves a hole, with whole records behind it.
                None => at += 8,
            }
        }
    })
}

/// The checksums of the chunks of a body that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Crcs {
    ended: Vec<u8>,
    /// Of the chunk that has not ended.
    last: u32,
    last_bytes: usize,
}

impl Crcs {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = OBJECT_CHUNK_BYTES as usize - self.last_bytes;
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            self.last = crc32c::crc32c_append(self.last, part);
            self.last_bytes += part.len();
            if part.len() == room {
                self.end_chunk();
            }
            bytes = rest;
        }
    }

    /// All of them, as they stand in a footer.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.last_bytes > 0 {
            self.end_chunk();
        }
        self.ended
    }

    fn end_chunk(&mut self) {
        self.ended.extend_from_slice(&self.last.to_le_bytes());
        (self.last, self.last_bytes) = (0, 0);
    }
}

/// The checksums of a body's chunks, as they stand in a footer.
pub(super) fn chunk_crcs(body: &[u8]) -> Vec<u8> {
    let mut crcs = Crcs::default();
    crcs.push(body);
    crcs.finish()
}

/// Whether the chunks of `bytes` have the checksums that `crcs` starts with.
pub(super) fn are_chunks_right(bytes: &[u8], crcs: &[u8]) -> bool {
    let chunks = bytes.chunks(OBJECT_CHUNK_BYTES as usize);
    chunks.len() <= crcs.len() / 4
        && chunks
            .zip(crcs.chunks_exact(4))
            .all(|(chunk, crc)| crc32c::crc32c(chunk).to_le_bytes() == *crc)
}

/// Builds what stands behind the body of an object.
pub(super) fn object_footer(
    generation: u64,
    key: &str,
    line: &str,
    body_bytes: u64,
    crcs: &[u8],
) -> Vec<u8> {
    let bytes = object_footer_bytes(key.len(), line.len(), body_bytes) as usize;
    let mut footer = Vec::with_capacity(bytes);
    footer.extend_from_slice(key.as_bytes());
    footer.extend_from_slice(line.as_bytes());
    footer.extend_from_slice(crcs);
    footer.extend_from_slice(&body_bytes.to_le_bytes());
    footer.extend_from_slice(&generation.to_le_bytes());
    footer.extend_from_slice(&(key.len() as u16).to_le_bytes());
    footer.extend_from_slice(&(line.len() as u16).to_le_bytes());
    footer.extend_from_slice(&[0; 4]);
    let crc = crc32c::crc32c(&footer);
    footer.extend_from_slice(&crc.to_le_bytes());
    footer.extend_from_slice(OBJECT_MAGIC);
    footer
}

/// How long the footer is that ends with `tail` (at least [`OBJECT_FRAME_BYTES`]), and how long the body before it.
pub(super) fn object_lengths(tail: &[u8]) -> Option<(u64, u64)> {
    let mut fields = Fields(tail.get(tail.len().checked_sub(OBJECT_FRAME_BYTES as usize)?..)?);
    let body_bytes = fields.u64()?;
    let _generation = fields.u64()?;
    let key_bytes = usize::from(fields.u16()?);
    let line_bytes = usize::from(fields.u16()?);
    let _reserved = fields.u32()?;
    let _crc = fields.u32()?;
    (fields.array()? == *OBJECT_MAGIC).then_some(())?;
    Some((object_footer_bytes(key_bytes, line_bytes, body_bytes), body_bytes))
}

/// Reads a footer, and the checksums of the body's chunks.
pub(super) fn object_foot(footer: &[u8]) -> Option<(Said<'_>, &[u8])> {
    let (bytes, body_bytes) = object_lengths(footer)?;
    (bytes == footer.len() as u64).then_some(())?;
    let crc_at = footer.len() - 12;
    let crc = Fields(&footer[crc_at..]).u32()?;
    (crc32c::crc32c(&footer[..crc_at]) == crc).then_some(())?;
    let mut frame = Fields(&footer[footer.len() - OBJECT_FRAME_BYTES as usize + 8..]);
    let generation = frame.u64()?;
    let key_bytes = usize::from(frame.u16()?);
    let line_bytes = usize::from(frame.u16()?);
    let mut fields = Fields(footer);
    let key = fields.text(key_bytes)?;
    let line = fields.text(line_bytes)?;
    let crcs = fields.bytes(4 * body_bytes.div_ceil(OBJECT_CHUNK_BYTES) as usize)?;
    Some((Said { generation, key, line, body: 0..usize::try_from(body_bytes).ok()? }, crcs))
}

/// Reads a whole object file, whose body is expected to have `body_bytes`, and checks every chunk.
pub(super) fn object_whole(file: &[u8], body_bytes: u64) -> Option<Said<'_>> {
    let (body, footer) = file.split_at_checked(usize::try_from(body_bytes).ok()?)?;
    let (said, crcs) = object_foot(footer)?;
    (said.body.len() == body.len() && are_chunks_right(body, crcs)).then_some(said)
}

#[cfg(test)]
mod tests;
