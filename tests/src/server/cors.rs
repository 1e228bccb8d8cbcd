//! What a browser is told about other origins.

use std::sync::Mutex;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;

use super::http::{Refusal, Reply};

const METHODS: &str = "GET, PUT, HEAD, POST, DELETE";
const MAX_AGE_S: &str = "3000";
const EXPOSED: &str = "ETag, Date, Content-Range, Content-Encoding, Last-Modified, \
    x-amz-meta-tiered-storage, x-amz-version-id, x-amz-request-id, x-amz-bucket-region";

/// How well the bucket's CORS rules were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CorsMode {
    /// As tiered storage asks for: the origins of the options, all headers it needs exposed.
    #[default]
    Configured,
    /// The mistake that everybody makes: the origins may read, and no header is exposed.
    HidesHeaders,
    /// No rules: preflights are refused and answers carry no CORS headers.
    Off,
}

/// The CORS rules of all buckets.
#[derive(Debug)]
pub(super) struct Cors {
    origins: Vec<String>,
    mode: Mutex<CorsMode>,
}

impl Cors {
    pub(super) fn new(origins: Vec<String>) -> Self {
        Self { origins, mode: Mutex::default() }
    }

    pub(super) fn set_mode(&self, mode: CorsMode) {
        *self.mode.lock().expect("nothing panics while it sets the mode") = mode;
    }

    /// Answers a preflight: 200 with what is allowed, 403 where nothing is.
    pub(super) fn preflight(&self, request: &Parts) -> Reply {
        let method = request.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        let known = |method: &HeaderValue| METHODS.split(", ").any(|allowed| method == allowed);
        if self.allowed(&request.headers).is_none() || !method.is_some_and(known) {
            let message = "CORSResponse: This CORS request is not allowed.";
            return Refusal::new(403, "AccessForbidden", message).into_reply();
        }
        let mut reply = Reply::empty(200);
        let headers = &mut reply.headers;
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
        if let Some(asked) = request.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        reply
    }

    /// Adds to an answer what lets the browser hand it on.
    pub(super) fn decorate(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        let Some((origin, mode)) = self.allowed(request) else { return };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
        answer.insert(header::VARY, HeaderValue::from_static(vary));
        if mode == CorsMode::Configured {
            let exposed: HeaderName = header::ACCESS_CONTROL_EXPOSE_HEADERS;
            answer.insert(exposed, HeaderValue::from_static(EXPOSED));
        }
    }

    fn allowed<'a>(&self, request: &'a HeaderMap) -> Option<(&'a HeaderValue, CorsMode)> {
        let mode = *self.mode.lock().expect("nothing panics while it reads the mode");
        let origin = request.get(header::ORIGIN)?;
        let listed = self.origins.iter().any(|allowed| allowed == "*" || origin == allowed);
        (listed && mode != CorsMode::Off).then_some((origin, mode))
    }
}
