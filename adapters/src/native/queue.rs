//! Writes that wait for the cold tier: queued durably while it cannot be reached, sent in order when it can.
//!
//! A storage acknowledges nothing before cold has it, so that without a network no write succeeds. A [`WriteQueue`] takes
//! writes then: each is in a file, and on the device, when the call returns. They are sent one at a time, first in, first out.
//! `TieredStorage::get` does not see them before: [`WriteQueue::pending`] and [`WriteQueue::body`] do.
//!
//! **Nothing is overwritten unseen.** A queued write carries what its writer saw, [by default](QueueOptions) what the storage knew.
//! If somebody else wrote meanwhile, it is in [conflict](WriteState::Conflict), which holds up the later writes of that key
//! alone, until somebody [chooses](WriteQueue::resolve).
//!
//! **Each takes effect once**, although an answer may be lost, or the process die, after it took effect: it is sent again then,
//! and finds its own entry in its way (the same body, MIME type and fields), which means that it is done. It cannot be told
//! from another writer's that is the same in all of these. If cold names equal bodies equally (S3's ETags), a change to another
//! body and back goes unnoticed. [Overwriting](QueueOptions::overwrite) writes carry no condition; they may be sent twice.
//!
//! ```no_run
//! # async fn example(storage: tiered_storage::TieredStorage) -> Result<(), tiered_storage::Error> {
//! use tiered_storage::queue::{Choice, QueueOptions, WriteQueue, WriteState};
//!
//! let queue = WriteQueue::builder(storage, "/var/lib/my-app/queue").open().await?;
//! queue.start();
//! queue.set("notes/1.txt", "written on a train", QueueOptions::new()).await?;
//! for write in queue.pending() {
//!     if let WriteState::Conflict(there) = write.state {
//!         println!("{} is {there:?} now", write.key);
//!         queue.resolve(write.id, Choice::Mine).await?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod builder;
mod files;
mod lead;
mod options;
mod record;
mod send;
mod state;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{
    FutureExt, Stream, TryStreamExt,
    future::{Either, select},
    stream,
};
use tiered_storage_core::{
    Checksum, ETag, Error, ErrorKind, Key, Metadata, WriteId,
    condition::Condition,
    format,
    queue::{Limits, Over, Queued},
};
use tokio::sync::Notify;

pub use self::builder::QueueBuilder;
pub use self::options::{QueueEvent, QueueOptions, QueuedWrite, WriteState};
use self::{files::Draft, lead::Leads, options::How, record::Details, state::State};
pub use tiered_storage_core::queue::{Choice, Kind};

use crate::{
    entry::SetOptions,
    lock::Lock,
    native::disk::task::Task,
    store::TieredStorage,
    tier::{Payload, Pieces},
};

/// How long a write that names nothing waits for what the storage knows, in milliseconds.
const KNOWN_MS: u64 = 1_000;
/// How much of a body is read at once.
const PIECE_BYTES: u64 = 1 << 20;

type Subscriber = Arc<dyn Fn(&QueueEvent) + Send + Sync>;
type Current = (u64, Arc<Notify>);

/// Durable writes of one storage, on their way to its cold tier. See the [module](self) for what holds.
///
/// A clone is another handle of the same queue. One queue of one process has a directory at a time.
#[derive(Clone, Debug)]
pub struct WriteQueue {
    inner: Arc<Inner>,
}

struct Inner {
    storage: TieredStorage,
    /// Touched on threads that may block; `None` once it is closed.
    state: Arc<Lock<Option<State>>>,
    /// What is pending, for those who only look.
    view: Arc<Lock<Arc<Vec<QueuedWrite>>>>,
    limits: Limits,
    /// Held by whoever sends.
    turn: tokio::sync::Mutex<()>,
    /// The write that is being sent, and what gives it up; known as soon as it is begun.
    current: Arc<Lock<Option<Current>>>,
    /// Those that others are being queued behind.
    leads: Arc<Leads>,
    /// Tells the background that there is something to send.
    wake: Arc<Notify>,
    is_started: AtomicBool,
    subscribers: Lock<Vec<Subscriber>>,
}

impl WriteQueue {
    /// Begins a queue of `storage`, kept in `directory`.
    pub fn builder(storage: TieredStorage, directory: impl Into<PathBuf>) -> QueueBuilder {
        QueueBuilder::new(storage, directory.into())
    }

