//! S3-FIFO: a small queue on trial, a main queue, and the names of those that failed the trial.
//!
//! A new entry is on trial. When its turn to go comes, it moves to the main queue if it was read meanwhile; else it
//! goes, and only its name stays for a while. If it comes back in that time, it starts in the main queue. There an
//! entry is given another round for each hit, of which three count. (Yang, Zhang, Qiu, Yue and Vinayak: "FIFO queues
//! are all you need for cache eviction", SOSP 2023.)
//!
//! As many names are kept as there are entries, those on trial too: while the main queue is still empty, a bound by
//! that queue alone would forget all names, and only what is read twice in a short time could ever enter it.
//!
//! The trial queue's share is taken of the weight that is there, not of a limit, which the structure does not know:
//! at the moment of an eviction the two are all but the same.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::{
    ghost::{Ghost, Tag},
    queue::{Queue, Slots},
};

/// The trial queue has this part of the weight.
const TRIAL_SHARE: u64 = 10;
/// More hits than this are not counted.
const HITS_MAX: u8 = 3;

#[derive(Debug, Default)]
pub(super) struct S3Fifo {
    slots: Slots<Held>,
    /// The hits by slot, apart from the slots: a hit touches one byte, and the bytes lie close together.
    hits: Vec<AtomicU8>,
    trial: Queue,
    main: Queue,
    ghost: Ghost,
}

#[derive(Debug)]
struct Held {
    tag: Tag,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Trial,
    Main,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    stage: Stage,
    hits: u8,
}

impl S3Fifo {
    pub(super) fn insert(
        &mut self,
        id: u32,
        weight: u64,
        fingerprint: u64,
        standing: Option<Standing>,
    ) {
        let tag = Tag::from(fingerprint);
        let standing = standing.unwrap_or_else(|| {
            let is_known = self.ghost.take(tag, self.len());
            Standing { stage: if is_known { Stage::Main } else { Stage::Trial }, hits: 0 }
        });
        self.slots.insert(id, weight, Held { tag, stage: standing.stage });
        if id as usize >= self.hits.len() {
            self.hits.resize_with(id as usize + 1, AtomicU8::default);
        }
        *self.hits_mut(id) = standing.hits;
        let (queue, slots) = self.queue(standing.stage);
        queue.push(slots, id);
    }

    pub(super) fn touch(&self, id: u32) {
        // A hit that another one overwrites in between is a hit less of three, and saves a locked instruction.
        if let Some(hits) = self.hits.get(id as usize)
            && let before @ 0..HITS_MAX = hits.load(Relaxed)
        {
            hits.store(before + 1, Relaxed);
        }
    }

    pub(super) fn evict(&mut self) -> Option<u32> {
        loop {
            let is_trial_full = self.trial.weight() > self.weight() / TRIAL_SHARE;
            match (self.trial.oldest(), self.main.oldest()) {
                (Some(id), main) if is_trial_full || main.is_none() => {
                    if core::mem::take(self.hits_mut(id)) == 0 {
                        let tag = self.slots[id].held.tag;
                        self.remove(id);
                        self.ghost.insert(tag, self.len());
                        return Some(id);
                    }
                    self.trial.unlink(&mut self.slots, id);
                    self.slots[id].held.stage = Stage::Main;
                    self.main.push(&mut self.slots, id);
                }
                (_, Some(id)) => {
                    let hits = self.hits_mut(id);
                    if *hits == 0 {
                        self.remove(id);
                        return Some(id);
                    }
                    *hits -= 1;
                    self.main.unlink(&mut self.slots, id);
                    self.main.push(&mut self.slots, id);
                }
                (_, None) => return None,
            }
        }
    }

    pub(super) fn reweigh(&mut self, id: u32, weight: u64) {
        let (queue, slots) = self.queue(self.slots[id].held.stage);
        queue.reweigh(slots, id, weight);
    }

    pub(super) fn remove(&mut self, id: u32) -> Standing {
        let stage = self.slots[id].held.stage;
        let (queue, slots) = self.queue(stage);
        queue.unlink(slots, id);
        slots.remove(id);
        Standing { stage, hits: *self.hits_mut(id) }
    }

    pub(super) fn len(&self) -> usize {
        self.trial.len() + self.main.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.trial.weight() + self.main.weight()
    }

    fn queue(&mut self, stage: Stage) -> (&mut Queue, &mut Slots<Held>) {
        let queue = match stage {
            Stage::Trial => &mut self.trial,
            Stage::Main => &mut self.main,
        };
        (queue, &mut self.slots)
    }

    fn hits_mut(&mut self, id: u32) -> &mut u8 {
        self.hits[id as usize].get_mut()
    }
}
