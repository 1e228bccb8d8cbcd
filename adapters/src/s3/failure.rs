//! What a request came to nothing for, and what the user is told of it.

use tiered_storage_core::{Error, ErrorKind, Timestamp};

use super::{
    HttpError, HttpErrorKind, Opening, Response,
    request::{Call, Kind, METADATA_HEADER},
    response::{self, Fault},
    retry,
};

/// Why a call did not succeed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    pub(super) fault: Fault,
    /// Where the server says that the bucket is.
    pub(super) region: Option<String>,
    /// The server's time, as the response has it.
    pub(super) server_time: Option<Timestamp>,
    /// How long the server wants us to wait.
    pub(super) retry_after_ms: Option<u64>,
    /// How often it had been tried before, with an end that is not known; once, where the transport may have done so.
    pub(super) retries: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Cause {
    /// There was no whole answer.
    Http(HttpError),
    /// The answer was an error.
    Status(u16),
    /// The answer was cut short, or is not S3's.
    Garbled,
    /// The request was never sent, or the answer shows that this host is not set up for it.
    Local(Error),
}

/// Takes `response` as an answer to `call`, or as what it failed for.
///
/// A success can be a failure: a body shorter than announced, an error document behind a status of 200, or an answer
/// that is not S3's.
pub(super) fn examine(call: &Call, opening: Opening) -> Result<Opening, Box<Failure>> {
    let (response, rest) = opening;
    if response.status == 304 && call.kind == Kind::Get {
        return Ok((response, None));
    }
    if !response.is_success() && rest.is_some() {
        // No error document is that long.
        return Err(Failure::garbled());
    }
    let fault = match call.kind {
        Kind::Get | Kind::Head if response.is_success() => None,
        _ => response::fault(&response.text()),
    };
    if !response.is_success() || fault.is_some() {
        return Err(Failure::of(call, &response, fault));
    }
    let has_etag = matches!(call.kind, Kind::Get | Kind::Head | Kind::Put | Kind::UploadPart);
    if has_etag && response::lacks_etag(&response) {
        return Err(Failure::bare(Cause::Local(response::hidden())));
    }
    let is_garbled = match call.kind {
        Kind::Get => (rest.is_none() && is_short(&response)) || is_nameless(&response),
        Kind::Head => is_nameless(&response),
        Kind::Put => is_nameless(&response) && !response.body.is_empty(),
        Kind::UploadPart => response::etag(&response).is_none(),
        Kind::Copy => is_none_of(&response, response::COPIED),
        Kind::CopyPart => is_none_of(&response, response::PART_COPIED),
        Kind::CreateUpload => is_none_of(&response, response::UPLOAD_CREATED),
        Kind::CompleteUpload => is_none_of(&response, response::UPLOAD_COMPLETED),
        Kind::List => response::names_page(&response.text()).is_none(),
        Kind::DeleteMany => match response::not_deleted(&response.text()) {
            None => true,
            Some(left) => {
                let busy = left.iter().find(|one| retry::pace_of_code(&one.code).is_some());
                if let Some(busy) = busy {
                    let (code, message) = (busy.code.clone(), busy.message.clone());
                    let fault = Fault { code, message, ..Fault::default() };
                    return Err(Failure::of(call, &response, Some(fault)));
                }
                false
            }
        },
        Kind::Delete | Kind::AbortUpload => false,
    };
    if is_garbled { Err(Failure::garbled()) } else { Ok((response, rest)) }
}

/// Whether the answer is not a whole one of that name.
fn is_none_of(response: &Response, name: &str) -> bool {
    response::result(&response.text(), name, "").is_none()
}

/// Whether the answer is not about an object: S3 gives each an ETag. What stands between here and S3, a proxy or the
/// login page of a network, must not be taken for an object that another program wrote.
fn is_nameless(response: &Response) -> bool {
    response.status == 200
        && response::etag(response).is_none()
        && response.header(METADATA_HEADER).is_none()
}

/// Whether less of a body came than was announced. A transport that decodes bodies tells the length before that.
fn is_short(response: &Response) -> bool {
    response.header("content-encoding").is_none()
        && response.announced_bytes().is_some_and(|bytes| bytes > response.body.len() as u64)
}

impl Failure {
    fn of(call: &Call, response: &Response, fault: Option<Fault>) -> Box<Self> {
        let is_page = fault.is_none() && !response.body.is_empty();
        let fault = fault.unwrap_or_default();
        let header = |name| response.header(name).map(str::to_owned);
        // What a cache answers has the time at which it was stored.
        let date = response.header("date").filter(|_| response.header("age").is_none());
        let milliseconds = response.header("x-amz-retry-after").and_then(|ms| ms.parse().ok());
        let seconds = response.header("retry-after").and_then(|text| text.parse::<u64>().ok());
        let asked_ms = seconds.map(|seconds| seconds.saturating_mul(1_000));
        // A web page is not S3's way to say that an object is not there.
        let cause = match response.status {
            404 if is_page && call.kind != Kind::Head => Cause::Garbled,
            status => Cause::Status(status),
        };
        Box::new(Self {
            cause,
            region: header("x-amz-bucket-region").or_else(|| fault.region.clone()),
            server_time: fault.server_time.or_else(|| date.and_then(Timestamp::parse_http_date)),
            retry_after_ms: milliseconds.or(asked_ms),
            fault: Fault {
                request_id: fault.request_id.or_else(|| header("x-amz-request-id")),
                ..fault
            },
            retries: 0,
        })
    }

