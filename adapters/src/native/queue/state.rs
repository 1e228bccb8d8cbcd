//! The order of the writes, and the files that hold it: changed together, on threads that may block.

use std::{collections::BTreeMap, path::PathBuf};

use tiered_storage_core::{
    Error,
    queue::{Choice, Kind, Limits, Outcome, Over, Queue, Queued, Verdict},
};

use super::{
    files::{Draft, Folder},
    options::QueuedWrite,
    record::{Details, told},
};

#[derive(Debug)]
pub(super) struct State {
    queue: Queue,
    details: BTreeMap<u64, Details>,
    folder: Folder,
    last: u64,
}

/// A write that is to be sent, and where its body is.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) write: Queued,
    pub(super) details: Details,
    pub(super) path: PathBuf,
}

impl State {
    pub(super) fn new(limits: Limits, (folder, writes): (Folder, Vec<(Queued, Details)>)) -> Self {
        let mut state =
            Self { queue: Queue::new(limits), details: BTreeMap::new(), folder, last: 0 };
        for (write, details) in writes {
            state.last = state.last.max(write.id);
            state.details.insert(write.id, details);
            state.queue.restore(write);
        }
        state
    }

    pub(super) fn view(&self) -> Vec<QueuedWrite> {
        let details = |id: u64| self.details.get(&id);
        self.queue.writes().filter_map(|it| Some(told(it, details(it.id)?))).collect()
    }

    pub(super) fn draft(&self, number: u64) -> Result<Draft, Error> {
        Draft::create(self.folder.draft(number))
    }

    /// Queues a write; what cannot be stored is not queued.
    pub(super) fn enter(
        &mut self,
        write: impl FnOnce(u64) -> Queued,
        over: Over,
        details: Details,
        draft: Option<Draft>,
    ) -> Result<QueuedWrite, Error> {
        let id = self.last + 1;
        self.queue.enter(write(id), over)?;
        self.last = id;
        self.details.insert(id, details.clone());
        let adopted = draft.map_or(Ok(()), |draft| self.folder.adopt(&draft.path, id));
        if let Err(error) = adopted.and_then(|()| self.store()) {
            self.queue.cancel(id);
            // The file may be there all the same; if it stays, so does the write, which nobody was promised.
            drop(self.store());
            return Err(error);
        }
        let write = self.queue.write(id).expect("it was entered");
        Ok(told(write, &details))
    }

    /// Begins the write that is next.
    pub(super) fn begin(&mut self) -> Result<Option<Begun>, Error> {
        let Some(write) = self.queue.begin() else { return Ok(None) };
        // That it was begun is of no use to another process: it would send it again.
        drop(self.queue.take_changes());
        let details = self.details.get(&write.id).cloned().expect("each write has details");
        let path = self.folder.body(write.id);
        Ok(Some(Begun { write, details, path }))
    }

    /// Takes in how a write ended, and how it stands now, if it is there still.
    pub(super) fn finish(
        &mut self,
        id: u64,
        outcome: Outcome,
        known: impl FnOnce(&mut Details),
        random: u64,
    ) -> Result<(Verdict, Option<QueuedWrite>), Error> {
        let verdict = self.queue.finish(id, outcome, random);
        if let Some(details) = self.details.get_mut(&id) {
            known(details);
        }
        let write = self.queue.write(id).zip(self.details.get(&id));
        let write = write.map(|(write, details)| told(write, details));
        // What waits again stands as it is stored.
        if let Verdict::Later(_) = verdict {
            drop(self.queue.take_changes());
        }
        self.store()?;
        Ok((verdict, write))
    }

    pub(super) fn resolve(&mut self, id: u64, choice: Choice) -> Result<(), Error> {
        self.queue.resolve(id, choice)?;
        self.store()
    }

    pub(super) fn cancel(&mut self, id: u64) -> Result<bool, Error> {
        let is_there = self.queue.cancel(id);
        self.store()?;
        Ok(is_there)
    }

    /// Where the body of a write is, its size and its checksum.
    pub(super) fn body(&self, id: u64) -> Result<Option<(PathBuf, u64, u32)>, Error> {
        let write = self.queue.write(id).filter(|write| write.kind == Kind::Set);
        Ok(write
            .zip(self.details.get(&id))
            .map(|(write, details)| (self.folder.body(id), write.size_bytes, details.crc)))
    }

    /// Brings all that changed onto the device; the first error is told.
    fn store(&mut self) -> Result<(), Error> {
        let mut stored = Ok(());
        for (id, write) in self.queue.take_changes() {
            let one = match (&write, self.details.get(&id)) {
                (Some(write), Some(details)) => self.folder.store(write, details),
                _ => {
                    self.details.remove(&id);
                    self.folder.forget(id)
                }
            };
            let one = one.map_err(|error| match &write {
                Some(write) => error.with_key(&write.key),
                None => error,
            });
            stored = stored.and(one);
        }
        stored
    }
}
