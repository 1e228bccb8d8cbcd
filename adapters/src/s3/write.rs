//! Writing: in one request or in parts, and perhaps only on a condition.

use std::sync::{Arc, atomic::Ordering};

use tiered_storage_core::{Checksum, Condition, ETag, Error, ErrorKind, Key, Metadata, format};

use super::{
    Inner, changed,
    failure::Failure,
    probe::Means,
    request::Call,
    response,
    stage::Staged,
    upload::{Content, Parts},
};
use crate::{payload, pieces::Contents};

/// An entry on its way into the bucket.
pub(super) struct Write<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) key: &'a Key,
    pub(super) metadata: &'a Metadata,
    pub(super) condition: Option<&'a Condition>,
}

/// Where the bytes of an upload in parts come from.
pub(super) enum Origin<'a> {
    Content(Content),
    /// That version of an object of this bucket, which has so many bytes.
    Object {
        name: &'a str,
        etag: &'a ETag,
        size_bytes: u64,
    },
}

/// What came of an upload in parts: the version of the object where the server tells it, or why it was not completed.
pub(super) type Written = Result<Option<ETag>, Box<Failure>>;

impl Inner {
    pub(super) async fn store(
        self: &Arc<Self>,
        key: &Key,
        metadata: &Metadata,
        body: &Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        format::check_size(metadata)?;
        let write = Write { inner: self, key, metadata, condition };
        if let Contents::Staged(source) = body
            && let Some(staged) = source.as_any().downcast_ref::<Staged>()
            && staged.is_of(self, key)
        {
            let outcome = write.adopt(staged).await;
            // Nobody else can read it any more; else it is removed when the last one drops it.
            if Arc::strong_count(source) == 1 {
                staged.remove().await;
            }
            return outcome;
        }
        let front = self.names.name(key).front(key);
        let content = Content { front, contents: body.clone() };
        if content.size_bytes() <= self.parts.threshold_bytes {
            return write.put(content).await;
        }
        write.upload(Origin::Content(content)).await
    }
}

impl Write<'_> {
    async fn put(&self, content: Content) -> Result<Option<ETag>, Error> {
        self.check(Means::Put).await?;
        let is_as_given = !self.metadata.is_compressed()
            && content.front.is_empty()
            && content.size_bytes() == self.metadata.size();
        let body = content.read(0..content.size_bytes()).await?;
        let Checksum(sha256) = match self.metadata.checksum().filter(|_| is_as_given) {
            Some(known) => known,
            None => Checksum(payload::sha256(&body).await),
        };
        let name = self.inner.names.name(self.key);
        let call = Call::put(name.as_str(), self.metadata, body, sha256).provided(self.condition);
        match self.inner.client.send(call).await {
            Ok(response) => {
                self.inner.has_seen_bucket.store(true, Ordering::Relaxed);
                Ok(response::etag(&response))
            }
            Err(failure) => self.settle(&failure).await,
        }
    }

    async fn upload(&self, origin: Origin<'_>) -> Result<Option<ETag>, Error> {
        match self.in_parts(origin).await? {
            Ok(Some(etag)) => Ok(Some(etag)),
            // Some servers leave the version out there.
            Ok(None) => self.ours().await.map(|found| found?.etag),
            Err(failure) => self.settle(&failure).await,
        }
    }

    /// Makes an entry of parts, or aborts the upload. Gives its version where the server tells it.
    pub(super) async fn in_parts(&self, origin: Origin<'_>) -> Result<Written, Error> {
        self.check(Means::Upload).await?;
        let name = self.inner.names.name(self.key);
        let mut parts = Parts::begin(self.inner, name.as_str(), Some(self.metadata)).await?;
        let sent = match &origin {
            Origin::Content(content) => parts.put_all(content).await,
            Origin::Object { name, etag, size_bytes } => {
                parts.copy_all((name, etag), *size_bytes).await
            }
        };
        let completed = match sent {
            Ok(()) => parts.complete(self.condition).await,
            Err(error) => Err(error),
        };
        parts.abort().await;
        completed
    }

    /// Makes an entry of what lies staged in this bucket, without moving its bytes.
    async fn adopt(&self, staged: &Staged) -> Result<Option<ETag>, Error> {
        let (source, size_bytes) = ((staged.name(), staged.etag()), staged.object_bytes());
        if self.condition.is_some() || size_bytes > self.inner.copied_bytes_max() {
            let (name, etag) = source;
            return self.upload(Origin::Object { name, etag, size_bytes }).await;
        }
        let client = &self.inner.client;
        let name = self.inner.names.name(self.key);
        let call = Call::copy_from(&client.address.bucket, name.as_str(), source, self.metadata);
        let response = client.send(call).await.map_err(|failure| client.error(&failure))?;
        Ok(response::copied(&response.text(), source.1).flatten())
    }

    /// What became of a write that failed: it may be that the answer to an earlier attempt was lost, and the entry is there.
    async fn settle(&self, failure: &Failure) -> Result<Option<ETag>, Error> {
        let is_refused = failure.is_conflict() || failure.is_missing();
        let is_refused = is_refused && self.condition.is_some();
        if (is_refused || failure.is_ended_upload())
            && failure.retries > 0
            && let Some(found) = self.ours().await?
        {
            return Ok(found.etag);
        }
        Err(if is_refused { changed() } else { self.inner.error(failure) })
    }

    /// The entry, if it is of this write.
    async fn ours(&self) -> Result<Option<Metadata>, Error> {
        let id = self.metadata.write_id();
        let found = self.inner.head(self.key).await?;
        Ok(found.filter(|found| id.is_some() && found.write_id() == id))
    }

    /// Refuses a condition that the server would not heed.
    async fn check(&self, means: Means) -> Result<(), Error> {
        let Some(condition) = self.condition else { return Ok(()) };
        if self.inner.probes.heeds(self.inner, condition, means).await? {
            return Ok(());
        }
        let client = &self.inner.client;
        let host = client.address.host(&client.learnt().region);
        let what = match means {
            Means::Put => "use a store that heeds If-Match and If-None-Match as the cold tier",
            Means::Upload => {
                "write bodies of at most multipart_threshold_bytes so, write the entry anew where only \
                 its metadata was to change, or use a store that heeds If-Match and If-None-Match \
                 also when an upload in parts is completed"
            }
        };
        let message = format!("{host} does not write conditionally; {what}");
        Err(Error::new(ErrorKind::Unsupported, message))
    }
}

#[cfg(test)]
mod tests;
