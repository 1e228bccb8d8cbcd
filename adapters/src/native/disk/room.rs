//! Room for an entry: the limits are kept by giving up entries before one is written.

use std::{io, path::PathBuf, sync::MutexGuard};

use tiered_storage_core::{Error, ErrorKind, Key};

use super::{
    files::{failure, is_out_of_room, remove},
    inner::Inner,
    segments::{Allotted, Debris},
    state::State,
};

/// What an entry needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// A file of this many bytes.
    Object(u64),
    /// A record of this many bytes.
    Record(u64),
    /// So many bytes of a part. All parts together have a share of the limit, beyond which only they make room.
    Part(u64),
}

/// The room that an entry was given.
#[derive(Debug)]
pub(super) enum Room {
    Object(u64),
    Record(Allotted, u64),
    Part(u64),
}

enum Next {
    Retry,
    Reclaim(u32),
    Wait,
    Refuse,
}

impl Inner {
    /// Gives up entries, but no parts of `spared`, until there is room within the limit, and takes that room.
    pub(super) fn make_room(&self, need: Need, spared: Option<&Key>) -> Result<Room, Error> {
        let mut out_of_room = false;
        loop {
            let mut state = self.lock();
            state.check_open()?;
            let next = if self.fits(&state, need) {
                match take(&mut state, need) {
                    Ok(room) => {
                        state.holders += 1;
                        return Ok(room);
                    }
                    Err(error) if is_out_of_room(&error) && !out_of_room => {
                        out_of_room = true;
                        if state.evict_sparing(spared) { Next::Retry } else { Next::Refuse }
                    }
                    Err(error) => return Err(failure(error, "making a segment")),
                }
            } else if let Need::Part(bytes) = need
                && self.is_beyond_share(&state, need)
            {
                // What its own entry takes of the share is not to be had from the others.
                let own_bytes =
                    spared.and_then(|key| state.parts.find(key)).map_or(0, |it| it.bytes);
                let is_vain = own_bytes + bytes > self.settings.parts_bytes_max();
                if !is_vain && state.evict_parts(spared) { Next::Retry } else { Next::Refuse }
            } else {
                free_some(&mut state, spared)
            };
            match next {
                Next::Retry => self.dispose(state),
                Next::Reclaim(segment) => {
                    self.dispose(state);
                    self.reclaim(segment);
                }
                Next::Wait => drop(self.wait(state)),
                Next::Refuse => return Err(full()),
            }
        }
    }

    /// Gives room back that no entry was made of.
    pub(super) fn give_back(&self, room: &Room, written: Option<PathBuf>) {
        let mut state = self.lock();
        state.holders -= 1;
        self.changed.notify_all();
        if let Room::Part(bytes) = room {
            state.parts.bytes -= bytes;
        }
        match room {
            Room::Object(bytes) | Room::Part(bytes) => match written {
                Some(path) => state.debris.push(Debris { path, bytes: *bytes }),
                None => state.disk_bytes -= bytes,
            },
            Room::Record(allotted, bytes) => {
                let State { segments, debris, .. } = &mut *state;
                segments.land(allotted.segment, allotted.at);
                segments.bury(allotted.segment, *bytes, debris);
            }
        }
        self.dispose(state);
    }

    /// After the disk itself had no room: gives up entries worth twice what is needed.
    pub(super) fn evict_for(&self, need: Need) {
        let (Need::Object(bytes) | Need::Record(bytes) | Need::Part(bytes)) = need;
        let mut state = self.lock();
        let goal = state.body_bytes().saturating_sub(2 * bytes);
        while state.body_bytes() > goal && state.evict() {}
        let State { segments, debris, .. } = &mut *state;
        segments.seal(debris);
        let segment = segments.reclaimable();
        self.dispose(state);
        if let Some(segment) = segment {
            self.reclaim(segment);
        }
    }

    fn fits(&self, state: &State, need: Need) -> bool {
        let Some(max) = self.settings.size_bytes_max else { return true };
        if self.is_beyond_share(state, need) {
            return false;
        }
        let (bytes, reserve) = match need {
            Need::Object(bytes) | Need::Part(bytes) => (bytes, state.segments.reserve_bytes()),
            Need::Record(bytes) => {
                (state.segments.growth_bytes(bytes), state.segments.reserve_bytes())
            }
        };
        state.disk_bytes + bytes + reserve <= max
    }

    fn is_beyond_share(&self, state: &State, need: Need) -> bool {
        let Need::Part(bytes) = need else { return false };
        state.parts.bytes + bytes > self.settings.parts_bytes_max()
    }

    /// Deletes what is left of entries that are gone, counts it off, and has told which were given up.
    pub(super) fn dispose<'a>(&'a self, state: MutexGuard<'a, State>) {
        self.dispose_debris(state);
        self.evictions.tell();
    }

    fn dispose_debris<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        while !state.debris.is_empty() {
            let debris = core::mem::take(&mut state.debris);
            state.holders += 1;
            drop(state);
            let (gone, left): (Vec<_>, Vec<_>) =
                debris.into_iter().partition(|it| remove(&it.path).is_ok());
            state = self.lock();
            state.holders -= 1;
            state.disk_bytes -= gone.iter().map(|it| it.bytes).sum::<u64>();
            self.changed.notify_all();
            if !left.is_empty() {
                // It counts until it is gone: the next call tries again.
                tracing::warn!(path = %left[0].path.display(), "a file of the disk tier cannot be deleted");
                state.debris.extend(left);
                return;
            }
        }
    }
}

fn take(state: &mut State, need: Need) -> io::Result<Room> {
    match need {
        Need::Object(bytes) => {
            state.disk_bytes += bytes;
            Ok(Room::Object(bytes))
        }
        Need::Record(bytes) => {
            let State { segments, debris, .. } = &mut *state;
            let allotted = segments.allot(bytes, debris)?;
            state.disk_bytes += allotted.grown_bytes;
            Ok(Room::Record(allotted, bytes))
        }
        Need::Part(bytes) => {
            state.disk_bytes += bytes;
            state.parts.bytes += bytes;
            Ok(Room::Part(bytes))
        }
    }
}

fn free_some(state: &mut State, spared: Option<&Key>) -> Next {
    if let Some(segment) = state.segments.reclaimable() {
        return Next::Reclaim(segment);
    }
    if state.is_reclaiming {
        return Next::Wait;
    }
    if state.evict_sparing(spared) {
        return Next::Retry;
    }
    if let Some(orphan) = state.recovery.as_mut().and_then(|recovery| recovery.orphans.pop()) {
        state.debris.push(orphan.into());
        return Next::Retry;
    }
    if state.segments.is_active_wasteful() {
        let State { segments, debris, .. } = &mut *state;
        segments.seal(debris);
        return Next::Retry;
    }
    match state.segments.wasteful() {
        _ if state.holders > 0 => Next::Wait,
        Some(segment) => Next::Reclaim(segment),
        None => Next::Refuse,
    }
}

fn full() -> Error {
    Error::new(ErrorKind::Full, "the entry does not fit into the disk tier's limit")
}
