//! The calls about parts of bodies: they are kept in a sparse file, which becomes an object when all of them are there.

use core::ops::Range;
use std::{fs::OpenOptions, io, path::Path, sync::PoisonError};

use tiered_storage_core::{Error, ErrorKind, Metadata, range::ByteRange};

use super::{
    files::{failure, write_at},
    inner::{Call, Inner},
    object::Object,
    options::Durability,
    parts::{Partial, chunk_bytes},
    record::{OBJECT_CHUNK_BYTES, chunk_crcs, object_bytes},
    room::{Need, Room},
    store::Material,
    write::{Expected, entry, line},
};

/// No file is larger.
const FILE_BYTES_MAX: u64 = i64::MAX as u64;

/// A part as it was given, and which chunks of it are to be written.
#[derive(Debug)]
struct Piece<'a> {
    metadata: &'a Metadata,
    start: u64,
    bytes: &'a [u8],
    lacking: Vec<Range<u64>>,
    /// The file of the parts that are there.
    draft: Option<u64>,
}

impl Piece<'_> {
    /// How many bytes are to be written.
    fn lacking_bytes(&self) -> u64 {
        let chunks = self.lacking.iter().cloned().flatten();
        chunks.map(|chunk| chunk_bytes(chunk, self.metadata.size())).sum()
    }

    fn slice(&self, chunks: &Range<u64>) -> &[u8] {
        let end = self.metadata.size().min(chunks.end * OBJECT_CHUNK_BYTES);
        let start = chunks.start * OBJECT_CHUNK_BYTES;
        &self.bytes[(start - self.start) as usize..(end - self.start) as usize]
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let is_new = self.draft.is_none();
        let file = OpenOptions::new().write(true).create_new(is_new).open(path)?;
        self.lacking.iter().try_for_each(|chunks| {
            write_at(&file, self.slice(chunks), chunks.start * OBJECT_CHUNK_BYTES)
        })
    }

    /// The numbers and checksums of the chunks that are to be written.
    fn crcs(&self) -> Vec<(u64, u32)> {
        let of = |chunks: &Range<u64>| {
            let crcs = chunk_crcs(self.slice(chunks));
            let crcs: Vec<u32> = crcs
                .chunks_exact(4)
                .map(|crc| u32::from_le_bytes(crc.try_into().expect("it has 4 bytes")))
                .collect();
            chunks.clone().zip(crcs)
        };
        self.lacking.iter().flat_map(of).collect()
    }
}

