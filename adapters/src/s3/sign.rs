//! Signing requests with AWS Signature Version 4.

use core::fmt;

use async_trait::async_trait;
use tiered_storage_core::{Error, ErrorKind, Timestamp};

use super::{Credentials, Request};
use crate::tier::Shareable;

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod aws;
pub(super) mod compact;

/// Stands in [`Scope::payload_sha256`] in place of a hash where the body may be any.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Signs requests. It reads no clock and keeps no state, so a request can be signed again for another time.
pub trait Sign: fmt::Debug + Shareable {
    /// Adds `x-amz-date`, `x-amz-content-sha256`, `x-amz-security-token` where there is a session, and
    /// `authorization`, in place of those that the request has. The host and every other header are signed.
    ///
    /// # Errors
    ///
    /// `Internal` if the request is not one that can be signed.
    fn sign(&self, request: &mut Request, scope: &Scope<'_>) -> Result<(), Error>;

    /// Adds the signature to the URL's query, so that the URL alone lets its holder do what the request does, for
    /// `expires_secs` seconds from `scope.now` on. The host and every header are signed: the holder must send those
    /// headers as they are.
    ///
    /// # Errors
    ///
    /// `Internal` if the request is not one that can be signed.
    fn presign(
        &self,
        request: &mut Request,
        scope: &Scope<'_>,
        expires_secs: u32,
    ) -> Result<(), Error>;
}

/// Signs requests where the keys are: on another host, say, that this one may ask.
///
/// It is asked anew for every attempt at a request. Time limits are its own matter.
///
/// ```
/// use tiered_storage::{Error, s3::{SignRequest, Unsigned}};
///
/// #[derive(Debug)]
/// struct Gatekeeper;
///
/// #[async_trait::async_trait]
/// impl SignRequest for Gatekeeper {
///     async fn sign(&self, unsigned: Unsigned<'_>) -> Result<Vec<(String, String)>, Error> {
///         let asked = (unsigned.request.method, &unsigned.request.url, unsigned.payload_sha256);
///         // What the host that has the keys answers to that.
///         Ok(vec![("authorization".to_owned(), format!("AWS4-HMAC-SHA256 for {asked:?}"))])
///     }
/// }
/// ```
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait SignRequest: fmt::Debug + Shareable {
    /// Gives the headers that make `unsigned` a signed request, `x-amz-date` and `x-amz-content-sha256` among them. They
    /// take the place of those of the same name.
    ///
    /// # Errors
    ///
    /// `Denied` if it must not be signed, `Unavailable` if asking again later may help.
    async fn sign(&self, unsigned: Unsigned<'_>) -> Result<Vec<(String, String)>, Error>;
}

/// A request that is to be signed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Unsigned<'a> {
    /// The request as it will be sent, without a signature.
    pub request: &'a Request,
    /// The SHA-256 of the body in lowercase hexadecimal digits.
    pub payload_sha256: &'a str,
    /// The region of the bucket.
    pub region: &'a str,
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
    /// The SHA-256 of the body in lowercase hexadecimal digits, or [`UNSIGNED_PAYLOAD`].
    pub payload_sha256: &'a str,
}

/// Takes out what an earlier signing left.
fn strip(request: &mut Request) {
    for added in ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"] {
        request.remove_header(added);
    }
}

/// The reason is left out: it may quote what was to be signed.
fn unsignable() -> Error {
    Error::new(ErrorKind::Internal, "a request to S3 cannot be signed; please report it")
}

#[cfg(test)]
mod tests;
