//! Sending what is queued.

use std::{
    fs::File,
    io::Read,
    path::PathBuf,
    sync::{Arc, Weak},
};

use tiered_storage_core::queue::{Outcome, Verdict};

use super::{
    Bytes, Condition, Either, Error, ErrorKind, FutureExt, Inner, Kind, Metadata, Notify,
    PIECE_BYTES, Pieces, QueueEvent, State, Task, TryStreamExt, select, state::Begun, stream,
};
use crate::{native::disk::files::failure, payload};

impl Inner {
    /// Sends until nothing may be sent any more, or there is an outage: then it says for how long to wait, too.
    pub(super) async fn drain(&self) -> Result<(), (Error, u64)> {
        let _turn = self.turn.lock().await;
        let at_once = |error| (error, 0);
        loop {
            let stop = Arc::new(Notify::new());
            let Some(begun) = self.begin(Arc::clone(&stop)).await.map_err(at_once)? else { break };
            self.tell(&QueueEvent::Changed);
            let sending = Box::pin(self.send(&begun));
            // What is given up already is not even begun.
            let sent = match select(Box::pin(stop.notified()), sending).await {
                Either::Left(_) => None,
                Either::Right((sent, _)) => Some(sent),
            };
            *self.current.lock() = None;
            if let Some(sent) = sent {
                self.finish(begun, sent).await?;
            }
        }
        Ok(())
    }

    /// Begins the next one. Whoever cancels it from then on finds `stop`.
    async fn begin(&self, stop: Arc<Notify>) -> Result<Option<Begun>, Error> {
        let current = Arc::clone(&self.current);
        self.work(move |state| {
            let begun = state.begin()?;
            *current.lock() = begun.as_ref().map(|begun| (begun.write.id, stop));
            Ok(begun)
        })
        .await
    }

    /// Sends one; what was stored with an entry that was written, or is there already.
    async fn send(&self, begun: &Begun) -> Result<Option<Metadata>, Error> {
        let Begun { write, details, path } = begun;
        let (storage, key) = (&self.storage, &write.key);
        if write.kind == Kind::Delete {
            return match &write.condition {
                None => storage.delete(key).await,
                Some(Condition::Version(version)) => {
                    storage.delete_if_version(key, version.clone()).await
                }
                // No version has this name: whatever there is, is in the way.
                Some(_) => storage.delete_if_version(key, super::ETag::new("")).await,
            }
            .map(|()| None);
        }
        let options = details.how.options(write.condition.clone());
        let body = pieces(path.clone(), write.size_bytes, details.crc);
        let written = if write.size_bytes <= PIECE_BYTES {
            let body: Vec<Bytes> = body.try_collect().await?;
            storage.set_with(key, payload::concatenated(body), options).await
        } else {
            storage.write_pieces(key.clone(), body, options).await
        };
        written.map(|written| Some(written.metadata))
    }

    /// Takes in how sending ended.
    async fn finish(
        &self,
        begun: Begun,
        sent: Result<Option<Metadata>, Error>,
    ) -> Result<(), (Error, u64)> {
        let id = begun.write.id;
        let (outcome, error) = outcome(&begun, &sent);
        let current = match (&outcome, &error) {
            (Outcome::Overtaken(_), Some(error)) => error.current().cloned(),
            _ => None,
        };
        let stored = match &sent {
            Ok(metadata) => metadata.clone(),
            Err(error) => error.current().cloned(),
        };
        let (shown, random) = (error.clone(), self.storage.inner.host.random());
        let known = move |details: &mut super::Details| {
            (details.current, details.error) = (current, shown);
        };
        let leads = Arc::clone(&self.leads);
        let finish = move |state: &mut State| {
            if let Outcome::Sent(version) = &outcome {
                let left = version.clone().map_or(Condition::Absent, Condition::Version);
                leads.leave(id, &left);
            }
            state.finish(id, outcome, known, random)
        };
        let finished = self.work(finish).await;
        let (verdict, write) = finished.map_err(|error| (error, 0))?;
        self.tell(&QueueEvent::Changed);
        match (verdict, write) {
            (Verdict::Done, _) => {
                self.tell(&QueueEvent::Sent(
                    super::record::told(&begun.write, &begun.details),
                    stored,
                ));
            }
            (Verdict::Conflict, Some(write)) => self.tell(&QueueEvent::Conflict(write)),
            (Verdict::Failed, Some(write)) => self.tell(&QueueEvent::Failed(write)),
            (Verdict::Later(ms), _) => {
                let error = error.expect("what was sent is not sent again");
                return Err((error, ms));
            }
            _ => {}
        }
        Ok(())
    }
}

/// What the end of an attempt means to the order, and its error if it is one.
fn outcome(begun: &Begun, sent: &Result<Option<Metadata>, Error>) -> (Outcome, Option<Error>) {
    let error = match sent {
        Ok(written) => return (Outcome::Sent(written.as_ref().map(Metadata::version)), None),
        Err(error) => error,
    };
    let there = error.current().map(Metadata::version);
    let outcome = match error.kind() {
        // An earlier attempt, whose answer was lost.
        ErrorKind::Conflict if error.is_same() => return (Outcome::Sent(there), None),
        ErrorKind::Conflict if begun.write.condition.is_some() => Outcome::Overtaken(there),
        ErrorKind::Conflict => Outcome::Failed(ErrorKind::Unavailable),
        kind => Outcome::Failed(kind),
    };
    (outcome, Some(error.clone()))
}

/// Sends in the background, for as long as somebody has the queue.
pub(super) async fn run(inner: Weak<Inner>, wake: Arc<Notify>) {
    loop {
        let Some(queue) = inner.upgrade() else { return };
        let drained = queue.drain().await;
        let host = Arc::clone(&queue.storage.inner.host);
        drop(queue);
        match drained {
            Err((error, _)) if error.kind() == ErrorKind::Closed => return,
            // At least a moment: a file system that fails would be asked without end.
            Err((_, ms)) => drop(select(host.idle(ms.max(100)), Box::pin(wake.notified())).await),
            Ok(()) => wake.notified().await,
        }
    }
}

/// The bytes of a body, at most 1 MiB at a time; the last of them come only if all are what was queued.
pub(super) fn pieces(path: PathBuf, size_bytes: u64, crc: u32) -> Pieces {
    let begin = (None, 0_u64, 0_u32);
    Box::pin(stream::try_unfold(begin, move |(file, at, read_crc)| {
        let path = path.clone();
        let read = move || {
            let wrap = |error: std::io::Error| match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof => damaged(),
                _ => failure(error, "reading a queued body"),
            };
            let mut file: File = match file {
                Some(file) => file,
                None => File::open(path).map_err(wrap)?,
            };
            let mut piece = vec![0; (size_bytes - at).min(PIECE_BYTES) as usize];
            file.read_exact(&mut piece).map_err(wrap)?;
            let (at, read_crc) = (at + piece.len() as u64, crc32c::crc32c_append(read_crc, &piece));
            if at == size_bytes && read_crc != crc {
                return Err(damaged());
            }
            Ok(Some((Bytes::from(piece), (Some(file), at, read_crc))))
        };
        let is_over = at == size_bytes;
        async move { if is_over { Ok(None) } else { Task::spawn(read).end().await } }.boxed()
    }))
}

fn damaged() -> Error {
    let message = "the queued body is not what was queued; cancel this write and queue it again";
    Error::new(ErrorKind::Corrupt, message)
}
