//! Uploads in parts.
//!
//! What is begun is completed or aborted, also when the call is given up: then by a task that nobody waits for. A process
//! that dies leaves the parts, which S3 bills until a lifecycle rule (`AbortIncompleteMultipartUpload`) removes them; so
//! does the lost answer to the request that begins an upload.

use core::{future::poll_fn, task::Poll};
use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tiered_storage_core::{Condition, ETag, Error, ErrorKind, Metadata};

use super::{Inner, failure::Failure, request::Call, response};
use crate::{
    host::Task,
    payload::{self, Payload},
    pieces::Contents,
};

/// S3 takes no more parts.
const PARTS_MAX: u64 = 10_000;
/// The most that one request copies of something else: S3 takes seconds for that.
const COPIED_BYTES_MAX: u64 = 256 << 20;

/// From where on, and how, bodies go and come in parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartLimits {
    /// Larger ones do.
    pub(super) threshold_bytes: u64,
    /// How large a part is, where that makes few enough of them.
    pub(super) part_bytes: u64,
    pub(super) in_flight_max: usize,
}

impl PartLimits {
    /// How large the parts of so many bytes are: all the same, as some servers want it, the last one aside.
    pub(super) fn part_bytes_of(self, size_bytes: u64) -> u64 {
        self.part_bytes.max(size_bytes.div_ceil(PARTS_MAX))
    }
}

/// The bytes of an object: those of an entry, with its key in front where the name does not tell it.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) front: Vec<u8>,
    pub(super) contents: Contents,
}

impl Content {
    pub(super) fn size_bytes(&self) -> u64 {
        self.front.len() as u64 + self.contents.size_bytes()
    }

    pub(super) async fn read(&self, range: Range<u64>) -> Result<Payload, Error> {
        let front = self.front.len() as u64;
        let start = range.start.min(front)..range.end.min(front);
        let inner = range.start.max(front) - front..range.end.max(front) - front;
        let body = match &self.contents {
            Contents::Whole(body) => payload::slice(body, inner.start as usize..inner.end as usize),
            Contents::Staged(source) if inner.is_empty() => Payload::default(),
            Contents::Staged(source) => source.read(inner).await?,
        };
        if start.is_empty() {
            return Ok(body);
        }
        Ok(payload::joined(&self.front[start.start as usize..start.end as usize], &body))
    }
}

/// An upload that has begun.
struct Upload {
    inner: Arc<Inner>,
    name: String,
    id: String,
    /// Whether what comes of it is no entry, and is of no use but to who began it.
    is_scratch: bool,
    /// Whether there is nothing left to abort.
    is_over: AtomicBool,
    /// Whether it was to be completed, so that there may be an object.
    may_be_whole: AtomicBool,
}

impl Upload {
    /// What is left to be done once nobody wants it any more.
    fn leave(&self) -> Option<Task> {
        if self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        let (inner, name, id) = (Arc::clone(&self.inner), self.name.clone(), self.id.clone());
        let is_object = self.is_scratch && self.may_be_whole.load(Ordering::Relaxed);
        Some(Box::pin(async move {
            let call = Call::abort_upload((&name, &id));
            inner.tidy(call, "an upload in parts").await;
            if is_object {
                inner.tidy(Call::delete(&name), "a staged object").await;
            }
        }))
    }

    /// Sends a part; gives what the server calls it.
    async fn send(self: Arc<Self>, number: u32, part: Part) -> Sent {
        let client = &self.inner.client;
        let upload = (self.name.as_str(), self.id.as_str());
        let (call, is_copy) = match part {
            Part::Of(content, range) => {
                let body = content.read(range).await?;
                let sha256 = payload::sha256(&body).await;
                (Call::upload_part(upload, number, body, sha256), false)
            }
            Part::Copied { name, etag, range } => {
                let bucket = &client.address.bucket;
                (Call::copy_part(upload, number, bucket, (&name, &etag), range), true)
            }
        };
        let response = client.send(call).await.map_err(|failure| client.error(&failure))?;
        let etag = if is_copy {
            response::result(&response.text(), response::PART_COPIED, "ETag").map(ETag::new)
        } else {
            response::etag(&response)
        };
        Ok((number, etag.expect("an answer without one is a failure")))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(task) = self.leave() {
            self.inner.tidy_later(task);
        }
    }
}

impl Inner {
    /// The most that one request copies where there may be several.
    pub(super) fn copied_bytes_max(&self) -> u64 {
        COPIED_BYTES_MAX.min(self.client.profile.copied_bytes_max)
    }

    /// Makes a call that removes what nobody wants any more. If it fails, that is left to the bucket's lifecycle rules.
    pub(super) async fn tidy(&self, call: Call, what: &str) {
        let is_told = tracing::enabled!(target: "tiered_storage::s3", tracing::Level::DEBUG);
        let key = is_told.then(|| call.name.clone()).flatten();
        if let Err(failure) = self.client.send(call).await
            && !failure.is_ended_upload()
        {
            tracing::debug!(
                target: "tiered_storage::s3",
                key,
                code = failure.code(),
                what,
                "left to the bucket's lifecycle rules"
            );
        }
    }
}

/// The bytes of a part.
enum Part {
    /// These of that content.
    Of(Content, Range<u64>),
    /// Those of that version of another object; all of them without a range.
    Copied { name: String, etag: ETag, range: Option<Range<u64>> },
}

/// The number of a part, and what the server calls it.
type Sent = Result<(u32, ETag), Error>;

