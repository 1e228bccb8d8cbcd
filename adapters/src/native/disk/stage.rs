//! Bodies on their way into the tier: files in `new`, which become objects by a footer and a new name.

use core::{any::Any, ops::Range};
use std::{
    fs::{File, OpenOptions},
    io,
    path::PathBuf,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use tiered_storage_core::{Error, ErrorKind, Key};

use super::{
    files::{failure, is_out_of_room, write_at},
    inner::Inner,
    object::{Object, PIECE_BYTES},
    record::{Crcs, object_bytes},
    room::Need,
    segments::Debris,
    task::Task,
};
use crate::tier::{Payload, Source, Stage};

/// The name of a file in `new`. Dropped, it takes the file with it, unless that became an object.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) inner: Arc<Inner>,
    key: Key,
    generation: u64,
    is_lent: AtomicBool,
}

impl Draft {
    fn create(inner: &Arc<Inner>, key: &Key) -> Result<(Self, File), Error> {
        let _shared = inner.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut state = inner.lock();
        state.check_open()?;
        let generation = state.next_generation();
        state.drafts.insert(generation);
        drop(state);
        let (inner, key) = (Arc::clone(inner), key.clone());
        let draft = Self { inner, key, generation, is_lent: AtomicBool::new(false) };
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(draft.path());
        file.map(|file| (draft, file)).map_err(|error| failure(error, "staging a body"))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.inner.layout.draft(self.generation)
    }

    /// Whether the file has not become an object.
    pub(super) fn is_staged(&self) -> bool {
        self.inner.lock().drafts.contains(&self.generation)
    }

    /// Has `store` make an object of the file, unless another call is about to.
    pub(super) fn lend(&self, store: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        if self.is_lent.swap(true, Ordering::AcqRel) {
            let message = "this staged body is being stored by another call; wait for that";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let result = store();
        self.is_lent.store(false, Ordering::Release);
        result
    }

    /// Says that the file has become an object.
    pub(super) fn settle(&self) {
        self.inner.lock().drafts.remove(&self.generation);
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        // Closing removes all of them, since afterwards the directory may be another's.
        if !state.drafts.remove(&self.generation) {
            return;
        }
        state.debris.push(Debris { path: self.path(), bytes: 0 });
        if self.inner.is_stopping.load(Ordering::Acquire) {
            self.inner.dispose(state);
        } else {
            drop(state);
            self.inner.ring();
        }
    }
}

/// What was written of a body.
#[derive(Debug)]
struct Writer {
    inner: Arc<Inner>,
    key: Key,
    /// Made when the first bytes are written.
    file: Option<(Draft, File)>,
    crcs: Crcs,
    at: u64,
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let file = match &self.file {
            Some((_, file)) => file,
            None => &self.file.insert(Draft::create(&self.inner, &self.key)?).1,
        };
        let write = || -> io::Result<()> {
            #[cfg(test)]
            self.inner.faults.check()?;
            write_at(file, bytes, self.at)
        };
        let written = write().or_else(|error| {
            if !is_out_of_room(&error) {
                return Err(error);
            }
            let _shared = self.inner.gate.read().unwrap_or_else(PoisonError::into_inner);
            self.inner.evict_for(Need::Object(self.at + bytes.len() as u64));
            write()
        });
        written.map_err(|error| failure(error, "staging a body"))?;
        self.crcs.push(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// A body that is being staged.
#[derive(Debug)]
pub(super) struct DiskStage {
    inner: Arc<Inner>,
    key: Key,
    bytes: u64,
    /// What is too little to be written by itself.
    buffer: Vec<u8>,
    /// What is being written, while the next bytes are awaited; `None` after a call that failed or was dropped.
    writing: Option<Task<Writer>>,
}

impl DiskStage {
    pub(super) fn begin(inner: &Arc<Inner>, key: &Key) -> Result<Self, Error> {
        inner.lock().check_open()?;
        let (inner, key) = (Arc::clone(inner), key.clone());
        let (file, crcs) = (None, Crcs::default());
        let writer = Writer { inner: Arc::clone(&inner), key: key.clone(), file, crcs, at: 0 };
        let writing = Some(Task::Done(Ok(writer)));
        Ok(Self { inner, key, bytes: 0, buffer: Vec::new(), writing })
    }

    /// Waits for what is being written.
    async fn writer(&mut self) -> Result<Writer, Error> {
        let Some(writing) = self.writing.take() else {
            let message = "a call for this staged body failed or was given up; stage it again";
            return Err(Error::new(ErrorKind::Invalid, message));
        };
        writing.end().await
    }

    /// Begins to write what was buffered, and `piece` behind it.
    async fn flush(&mut self, piece: Payload) -> Result<(), Error> {
        let mut writer = self.writer().await?;
        let buffered = core::mem::take(&mut self.buffer);
        self.writing = Some(Task::spawn(move || {
            for bytes in [&buffered[..], &piece] {
                if !bytes.is_empty() {
                    writer.write(bytes)?;
                }
            }
            Ok(writer)
        }));
        Ok(())
    }
}

#[async_trait]
impl Stage for DiskStage {
    async fn write(&mut self, piece: Payload) -> Result<(), Error> {
        let bytes = self.bytes + piece.len() as u64;
        // What could never be stored must not fill the disk before that is said.
        self.inner.check_limit(Need::Object(object_bytes(self.key.len(), 0, bytes)))?;
        self.bytes = bytes;
        if piece.len() as u64 >= PIECE_BYTES {
            return self.flush(piece).await;
        }
        self.buffer.extend_from_slice(&piece);
        if self.buffer.len() as u64 >= PIECE_BYTES {
            self.flush(Bytes::new()).await
        } else {
            Ok(())
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<Arc<dyn Source>, Error> {
        if self.bytes == self.buffer.len() as u64 {
            return Ok(Arc::new(DiskSource::Small(core::mem::take(&mut self.buffer).into())));
        }
        self.flush(Bytes::new()).await?;
        let Writer { file, crcs, at, .. } = self.writer().await?;
        let (draft, file) = file.expect("more than the buffer holds was written");
        let object = Object { file, body_bytes: at, crcs: crcs.finish() };
        Ok(Arc::new(DiskSource::File(draft, Arc::new(object))))
    }
}

/// A staged body: in memory, where it was not worth a file, or in a file.
#[derive(Debug)]
pub(super) enum DiskSource {
    Small(Bytes),
    File(Draft, Arc<Object>),
}

#[async_trait]
impl Source for DiskSource {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Small(bytes) => bytes.len() as u64,
            Self::File(_, object) => object.body_bytes,
        }
    }

    async fn read(&self, range: Range<u64>) -> Result<Payload, Error> {
        let (draft, object) = match self {
            Self::Small(bytes) => {
                return Ok(bytes.slice(range.start as usize..range.end as usize));
            }
            Self::File(draft, object) => (draft, Arc::clone(object)),
        };
        let (inner, key) = (Arc::clone(&draft.inner), draft.key.clone());
        let buffer = object.buffer(&range);
        let read = move || object.read_into(buffer, range).map_err(|bad| inner.bad(&key, bad));
        Task::spawn(read).end().await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
