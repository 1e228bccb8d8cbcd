//! What the user is told of a failure.

use tiered_storage_core::{Error, ErrorKind};

use super::{
    super::{HttpErrorKind, retry},
    Cause, Failure,
};

impl Failure {
    /// What the user is told.
    pub(in crate::s3) fn to_error(&self, bucket: &str, host: &str) -> Error {
        let (kind, advice) = match &self.cause {
            Cause::Local(error) => return error.clone(),
            Cause::Http(error) => advice_of_transport(error.kind),
            Cause::Garbled => (
                ErrorKind::Unavailable,
                "{host} answered with what is not S3's, or with half of it; check that it is an S3 \
                 endpoint and try again",
            ),
            Cause::Status(status) => self.advice(*status),
        };
        let mut pieces = advice.split(['{', '}']);
        let mut message = pieces.next().unwrap_or_default().to_owned();
        while let (Some(name), Some(text)) = (pieces.next(), pieces.next()) {
            message.push_str(match name {
                "host" => host,
                "bucket" => bucket,
                "region" => plain(self.region.as_deref().unwrap_or_default(), 64),
                _ => plain(&self.fault.message, 200),
            });
            message.push_str(text);
        }
        match &self.cause {
            Cause::Status(status) => {
                message.push_str(&self.evidence(*status));
                Error::new(kind, message)
            }
            Cause::Http(error) if error.kind == HttpErrorKind::Timeout => {
                Error::timed_out(message).with_source(error.clone())
            }
            Cause::Http(error) => Error::new(kind, message).with_source(error.clone()),
            _ => Error::new(kind, message),
        }
    }

    /// The kind of error, and what to do about it; `{host}` and others stand for what `to_error` puts there.
    fn advice(&self, status: u16) -> (ErrorKind, &'static str) {
        use ErrorKind::{Conflict, Denied, Full, Invalid, Unavailable};
        if let Some(advice) = self.advice_of_code() {
            return advice;
        }
        match status {
            _ if retry::pace(self).is_some() => {
                (Unavailable, "{host} cannot answer now; try again later")
            }
            300..=399 => (Invalid, self.elsewhere()),
            401 | 403 => (Denied, DENIED),
            412 => (Conflict, "the object was changed meanwhile; read it again"),
            507 => (Full, "{host} has no room left; free some"),
            500.. => (Unavailable, "{host} failed; try again later"),
            _ if plain(&self.fault.message, 200).is_empty() => {
                (Invalid, "{host} refused the request; check the configuration")
            }
            // The server's own sentence, where we know no better.
            _ => (Invalid, "{host} refused the request: {message}"),
        }
    }

    fn advice_of_code(&self) -> Option<(ErrorKind, &'static str)> {
        use ErrorKind::{Conflict, Corrupt, Denied, Full, Invalid, Unavailable};
        Some(match self.code() {
            "NoSuchBucket" => (
                Invalid,
                "there is no bucket \"{bucket}\" at {host}; create it or correct its name",
            ),
            "InvalidBucketName" => {
                (Invalid, "{host} takes no bucket of the name \"{bucket}\"; correct it")
            }
            "AuthorizationHeaderMalformed" if self.region.is_some() => (Invalid, self.elsewhere()),
            "SignatureDoesNotMatch" => (
                Denied,
                "S3 refused the signature; check the secret access key and the region, and that \
                 no proxy changes requests",
            ),
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden" => {
                (Denied, DENIED)
            }
            "InvalidAccessKeyId" => (Denied, "{host} does not know the access key; check its id"),
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                (Denied, "S3 refused the session token; give the tier new credentials")
            }
            "RequestTimeTooSkewed" => (Denied, "this host's clock is not {host}'s; set it right"),
            "NoSuchUpload" => (
                Unavailable,
                "the upload was ended by another, or a lifecycle rule; write it again",
            ),
            "InvalidObjectState" => (Unavailable, "the object is archived; restore it first"),
            "ConditionalRequestConflict" | "OperationAborted" | "PreconditionFailed" => {
                (Conflict, "the object was changed meanwhile; read it again")
            }
            "XAmzContentSHA256Mismatch" | "BadDigest" => {
                (Corrupt, "the body is not what its checksum says; write it again")
            }
            "QuotaExceeded" | "InsufficientStorage" | "StorageFull" | "XMinioStorageFull" => {
                (Full, "{host} has no room left; free some")
            }
            "EntityTooLarge" => {
                (Invalid, "the object is too large for one request; make it smaller")
            }
            "NotImplemented" | "MethodNotAllowed" => {
                (Invalid, "{host} does not do this; use another endpoint")
            }
            _ => return None,
        })
    }

    fn elsewhere(&self) -> &'static str {
        match self.region {
            Some(_) => "the bucket \"{bucket}\" is in {region}; correct the region",
            None => "the bucket \"{bucket}\" is in another place; correct region and endpoint",
        }
    }

    /// Code, status and request id, for the operator of the server.
    fn evidence(&self, status: u16) -> String {
        let code = plain(self.code(), 64);
        let comma = if code.is_empty() { "" } else { ", " };
        let id = plain(self.fault.request_id.as_deref().unwrap_or_default(), 128);
        let before_id = if id.is_empty() { "" } else { ", request id " };
        format!(" ({code}{comma}status {status}{before_id}{id})")
    }
}

fn advice_of_transport(kind: HttpErrorKind) -> (ErrorKind, &'static str) {
    use ErrorKind::{Internal, Invalid, Unavailable};
    match kind {
        // A browser does not tell the two apart.
        HttpErrorKind::Connect if cfg!(target_arch = "wasm32") => (
            Unavailable,
            "no connection to {host}; check the endpoint and the network (and, in a browser, \
             whether the bucket's CORS rules allow this page)",
        ),
        HttpErrorKind::Connect => {
            (Unavailable, "no connection to {host}; check the endpoint and the network")
        }
        HttpErrorKind::Timeout => {
            (Unavailable, "{host} did not answer in time; try again, or allow more")
        }
        HttpErrorKind::Broken => {
            (Unavailable, "the connection to {host} broke before the answer was whole; try again")
        }
        HttpErrorKind::Redirected => (
            Invalid,
            "{host} sends the request elsewhere, and this host is not told where; correct region \
             and endpoint",
        ),
        HttpErrorKind::Unsendable => {
            (Internal, "a request to S3 cannot be sent as it is; please report it")
        }
    }
}

const DENIED: &str = "S3 does not allow it; check what the credentials may do with the bucket \
                      \"{bucket}\" (without s3:ListBucket a missing object is answered so, too)";

/// `text` up to `len_max` bytes, or up to what is not printable ASCII: the server's words end up in logs.
fn plain(text: &str, len_max: usize) -> &str {
    let is_strange = |byte: &u8| !matches!(byte, b' '..=b'~');
    let end = text.bytes().position(|byte| is_strange(&byte)).unwrap_or(text.len());
    &text[..end.min(len_max)]
}
