//! The signer of native hosts, over `aws-sigv4`.

use core::time::Duration;
use std::time::UNIX_EPOCH;

use aws_credential_types::Credentials as Identity;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use tiered_storage_core::Error;

use super::{Scope, Sign, strip, unsignable};
use crate::s3::{Request, keys::push_parameter};

/// Signs with the crate that AWS's own SDK signs with.
#[derive(Clone, Copy, Debug)]
pub struct AwsSigner;

impl Sign for AwsSigner {
    fn sign(&self, request: &mut Request, scope: &Scope<'_>) -> Result<(), Error> {
        strip(request);
        let (signed, _query) =
            instructions(request, scope, settings()).ok_or_else(unsignable)?.into_parts();
        let signed = signed.iter().map(|header| (header.name().into(), header.value().to_owned()));
        request.headers.extend(signed);
        Ok(())
    }

    fn presign(
        &self,
        request: &mut Request,
        scope: &Scope<'_>,
        expires_secs: u32,
    ) -> Result<(), Error> {
        strip(request);
        let mut settings = settings();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(expires_secs.into()));
        let (_headers, query) =
            instructions(request, scope, settings).ok_or_else(unsignable)?.into_parts();
        for (name, value) in query {
            push_parameter(&mut request.url, name, &value);
        }
        Ok(())
    }
}

/// The error is left out: it may quote what was signed.
fn instructions(
    request: &Request,
    scope: &Scope<'_>,
    settings: SigningSettings,
) -> Option<SigningInstructions> {
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
        .settings(settings)
        .build()
        .ok()?
        .into();
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Precomputed(scope.payload_sha256.to_owned());
    let signable =
        SignableRequest::new(request.method.as_str(), request.url.as_str(), headers, body).ok()?;
    let (instructions, _signature) = sign(signable, &params).ok()?.into_parts();
    Some(instructions)
}

/// S3 differs from other services: paths are encoded once and never normalised, and the body's hash is a header. What
/// the request has is signed, whatever its name.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.excluded_headers = None;
    settings
}

#[cfg(test)]
mod tests;
