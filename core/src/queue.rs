//! The order in which queued writes are sent, and what becomes of them: no I/O, no clock, no bytes.
//!
//! A host keeps each [`Queued`] write durably with its body. It [enters](Queue::enter) a write and makes it durable before
//! it acknowledges it; it [begins](Queue::begin) the next one, sends it, and tells how that [ended](Queue::finish). After each of
//! these it stores [what changed](Queue::take_changes), in that order. A process that dies at any point starts again with what
//! was stored: writes that were being sent are sent again.
//!
//! ```text
//! enter -> waiting -> sending --sent--------> gone
//!             ^          |-----unavailable--> waiting, and nothing is sent for a while
//!             |          |-----another error> failed ----.
//!             |          '-----overtaken----> conflict --+-- theirs --> gone
//!             '------------------- mine, or both: under another key
//! ```
//!
//! **Order.** Writes are sent one at a time, first in, first out. One that is in conflict or has failed holds up the later
//! ones of its own key alone; an outage holds up all.
//!
//! **At most once.** A write whose answer was lost is sent again. It takes effect once all the same because it carries what
//! its writer saw as its condition: the second attempt finds the first one's entry in its way, recognises it (the body
//! is the same), and is done. A write that [overwrites](Over::Anything) may take effect twice, which shows only if somebody
//! else wrote in between.
//!
//! **Writes behind writes.** What its writer saw includes what stands before it in the queue. So a write of a key that is
//! queued already follows the last of these: when that one was sent, the version that it left becomes the condition of
//! the one behind it. If that one is given up, what its writer saw in the cold tier counts.

use alloc::{format, vec::Vec};

use crate::{
    condition::Condition,
    error::{Error, ErrorKind},
    key::Key,
    metadata::ETag,
};

/// How many writes are queued at most, if nothing else is said.
pub const WRITES_MAX: usize = 1_000;
/// The longest wait before the second attempt, in milliseconds; it doubles from attempt to attempt.
const DELAY_MS: u64 = 2_000;
/// The longest wait before any attempt, in milliseconds.
const DELAY_MS_MAX: u64 = 60_000;

/// What a queued write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Writes an entry.
    Set,
    /// Removes an entry.
    Delete,
}

/// How a queued write stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It is sent when it is its turn.
    Waiting,
    /// It is being sent, or was when its process died.
    Sending,
    /// There is something else than its writer saw: this version, or nothing. Somebody has to [choose](Choice).
    Conflict(Option<ETag>),
    /// It cannot be sent, for another reason than an outage.
    Failed,
}

/// What a write may take the place of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Over {
    /// Whatever is there.
    Anything,
    /// What its writer named: nothing, or a version.
    Named(Condition),
    /// What the storage knew of the key when the write was queued, because its writer named nothing.
    Known(Condition),
}

/// What somebody chose for a write that is in conflict or has failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Choice {
    /// Write it over what was found to be there; after a failure, try it again.
    Mine,
    /// Give it up.
    Theirs,
    /// Leave what is there, and write it under this other key, where nothing may be.
    Both(Key),
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It took effect, and left this version, or nothing.
    Sent(Option<ETag>),
    /// This version is there instead of what its writer saw, or nothing.
    Overtaken(Option<ETag>),
    /// It failed; it may have taken effect all the same.
    Failed(ErrorKind),
}

/// What an attempt meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It is done.
    Done,
    /// Somebody has to choose.
    Conflict,
    /// It holds up its key.
    Failed,
    /// Nothing is to be sent for so many milliseconds, unless there is reason to think that it would work now.
    Later(u64),
}

/// A write that is not sent yet, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Queued {
    /// Names it. Later writes have larger ones.
    pub id: u64,
    /// The key.
    pub key: Key,
    /// What it does.
    pub kind: Kind,
    /// The size of its body.
    pub size_bytes: u64,
    /// What must be there for it to take effect; whatever it is if `None`.
    pub condition: Option<Condition>,
    /// The write whose outcome will be its condition.
    pub follows: Option<u64>,
    /// How often it was begun.
    pub attempts: u32,
    /// How it stands.
    pub state: State,
}

impl Queued {
    /// A write that waits.
    pub const fn new(id: u64, key: Key, kind: Kind, size_bytes: u64) -> Self {
        let (condition, follows) = (None, None);
        Self { id, key, kind, size_bytes, condition, follows, attempts: 0, state: State::Waiting }
    }

