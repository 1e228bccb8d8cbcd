//! What the tier holds in memory, behind one lock that is never held across I/O other than the creation of a segment.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use tiered_storage_core::{Error, ErrorKind, Key};

use super::{
    files::Layout,
    index::{Entry, Index, Overlay, Place},
    journal::{push_announce, push_patch, push_put, push_remove},
    parts::Parts,
    recover::Recovery,
    segments::{Debris, Segments},
};
use crate::evictions::Evictions;

/// Everything that the calls share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) layout: Layout,
    pub(super) index: Index,
    /// What there is of entries that are not whole. No key is in here and in the index.
    pub(super) parts: Parts,
    pub(super) segments: Segments,
    /// Changes that are not in the journal's file yet.
    pub(super) unwritten: Vec<u8>,
    /// How many bytes of changes there were since the tier was opened.
    pub(super) appended: u64,
    /// `appended`, when an entry was last removed.
    pub(super) removed_at: u64,
    /// The bytes of all segments, objects and parts, with those that are being written or deleted.
    pub(super) disk_bytes: u64,
    pub(super) generation: u64,
    /// What was begun before this generation must not land any more.
    pub(super) barrier: u64,
    pub(super) evictions: Arc<Evictions>,
    /// Files that are gone from the index and not yet from the disk.
    pub(super) debris: Vec<Debris>,
    /// The generations that staged bodies are named after.
    pub(super) drafts: BTreeSet<u64>,
    pub(super) recovery: Option<Recovery>,
    /// How many hold room that they have not given to an entry yet, or are about to give back.
    pub(super) holders: u64,
    /// Whether a segment is being reclaimed.
    pub(super) is_reclaiming: bool,
    pub(super) is_closed: bool,
    /// The calls under way that change a key, with the generation of the one that was begun last.
    begun: HashMap<Key, Begun>,
    /// Their generations.
    under_way: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct Begun {
    count: u32,
    last: u64,
    announced: u64,
    is_removed: bool,
}

