//! Bodies on their way into the bucket before it is known what they will be: in hidden objects of the tier's area.
//!
//! They are never listed nor counted. One that a process leaves behind when it dies stays until a lifecycle rule for names
//! that start with the tier's prefix and `~tiered-storage/~s` removes it.

use core::{any::Any, fmt};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use tiered_storage_core::{ETag, Error, ErrorKind, Key};

use super::{Inner, download::Download, keys::STAGE_MARK, request::Call, response, upload::Parts};
use crate::{
    payload::{self, Payload},
    pieces::{Source, Stage},
};

/// A body that is being staged.
pub(super) struct Staging {
    inner: Arc<Inner>,
    key: Key,
    name: String,
    front_bytes: u64,
    object_bytes: u64,
    /// What has not been sent yet: less than a part.
    held: Vec<Payload>,
    held_bytes: u64,
    /// The upload, from the first part on.
    parts: Option<Parts>,
}

impl Staging {
    pub(super) fn new(inner: &Arc<Inner>, key: &Key) -> Self {
        let environment = &inner.client.environment;
        let random = [environment.random(), environment.random()];
        let front = inner.names.name(key).front(key);
        let front_bytes = front.len() as u64;
        Self {
            inner: Arc::clone(inner),
            key: key.clone(),
            name: inner.names.scratch(STAGE_MARK, random),
            front_bytes,
            object_bytes: front_bytes,
            held: if front.is_empty() { Vec::new() } else { vec![front.into()] },
            held_bytes: front_bytes,
            parts: None,
        }
    }

    async fn take(&mut self, piece: Payload) -> Result<(), Error> {
        let mut rest = piece;
        while !rest.is_empty() {
            let wanted = (self.inner.parts.part_bytes - self.held_bytes) as usize;
            let taken = wanted.min(rest.len());
            self.held.push(payload::slice(&rest, 0..taken));
            self.held_bytes += taken as u64;
            self.object_bytes += taken as u64;
            rest = payload::slice(&rest, taken..rest.len());
            if taken == wanted {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Sends what is held as the next part.
    async fn send(&mut self) -> Result<(), Error> {
        let body = payload::concatenated(core::mem::take(&mut self.held));
        self.held_bytes = 0;
        if self.parts.is_none() {
            self.parts = Some(Parts::begin(&self.inner, &self.name, None).await?);
        }
        let parts = self.parts.as_mut().expect("it has begun");
        parts.put(body).await
    }

    async fn complete(&mut self) -> Result<ETag, Error> {
        if self.held_bytes > 0 {
            self.send().await?;
        }
        let parts = self.parts.as_mut().expect("a part was sent");
        let completed = parts.complete(None).await?;
        let client = &self.inner.client;
        let known = match completed {
            Ok(etag) => etag,
            // It is, if the answer was lost: the name is of this upload alone.
            Err(failure) if failure.is_ended_upload() && failure.retries > 0 => None,
            Err(failure) => return Err(client.error(&failure)),
        };
        if let Some(etag) = known {
            return Ok(etag);
        }
        let sent = client.send(Call::head(&self.name)).await;
        let response = sent.map_err(|failure| client.error(&failure))?;
        let etag = response::etag(&response).ok_or_else(|| {
            let message = "the endpoint gives objects no ETag, so that nothing can be staged there";
            Error::new(ErrorKind::Unsupported, message)
        })?;
        parts.keep();
        Ok(etag)
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Stage for Staging {
    async fn write(&mut self, piece: Payload) -> Result<(), Error> {
        self.take(piece).await.map_err(|error| error.with_key(&self.key))
    }

    async fn finish(mut self: Box<Self>) -> Result<Arc<dyn Source>, Error> {
        if self.parts.is_none() {
            let body = payload::concatenated(core::mem::take(&mut self.held));
            let body = payload::slice(&body, self.front_bytes as usize..body.len());
            return Ok(Arc::new(Held(body)));
        }
        match self.complete().await {
            Ok(etag) => Ok(Arc::new(Staged {
                inner: Arc::clone(&self.inner),
                key: self.key.clone(),
                name: self.name.clone(),
                etag,
                front_bytes: self.front_bytes,
                object_bytes: self.object_bytes,
                is_removed: AtomicBool::new(false),
            })),
            Err(error) => {
                if let Some(parts) = self.parts.take() {
                    parts.abort().await;
                }
                Err(error.with_key(&self.key))
            }
        }
    }
}

impl fmt::Debug for Staging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Staging({}, {} bytes)", self.key, self.object_bytes)
    }
}

/// What was too small to be sent.
struct Held(Payload);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} bytes)", self.size_bytes())
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Source for Held {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read(&self, range: Range<u64>) -> Result<Payload, Error> {
        Ok(payload::slice(&self.0, range.start as usize..range.end as usize))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An object of the area that holds a body. Dropped, it is removed by a task that nobody waits for.
pub(super) struct Staged {
    inner: Arc<Inner>,
    key: Key,
    name: String,
    etag: ETag,
    front_bytes: u64,
    object_bytes: u64,
    is_removed: AtomicBool,
}

impl Staged {
    /// Whether it lies in that tier, for that key.
    pub(super) fn is_of(&self, inner: &Arc<Inner>, key: &Key) -> bool {
        Arc::ptr_eq(&self.inner, inner) && self.key == *key
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn etag(&self) -> &ETag {
        &self.etag
    }

    /// How many bytes the object has, the key that may stand in front of the body included.
    pub(super) fn object_bytes(&self) -> u64 {
        self.object_bytes
    }

    /// Removes the object, when nobody will read it any more.
    pub(super) async fn remove(&self) {
        self.is_removed.store(true, Ordering::Relaxed);
        self.inner.tidy(Call::delete(&self.name), "a staged object").await;
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Source for Staged {
    fn size_bytes(&self) -> u64 {
        self.object_bytes - self.front_bytes
    }

    async fn read(&self, range: Range<u64>) -> Result<Payload, Error> {
        let range = range.start + self.front_bytes..range.end + self.front_bytes;
        let etag = Some(self.etag.clone());
        Download::new(&self.inner, &self.key, &self.name, etag, range).whole(None).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Staged({}, {} bytes)", self.key, self.size_bytes())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.is_removed.load(Ordering::Relaxed) {
            return;
        }
        let (inner, name) = (Arc::clone(&self.inner), core::mem::take(&mut self.name));
        let task = async move { inner.tidy(Call::delete(&name), "a staged object").await };
        self.inner.tidy_later(Box::pin(task));
    }
}

#[cfg(test)]
mod tests;
