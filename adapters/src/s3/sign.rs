//! Signing requests with AWS Signature Version 4.

use core::fmt;

use tiered_storage_core::{Error, Timestamp};

use super::{Credentials, Request};
use crate::tier::Shareable;

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod aws;
#[cfg(any(target_arch = "wasm32", test))]
pub(super) mod compact;

/// Signs requests. It reads no clock and keeps no state, so a request can be signed again for another time.
pub trait Sign: fmt::Debug + Shareable {
    /// Adds `x-amz-date`, `x-amz-content-sha256`, `x-amz-security-token` where there is a session, and
    /// `authorization`. The host and every `x-amz-*` header are signed.
    ///
    /// # Errors
    ///
    /// `Internal` if the request is not one that can be signed.
    fn sign(&self, request: &mut Request, scope: &Scope<'_>) -> Result<(), Error>;
}

/// What a signature is made with, beside the request.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Who signs; not anonymous.
    pub credentials: &'a Credentials,
    /// The region of the bucket.
    pub region: &'a str,
    /// The time by the server's clock.
    pub now: Timestamp,
    /// The SHA-256 of the body, in lowercase hexadecimal digits.
    pub payload_sha256: &'a str,
}
