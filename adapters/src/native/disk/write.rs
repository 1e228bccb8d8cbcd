//! Writing an entry, from the room for it to where readers see it.

use std::sync::PoisonError;

use tiered_storage_core::{
    Condition, Error, ErrorKind, Key, Metadata,
    format::{Audience, encode},
};

use super::{
    files::{failure, is_out_of_room},
    index::{Entry, Place},
    inner::{Call, Inner},
    record::{SEGMENT_HEADER_BYTES, object_bytes, record_bytes},
    room::Need,
    state::State,
    store::Material,
};

/// What the index must have of a key for an entry to land.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    Anything,
    Nothing,
    /// The entry that a condition was found to hold for.
    Generation(u64),
}

impl Expected {
    fn is_met(self, state: &State, key: &Key) -> bool {
        let current = state.generation_of(key);
        match (self, current) {
            (Self::Anything, _) | (Self::Nothing, None) => true,
            (Self::Nothing, Some(_)) => false,
            (Self::Generation(expected), Some(current)) => expected == current,
            // It may have been given up for the room that this very write takes.
            (Self::Generation(_), None) => !state.is_removed(key),
        }
    }
}

impl Inner {
    /// Writes an entry, if the tier holds what `condition` says; conditional writes of a key must come one by one.
    pub(super) fn write(
        &self,
        call: &Call,
        metadata: &Metadata,
        material: Material<'_>,
        condition: Option<&Condition>,
    ) -> Result<(), Error> {
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let expected = self.expected(&call.key, condition)?;
        self.write_expecting(call, metadata, material, expected)
    }

    /// Writes an entry, if the index has what was expected when the entry lands.
    pub(super) fn write_expecting(
        &self,
        call: &Call,
        metadata: &Metadata,
        material: Material<'_>,
        expected: Expected,
    ) -> Result<(), Error> {
        let (line, line_bytes) = line(metadata)?;
        let body_bytes = material.size_bytes();
        let need = match material {
            Material::Bytes(_) if body_bytes <= self.settings.inline_bytes_max => {
                Need::Record(record_bytes(call.key.len(), line.len(), body_bytes))
            }
            _ => Need::Object(object_bytes(call.key.len(), line.len(), body_bytes)),
        };
        self.check_limit(need)?;
        let mut is_retry = false;
        loop {
            let room = self.make_room(need, None)?;
            let place = match self.store(call, &line, material, &room) {
                Ok(place) => place,
                Err((error, path)) => {
                    self.give_back(&room, path);
                    if is_out_of_room(&error) && !is_retry {
                        is_retry = true;
                        self.evict_for(need);
                        continue;
                    }
                    return Err(failure(error, "writing an entry"));
                }
            };
            return self.publish(entry(call, body_bytes, line_bytes, place), expected);
        }
    }

    /// The most that could ever be stored is known, so that an entry beyond it costs nothing else its place.
    pub(super) fn check_limit(&self, need: Need) -> Result<(), Error> {
        let bytes = match need {
            Need::Object(bytes) | Need::Part(bytes) => bytes,
            Need::Record(bytes) => bytes + SEGMENT_HEADER_BYTES,
        };
        match self.settings.size_bytes_max {
            Some(max) if bytes > max => {
                Err(Error::new(ErrorKind::Full, "the entry is larger than the disk tier's limit"))
            }
            _ => Ok(()),
        }
    }

    /// What must still be so when the entry lands. An entry that has expired is there: the tier has no clock.
    pub(super) fn expected(
        &self,
        key: &Key,
        condition: Option<&Condition>,
    ) -> Result<Expected, Error> {
        let Some(condition) = condition else { return Ok(Expected::Anything) };
        let kept = |state: &State| {
            let partial = state.parts.find(key)?;
            Some((partial.generation, partial.metadata.clone()))
        };
        let kept = kept(&self.lock());
        let found = match kept {
            Some(kept) => Some(kept),
            None => self.head(key)?.map(|(spot, metadata)| (spot.entry.generation, metadata)),
        };
        if !condition.holds(found.as_ref().map(|(_, metadata)| metadata)) {
            return Err(conflict());
        }
        Ok(found.map_or(Expected::Nothing, |(generation, _)| Expected::Generation(generation)))
    }

    /// Lets readers see an entry, unless a later call for its key was begun, or it is not as expected any more.
    pub(super) fn publish(&self, mut entry: Entry, expected: Expected) -> Result<(), Error> {
        let mut state = self.lock();
        state.holders -= 1;
        if let Place::Segment { segment, at } = entry.place {
            state.segments.land(segment, at);
        }
        let is_wanted = !state.is_overtaken(&entry.key, entry.generation)
            && expected.is_met(&state, &entry.key);
        if is_wanted {
            let max = self.settings.items_max.unwrap_or(u64::MAX);
            while state.items() >= max && state.generation_of(&entry.key).is_none() && state.evict()
            {
            }
            entry.is_announced = state.is_announced(&entry.key, entry.generation);
            state.put(entry);
        } else {
            state.bury(&entry);
        }
        let mark = state.appended;
        if state.segments.has_reclaimable() {
            self.ring();
        }
        self.changed.notify_all();
        self.dispose(state);
        // What fails here is remembered by the journal, and the entry itself is whole.
        let _ = self.settle_change(mark, false);
        match expected {
            Expected::Nothing | Expected::Generation(_) if !is_wanted => Err(conflict()),
            _ => Ok(()),
        }
    }
}

/// The metadata as it is stored, and how long that is.
pub(super) fn line(metadata: &Metadata) -> Result<(String, u16), Error> {
    let line = encode(metadata, Audience::Local);
    let line_bytes = u16::try_from(line.len()).map_err(|_| {
        Error::new(ErrorKind::Invalid, "the metadata takes more than 64 KiB; shorten it")
    })?;
    Ok((line, line_bytes))
}

/// The entry that a call has written.
pub(super) fn entry(call: &Call, body_bytes: u64, line_bytes: u16, place: Place) -> Entry {
    Entry {
        key: call.key.clone(),
        generation: call.generation,
        body_bytes,
        line_bytes,
        place,
        is_suspect: false,
        is_announced: false,
        overlay: None,
    }
}

fn conflict() -> Error {
    let message = "the disk tier does not hold what the write was to replace; read it again";
    Error::new(ErrorKind::Conflict, message)
}