impl State {
    pub(super) fn new(layout: Layout, index: Index, segments: Segments, generation: u64) -> Self {
        let objects = index.after(None).filter(|entry| entry.place == Place::Object);
        let disk_bytes = segments.bytes() + objects.map(Entry::disk_bytes).sum::<u64>();
        Self {
            layout,
            index,
            parts: Parts::default(),
            segments,
            unwritten: Vec::new(),
            appended: 0,
            removed_at: 0,
            disk_bytes,
            generation,
            barrier: 0,
            evictions: Arc::default(),
            debris: Vec::new(),
            drafts: BTreeSet::new(),
            recovery: None,
            holders: 0,
            is_reclaiming: false,
            is_closed: false,
            begun: HashMap::new(),
            under_way: BTreeSet::new(),
        }
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.is_closed {
            return Err(Error::new(ErrorKind::Closed, "the disk tier was closed; open it again"));
        }
        Ok(())
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// The generation before which everything has landed or never will.
    pub(super) fn landed_generation(&self) -> u64 {
        self.under_way.first().copied().unwrap_or(self.generation + 1)
    }

    /// Begins a call that changes `key`; [`State::end`] must follow.
    pub(super) fn begin(&mut self, key: &Key) -> u64 {
        let generation = self.next_generation();
        let begun = self.begun.entry(key.clone()).or_default();
        begun.count += 1;
        begun.last = generation;
        self.under_way.insert(generation);
        generation
    }

    pub(super) fn end(&mut self, key: &Key, generation: u64) {
        self.under_way.remove(&generation);
        if let Some(begun) = self.begun.get_mut(key) {
            begun.count -= 1;
            if begun.count == 0 {
                self.begun.remove(key);
            }
        }
    }

    /// Whether a call that changes `key` is under way.
    pub(super) fn is_changing(&self, key: &str) -> bool {
        self.begun.contains_key(key)
    }

    /// Whether a call that its caller has dropped came too late: another one was begun since.
    pub(super) fn is_overtaken(&self, key: &Key, generation: u64) -> bool {
        generation < self.barrier
            || self.begun.get(key).is_some_and(|begun| begun.last > generation)
    }

    /// Whether the entry of a call that is under way was removed by another since.
    pub(super) fn is_removed(&self, key: &Key) -> bool {
        self.begun.get(key).is_some_and(|begun| begun.is_removed)
    }

    /// Makes `entry` the one of its key.
    pub(super) fn put(&mut self, entry: Entry) {
        self.note(|buffer| push_put(buffer, &entry));
        self.drop_parts(&entry.key);
        if let Some(old) = self.index.insert(entry) {
            self.bury(&old);
        }
    }

    /// Removes the entry of `key`, if it is older than `generation`.
    pub(super) fn remove(&mut self, key: &Key, generation: u64) {
        if let Some(recovery) = &mut self.recovery {
            recovery.note_removed(key, generation);
        }
        if self.parts.find(key).is_some_and(|partial| partial.generation < generation) {
            self.drop_parts(key);
            if let Some(begun) = self.begun.get_mut(key) {
                begun.is_removed = true;
            }
        }
        if self.index.find(key).is_some_and(|entry| entry.generation < generation)
            && let Some(old) = self.index.remove(key)
        {
            self.bury(&old);
            self.note_removed(key, generation);
            if let Some(begun) = self.begun.get_mut(key) {
                begun.is_removed = true;
            }
        } else if self.recovery.is_some() {
            self.note_removed(key, generation);
        }
    }

    /// Gives up the parts that were not used for longest, or else the entry that is worth least; `false` if there is
    /// neither.
    pub(super) fn evict(&mut self) -> bool {
        self.evict_sparing(None)
    }

    /// As `evict`, but leaves the parts of `spared`.
    pub(super) fn evict_sparing(&mut self, spared: Option<&Key>) -> bool {
        self.evict_parts(spared) || self.evict_whole()
    }

    fn evict_whole(&mut self) -> bool {
        let Some(old) = self.index.evict() else { return false };
        let generation = old.generation + 1;
        if let Some(recovery) = &mut self.recovery {
            recovery.note_removed(&old.key, generation);
        }
        self.note_removed(&old.key, generation);
        self.bury(&old);
        self.evictions.note(&old.key);
        true
    }

    /// Replaces the metadata of an entry, which is vouched for with that.
    pub(super) fn patch(&mut self, key: &Key, overlay: Overlay) {
        self.note(|buffer| push_patch(buffer, key, &overlay));
        if let Some(entry) = self.index.find_mut(key) {
            entry.is_suspect = false;
            entry.is_announced = false;
            entry.overlay = Some(Arc::new(overlay));
        }
    }

    /// Remembers that the cold tier is about to have a newer version of `key`.
    pub(super) fn announce(&mut self, key: &Key) {
        let generation = self.next_generation();
        self.note(|buffer| push_announce(buffer, key, generation));
        if let Some(entry) = self.index.find_mut(key) {
            entry.is_announced = true;
        }
        if let Some(begun) = self.begun.get_mut(key) {
            begun.announced = generation;
        }
        if let Some(recovery) = &mut self.recovery {
            recovery.note_announced(key, generation);
        }
    }

    /// Whether a write of this generation was announced to be overtaken while it was under way.
    pub(super) fn is_announced(&self, key: &Key, generation: u64) -> bool {
        self.begun.get(key).is_some_and(|begun| begun.announced > generation)
    }

    /// The bytes of all bodies, whole or not.
    pub(super) fn body_bytes(&self) -> u64 {
        self.index.body_bytes() + self.parts.bytes
    }

    /// Points an entry to where its record was moved; `false` if it is not where it was.
    pub(super) fn relocate(&mut self, key: &Key, old: Place, new: Place) -> bool {
        let Some(entry) = self.index.find_mut(key).filter(|entry| entry.place == old) else {
            return false;
        };
        entry.place = new;
        if let Place::Segment { segment, at } = new {
            self.segments.land(segment, at);
        }
        let entry = entry.clone();
        self.note(|buffer| push_put(buffer, &entry));
        true
    }

    /// Gives up what still points into a segment that was emptied.
    pub(super) fn abandon(&mut self, segment: u32) {
        if self.segments.has_unlanded(segment) {
            return;
        }
        let is_inside = |entry: &&Entry| matches!(entry.place, Place::Segment { segment: id, .. } if id == segment);
        let lost: Vec<Entry> = self.index.after(None).filter(is_inside).cloned().collect();
        for entry in lost {
            self.remove(&entry.key, entry.generation + 1);
            self.evictions.count_lost();
        }
    }

    /// Forgets everything; what was begun before `barrier` does not land any more.
    pub(super) fn reset(&mut self, barrier: u64) {
        self.index = Index::default();
        self.parts = Parts::default();
        self.segments.reset();
        self.disk_bytes = 0;
        self.debris.clear();
        self.recovery = None;
        self.barrier = barrier;
        self.unwritten.clear();
    }

    /// Counts what `entry` took as dead, and its file as debris.
    pub(super) fn bury(&mut self, entry: &Entry) {
        match entry.place {
            Place::Object => self.debris.push(Debris {
                path: self.layout.object(&entry.key, entry.generation),
                bytes: entry.disk_bytes(),
            }),
            Place::Segment { segment, .. } => {
                self.segments.bury(segment, entry.disk_bytes(), &mut self.debris);
            }
        }
    }

    pub(super) fn note(&mut self, push: impl FnOnce(&mut Vec<u8>)) {
        let before = self.unwritten.len();
        push(&mut self.unwritten);
        self.appended += (self.unwritten.len() - before) as u64;
    }

    fn note_removed(&mut self, key: &str, generation: u64) {
        self.note(|buffer| push_remove(buffer, key, generation));
        self.removed_at = self.appended;
    }
}
