//! Entries whose bodies are not all there: which chunks of them are, and in which file.
//!
//! They are known in memory alone, and their files are gone when the directory is opened again.

use core::ops::{Bound, Range};
use std::collections::BTreeMap;

use tiered_storage_core::{Key, Metadata};

use super::{record::OBJECT_CHUNK_BYTES, segments::Debris, state::State};

/// All entries that are not whole. No key is in here and in the index.
#[derive(Debug, Default)]
pub(super) struct Parts {
    by_key: BTreeMap<Key, Partial>,
    /// The keys in the order in which they were last used.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    /// The bytes of all chunks, with those that are being written.
    pub(super) bytes: u64,
}

/// An entry that is not whole.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) metadata: Metadata,
    /// That of the last call that wrote a part.
    pub(super) generation: u64,
    /// What its file is named after; `None` once that is about to be an object, and is accounted for by who makes it one.
    pub(super) draft: Option<u64>,
    /// The checksums of the chunks that are there, by their number.
    pub(super) crcs: BTreeMap<u64, u32>,
    /// How many bytes these chunks have.
    pub(super) bytes: u64,
    used: u64,
}

impl Partial {
    pub(super) fn new(metadata: Metadata, generation: u64, draft: u64) -> Self {
        let crcs = BTreeMap::new();
        Self { metadata, generation, draft: Some(draft), crcs, bytes: 0, used: 0 }
    }

    pub(super) fn is_of(&self, metadata: &Metadata) -> bool {
        self.metadata.is_same_version(metadata) && self.metadata.size() == metadata.size()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.bytes == self.metadata.size()
    }

    /// Takes in chunks that were written.
    pub(super) fn extend(&mut self, crcs: impl IntoIterator<Item = (u64, u32)>) {
        let size = self.metadata.size();
        for (chunk, crc) in crcs {
            if self.crcs.insert(chunk, crc).is_none() {
                self.bytes += chunk_bytes(chunk, size);
            }
        }
    }

    /// The checksums of these chunks, as they stand in a footer; `None` if not all of them are there.
    pub(super) fn checksums(&self, chunks: Range<u64>) -> Option<Vec<u8>> {
        let wanted = usize::try_from(chunks.end.saturating_sub(chunks.start)).ok()?;
        let found = self.crcs.range(chunks);
        let bytes: Vec<u8> = found.flat_map(|(_, crc)| crc.to_le_bytes()).collect();
        (bytes.len() == 4 * wanted).then_some(bytes)
    }
}

/// How many bytes a chunk of a body has.
pub(super) fn chunk_bytes(chunk: u64, body_bytes: u64) -> u64 {
    OBJECT_CHUNK_BYTES.min(body_bytes - chunk * OBJECT_CHUNK_BYTES)
}

impl Parts {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn find(&self, key: &str) -> Option<&Partial> {
        self.by_key.get(key)
    }

    /// As `find`, and counts a use.
    pub(super) fn touch(&mut self, key: &str) -> Option<&mut Partial> {
        let partial = self.by_key.get_mut(key)?;
        let key = self.by_use.remove(&partial.used)?;
        self.uses += 1;
        partial.used = self.uses;
        self.by_use.insert(self.uses, key);
        Some(partial)
    }

    /// Puts in an entry, of whose key there is none.
    pub(super) fn insert(&mut self, key: Key, mut partial: Partial) {
        self.uses += 1;
        partial.used = self.uses;
        self.by_use.insert(self.uses, key.clone());
        self.by_key.insert(key, partial);
    }

    fn remove(&mut self, key: &str) -> Option<Partial> {
        let partial = self.by_key.remove(key)?;
        self.by_use.remove(&partial.used);
        Some(partial)
    }

    /// The keys that start with `prefix` and come after `after`, in their order.
    pub(super) fn matching<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Key> {
        let start = match after.filter(|after| *after >= prefix) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        let found = self.by_key.range::<str, _>((start, Bound::Unbounded));
        found.map(|(key, _)| key).take_while(move |key| key.starts_with(prefix))
    }
}

impl State {
    /// How many entries there are, whole or not.
    pub(super) fn items(&self) -> u64 {
        (self.index.len() + self.parts.len()) as u64
    }

    /// The generation of what there is of a key.
    pub(super) fn generation_of(&self, key: &str) -> Option<u64> {
        let whole = self.index.find(key).map(|entry| entry.generation);
        whole.or_else(|| self.parts.find(key).map(|partial| partial.generation))
    }

    /// Gives up the parts of a key; `false` if there are none.
    pub(super) fn drop_parts(&mut self, key: &str) -> bool {
        let Some(partial) = self.parts.remove(key) else { return false };
        if let Some(draft) = partial.draft {
            self.parts.bytes -= partial.bytes;
            self.debris.push(Debris { path: self.layout.draft(draft), bytes: partial.bytes });
        }
        true
    }

    /// Hands the file of parts that are all there to who makes an object of it, with the checksums of its body. That
    /// one accounts for its bytes from then on.
    pub(super) fn hand_over(&mut self, key: &str) -> Option<(u64, Vec<u8>)> {
        let partial = self.parts.by_key.get_mut(key).filter(|it| it.is_complete())?;
        let draft = partial.draft.take()?;
        self.parts.bytes -= core::mem::take(&mut partial.bytes);
        let crcs = core::mem::take(&mut partial.crcs);
        Some((draft, crcs.into_values().flat_map(u32::to_le_bytes).collect()))
    }

    /// Gives up all parts.
    pub(super) fn drop_all_parts(&mut self) {
        while let Some((_, key)) = self.parts.by_use.first_key_value() {
            let key = key.clone();
            self.drop_parts(&key);
        }
    }

    /// Gives up the parts that were not used for longest, but those of `spared`; `false` if there are none.
    pub(super) fn evict_parts(&mut self, spared: Option<&Key>) -> bool {
        let mut oldest = self.parts.by_use.values().filter(|key| Some(*key) != spared);
        let Some(key) = oldest.next().cloned() else { return false };
        self.evictions.note(&key);
        self.drop_parts(&key)
    }
}
