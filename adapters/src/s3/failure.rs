//! What a request came to nothing for.

mod advice;

use tiered_storage_core::{Error, Timestamp};

use super::{
    HttpError, HttpErrorKind, Opening, Response,
    request::{Call, Kind, METADATA_HEADER},
    response::{self, Fault},
    retry,
};

/// The header that some servers want with a removal of many.
const CONTENT_MD5: &[u8] = b"Content-MD5";

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
        Kind::Get => {
            (rest.is_none() && (is_short(&response) || is_headless(&response)))
                || is_nameless(&response)
        }
        Kind::Head => is_nameless(&response) || is_headless(&response),
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
        // S3 says nothing more; a web page would do so.
        Kind::Delete | Kind::AbortUpload => !response.body.is_empty(),
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

/// Whether the answer may have ended in its head. Of what comes without TLS, Chromium takes the headers that there are for
/// all of them, and an entry would look like an empty object that another program wrote.
fn is_headless(response: &Response) -> bool {
    response.is_filtered
        && response.body.is_empty()
        && response.header("content-length").is_none()
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
                && self
                    .fault
                    .message
                    .as_bytes()
                    .windows(CONTENT_MD5.len())
                    .any(|word| word == CONTENT_MD5))
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
}

#[cfg(test)]
mod tests;
