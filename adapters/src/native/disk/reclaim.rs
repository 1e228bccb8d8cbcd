//! Giving segments back: what is alive in one is appended to the newest, then the file is deleted.

use std::{
    io,
    sync::{Arc, PoisonError},
};

use tiered_storage_core::Key;

use super::{
    files::read_at,
    index::Place,
    inner::Inner,
    options::Durability,
    record::{SEGMENT_HEADER_BYTES, Said, record, record_bytes, records},
    segments::{Allotted, SegmentFile},
    state::State,
};

/// What keeps a segment from being deleted while it is emptied.
const PIN_BYTES: u64 = 1;

/// A record that was written again.
#[derive(Debug)]
struct Moved {
    key: Key,
    from: u32,
    bytes: u64,
    to: Allotted,
}

impl Inner {
    /// Empties a segment, so that its file goes. What cannot be read, or has no room elsewhere, is given up.
    pub(super) fn reclaim(&self, segment: u32) {
        let _one = self.reclaiming.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        let filled = state.segments.filled();
        let Some((_, bytes)) = filled.into_iter().find(|(id, _)| *id == segment) else { return };
        let file = state.segments.file(segment);
        state.is_reclaiming = true;
        state.segments.revive(segment, PIN_BYTES);
        drop(state);
        let moved = file.and_then(|file| self.copy_living(segment, bytes, &file));
        let mut state = self.lock();
        match moved {
            Ok(moved) => moved.into_iter().for_each(|moved| relocate(&mut state, segment, moved)),
            Err(error) => tracing::warn!(segment, %error, "a segment of the disk tier is lost"),
        }
        if state.segments.live_bytes(segment) > PIN_BYTES {
            state.abandon(segment);
        }
        let mark = state.appended;
        drop(state);
        // The file must not go before the journal says where its records are now. A failure is remembered there.
        let _ = match self.settings.durability {
            Durability::Checkpoint => self.log.flush(self),
            Durability::Object | Durability::Full => self.log.sync(self, mark),
        };
        let mut state = self.lock();
        let State { segments, debris, .. } = &mut *state;
        segments.bury(segment, PIN_BYTES, debris);
        state.is_reclaiming = false;
        self.changed.notify_all();
        self.dispose(state);
    }

    fn copy_living(&self, segment: u32, bytes: u64, file: &SegmentFile) -> io::Result<Vec<Moved>> {
        let mut whole = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        read_at(&file.file, &mut whole, 0)?;
        let mut all = Vec::new();
        for (at, said) in records(&whole, file.salt, SEGMENT_HEADER_BYTES as usize) {
            let from = u32::try_from(at).map_err(io::Error::other)?;
            let body = &whole[at + said.body.start..at + said.body.end];
            let Some((key, bytes, to)) = self.allot_again(segment, from, &said) else { continue };
            let record = record(to.file.salt, said.generation, said.key, said.line, body);
            let moved = Moved { key, from, bytes, to };
            match moved.to.file.write(&record, moved.to.at) {
                Ok(()) => all.push(moved),
                Err(error) => {
                    tracing::warn!(%error, "an entry of the disk tier cannot be moved");
                    let mut state = self.lock();
                    let State { segments, debris, .. } = &mut *state;
                    segments.land(moved.to.segment, moved.to.at);
                    segments.bury(moved.to.segment, moved.bytes, debris);
                }
            }
        }
        if self.settings.durability != Durability::Checkpoint {
            let mut synced: Option<&Arc<SegmentFile>> = None;
            for moved in &all {
                if !synced.is_some_and(|file| Arc::ptr_eq(file, &moved.to.file)) {
                    moved.to.file.sync()?;
                    synced = Some(&moved.to.file);
                }
            }
        }
        Ok(all)
    }

    /// Finds room for a record that the index points to.
    fn allot_again(&self, segment: u32, at: u32, said: &Said<'_>) -> Option<(Key, u64, Allotted)> {
        let mut state = self.lock();
        let entry = state.index.find(said.key)?;
        if entry.place != (Place::Segment { segment, at }) {
            return None;
        }
        let key = entry.key.clone();
        let bytes = record_bytes(said.key.len(), said.line.len(), said.body.len() as u64);
        let max = self.settings.size_bytes_max.unwrap_or(u64::MAX);
        if state.disk_bytes + state.segments.growth_bytes(bytes) > max {
            return None;
        }
        let State { segments, debris, .. } = &mut *state;
        let allotted = segments.allot(bytes, debris).ok()?;
        state.disk_bytes += allotted.grown_bytes;
        Some((key, bytes, allotted))
    }
}

/// Points the index to where a record was moved, unless the entry changed meanwhile.
fn relocate(state: &mut State, segment: u32, moved: Moved) {
    let Moved { key, from, bytes, to } = moved;
    let old = Place::Segment { segment, at: from };
    let new = Place::Segment { segment: to.segment, at: to.at };
    if state.relocate(&key, old, new) {
        let State { segments, debris, .. } = state;
        segments.bury(segment, bytes, debris);
    } else {
        let State { segments, debris, .. } = state;
        segments.land(to.segment, to.at);
        segments.bury(to.segment, bytes, debris);
    }
}