    pub(super) fn garbled() -> Box<Self> {
        Self::bare(Cause::Garbled)
    }

    pub(super) fn bare(cause: Cause) -> Box<Self> {
        let fault = Fault::default();
        let (region, server_time, retry_after_ms) = (None, None, None);
        Box::new(Self { cause, fault, region, server_time, retry_after_ms, retries: 0 })
    }

    pub(super) fn status(&self) -> u16 {
        match self.cause {
            Cause::Status(status) => status,
            _ => 0,
        }
    }

    pub(super) fn code(&self) -> &str {
        &self.fault.code
    }

    pub(super) fn is_timeout(&self) -> bool {
        matches!(&self.cause, Cause::Http(error) if error.kind == HttpErrorKind::Timeout)
    }

    /// Whether the object is not there, as opposed to its bucket.
    pub(super) fn is_missing(&self) -> bool {
        match self.code() {
            "NoSuchKey" | "NoSuchVersion" => true,
            "" | "NotFound" => self.status() == 404,
            _ => false,
        }
    }

    /// Whether the object is not the version that the request was for.
    pub(super) fn is_conflict(&self) -> bool {
        self.code() == "PreconditionFailed" || self.status() == 412
    }

    /// Whether the server does not do this at all.
    pub(super) fn is_unsupported(&self) -> bool {
        matches!(self.code(), "NotImplemented" | "MethodNotAllowed" | "MissingContentMD5")
            || matches!(self.status(), 405 | 501)
            || (self.status() == 400
                && self.fault.message.split([' ', ':', ',', '.']).any(|word| word == "Content-MD5"))
    }

    /// Whether the upload in parts is not there, or no longer.
    pub(super) fn is_ended_upload(&self) -> bool {
        self.code() == "NoSuchUpload"
    }

    /// Whether the signature was refused because of its date.
    pub(super) fn is_skewed(&self) -> bool {
        self.code() == "RequestTimeTooSkewed"
    }

    /// Whether the credentials were refused because new ones are due.
    pub(super) fn is_stale_session(&self) -> bool {
        matches!(self.code(), "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired")
    }

    /// The region to sign for instead of `signed`, where that is what was wrong.
    pub(super) fn other_region(&self, signed: &str) -> Option<&str> {
        let is_elsewhere = matches!(
            self.code(),
            "PermanentRedirect"
                | "TemporaryRedirect"
                | "AuthorizationHeaderMalformed"
                | "AuthorizationQueryParametersError"
                | "IllegalLocationConstraintException"
        ) || matches!(self.status(), 301 | 307 | 308)
            || (self.status() == 400 && self.code().is_empty());
        let region = self.region.as_deref().filter(|_| is_elsewhere)?;
        let is_name = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        (region != signed && is_name(region)).then_some(region)
    }

    /// What the user is told.
    pub(super) fn to_error(&self, bucket: &str, host: &str) -> Error {
        match &self.cause {
            Cause::Local(error) => error.clone(),
            Cause::Http(error) => self.transport_error(error, host),
            Cause::Garbled => Error::new(
                ErrorKind::Unavailable,
                format!(
                    "{host} answered with what is not S3's, or with half of it; check that it is \
                     an S3 endpoint and try again"
                ),
            ),
            Cause::Status(status) => {
                let (kind, advice) = self.advice(*status, bucket, host);
                Error::new(kind, format!("{advice} ({})", self.evidence(*status)))
            }
        }
    }

    fn transport_error(&self, error: &HttpError, host: &str) -> Error {
        let message = match error.kind {
            HttpErrorKind::Connect => {
                // A browser does not tell the two apart.
                let and_cors = if cfg!(target_arch = "wasm32") {
                    " (and, in a browser, whether the bucket's CORS rules allow this page)"
                } else {
                    ""
                };
                format!("no connection to {host}; check the endpoint and the network{and_cors}")
            }
            HttpErrorKind::Timeout => {
                let message = format!("{host} did not answer in time; try again, or allow more");
                return Error::timed_out(message).with_source(error.clone());
            }
            HttpErrorKind::Broken => {
                format!("the connection to {host} broke before the answer was whole; try again")
            }
            HttpErrorKind::Redirected => {
                let message = format!(
                    "{host} sends the request elsewhere, and this host is not told where; correct \
                     region and endpoint"
                );
                return Error::new(ErrorKind::Invalid, message).with_source(error.clone());
            }
            HttpErrorKind::Unsendable => {
                let message = "a request to S3 cannot be sent as it is; please report it";
                return Error::new(ErrorKind::Internal, message).with_source(error.clone());
            }
        };
        Error::new(ErrorKind::Unavailable, message).with_source(error.clone())
    }