impl Inner {
    /// Keeps a part of a body, as far as there is room for it.
    pub(super) fn write_part(
        &self,
        call: &Call,
        metadata: &Metadata,
        start: u64,
        part: &[u8],
    ) -> Result<(), Error> {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let end = start.saturating_add(part.len() as u64);
        if end > metadata.size() {
            let message = "the part reaches beyond the end of its body; give its own bytes alone";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if metadata.size() > FILE_BYTES_MAX {
            return Ok(());
        }
        match self.try_write_part(call, metadata, start, part) {
            // What there is no room for is not kept.
            Err(error) if error.kind() == ErrorKind::Full => Ok(()),
            kept => kept,
        }
    }

    fn try_write_part(
        &self,
        call: &Call,
        metadata: &Metadata,
        start: u64,
        part: &[u8],
    ) -> Result<(), Error> {
        let range = start..start + part.len() as u64;
        if !self.makes_way(call, metadata, &range)? {
            return Ok(());
        }
        let (line, _) = line(metadata)?;
        let bytes = object_bytes(call.key.len(), line.len(), metadata.size());
        self.check_limit(Need::Object(bytes))?;
        if range == (0..metadata.size()) {
            return self.write_expecting(call, metadata, Material::Bytes(part), Expected::Anything);
        }
        let Some(piece) = self.piece(call, metadata, start, part) else { return Ok(()) };
        if !piece.lacking.is_empty() {
            let room = self.make_room(Need::Part(piece.lacking_bytes()), Some(&call.key))?;
            self.write_piece(call, &piece, &room)?;
        }
        self.complete(call)
    }

    /// Gives up what there is of another version; `false` if parts of this one are of no use.
    fn makes_way(
        &self,
        call: &Call,
        metadata: &Metadata,
        range: &Range<u64>,
    ) -> Result<bool, Error> {
        let mut state = self.lock();
        state.check_open()?;
        // What else the directory has of the key is not known while the index is being rebuilt.
        if state.recovery.is_some() || state.is_overtaken(&call.key, call.generation) {
            return Ok(false);
        }
        if let Some(partial) = state.parts.find(&call.key) {
            if !partial.is_of(metadata) {
                state.drop_parts(&call.key);
            }
            self.dispose(state);
            return Ok(true);
        }
        drop(state);
        // What is asked for in part although the whole is there may be damaged there.
        let wanted = ByteRange::from(range.clone());
        match self.attempt(&call.key, |spot, layout| spot.part(layout, wanted)) {
            Ok(None) => return Ok(true),
            Ok(Some((_, found))) if found.metadata.is_same_version(metadata) => return Ok(false),
            Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
            _ => {}
        }
        let mut state = self.lock();
        state.remove(&call.key, call.generation);
        let mark = state.appended;
        self.dispose(state);
        // As any other removal, it lasts where that is promised.
        let is_durable = self.settings.durability != Durability::Checkpoint;
        self.settle_change(mark, is_durable).map(|()| true)
    }

    /// What of a part is not there yet; `None` if it comes too late.
    fn piece<'a>(
        &self,
        call: &Call,
        metadata: &'a Metadata,
        start: u64,
        bytes: &'a [u8],
    ) -> Option<Piece<'a>> {
        let (size, end) = (metadata.size(), start + bytes.len() as u64);
        let first = start.div_ceil(OBJECT_CHUNK_BYTES);
        let after =
            if end == size { size.div_ceil(OBJECT_CHUNK_BYTES) } else { end / OBJECT_CHUNK_BYTES };
        let mut piece = Piece { metadata, start, bytes, lacking: Vec::new(), draft: None };
        let mut state = self.lock();
        let partial = state.parts.touch(&call.key);
        if let Some(partial) = &partial {
            // A call that was begun later may have come in between.
            piece.draft = Some(partial.draft.filter(|_| partial.is_of(metadata))?);
        }
        let is_there = |chunk: &u64| partial.as_ref().is_some_and(|it| it.crcs.contains_key(chunk));
        for chunk in (first..after).filter(|chunk| !is_there(chunk)) {
            match piece.lacking.last_mut() {
                Some(last) if last.end == chunk => last.end += 1,
                _ => piece.lacking.push(chunk..chunk + 1),
            }
        }
        Some(piece)
    }

    /// Writes what is lacking, for which there is room.
    fn write_piece(&self, call: &Call, piece: &Piece<'_>, room: &Room) -> Result<(), Error> {
        let draft = piece.draft.unwrap_or(call.generation);
        let path = self.layout.draft(draft);
        let write = || -> io::Result<()> {
            #[cfg(test)]
            self.faults.check()?;
            piece.write(&path)
        };
        let (written, crcs) = (write(), piece.crcs());
        let is_new = piece.draft.is_none();
        let mut state = self.lock();
        if is_new && written.is_ok() && !state.is_overtaken(&call.key, call.generation) {
            let max = self.settings.items_max.unwrap_or(u64::MAX);
            while state.items() >= max && state.evict() {}
            let partial = Partial::new(piece.metadata.clone(), call.generation, draft);
            state.parts.insert(call.key.clone(), partial);
        }
        // They may have been given up or removed meanwhile.
        let partial = state.parts.touch(&call.key).filter(|it| it.draft == Some(draft));
        let is_there = partial.is_some();
        if let (Ok(()), Some(partial)) = (&written, partial) {
            partial.generation = partial.generation.max(call.generation);
            partial.extend(crcs);
            state.holders -= 1;
            self.changed.notify_all();
            self.dispose(state);
            return Ok(());
        }
        if is_there {
            state.drop_parts(&call.key);
        }
        drop(state);
        self.give_back(room, is_new.then_some(path));
        match written {
            Err(error) if is_there || is_new => Err(failure(error, "keeping a part")),
            _ => Ok(()),
        }
    }

    /// Makes an entry of parts, if all of them are there.
    fn complete(&self, call: &Call) -> Result<(), Error> {
        let state = self.lock();
        let Some(partial) = state.parts.find(&call.key).filter(|it| it.is_complete()) else {
            return Ok(());
        };
        let metadata = partial.metadata.clone();
        drop(state);
        let (line, line_bytes) = line(&metadata)?;
        let body_bytes = metadata.size();
        let bytes = object_bytes(call.key.len(), line.len(), body_bytes);
        let footer = self.make_room(Need::Object(bytes - body_bytes), Some(&call.key))?;
        let Some((draft, crcs)) = self.take_over(call) else {
            self.give_back(&footer, None);
            return Ok(());
        };
        let path = self.layout.draft(draft);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let placed = file.map_err(|error| (error, None)).and_then(|file| {
            let object = Object { file, body_bytes, crcs };
            self.store(call, &line, Material::Parts(&path, &object), &footer)
        });
        let result = match placed {
            Ok(place) => {
                self.publish(entry(call, body_bytes, line_bytes, place), Expected::Anything)
            }
            Err((error, left)) => {
                self.give_back(&Room::Object(bytes), Some(left.unwrap_or(path)));
                Err(failure(error, "making an entry of its parts"))
            }
        };
        let mut state = self.lock();
        if state.parts.find(&call.key).is_some_and(|partial| partial.draft.is_none()) {
            state.drop_parts(&call.key);
        }
        result
    }

    /// Takes the file of parts that are all there, with its bytes and their checksums. Until the entry is there, the
    /// key has metadata and nothing to read.
    fn take_over(&self, call: &Call) -> Option<(u64, Vec<u8>)> {
        let mut state = self.lock();
        if state.is_overtaken(&call.key, call.generation) {
            return None;
        }
        state.hand_over(&call.key)
    }
}
