//! Other metadata for an object, whose body stays where it is.

use std::sync::Arc;

use tiered_storage_core::{Condition, ETag, Error, ErrorKind, Key, Metadata, format};

use super::{
    Inner, changed,
    request::Call,
    response,
    write::{Origin, Write, Written},
};
use crate::tier::Patched;

/// How often a patch is tried while others patch the same object.
const PATCHES_MAX: u32 = 3;

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
            let refused = match self.copied(key, name.as_str(), metadata, &etag).await {
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
    async fn copied(
        self: &Arc<Self>,
        key: &Key,
        name: &str,
        metadata: &Metadata,
        etag: &ETag,
    ) -> Result<Written, Error> {
        let bytes_max = self.client.profile.copied_bytes_max;
        // What is stored may have the key in front, or be compressed.
        if metadata.size() + self.names.name(key).front(key).len() as u64 > bytes_max {
            let size_bytes = match self.client.send(Call::head(name)).await {
                Ok(head) => head.announced_bytes().unwrap_or_default(),
                Err(failure) => return Ok(Err(failure)),
            };
            if size_bytes > bytes_max {
                // Without the condition, what another writes meanwhile could be lost.
                let condition = Some(&Condition::Version(etag.clone()));
                let write = Write { inner: self, key, metadata, condition };
                return write.in_parts(Origin::Object { name, etag, size_bytes }).await;
            }
        }
        let call = Call::copy(&self.client.address.bucket, name, metadata, etag);
        let sent = self.client.send(call).await;
        Ok(sent.map(|response| response::copied(&response.text(), etag).flatten()))
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