/// Parts of an upload, some of them on their way at once. Dropped, the upload is aborted.
pub(super) struct Parts {
    upload: Arc<Upload>,
    /// In a lock only so that it can be shared: tasks cannot.
    running: Mutex<Vec<Task<Sent>>>,
    done: Vec<(u32, ETag)>,
    begun: u32,
}

impl Parts {
    /// Begins an upload of what will be an entry, or of bytes that are not one yet.
    pub(super) async fn begin(
        inner: &Arc<Inner>,
        name: &str,
        metadata: Option<&Metadata>,
    ) -> Result<Self, Error> {
        let sent = inner.client.send(Call::create_upload(name, metadata)).await;
        let response = sent.map_err(|failure| inner.error(&failure))?;
        let id = response::result(&response.text(), response::UPLOAD_CREATED, "UploadId")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| inner.error(&Failure::garbled()))?;
        let (inner, name) = (Arc::clone(inner), name.to_owned());
        let upload = Arc::new(Upload {
            inner,
            name,
            id,
            is_scratch: metadata.is_none(),
            is_over: AtomicBool::new(false),
            may_be_whole: AtomicBool::new(false),
        });
        Ok(Self { upload, running: Mutex::default(), done: Vec::new(), begun: 0 })
    }

    /// Sends the next part as soon as few enough are on their way.
    pub(super) async fn put(&mut self, body: Payload) -> Result<(), Error> {
        let range = 0..body.len() as u64;
        let content = Content { front: Vec::new(), contents: Contents::Whole(body) };
        self.run(Part::Of(content, range)).await
    }

    /// Sends all of `content`; each part is read when it is its turn.
    pub(super) async fn put_all(&mut self, content: &Content) -> Result<(), Error> {
        let size_bytes = content.size_bytes();
        let part_bytes = self.upload.inner.parts.part_bytes_of(size_bytes);
        let mut start = 0;
        while start < size_bytes {
            let end = size_bytes.min(start + part_bytes);
            self.run(Part::Of(content.clone(), start..end)).await?;
            start = end;
        }
        Ok(())
    }

    /// Takes all of another object, which has so many bytes: what S3 would take too long for is copied in several parts.
    pub(super) async fn copy_all(
        &mut self,
        (name, etag): (&str, &ETag),
        size_bytes: u64,
    ) -> Result<(), Error> {
        let inner = &self.upload.inner;
        let part_bytes = inner.copied_bytes_max().max(inner.parts.part_bytes_of(size_bytes));
        let mut start = 0;
        while start < size_bytes {
            let end = size_bytes.min(start + part_bytes);
            let range = (end - start < size_bytes).then_some(start..end);
            let (name, etag) = (name.to_owned(), etag.clone());
            self.run(Part::Copied { name, etag, range }).await?;
            start = end;
        }
        Ok(())
    }

    /// Makes an object of the parts once they are there, and gives its version where the server tells it. A failure
    /// leaves the upload.
    pub(super) async fn complete(
        &mut self,
        condition: Option<&Condition>,
    ) -> Result<Result<Option<ETag>, Box<Failure>>, Error> {
        self.wait(0).await?;
        self.done.sort_unstable_by_key(|(number, _)| *number);
        let Upload { inner, name, id, is_scratch, is_over, may_be_whole } = &*self.upload;
        let call = Call::complete_upload((name, id), &self.done, condition);
        may_be_whole.store(true, Ordering::Relaxed);
        Ok(match inner.client.send(call).await {
            Ok(response) => {
                let etag = response::result(&response.text(), response::UPLOAD_COMPLETED, "ETag");
                let etag = etag.filter(|etag| !etag.is_empty()).map(ETag::new);
                // A staged object of unknown version has yet to be found out about, or removed.
                is_over.store(!is_scratch || etag.is_some(), Ordering::Relaxed);
                Ok(etag)
            }
            Err(failure) => {
                let is_refused = failure.retries == 0 && (400..500).contains(&failure.status());
                may_be_whole.store(!is_refused, Ordering::Relaxed);
                let is_over_now = failure.is_ended_upload() && (is_refused || !is_scratch);
                is_over.store(is_over_now, Ordering::Relaxed);
                Err(failure)
            }
        })
    }

    /// The upload has become an object, as was found out otherwise.
    pub(super) fn keep(&self) {
        self.upload.is_over.store(true, Ordering::Relaxed);
    }

    /// Waits until the upload is aborted, where it is not over.
    pub(super) async fn abort(mut self) {
        // What is on its way could still become a part of it.
        self.running = Mutex::default();
        if let Some(task) = self.upload.leave() {
            task.await;
            self.upload.is_over.store(true, Ordering::Relaxed);
        }
    }

    async fn run(&mut self, part: Part) -> Result<(), Error> {
        if u64::from(self.begun) == PARTS_MAX {
            let message = "the body has more than 10,000 parts; set part_bytes higher";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        self.begun += 1;
        let task = Box::pin(Arc::clone(&self.upload).send(self.begun, part));
        self.wait(self.upload.inner.parts.in_flight_max - 1).await?;
        self.running.get_mut().expect(NO_PANIC).push(task);
        // It begins when it is looked at.
        self.wait(usize::MAX).await
    }

    /// Waits until at most `left` are on their way.
    async fn wait(&mut self, left: usize) -> Result<(), Error> {
        poll_fn(|context| {
            let running = self.running.get_mut().expect(NO_PANIC);
            let mut at = 0;
            while at < running.len() {
                match running[at].as_mut().poll(context) {
                    Poll::Ready(Ok(part)) => {
                        self.done.push(part);
                        drop(running.swap_remove(at));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => at += 1,
                }
            }
            if running.len() <= left { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }
}

const NO_PANIC: &str = "no holder of this lock panics";

#[cfg(test)]
mod tests;
