//! From a request on the wire to the S3 service and back, with the faults in between.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use s3s::service::S3Service;

use super::auth::{self, Payload};
use super::cors::Cors;
use super::faults::{Fault, Faults};
use super::kind::{Counter, Kind};
use super::store::http_date;

/// More than any test sends; it bounds what one request can make the server hold.
const BODY_BYTES_MAX: usize = 256 << 20;

/// What every connection shares.
pub(super) struct Front {
    pub(super) service: S3Service,
    pub(super) faults: Arc<Faults>,
    pub(super) counter: Counter,
    pub(super) cors: Cors,
    pub(super) region: String,
    pub(super) answered: AtomicU64,
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(super) struct Dropped;

impl Front {
    /// Answers one request, or tells hyper to close the connection.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Sent>, Dropped> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| Dropped)?;
        let body = body.to_bytes();
        let kind = Kind::of(&parts);
        self.counter.arrived(kind, body.len());
        let target = target(&parts, kind, &body);
        if let Some(latency) = self.faults.take_latency(kind, &target) {
            tokio::time::sleep(latency).await;
        }
        let releases = self.faults.releases();
        let (method, headers) = (parts.method.clone(), parts.headers.clone());
        let mut whole = true;
        let reply = match self.faults.take_fault(kind, &target) {
            None | Some(Fault::Latency(_) | Fault::KeyError { .. }) => {
                self.process(parts, kind, body).await?
            }
            Some(Fault::Error { status, code }) => {
                Refusal::new(status, code, "A fault that a test asked for").into_reply()
            }
            Some(Fault::ErrorIn200 { code }) => {
                Refusal::new(200, code, "A fault that a test asked for").into_reply()
            }
            Some(Fault::Redirect(to)) => redirect(&to),
            Some(Fault::DropBefore) => return Err(Dropped),
            Some(Fault::DropAfter) => {
                self.process(parts, kind, body).await?;
                return Err(Dropped);
            }
            Some(Fault::Hang) => {
                self.faults.hang(releases).await;
                self.process(parts, kind, body).await?
            }
            Some(Fault::Truncate) => {
                whole = false;
                self.process(parts, kind, body).await?
            }
        };
        Ok(self.send(reply, &method, &headers, whole))
    }

    async fn process(&self, parts: Parts, kind: Kind, body: Bytes) -> Result<Reply, Dropped> {
        if kind == Kind::Preflight {
            return Ok(self.cors.preflight(&parts));
        }
        if let Err(refusal) = auth::precheck(&parts, self.faults.now(), &self.region) {
            return Ok(refusal.into_reply());
        }
        let mut request = Request::from_parts(parts, s3s::Body::from(body.clone()));
        request.extensions_mut().insert(Payload(body));
        let response = self.service.call(request).await.map_err(|_| Dropped)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
        Ok(Reply { status: parts.status, headers: parts.headers, body })
    }

    fn send(
        &self,
        reply: Reply,
        method: &Method,
        asked: &HeaderMap,
        whole: bool,
    ) -> Response<Sent> {
        let Reply { status, mut headers, mut body } = reply;
        let number = self.answered.fetch_add(1, Ordering::Relaxed);
        let id = format!("{number:016X}").parse().expect("digits are a header value");
        headers.insert("x-amz-request-id", id);
        let date = http_date(self.faults.now()).parse().expect("a date is a header value");
        headers.insert(header::DATE, date);
        self.cors.decorate(asked, &mut headers);
        if status == StatusCode::NOT_MODIFIED || method == Method::HEAD {
            body.clear();
            if status != StatusCode::OK && status != StatusCode::PARTIAL_CONTENT {
                headers.remove(header::CONTENT_LENGTH);
            }
        } else if status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let cut = !whole && !body.is_empty();
        let sent = if cut { Sent::cut(&body) } else { Sent::whole(body) };
        self.counter.answered(sent.data.as_ref().map_or(0, Bytes::len));
        let mut response = Response::new(sent);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// What a rule's text is looked for in: the decoded key; on a bucket, the query and the keys to delete.
fn target(parts: &Parts, kind: Kind, body: &Bytes) -> String {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let in_bucket = parts.uri.path().trim_start_matches('/').split_once('/');
    match in_bucket {
        Some((_, key)) if !key.is_empty() => decode(key),
        _ if kind == Kind::DeleteObjects => String::from_utf8_lossy(body).into_owned(),
        _ => decode(parts.uri.query().unwrap_or_default()),
    }
}

fn redirect(to: &str) -> Reply {
    let message = "Please re-send this request to the specified temporary endpoint.";
    let mut reply =
        Refusal::new(307, "TemporaryRedirect", message).with("Endpoint", to).into_reply();
    let location = to.parse().expect("a test redirects to a URL");
    reply.headers.insert(header::LOCATION, location);
    reply
}

/// An answer before it is on its way.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn empty(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a fault has an HTTP status");
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// An `<Error>`, with the elements that some codes carry beside code and message.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    more: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), more: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub(super) fn into_reply(self) -> Reply {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        let first = [("Code", self.code.to_owned()), ("Message", self.message)];
        for (name, value) in first.into_iter().chain(self.more) {
            let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            xml.push_str(&format!("<{name}>{value}</{name}>"));
        }
        xml.push_str("</Error>");
        let mut reply = Reply::empty(self.status);
        let content_type = HeaderValue::from_static("application/xml");
        reply.headers.insert(header::CONTENT_TYPE, content_type);
        reply.body = xml.into();
        reply
    }
}

/// A body on its way, whole or cut off in the middle.
pub(super) struct Sent {
    data: Option<Bytes>,
    len: u64,
    cut: Option<Cut>,
}

/// Between the data and the error that closes the connection, hyper must get to write the data.
enum Cut {
    Flush,
    Close,
}

impl Sent {
    fn whole(data: Bytes) -> Self {
        Self { len: data.len() as u64, data: Some(data), cut: None }
    }

    fn cut(data: &Bytes) -> Self {
        let half = data.slice(..data.len() / 2);
        Self { len: data.len() as u64, data: Some(half), cut: Some(Cut::Flush) }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = fmt::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, fmt::Error>>> {
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.cut {
            None => Poll::Ready(None),
            Some(Cut::Flush) => {
                self.cut = Some(Cut::Close);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Cut::Close) => Poll::Ready(Some(Err(fmt::Error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.cut.is_none() && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed without an answer")
    }
}

impl std::error::Error for Dropped {}

impl From<Infallible> for Dropped {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