    /// Queues the writing of an entry, and returns once that survives a power loss.
    ///
    /// # Errors
    ///
    /// `Invalid` for an illegal key or too much metadata; `Full` if the queue or the disk has no more room, and then
    /// nothing is queued; `Closed`; what the file system said.
    pub async fn set(
        &self,
        key: impl AsRef<str>,
        body: impl Into<Payload>,
        options: impl Into<QueueOptions>,
    ) -> Result<QueuedWrite, Error> {
        let body: Payload = body.into();
        let body = Box::pin(stream::once(async move { Ok(body) }));
        self.enter(Key::new(key)?, Some(body), options.into()).await
    }

    /// As [`WriteQueue::set`], of a body that comes in pieces. What breaks off is not queued.
    ///
    /// # Errors
    ///
    /// As [`WriteQueue::set`]; `Unavailable` if the stream fails.
    pub async fn set_stream<E>(
        &self,
        key: impl AsRef<str>,
        body: impl Stream<Item = Result<Payload, E>> + Send + 'static,
        options: impl Into<QueueOptions>,
    ) -> Result<QueuedWrite, Error>
    where
        E: Into<Box<dyn core::error::Error + Send + Sync>>,
    {
        let broken = |error: E| {
            let message = "the stream that was to be queued failed; nothing was queued";
            Error::new(ErrorKind::Unavailable, message).with_source(error)
        };
        let body = Box::pin(body.map_err(broken));
        self.enter(Key::new(key)?, Some(body), options.into()).await
    }

    /// Queues the removal of an entry, and returns once that survives a power loss.
    ///
    /// # Errors
    ///
    /// As [`WriteQueue::set`].
    pub async fn delete(
        &self,
        key: impl AsRef<str>,
        options: impl Into<QueueOptions>,
    ) -> Result<QueuedWrite, Error> {
        self.enter(Key::new(key)?, None, options.into()).await
    }

    /// The writes that are not sent yet, in order.
    pub fn pending(&self) -> Vec<QueuedWrite> {
        self.inner.view.lock().as_ref().clone()
    }

    /// The body of a queued write, piece by piece; `None` if there is no such write, or it removes.
    ///
    /// # Errors
    ///
    /// `Closed`; what the file system said; and from the pieces, `Corrupt` if the body is not what was queued.
    pub async fn body(&self, id: u64) -> Result<Option<Pieces>, Error> {
        let body = self.inner.work(move |state| state.body(id)).await?;
        Ok(body.map(|(path, size_bytes, crc)| send::pieces(path, size_bytes, crc)))
    }

    /// Sends what may be sent, now, and returns when nothing is left but what waits for a choice.
    ///
    /// # Errors
    ///
    /// `Unavailable` at the first outage, which leaves the rest queued; `Closed`.
    pub async fn flush(&self) -> Result<(), Error> {
        self.inner.drain().await.map_err(|(error, _)| error)
    }

    /// Has the queue send in the background from now on, until it is closed or its last handle is dropped: at once, whenever
    /// something is queued or chosen, and again after an outage, which it waits out for up to a minute.
    pub fn start(&self) {
        if !self.inner.is_started.swap(true, Ordering::Relaxed) {
            let (inner, wake) = (Arc::downgrade(&self.inner), Arc::clone(&self.inner.wake));
            self.inner.storage.inner.host.spawn(Box::pin(send::run(inner, wake)));
        }
    }

    /// Does what somebody chose for a write that is in conflict or has failed.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is neither, or the choice is none for it; `Closed`; what the file system said.
    pub async fn resolve(&self, id: u64, choice: Choice) -> Result<(), Error> {
        self.inner.change(move |state| state.resolve(id, choice)).await
    }

    /// Takes a write out of the queue, and says whether it was there. One that is being sent is given up, and may have
    /// taken effect.
    ///
    /// # Errors
    ///
    /// `Closed`; what the file system said.
    pub async fn cancel(&self, id: u64) -> Result<bool, Error> {
        let is_there = self.inner.change(move |state| state.cancel(id)).await?;
        if let Some((_, stop)) = self.inner.current.lock().as_ref().filter(|(sent, _)| *sent == id)
        {
            stop.notify_one();
        }
        Ok(is_there)
    }

    /// Tells `subscriber` what happens, where it happens; it should be quick.
    pub fn subscribe(&self, subscriber: impl Fn(&QueueEvent) + Send + Sync + 'static) {
        self.inner.subscribers.lock().push(Arc::new(subscriber));
    }

    /// Gives up what is being sent, which stays queued, and releases the directory. The storage stays open.
    ///
    /// # Errors
    ///
    /// None yet; closing again does nothing.
    pub async fn close(&self) -> Result<(), Error> {
        let state = Arc::clone(&self.inner.state);
        Task::spawn(move || {
            state.lock().take();
            Ok(())
        })
        .end()
        .await?;
        if let Some((_, stop)) = &*self.inner.current.lock() {
            stop.notify_one();
        }
        self.inner.wake.notify_one();
        Ok(())
    }

