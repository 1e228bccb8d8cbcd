//! Hashing and packing of bodies.
//!
//! Only the runtime packs and unpacks: a codec of our own would be a fifth of the module. Tasks are boxed where several
//! wait for them, so that they are in the module once.

use tiered_storage_core::{
    Checksum, Error, ErrorKind, Metadata,
    seal::{self, Draft, Verify},
};

use super::{
    payload::{Payload, sha256},
    streams,
};
use crate::{
    driver::{Body, Inner},
    host::Task,
};

impl Inner {
    /// Describes a body, and packs it where that is asked for and pays.
    pub(crate) async fn seal(
        &self,
        draft: Draft,
        plain: Payload,
    ) -> Result<(Metadata, Body), Error> {
        let plan = draft.plan(plain.len() as u64)?;
        // Where the runtime cannot pack, a body that is stored as it is harms nobody.
        let packed = if plan.pays() { streams::gzip(plain.clone()).await } else { None };
        let packed = packed.filter(|packed| packed.len() < plain.len());
        let metadata = plan.metadata(Checksum(sha256(&plain).await), packed.is_some());
        Ok((metadata, Body { plain, packed }))
    }

    /// Checks and unpacks what a tier gave.
    pub(crate) fn open(
        &self,
        metadata: &Metadata,
        body: Payload,
        verify: Verify,
    ) -> Task<Result<Body, Error>> {
        open(metadata.clone(), body, verify)
    }

    /// The body as gzip.
    pub(crate) async fn pack(&self, plain: Payload) -> Result<Payload, Error> {
        streams::gzip(plain).await.ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "this runtime has no CompressionStream")
        })
    }
}

/// Checks and unpacks what is stored.
///
/// # Errors
///
/// `Corrupt` if it is not what was written.
pub(super) fn open(metadata: Metadata, body: Payload, verify: Verify) -> Task<Result<Body, Error>> {
    Box::pin(async move {
        let opened = if metadata.is_compressed() {
            let plain = streams::gunzip(body.clone(), metadata.size()).await;
            let plain = plain.map_err(|error| error.with_key(metadata.key()))?;
            Body { plain, packed: Some(body) }
        } else {
            Body { plain: body, packed: None }
        };
        seal::check_length(&metadata, opened.plain.len() as u64)?;
        if metadata.checksum().is_some() && verify == Verify::Digest {
            seal::check_digest(&metadata, Checksum(sha256(&opened.plain).await))?;
        }
        Ok(opened)
    })
}