    const fn is_held(&self) -> bool {
        matches!(self.state, State::Conflict(_) | State::Failed)
    }
}

/// How much may be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is no third thing to count")]
pub struct Limits {
    /// The most writes.
    pub writes_max: usize,
    /// The most bytes of bodies.
    pub bytes_max: u64,
}

/// The queued writes, and their order.
#[derive(Clone, Debug)]
pub struct Queue {
    limits: Limits,
    /// By their ids.
    writes: Vec<Queued>,
    changed: Vec<u64>,
}

impl Queue {
    /// An empty queue.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, writes: Vec::new(), changed: Vec::new() }
    }

    /// Takes in a write that was stored, whatever the limits are now.
    pub fn restore(&mut self, write: Queued) {
        match self.at(write.id) {
            Ok(at) => self.writes[at] = write,
            Err(at) => self.writes.insert(at, write),
        }
    }

    /// Queues a write; its id is larger than any before.
    ///
    /// # Errors
    ///
    /// `Full` if there would be more than the limits allow.
    pub fn enter(&mut self, mut write: Queued, over: Over) -> Result<(), Error> {
        let bytes: u64 = self.writes.iter().map(|write| write.size_bytes).sum();
        let Limits { writes_max, bytes_max } = self.limits;
        if self.writes.len() >= writes_max || bytes.saturating_add(write.size_bytes) > bytes_max {
            let message = format!(
                "the queue takes {writes_max} writes of {bytes_max} bytes in all; wait until some are sent, or cancel some"
            );
            return Err(Error::new(ErrorKind::Full, message).with_key(&write.key));
        }
        let before = self.writes.iter().rfind(|before| before.key == write.key);
        let before = before.map(|before| before.id);
        (write.condition, write.follows) = match over {
            Over::Anything => (None, None),
            Over::Named(Condition::Absent) => (Some(Condition::Absent), None),
            Over::Named(seen) | Over::Known(seen) => (Some(seen), before),
        };
        self.changed.push(write.id);
        self.restore(write);
        Ok(())
    }

    /// The write that is to be sent next.
    pub fn next(&self) -> Option<&Queued> {
        let mut held = Vec::new();
        for write in self.writes.iter() {
            if write.is_held() {
                held.push(&write.key);
            } else if !held.contains(&&write.key) {
                return Some(write);
            }
        }
        None
    }

    /// Begins to send the next write. Only one host does this at a time, so that one that is found being sent was
    /// left behind by one that died.
    pub fn begin(&mut self) -> Option<Queued> {
        let id = self.next()?.id;
        self.change(id, |write| {
            write.state = State::Sending;
            write.attempts = write.attempts.saturating_add(1);
        });
        self.write(id).cloned()
    }

    /// Takes in how sending `id` ended, also after it was cancelled. `random` spreads what would be tried again at once.
    pub fn finish(&mut self, id: u64, outcome: Outcome, random: u64) -> Verdict {
        let (state, verdict) = match outcome {
            Outcome::Sent(left) => {
                // The one behind it is stored first: if the process dies in between, this one is sent again, found to be
                // there, and leads again.
                if let Some(behind) = self.behind(id) {
                    self.rebase(behind, condition_on(&left));
                }
                self.remove(id);
                return Verdict::Done;
            }
            Outcome::Overtaken(there) => (State::Conflict(there), Verdict::Conflict),
            Outcome::Failed(ErrorKind::Unavailable | ErrorKind::Closed) => {
                let attempts = self.write(id).map_or(1, |write| write.attempts);
                (State::Waiting, Verdict::Later(delay_ms(attempts, random)))
            }
            Outcome::Failed(_) => (State::Failed, Verdict::Failed),
        };
        self.change(id, |write| write.state = state);
        verdict
    }

    /// Does what was chosen for a write that is in conflict or has failed.
    ///
    /// # Errors
    ///
    /// `Invalid` if the write is not there, is neither in conflict nor failed, or is a removal that is to be kept beside
    /// what is there, or is to be kept under its own key.
    pub fn resolve(&mut self, id: u64, choice: Choice) -> Result<(), Error> {
        let invalid = |message: &'static str| Err(Error::new(ErrorKind::Invalid, message));
        let Some(write) = self.write(id).filter(|write| write.is_held()) else {
            return invalid("no such write is in conflict or has failed; look at what is pending");
        };
        match &choice {
            Choice::Both(_) if write.kind == Kind::Delete => {
                return invalid(
                    "a removal cannot be kept beside what is there; choose mine or theirs",
                );
            }
            Choice::Both(key) if *key == write.key => {
                return invalid("both cannot have one key; give another one");
            }
            Choice::Theirs => {
                self.give_up(id);
                return Ok(());
            }
            Choice::Both(key) => {
                self.unlink(id);
                self.change(id, |write| {
                    write.key = key.clone();
                    (write.condition, write.follows) = (Some(Condition::Absent), None);
                });
            }
            Choice::Mine => {
                if let State::Conflict(there) = &write.state {
                    let condition = condition_on(there);
                    self.rebase(id, condition);
                }
            }
        }
        self.change(id, |write| write.state = State::Waiting);
        Ok(())
    }

    /// Takes a write out, and says whether it was there. One that is being sent may take effect all the same.
    pub fn cancel(&mut self, id: u64) -> bool {
        let is_there = self.at(id).is_ok();
        self.give_up(id);
        is_there
    }

    /// A write.
    pub fn write(&self, id: u64) -> Option<&Queued> {
        self.at(id).ok().map(|at| &self.writes[at])
    }

    /// All writes, in order.
    pub fn writes(&self) -> impl Iterator<Item = &Queued> {
        self.writes.iter()
    }

    /// What is to be stored now, in this order: the writes of these ids as they are, and those that are gone, not at all.
    pub fn take_changes(&mut self) -> Vec<(u64, Option<Queued>)> {
        let changed = core::mem::take(&mut self.changed);
        changed.into_iter().map(|id| (id, self.write(id).cloned())).collect()
    }

    /// Where a write is, or would be.
    fn at(&self, id: u64) -> Result<usize, usize> {
        self.writes.binary_search_by_key(&id, |write| write.id)
    }

    /// The write that follows `id`.
    fn behind(&self, id: u64) -> Option<u64> {
        self.writes.iter().find(|write| write.follows == Some(id)).map(|write| write.id)
    }

    /// Gives a write another condition, and follows nobody with it. Those in the line behind it that had seen what it had
    /// are to find the same, should it be given up.
    fn rebase(&mut self, id: u64, condition: Condition) {
        let mut next = self.write(id).map(|write| (id, write.condition.clone()));
        self.change(id, |write| write.follows = None);
        while let Some((id, seen)) = next {
            self.change(id, |write| write.condition = Some(condition.clone()));
            let behind = self.behind(id).and_then(|behind| self.write(behind));
            next = behind.filter(|write| write.condition == seen).map(|write| (write.id, seen));
        }
    }

    /// Has the write behind `id` follow the one before it.
    fn unlink(&mut self, id: u64) {
        let follows = self.write(id).and_then(|write| write.follows);
        if let Some(behind) = self.behind(id) {
            self.change(behind, |write| write.follows = follows);
        }
    }

    /// Takes out a write that was not sent, as far as is known. While one is being sent, the one behind it still waits
    /// for what it leaves.
    fn give_up(&mut self, id: u64) {
        if self.write(id).is_some_and(|write| write.state != State::Sending) {
            self.unlink(id);
        }
        self.remove(id);
    }

    fn change(&mut self, id: u64, change: impl FnOnce(&mut Queued)) {
        if let Ok(at) = self.at(id) {
            change(&mut self.writes[at]);
            self.changed.push(id);
        }
    }

    fn remove(&mut self, id: u64) {
        if let Ok(at) = self.at(id) {
            self.writes.remove(at);
            self.changed.push(id);
        }
    }
}

/// What must be there for a write over `there`.
fn condition_on(there: &Option<ETag>) -> Condition {
    there.clone().map_or(Condition::Absent, Condition::Version)
}

/// How long to wait after so many attempts: anything up to a bound that doubles ("full jitter").
fn delay_ms(attempts: u32, random: u64) -> u64 {
    let longest = DELAY_MS << attempts.saturating_sub(1).min(8);
    random % longest.min(DELAY_MS_MAX)
}

#[cfg(test)]
mod tests;
