//! How an entry goes in: room is made first, by its own shard if that has its share, else by the fullest.

use std::sync::{PoisonError, atomic::Ordering};

use tiered_storage_core::{Error, Key, Metadata};

use super::{
    MemoryTier,
    limits::{Room, Short},
    shard::{Change, Demand, Entries, Entry},
};

impl MemoryTier {
    /// Puts `change` in; `false` if there is no entry whose metadata it could replace.
    pub(super) fn put(&self, change: &Change<'_>) -> Result<bool, Error> {
        let done = self.put_in(change);
        self.evictions.tell();
        done
    }

    fn put_in(&self, change: &Change<'_>) -> Result<bool, Error> {
        // What is replaced or evicted is freed after the locks.
        let mut spoils = Vec::new();
        let mut room = Room::new(&self.limits);
        loop {
            if let Some(done) = self.put_in_shard(change, &mut room, &mut spoils)? {
                return Ok(done);
            }
            if !self.evict_parts(None, &mut room) {
                break;
            }
        }
        // Who has the turn may be waiting for it.
        drop(room);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = Room::new(&self.limits);
        loop {
            let (demand, mut short) = {
                let mut entries = self.shard(change.hash).write();
                let Some(demand) = entries.demand(change, &self.limits)? else { return Ok(false) };
                match self.fill(&mut room, demand) {
                    Ok(()) => {
                        self.put_into(&mut entries, change, demand, &mut room, &mut spoils);
                        return Ok(true);
                    }
                    Err(short) => (demand, short),
                }
            };
            loop {
                self.evict_from_fullest(short, None, &mut room, &mut spoils);
                match self.fill(&mut room, demand) {
                    Ok(()) => break,
                    Err(still) => short = still,
                }
            }
        }
    }

    /// Puts `change` in, with room that its own shard makes if it has its share. `None` if that is not enough, or if there
    /// are parts, which go first.
    fn put_in_shard(
        &self,
        change: &Change<'_>,
        room: &mut Room<'_>,
        spoils: &mut Vec<Entry>,
    ) -> Result<Option<bool>, Error> {
        let mut entries = self.shard(change.hash).write();
        let Some(demand) = entries.demand(change, &self.limits)? else { return Ok(Some(false)) };
        let mut filled = self.fill(room, demand);
        if filled.is_err() && self.has_parts() {
            return Ok(None);
        }
        if filled.is_err() {
            // An entry does not make room for itself by going.
            let aside = demand.old.map(|slot| (slot, entries.set_aside(slot)));
            while let Err(short) = filled {
                if self.is_lean(&entries, short) || !self.evict_from(&mut entries, room, spoils) {
                    break;
                }
                filled = self.fill(room, demand);
            }
            if let Some((slot, standing)) = aside {
                entries.bring_back(slot, standing);
            }
        }
        if filled.is_err() {
            return Ok(None);
        }
        self.put_into(&mut entries, change, demand, room, spoils);
        Ok(Some(true))
    }

    fn put_into(
        &self,
        entries: &mut Entries,
        change: &Change<'_>,
        demand: Demand,
        room: &mut Room<'_>,
        spoils: &mut Vec<Entry>,
    ) {
        let (bytes, items) = demand.more();
        room.spend(bytes, items);
        if change.body.is_some() {
            self.drop_parts(entries, change.key);
        }
        let old = entries.put(change, demand);
        if let Some(body) = &change.body {
            let freed = old.as_ref().map_or(0, |old| old.body.len());
            // Modulo 2^64, as the counter is.
            let more = (body.len() as u64).wrapping_sub(freed as u64);
            self.body_bytes.fetch_add(more, Ordering::AcqRel);
        }
        self.limits.release(demand.weight_old.saturating_sub(demand.weight), 0);
        spoils.extend(old);
    }

    fn fill(&self, room: &mut Room<'_>, demand: Demand) -> Result<(), Short> {
        let (bytes, items) = demand.more();
        room.fill(bytes, items)
    }

    /// Whether a shard has so little that others should make room instead.
    fn is_lean(&self, entries: &Entries, short: Short) -> bool {
        let shards = self.shards.len() as u64;
        let share = |max: u64| max / (2 * shards);
        shards > 1
            && match short {
                Short::Bytes => entries.weight < share(self.limits.bytes_max),
                Short::Items => entries.len() < share(self.limits.items_max),
            }
    }

    /// Gives up the parts that were not used for longest, but those of `spared`, or else an entry of the fullest shard.
    pub(super) fn evict_from_fullest(
        &self,
        short: Short,
        spared: Option<&Key>,
        room: &mut Room<'_>,
        spoils: &mut Vec<Entry>,
    ) {
        if self.evict_parts(spared, room) {
            return;
        }
        let fullest = self.shards.iter().max_by_key(|shard| {
            let entries = shard.read();
            match short {
                Short::Bytes => entries.weight,
                Short::Items => entries.len(),
            }
        });
        let mut entries = fullest.expect("there is a shard").write();
        if !self.evict_from(&mut entries, room, spoils) {
            // What is not in any shard is with a writer that is about to put it in or to give it back.
            drop(entries);
            std::thread::yield_now();
        }
    }

    fn evict_from(
        &self,
        entries: &mut Entries,
        room: &mut Room<'_>,
        spoils: &mut Vec<Entry>,
    ) -> bool {
        let Some(entry) = entries.evict() else { return false };
        let pending = entry.drain().map_or(0, |(count, _)| count);
        self.shard(entry.hash).dropped.fetch_add(pending, Ordering::Relaxed);
        self.body_bytes.fetch_sub(entry.body.len() as u64, Ordering::AcqRel);
        self.evictions.note(&entry.key);
        room.inherit(entry.weight);
        spoils.push(entry);
        true
    }

    /// Removes `key` if `is_right` says so of its metadata, and answers whether it was.
    pub(super) fn remove_if(&self, key: &Key, is_right: impl FnOnce(&Metadata) -> bool) -> bool {
        let hash = self.hash(key);
        let mut entries = self.shard(hash).write();
        if !entries.metadata(hash, key).is_some_and(is_right) {
            return false;
        }
        let removed = self.remove_from(&mut entries, hash, key);
        let is_removed = self.drop_parts(&mut entries, key) || removed.is_some();
        // What was removed is freed after the lock.
        drop(entries);
        is_removed
    }

    /// Removes the whole entry of `key`, and gives its room back.
    pub(super) fn remove_from(&self, entries: &mut Entries, hash: u64, key: &Key) -> Option<Entry> {
        let removed = entries.remove(hash, key);
        if let Some(entry) = &removed {
            self.release(entry.body.len() as u64, entry.weight, 1);
        }
        removed
    }

    pub(super) fn release(&self, body_bytes: u64, weight: u64, items: u64) {
        self.body_bytes.fetch_sub(body_bytes, Ordering::AcqRel);
        self.limits.release(weight, items);
    }
}
