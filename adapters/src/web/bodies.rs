//! Hashing and packing of bodies: the runtime's way where it is quicker, this crate's for the rest.

use tiered_storage_core::{
    Checksum, Error, Metadata,
    codec::{self, Compressor},
    seal::{self, Draft, Verify},
};

use super::{
    payload::{Payload, sha256, start},
    streams,
};
use crate::driver::{Body, Inner};

impl Inner {
    /// Describes a body, and packs it where that is asked for and pays.
    pub(crate) async fn seal(
        &self,
        draft: Draft,
        plain: Payload,
    ) -> Result<(Metadata, Body), Error> {
        let plan = draft.plan(plain.len() as u64)?;
        let packed = if plan.pays() { Some(gzip(&plain).await) } else { None };
        let packed = packed.filter(|packed| packed.len() < plain.len());
        let metadata = plan.metadata(Checksum(sha256(&plain).await), packed.is_some());
        Ok((metadata, Body { plain, packed }))
    }

    /// Checks and unpacks what a tier gave.
    pub(crate) async fn open(
        &self,
        metadata: &Metadata,
        body: Payload,
        verify: Verify,
    ) -> Result<Body, Error> {
        open(metadata, body, verify).await
    }

    /// The body as gzip.
    pub(crate) async fn pack(&self, plain: Payload) -> Result<Payload, Error> {
        Ok(gzip(&plain).await)
    }
}

/// Checks and unpacks what is stored.
///
/// # Errors
///
/// `Corrupt` if it is not what was written.
pub(super) async fn open(
    metadata: &Metadata,
    body: Payload,
    verify: Verify,
) -> Result<Body, Error> {
    let opened = if metadata.is_compressed() {
        let plain = gunzip(&body, metadata.size()).await;
        let plain = plain.map_err(|error| error.with_key(metadata.key()))?;
        Body { plain, packed: Some(body) }
    } else {
        Body { plain: body, packed: None }
    };
    seal::check_length(metadata, opened.plain.len() as u64)?;
    if metadata.checksum().is_some() && verify == Verify::Digest {
        seal::check_digest(metadata, Checksum(sha256(&opened.plain).await))?;
    }
    Ok(opened)
}

async fn gzip(plain: &Payload) -> Payload {
    if let Some(packed) = streams::gzip(plain).await {
        return packed;
    }
    let (mut compressor, mut packed) = (Compressor::new(), Vec::new());
    plain.chunks(|chunk| compressor.push(chunk, &mut packed));
    compressor.finish(&mut packed);
    Payload::from(packed)
}

async fn gunzip(packed: &Payload, size_bytes: u64) -> Result<Payload, Error> {
    if let Some(plain) = streams::gunzip(packed, size_bytes).await? {
        return Ok(plain);
    }
    let packed = start(packed, packed.len());
    codec::decompress(&packed, size_bytes).map(Payload::from)
}
