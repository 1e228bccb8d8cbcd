//! The seam between S3 and the host: requests and responses as values, and the few things only a host has.

use core::{fmt, future::poll_fn, task::Poll};
use std::borrow::Cow;

use async_trait::async_trait;
use tiered_storage_core::Timestamp;

use crate::{
    host::Task,
    payload::{self, Payload},
    pieces::Pieces,
    tier::Shareable,
};

/// Sends one HTTP request and gives the whole response.
///
/// It follows no redirects, decodes no `Content-Encoding`, keeps no cache and sends the URL as it stands, byte for
/// byte. Dropping the future abandons the request. Time limits and retries are not its matter.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Http: fmt::Debug + Shareable {
    /// Sends `request`.
    ///
    /// # Errors
    ///
    /// Any answer of the server is a response, whatever its status; an error means that there is no whole answer.
    async fn send(&self, request: Request) -> Result<Response, HttpError>;

    /// Sends `request`, and gives the response as soon as its head is there. A body of which the head says that it has
    /// more than `whole_bytes_max` bytes comes in pieces, and any other is in the response. Dropping the pieces
    /// abandons the rest.
    ///
    /// This default waits for every body.
    ///
    /// # Errors
    ///
    /// As of [`Http::send`]. A body that breaks off ends with an error.
    async fn open(&self, request: Request, _whole_bytes_max: u64) -> Result<Opening, HttpError> {
        Ok((self.send(request).await?, None))
    }

    /// Whether a request may reach the server more often than it is sent here: browsers send one again, and tell nobody,
    /// when a connection is closed that they had kept. What a write meets then may be what it has written.
    ///
    /// This default says that it may not.
    fn may_repeat(&self) -> bool {
        false
    }

    /// How many bytes to ask for at once of a long body that is read piece by piece: Chromium takes in what the server
    /// sends, whether it is read or not.
    ///
    /// This default has no limit.
    fn answer_bytes_max(&self) -> u64 {
        u64::MAX
    }
}

/// A response, and the body if it comes in pieces.
pub type Opening = (Response, Option<Pieces<HttpError>>);

/// The host's clock and dice. Everything that S3 knows of time and chance comes from here.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Environment: fmt::Debug + Shareable {
    /// The time by this host's clock, right or wrong.
    fn now(&self) -> Timestamp;

    /// Waits for `ms` milliseconds.
    async fn sleep(&self, ms: u64);

    /// A number of which every value is as likely; it need not be unpredictable.
    fn random(&self) -> u64;

    /// Runs a task that nobody waits for: one that tidies up after a call that was given up. This default lets it be,
    /// so that what such a call leaves stays until the bucket's lifecycle rules remove it.
    fn spawn(&self, task: Task) {
        drop(task);
    }
}

/// What `sending` comes to, if it does within `ms`.
pub(super) async fn within_timeout<T>(
    environment: &dyn Environment,
    ms: u64,
    sending: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    let mut sending = core::pin::pin!(sending);
    let mut alarm = environment.sleep(ms);
    let in_time = poll_fn(|context| match sending.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => alarm.as_mut().poll(context).map(|()| None),
    });
    in_time.await.unwrap_or_else(|| {
        let message = format!("no whole answer within {ms} ms");
        Err(HttpError { kind: HttpErrorKind::Timeout, message })
    })
}

/// An HTTP method that S3 uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `PUT`
    Put,
    /// `POST`
    Post,
    /// `DELETE`
    Delete,
}

impl Method {
    /// The method as it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// An HTTP request. Its `Debug` shows no header values, since credentials are among them.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// The absolute URL, percent-encoded already.
    pub url: String,
    /// Names in lower case and values, in printable ASCII. `host` and `content-length` are the transport's matter.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Payload,
}

impl Request {
    /// Takes out every header `name` (in lower case).
    pub(super) fn remove_header(&mut self, name: &str) {
        remove_header(&mut self.headers, name);
    }

    /// The value of the header `name` (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "{} {} {names:?} [{} bytes]", self.method.as_str(), self.url, self.body.len())
    }
}

/// Takes out every header `name` (in lower case).
pub(crate) fn remove_header(headers: &mut Vec<(String, String)>, name: &str) {
    headers.retain(|(known, _)| known != name);
}

/// An HTTP response, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body as it came over the wire.
    pub body: Payload,
    /// Whether headers that the server sent may be missing: in a browser, a page sees those of another origin only as
    /// far as that origin's CORS rules expose them.
    pub is_filtered: bool,
}

impl Response {
    /// The value of the header `name` (in lower case); the first, if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The length that the head gives the body.
    pub(crate) fn announced_bytes(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The body as bytes to look into: what is not an entry's body is short.
    pub(super) fn text(&self) -> Cow<'_, [u8]> {
        payload::start(&self.body, self.body.len())
    }

    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no whole answer. It carries no URL and no header.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug))]
pub struct HttpError {
    /// What went wrong.
    pub kind: HttpErrorKind,
    /// What the transport says of it.
    pub message: String,
}

#[cfg(target_arch = "wasm32")]
crate::web::js::opaque!(HttpError);

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for HttpError {}

/// The ways in which a request gets no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// No connection was made.
    Connect,
    /// A time limit ran out.
    Timeout,
    /// The connection broke before the answer was whole.
    Broken,
    /// The request cannot be sent at all; trying again is of no use.
    Unsendable,
    /// The server sends the request elsewhere, and the transport does not tell where.
    Redirected,
}
