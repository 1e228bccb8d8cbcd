//! Reading from parts of bodies.

use core::ops::Range;
use std::fs::File;

use bytes::Bytes;
use tiered_storage_core::{Error, ErrorKind, Key, Metadata, range::ByteRange};

use super::{DiskTier, inner::Inner, object::read_chunks, read::Bad, record::OBJECT_CHUNK_BYTES};
use crate::tier::{Part, Read};

/// What there is of a range in the parts of a key.
#[derive(Debug)]
enum Kept {
    /// The key has no parts.
    Nothing,
    /// Not all of the range is there.
    Gaps,
    All(Stretch),
}

/// Bytes of a body that are in the file of its parts.
#[derive(Debug)]
struct Stretch {
    metadata: Metadata,
    draft: u64,
    range: Range<u64>,
    /// The checksums of the chunks that it touches.
    crcs: Vec<u8>,
}

impl DiskTier {
    /// Reads a range from the parts of a key; `None` if it has none.
    pub(super) async fn read_kept(
        &self,
        key: &Key,
        range: ByteRange,
    ) -> Result<Option<Read<Part>>, Error> {
        loop {
            let stretch = match self.inner.kept(key, range)? {
                Kept::Nothing => return Ok(None),
                Kept::Gaps => return Ok(Some(Read::Missing)),
                Kept::All(stretch) => stretch,
            };
            let key = key.clone();
            let read = self.blocking(move |inner| inner.read_stretch(&key, stretch)).await?;
            if let Some(part) = read {
                return Ok(Some(Read::Found(part)));
            }
        }
    }
}

impl Inner {
    /// The metadata of an entry that is not whole.
    pub(super) fn kept_metadata(&self, key: &Key) -> Option<Metadata> {
        self.lock().parts.find(key).map(|partial| partial.metadata.clone())
    }

    fn kept(&self, key: &Key, range: ByteRange) -> Result<Kept, Error> {
        let mut state = self.lock();
        state.check_open()?;
        let Some(partial) = state.parts.touch(key) else { return Ok(Kept::Nothing) };
        let size = partial.metadata.size();
        let range = range.of(size).unwrap_or(size..size);
        let chunks = if range.is_empty() {
            0..0
        } else {
            range.start / OBJECT_CHUNK_BYTES..range.end.div_ceil(OBJECT_CHUNK_BYTES)
        };
        Ok(match (partial.draft, partial.checksums(chunks)) {
            (Some(draft), Some(crcs)) => {
                Kept::All(Stretch { metadata: partial.metadata.clone(), draft, range, crcs })
            }
            _ => Kept::Gaps,
        })
    }

    /// Reads what was there when it was asked for; `None` if it has become an entry or is gone by now.
    fn read_stretch(&self, key: &Key, stretch: Stretch) -> Result<Option<Part>, Error> {
        let Stretch { metadata, draft, range, crcs } = stretch;
        let read = || {
            if range.is_empty() {
                return Ok(Bytes::new());
            }
            let file = File::open(self.layout.draft(draft)).map_err(Bad::Io)?;
            read_chunks(&file, metadata.size(), range.clone(), &crcs, Vec::new())
        };
        let bad = match read() {
            Ok(body) => return Ok(Some(Part { metadata, range, body })),
            Err(bad) => bad,
        };
        let mut state = self.lock();
        if state.parts.find(key).is_none_or(|partial| partial.draft != Some(draft)) {
            return Ok(None);
        }
        let error = self.bad(key, bad);
        if error.kind() == ErrorKind::Corrupt {
            // No entry must come of what is damaged.
            state.drop_parts(key);
            self.dispose(state);
        }
        Err(error)
    }
}
