//! The signer of native hosts, over `aws-sigv4`.

use core::time::Duration;
use std::time::UNIX_EPOCH;

use aws_credential_types::Credentials as Identity;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use tiered_storage_core::{Error, ErrorKind};

use super::{Scope, Sign};
use crate::s3::Request;

/// Signs with the crate that AWS's own SDK signs with.
#[derive(Clone, Copy, Debug)]
pub(in crate::s3) struct AwsSigner;

impl Sign for AwsSigner {
    fn sign(&self, request: &mut Request, scope: &Scope<'_>) -> Result<(), Error> {
        let signed = instructions(request, scope).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "a request to S3 cannot be signed; please report it")
        })?;
        request.headers.extend(signed);
        Ok(())
    }
}

/// The error is left out: it may quote what was signed.
fn instructions(request: &Request, scope: &Scope<'_>) -> Option<Vec<(&'static str, String)>> {
    let credentials = scope.credentials;
    let identity = Identity::new(
        credentials.access_key_id()?,
        credentials.secret_access_key()?,
        credentials.session_token().map(str::to_owned),
        None,
        "tiered-storage",
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name("s3")
        .time(UNIX_EPOCH + Duration::from_millis(scope.now.as_millis()))
        .settings(settings())
        .build()
        .ok()?
        .into();
    let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let body = SignableBody::Precomputed(scope.payload_sha256.to_owned());
    let signable =
        SignableRequest::new(request.method.as_str(), request.url.as_str(), headers, body).ok()?;
    let (instructions, _signature) = sign(signable, &params).ok()?.into_parts();
    let (headers, _query) = instructions.into_parts();
    Some(headers.iter().map(|header| (header.name(), header.value().to_owned())).collect())
}

/// S3 differs from other services: paths are encoded once and never normalised, and the body's hash is a header.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

#[cfg(test)]
mod tests;