    async fn enter(
        &self,
        key: Key,
        body: Option<Pieces>,
        options: QueueOptions,
    ) -> Result<QueuedWrite, Error> {
        let inner = &self.inner;
        check(&key, &options.set)?;
        let named = options.over();
        let lead = match named {
            Some(Over::Anything | Over::Named(Condition::Absent)) => None,
            _ => {
                let view = Arc::clone(&inner.view.lock());
                let last = view.iter().rfind(|write| write.key == key);
                last.map(|write| inner.leads.watch(write.id))
            }
        };
        let over = match named {
            Some(over) => over,
            None => Over::Known(inner.known(&key).await?),
        };
        let is_set = body.is_some();
        let draft = match body {
            Some(body) => Some(inner.draft(body).await.map_err(|error| error.with_key(&key))?),
            None => None,
        };
        let details = Details {
            queued_at: inner.storage.inner.host.now(),
            how: How::of(&options.set),
            crc: draft.as_ref().map_or(0, |draft| draft.crc),
            current: None,
            error: None,
        };
        let kind = if is_set { Kind::Set } else { Kind::Delete };
        let size_bytes = draft.as_ref().map_or(0, |draft| draft.size_bytes);
        let write = move |id| Queued::new(id, key, kind, size_bytes);
        let enter = move |state: &mut State| {
            let left = lead.and_then(|lead| lead.left());
            state.enter(write, left.map_or(over, Over::Known), details, draft)
        };
        inner.change(enter).await
    }
}

/// What could never be sent is not queued.
fn check(key: &Key, set: &SetOptions) -> Result<(), Error> {
    let metadata = Metadata::new(key.clone(), u64::MAX, Default::default())
        .with_custom(set.metadata.clone())
        .with_checksum(Checksum([0; 32]))
        .with_write_id(WriteId(0));
    let metadata = match &set.mime_type {
        Some(mime_type) => metadata.with_mime_type(mime_type),
        None => metadata,
    };
    format::check_size(&metadata).map_err(|error| error.with_key(key))
}

impl Inner {
    /// Does something with the state, where it may block, and to its end even if this is dropped.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (state, view) = (Arc::clone(&self.state), Arc::clone(&self.view));
        let work = move || {
            let mut state = state.lock();
            let Some(state) = state.as_mut() else {
                return Err(Error::new(ErrorKind::Closed, "the queue was closed; open it again"));
            };
            let done = work(state);
            *view.lock() = Arc::new(state.view());
            done
        };
        Task::spawn(work).end().await
    }

    /// As [`Inner::work`], after which there is something else to show, and perhaps to send: also if this is dropped.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let wake = Arc::clone(&self.wake);
        let change = move |state: &mut State| {
            let done = work(state)?;
            wake.notify_one();
            Ok(done)
        };
        let done = self.work(change).await?;
        self.tell(&QueueEvent::Changed);
        Ok(done)
    }

    /// What the storage knows of a key, if that takes no longer than a moment: a version, or that there is nothing.
    async fn known(&self, key: &Key) -> Result<Condition, Error> {
        let late = self.storage.inner.host.sleep(KNOWN_MS);
        let known = match select(Box::pin(self.storage.metadata(key)), late).await {
            Either::Left((known, _)) => known,
            Either::Right(_) => Ok(None),
        };
        match known {
            Ok(known) => {
                Ok(known.map_or(Condition::Absent, |found| Condition::Version(found.version())))
            }
            Err(error) if error.kind() == ErrorKind::Closed => Err(error),
            // Nobody can have seen what nobody can read.
            Err(_) => Ok(Condition::Absent),
        }
    }

    /// Brings a body onto the device.
    async fn draft(&self, mut body: Pieces) -> Result<Draft, Error> {
        let number = self.storage.inner.host.random();
        let mut draft = self.work(move |state| state.draft(number)).await?;
        let bytes_max = self.limits.bytes_max;
        while let Some(piece) = body.try_next().await? {
            if draft.size_bytes.saturating_add(piece.len() as u64) > bytes_max {
                let message = format!("the queue takes bodies of {bytes_max} bytes in all");
                return Err(Error::new(ErrorKind::Full, message));
            }
            draft = Task::spawn(move || draft.write(&piece).map(|()| draft)).end().await?;
        }
        Task::spawn(move || draft.sync().map(|()| draft)).end().await
    }

    fn tell(&self, event: &QueueEvent) {
        // A subscriber may subscribe another one.
        let all = self.subscribers.lock().clone();
        all.iter().for_each(|subscriber| subscriber(event));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

impl core::fmt::Debug for Inner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WriteQueue").field("pending", &*self.view.lock()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
