//! Writing: in one request or in parts, and perhaps only on a condition.

use std::sync::{Arc, atomic::Ordering};

use tiered_storage_core::{Checksum, Condition, ETag, Error, ErrorKind, Key, Metadata, format};

use super::{
    Inner, changed,
    failure::Failure,
    keys::Name,
    probe::Means,
    request::Call,
    response,
    stage::Staged,
    upload::{Content, Parts},
};
use crate::{payload, pieces::Contents};

impl Inner {
    pub(super) async fn store(
        self: &Arc<Self>,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        format::check_size(metadata)?;
        if let Contents::Staged(source) = &body
            && let Some(staged) = source.as_any().downcast_ref::<Staged>()
            && staged.is_of(self, key)
        {
            let outcome = self.adopt(key, metadata, staged, condition).await;
            // Nobody else can read it any more; else it is removed when the last one drops it.
            if Arc::strong_count(source) == 1 {
                staged.remove().await;
            }
            return outcome;
        }
        let name = self.names.name(key);
        let content = Content { front: name.front(key), contents: body };
        if content.size_bytes() <= self.parts.threshold_bytes {
            return self.put(key, name, metadata, content, condition).await;
        }
        self.check(condition, Means::Upload).await?;
        let mut parts = Parts::begin(self, name.as_str(), Some(metadata)).await?;
        let sent = parts.put_all(&content).await;
        self.complete(key, metadata, parts, sent, condition).await
    }

    async fn put(
        self: &Arc<Self>,
        key: &Key,
        name: Name,
        metadata: &Metadata,
        content: Content,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        self.check(condition, Means::Put).await?;
        let is_as_given = !metadata.is_compressed()
            && content.front.is_empty()
            && content.size_bytes() == metadata.size();
        let body = content.read(0..content.size_bytes()).await?;
        let Checksum(sha256) = match metadata.checksum().filter(|_| is_as_given) {
            Some(known) => known,
            None => Checksum(payload::sha256(&body).await),
        };
        let call = Call::put(name.as_str(), metadata, body, sha256).provided(condition);
        match self.client.send(&call).await {
            Ok(response) => {
                self.has_seen_bucket.store(true, Ordering::Relaxed);
                Ok(response::etag(&response))
            }
            Err(failure) => self.settle(key, metadata, condition, &failure).await,
        }
    }

    /// Makes an entry of the parts that were sent, or aborts the upload.
    async fn complete(
        &self,
        key: &Key,
        metadata: &Metadata,
        mut parts: Parts,
        sent: Result<(), Error>,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        let completed = match sent {
            Ok(()) => parts.complete(condition).await,
            Err(error) => Err(error),
        };
        let outcome = match completed {
            Ok(Ok(Some(etag))) => Ok(Some(etag)),
            // Some servers leave the version out there.
            Ok(Ok(None)) => Ok(self.ours(key, metadata).await?.and_then(|found| found.etag)),
            Ok(Err(failure)) => self.settle(key, metadata, condition, &failure).await,
            Err(error) => Err(error),
        };
        parts.abort().await;
        outcome
    }

    /// Makes an entry of what lies staged in this bucket, without moving its bytes.
    async fn adopt(
        self: &Arc<Self>,
        key: &Key,
        metadata: &Metadata,
        staged: &Staged,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        let name = self.names.name(key);
        let source = (staged.name(), staged.etag());
        if condition.is_none() && staged.object_bytes() <= self.copied_bytes_max() {
            let bucket = &self.client.address.bucket;
            let call = Call::copy_from(bucket, name.as_str(), source, metadata);
            let sent = self.client.send(&call).await;
            let response = sent.map_err(|failure| self.error(&failure))?;
            return Ok(response::copied(&response.text(), source.1).flatten());
        }
        self.check(condition, Means::Upload).await?;
        let mut parts = Parts::begin(self, name.as_str(), Some(metadata)).await?;
        let sent = parts.copy_all(source, staged.object_bytes()).await;
        self.complete(key, metadata, parts, sent, condition).await
    }

    /// What became of a write that failed: it may be that the answer to an earlier attempt was lost, and the entry is there.
    async fn settle(
        &self,
        key: &Key,
        metadata: &Metadata,
        condition: Option<&Condition>,
        failure: &Failure,
    ) -> Result<Option<ETag>, Error> {
        let is_refused = failure.is_conflict() || failure.is_missing();
        let is_refused = is_refused && condition.is_some();
        if (is_refused || failure.is_ended_upload())
            && failure.retries > 0
            && let Some(found) = self.ours(key, metadata).await?
        {
            return Ok(found.etag);
        }
        Err(if is_refused { changed() } else { self.error(failure) })
    }

    /// The entry, if it is of the write that `metadata` is of.
    async fn ours(&self, key: &Key, metadata: &Metadata) -> Result<Option<Metadata>, Error> {
        let is_ours = |found: &Metadata| {
            metadata.write_id().is_some() && found.write_id() == metadata.write_id()
        };
        Ok(self.head(key).await?.filter(is_ours))
    }

    /// Refuses a condition that the server would not heed.
    async fn check(
        self: &Arc<Self>,
        condition: Option<&Condition>,
        means: Means,
    ) -> Result<(), Error> {
        let Some(condition) = condition else { return Ok(()) };
        if self.probes.heeds(self, condition, means).await? {
            return Ok(());
        }
        let host = self.client.address.host(&self.client.learnt().region);
        let what = match means {
            Means::Put => "use a store that heeds If-Match and If-None-Match as the cold tier",
            Means::Upload => {
                "write bodies of at most multipart_threshold_bytes so, or use a store that heeds \
                 If-Match and If-None-Match also when an upload in parts is completed"
            }
        };
        let message = format!("{host} does not write conditionally; {what}");
        Err(Error::new(ErrorKind::Unsupported, message))
    }
}

#[cfg(test)]
mod tests;