    /// The kind of error, and what to do about it.
    fn advice(&self, status: u16, bucket: &str, host: &str) -> (ErrorKind, String) {
        use ErrorKind::{Conflict, Denied, Full, Invalid, Unavailable};
        if let Some(advice) = self.advice_of_code(bucket, host) {
            return advice;
        }
        match status {
            _ if retry::pace(self).is_some() => {
                (Unavailable, format!("{host} cannot answer now; try again later"))
            }
            300..=399 => (Invalid, self.elsewhere(bucket)),
            401 | 403 => (Denied, denied(bucket)),
            412 => (Conflict, "the object was changed meanwhile; read it again".to_owned()),
            507 => (Full, format!("{host} has no room left; free some")),
            500.. => (Unavailable, format!("{host} failed; try again later")),
            _ => (Invalid, format!("{host} refused the request{}", self.server_message())),
        }
    }

    fn advice_of_code(&self, bucket: &str, host: &str) -> Option<(ErrorKind, String)> {
        use ErrorKind::{Conflict, Corrupt, Denied, Full, Invalid, Unavailable};
        let (kind, advice) = match self.code() {
            "NoSuchBucket" => (
                Invalid,
                format!("there is no bucket \"{bucket}\" at {host}; create it or correct its name"),
            ),
            "InvalidBucketName" => {
                (Invalid, format!("{host} takes no bucket of the name \"{bucket}\"; correct it"))
            }
            "AuthorizationHeaderMalformed" if self.region.is_some() => {
                (Invalid, self.elsewhere(bucket))
            }
            "SignatureDoesNotMatch" => (
                Denied,
                "S3 refused the signature; check the secret access key and the region, and that \
                 no proxy changes requests"
                    .to_owned(),
            ),
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden" => {
                (Denied, denied(bucket))
            }
            "InvalidAccessKeyId" => {
                (Denied, format!("{host} does not know the access key; check its id"))
            }
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                let advice = "S3 refused the session token; give the tier new credentials";
                (Denied, advice.to_owned())
            }
            "RequestTimeTooSkewed" => {
                (Denied, format!("this host's clock is not {host}'s; set it right"))
            }
            "NoSuchUpload" => (
                Unavailable,
                "the upload was ended by another, or a lifecycle rule; write it again".to_owned(),
            ),
            "InvalidObjectState" => {
                (Unavailable, "the object is archived; restore it first".to_owned())
            }
            "ConditionalRequestConflict" | "OperationAborted" | "PreconditionFailed" => {
                (Conflict, "the object was changed meanwhile; read it again".to_owned())
            }
            "XAmzContentSHA256Mismatch" | "BadDigest" => {
                (Corrupt, "the body is not what its checksum says; write it again".to_owned())
            }
            "QuotaExceeded" | "InsufficientStorage" | "StorageFull" | "XMinioStorageFull" => {
                (Full, format!("{host} has no room left; free some"))
            }
            "EntityTooLarge" => {
                (Invalid, "the object is too large for one request; make it smaller".to_owned())
            }
            "NotImplemented" | "MethodNotAllowed" => {
                (Invalid, format!("{host} does not do this; use another endpoint"))
            }
            _ => return None,
        };
        Some((kind, advice))
    }

    fn elsewhere(&self, bucket: &str) -> String {
        match self.region.as_deref().map(|region| plain(region, 64)) {
            Some(region) => format!("the bucket \"{bucket}\" is in {region}; correct the region"),
            None => {
                format!("the bucket \"{bucket}\" is in another place; correct region and endpoint")
            }
        }
    }

    /// The server's own sentence, where we know no better.
    fn server_message(&self) -> String {
        match plain(&self.fault.message, 200) {
            "" => "; check the configuration".to_owned(),
            message => format!(": {message}"),
        }
    }

    /// Code, status and request id, for the operator of the server.
    fn evidence(&self, status: u16) -> String {
        let mut evidence = match plain(self.code(), 64) {
            "" => format!("status {status}"),
            code => format!("{code}, status {status}"),
        };
        if let Some(id) = self.fault.request_id.as_deref().map(|id| plain(id, 128))
            && !id.is_empty()
        {
            evidence.push_str(", request id ");
            evidence.push_str(id);
        }
        evidence
    }
}

fn denied(bucket: &str) -> String {
    format!(
        "S3 does not allow it; check what the credentials may do with the bucket \"{bucket}\" \
         (without s3:ListBucket a missing object is answered so, too)"
    )
}

/// `text` up to `len_max` bytes, or up to what is not printable ASCII: the server's words end up in logs.
fn plain(text: &str, len_max: usize) -> &str {
    let is_strange = |byte: &u8| !matches!(byte, b' '..=b'~');
    let end = text.bytes().position(|byte| is_strange(&byte)).unwrap_or(text.len());
    &text[..end.min(len_max)]
}

#[cfg(test)]
mod tests;
