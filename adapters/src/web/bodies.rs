//! Hashing and packing of bodies.
//!
//! Only the runtime packs and unpacks: a codec of our own would be a fifth of the module. Tasks are boxed where several
//! wait for them, so that they are in the module once.

use tiered_storage_core::{
    Checksum, Error, Metadata,
    seal::{self, Draft, Verify},
};

use super::{
    payload::{Payload, sha256},
    streams,
};
use crate::{
    driver::{Inner, Whole},
    host::Task,
    tier::Stored,
};

impl Inner {
    /// Describes a body, and packs it where that is asked for and pays.
    pub(crate) async fn seal(
        &self,
        draft: Draft,
        plain: Payload,
    ) -> Result<(Metadata, Whole), Error> {
        let plan = draft.plan(plain.len() as u64)?;
        // Where the runtime cannot pack, a body that is stored as it is harms nobody.
        let packed = if plan.pays() { streams::gzip(plain.clone()).await.ok() } else { None };
        let packed = packed.filter(|packed| packed.len() < plain.len());
        let metadata = plan.metadata(Checksum(sha256(&plain).await), packed.is_some());
        Ok((metadata, Whole { plain, packed }))
    }

    /// Checks and unpacks what a tier gave.
    pub(crate) fn open(
        &self,
        metadata: &Metadata,
        body: Payload,
        verify: Verify,
    ) -> Task<Result<Whole, Error>> {
        open(metadata.clone(), body, verify)
    }

    /// The body as gzip.
    pub(crate) fn pack(&self, plain: Payload) -> Task<Result<Payload, Error>> {
        streams::gzip(plain)
    }

    /// What is hot JavaScript has looked for already.
    pub(crate) fn peek(&self, _key: &str) -> Option<Stored> {
        None
    }
}

/// Checks and unpacks what is stored.
///
/// # Errors
///
/// `Corrupt` if it is not what was written.
pub(super) fn open(
    metadata: Metadata,
    body: Payload,
    verify: Verify,
) -> Task<Result<Whole, Error>> {
    Box::pin(async move {
        let opened = if metadata.is_compressed() {
            let plain = streams::gunzip(body.clone(), metadata.size()).await;
            let plain = plain.map_err(|error| error.with_key(metadata.key()))?;
            Whole { plain, packed: Some(body) }
        } else {
            Whole { plain: body, packed: None }
        };
        seal::check_length(&metadata, opened.plain.len() as u64)?;
        if metadata.checksum().is_some() && verify == Verify::Digest {
            seal::check_digest(&metadata, Checksum(sha256(&opened.plain).await))?;
        }
        Ok(opened)
    })
}
