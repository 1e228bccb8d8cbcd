//! Other metadata for an object, whose body stays where it is.

use std::sync::Arc;

#[cfg(not(target_arch = "wasm32"))]
use tiered_storage_core::Condition;
use tiered_storage_core::{ETag, Error, ErrorKind, Key, Metadata, format};

use super::{Inner, changed, failure::Failure, keys::Name, request::Call, response};
#[cfg(not(target_arch = "wasm32"))]
use super::{probe::Means, upload::Parts};
use crate::tier::Patched;

/// How often a patch is tried while others patch the same object.
const PATCHES_MAX: u32 = 3;

/// What a copy of an object onto itself came to: its new version, where the server tells it.
type Copied = Result<Option<ETag>, Box<Failure>>;

impl Inner {
    pub(super) async fn patch(
        self: &Arc<Self>,
        key: &Key,
        metadata: &Metadata,
    ) -> Result<Patched, Error> {
        format::check_size(metadata)?;
        let etag = match &metadata.etag {
            Some(etag) => etag.clone(),
            None => match self.head(key).await? {
                None => return Ok(Patched::Missing),
                Some(found) if !found.is_same_version(metadata) => return Err(changed()),
                Some(found) => found.etag.ok_or_else(no_versions)?,
            },
        };
        self.copy(key, metadata, etag).await
    }

    async fn copy(
        self: &Arc<Self>,
        key: &Key,
        metadata: &Metadata,
        etag: ETag,
    ) -> Result<Patched, Error> {
        let name = self.names.name(key);
        let mut etag = etag;
        for _ in 0..PATCHES_MAX {
            #[cfg(not(target_arch = "wasm32"))]
            let copied = self.copied(key, &name, metadata, &etag).await;
            // Pages do without what larger objects take: the server says that they are too large.
            #[cfg(target_arch = "wasm32")]
            let copied = Ok::<_, Error>(self.copied_at_once(&name, metadata, &etag).await);
            let refused = match copied {
                Ok(Ok(etag)) => return Ok(Patched::Done(etag)),
                Ok(Err(failure)) if failure.is_missing() => return Ok(Patched::Missing),
                Ok(Err(failure)) if failure.is_conflict() || failure.is_ended_upload() => None,
                Ok(Err(failure)) => return Err(self.error(&failure)),
                // A part of what was removed or overwritten meanwhile; or one that the server does not take.
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Invalid) => {
                    Some(error)
                }
                Err(error) => return Err(error),
            };
            // Another patch can have given the object a new ETag: someone else's, or an earlier attempt of this
            // one, whose answer was lost.
            match self.head(key).await? {
                None => return Ok(Patched::Missing),
                Some(found) if !found.is_same_version(metadata) => break,
                Some(found) if is_patched(&found, metadata) => {
                    return Ok(Patched::Done(found.etag));
                }
                Some(found) => {
                    let found = found.etag.ok_or_else(no_versions)?;
                    if let Some(error) = refused.filter(|_| found == etag) {
                        return Err(error);
                    }
                    etag = found;
                }
            }
        }
        Err(changed())
    }

    /// Copies the version `etag` of an object onto itself, with that metadata.
    #[cfg(not(target_arch = "wasm32"))]
    async fn copied(
        self: &Arc<Self>,
        key: &Key,
        name: &Name,
        metadata: &Metadata,
        etag: &ETag,
    ) -> Result<Copied, Error> {
        let bytes_max = self.client.profile.copied_bytes_max;
        // What is stored may have the key in front, or be compressed.
        if metadata.size() + name.front(key).len() as u64 > bytes_max {
            let head = match self.client.send(Call::head(name.as_str())).await {
                Ok(head) => head,
                Err(failure) => return Ok(Err(failure)),
            };
            let size_bytes = head.announced_bytes().unwrap_or_default();
            if size_bytes > bytes_max {
                return self.copied_in_parts(name, metadata, etag, size_bytes).await;
            }
        }
        Ok(self.copied_at_once(name, metadata, etag).await)
    }

    async fn copied_at_once(&self, name: &Name, metadata: &Metadata, etag: &ETag) -> Copied {
        let call = Call::copy(&self.client.address.bucket, name.as_str(), metadata, etag);
        let sent = self.client.send(call).await;
        sent.map(|response| response::copied(&response.text(), etag).flatten())
    }

    /// The same, of an object that is too large for one request.
    #[cfg(not(target_arch = "wasm32"))]
    async fn copied_in_parts(
        self: &Arc<Self>,
        name: &Name,
        metadata: &Metadata,
        etag: &ETag,
        size_bytes: u64,
    ) -> Result<Copied, Error> {
        let condition = Condition::Version(etag.clone());
        if !self.probes.heeds(self, &condition, Means::Upload).await? {
            let message = "the object is too large to be given other metadata by one copy, and this \
                           store does not complete uploads conditionally, so that what another \
                           writes meanwhile could be lost; write the entry anew";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let mut parts = Parts::begin(self, name.as_str(), Some(metadata)).await?;
        let copied = match parts.copy_all((name.as_str(), etag), size_bytes).await {
            Ok(()) => parts.complete(Some(&condition)).await,
            Err(error) => Err(error),
        };
        parts.abort().await;
        copied
    }
}

/// Whether `found` is what patching with `metadata` leaves.
fn is_patched(found: &Metadata, metadata: &Metadata) -> bool {
    let stored = |metadata| format::encode(metadata, format::Audience::Shared);
    metadata.write_id().is_some() && stored(found) == stored(metadata)
}

fn no_versions() -> Error {
    let message =
        "the endpoint gives objects no ETag, so they cannot be patched safely; use another";
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests;
