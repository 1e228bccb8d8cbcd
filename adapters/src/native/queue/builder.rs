//! Setting a queue up.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use tiered_storage_core::{
    Error,
    queue::{Limits, WRITES_MAX},
};
use tokio::sync::Notify;

use super::{Inner, WriteQueue, files::Folder, state::State};
use crate::{lock::Lock, native::disk::task::Task, store::TieredStorage};

/// Puts a [`WriteQueue`] together.
#[derive(Debug)]
#[must_use = "a builder does nothing until it is opened"]
pub struct QueueBuilder {
    storage: TieredStorage,
    directory: PathBuf,
    limits: Limits,
}

impl QueueBuilder {
    pub(super) const fn new(storage: TieredStorage, directory: PathBuf) -> Self {
        let limits = Limits { writes_max: WRITES_MAX, bytes_max: u64::MAX };
        Self { storage, directory, limits }
    }

    /// The most writes. Default: 1,000.
    pub const fn writes_max(mut self, writes: usize) -> Self {
        self.limits.writes_max = writes;
        self
    }

    /// The most bytes of bodies. Default: no limit but the disk's.
    pub const fn bytes_max(mut self, bytes: u64) -> Self {
        self.limits.bytes_max = bytes;
        self
    }

    /// Opens the queue with what is in its directory, which is made if it is not there. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// `Unavailable` while another queue has the directory; `Corrupt` if a file in it is not what was stored; what the
    /// file system said.
    pub async fn open(self) -> Result<WriteQueue, Error> {
        let Self { storage, directory, limits } = self;
        let opened = Task::spawn(move || Folder::open(directory)).end().await?;
        let state = State::new(limits, opened);
        let view = Arc::new(Lock::new(Arc::new(state.view())));
        let inner = Inner {
            storage,
            state: Arc::new(Lock::new(Some(state))),
            view,
            limits,
            turn: tokio::sync::Mutex::new(()),
            current: Arc::default(),
            leads: Arc::default(),
            wake: Arc::new(Notify::new()),
            is_started: AtomicBool::new(false),
            subscribers: Lock::default(),
        };
        Ok(WriteQueue { inner: Arc::new(inner) })
    }
}
