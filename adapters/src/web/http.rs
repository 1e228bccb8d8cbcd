//! [`Http`] over `fetch`, and the clock of S3 in JavaScript.

use async_trait::async_trait;
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use tiered_storage_core::Timestamp;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{
    clock,
    js::{get, opaque},
    streams::{Readable, Reader},
};
use crate::{
    host::Task,
    pieces::{Give, given},
    s3::{
        Environment, Http, HttpError, HttpErrorKind, METADATA_HEADER, Method, Opening, Request,
        Response, remove_header,
    },
    tier::Payload,
};

#[wasm_bindgen]
extern "C" {
    type AbortController;
    #[wasm_bindgen(constructor)]
    fn new() -> AbortController;
    #[wasm_bindgen(method, structural, getter)]
    fn signal(this: &AbortController) -> JsValue;
    #[wasm_bindgen(method, structural)]
    fn abort(this: &AbortController);

    #[wasm_bindgen(js_name = Request)]
    type JsRequest;
    #[wasm_bindgen(constructor, js_class = "Request", catch)]
    fn new(url: &str, init: &Object) -> Result<JsRequest, JsValue>;

    // What a function of the user's gives can throw when it is looked into.
    #[wasm_bindgen(js_namespace = Array, js_name = from, catch)]
    fn array_from(iterable: &JsValue) -> Result<Array, JsValue>;
    #[wasm_bindgen(extends = Uint8Array, js_name = Uint8Array)]
    type Viewed;
    #[wasm_bindgen(constructor, js_class = "Uint8Array", catch)]
    fn new(buffer: &JsValue) -> Result<Viewed, JsValue>;

    #[wasm_bindgen(js_name = fetch, catch)]
    fn fetch(url: &str, init: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &Function, ms: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// Sends requests with `fetch`: no cookies, no cache, no redirects.
///
/// Bodies stay on the JavaScript heap. Dropping a request aborts it. What `fetch` decodes on the way (a
/// `Content-Encoding` that another program gave its object) is shown as if it had been stored so, since the bytes that
/// were stored cannot be had.
pub struct FetchHttp {
    /// A `fetch` of the user's; without one the realm's, as it is when a request is sent.
    fetch: Option<Function>,
    /// Some versions of workerd refuse a request that says how to cache it. They cache none.
    takes_cache: bool,
    /// Chromium takes in the rest of a body while nobody reads.
    hoards: bool,
}

/// How much of it may lie about.
const HOARD_BYTES_MAX: u64 = 16 << 20;

impl FetchHttp {
    /// Sends with the realm's `fetch`, or with another function that does as it does.
    pub fn new(fetch: Option<Function>) -> Self {
        let init = Object::new();
        set_text(&init, "cache", "no-store");
        let takes_cache = JsRequest::new("http://localhost", &init).is_ok();
        let agent = get(&get(&js_sys::global(), "navigator"), "userAgent").as_string();
        let is_chromium =
            |agent: String| agent.split(['/', ' ']).any(|word| word.ends_with("Chrome"));
        Self { fetch, takes_cache, hoards: agent.is_some_and(is_chromium) }
    }

    fn start(&self, request: Request, signal: &JsValue) -> Result<Promise, JsValue> {
        let headers = Object::new();
        for (name, value) in &request.headers {
            set_text(&headers, name, value);
        }
        let init = Object::new();
        set_text(&init, "method", request.method.as_str());
        set(&init, "headers", &headers);
        set_text(&init, "redirect", "manual");
        set_text(&init, "credentials", "omit");
        set(&init, "signal", signal);
        if self.takes_cache {
            set_text(&init, "cache", "no-store");
        }
        if matches!(request.method, Method::Put | Method::Post) {
            set(&init, "body", request.body.as_js());
        }
        let answer = match &self.fetch {
            Some(fetch) => fetch.call2(&JsValue::UNDEFINED, &request.url.into(), &init),
            None => fetch(&request.url, &init),
        };
        Ok(Promise::resolve(&answer?))
    }
}

opaque!(FetchHttp);

#[async_trait(?Send)]
impl Http for FetchHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.open(request, u64::MAX).await.map(|(response, _)| response)
    }

    async fn open(&self, request: Request, whole_bytes_max: u64) -> Result<Opening, HttpError> {
        let method = request.method;
        let abort = Abort(AbortController::new());
        let answer = self.start(request, &abort.0.signal());
        let answer = settled(answer, HttpErrorKind::Connect).await?;

        let kind = get(&answer, "type").as_string().unwrap_or_default();
        let status =
            get(&answer, "status").as_f64().filter(|status| (100.0..600.0).contains(status));
        let Some(status) = status else {
            return Err(match kind.as_str() {
                "opaqueredirect" => error(
                    HttpErrorKind::Redirected,
                    "the answer is a redirect, and browsers do not tell where to",
                ),
                _ => error(HttpErrorKind::Broken, "fetch gave no response"),
            });
        };
        let mut response = Response {
            status: status as u16,
            headers: headers(&get(&answer, "headers")),
            is_filtered: kind == "cors",
            ..Response::default()
        };
        let is_long = response.announced_bytes().is_some_and(|bytes| bytes > whole_bytes_max);
        if method == Method::Get
            && is_long
            && !may_be_decoded(&response)
            && let Some(reader) = reader(&answer)
        {
            return Ok((response, Some(given(Box::new(Reading { reader, _abort: abort })))));
        }
        let body = settled(body(&answer), HttpErrorKind::Broken).await?;
        if !body.is_object() {
            return Err(error(HttpErrorKind::Broken, "fetch gave a response without its bytes"));
        }
        let body = Viewed::new(&body);
        let body = body.map_err(|thrown| error(HttpErrorKind::Broken, &said(&thrown)))?;
        response.body = Payload::from(Uint8Array::from(body));
        if method == Method::Get {
            disregard_encoding(&mut response);
        }
        Ok((response, None))
    }

    fn may_repeat(&self) -> bool {
        true
    }

    fn answer_bytes_max(&self) -> u64 {
        if self.hoards { HOARD_BYTES_MAX } else { u64::MAX }
    }
}

/// Ends a request whose answer nobody waits for any more; one that is whole already does not notice.
struct Abort(AbortController);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a promise comes to, if it was made at all.
async fn settled(
    started: Result<Promise, JsValue>,
    kind: HttpErrorKind,
) -> Result<JsValue, HttpError> {
    let settled = match started {
        Ok(promise) => JsFuture::from(promise).await,
        Err(thrown) => Err(thrown),
    };
    settled.map_err(|thrown| error(kind, &said(&thrown)))
}

fn body(answer: &JsValue) -> Result<Promise, JsValue> {
    let read: Function = get(answer, "arrayBuffer").dyn_into()?;
    Ok(Promise::resolve(&read.call0(answer)?))
}

/// What gives the body in pieces; a `fetch` of the user's need not have one.
fn reader(answer: &JsValue) -> Option<Reader> {
    let body = get(answer, "body");
    get(&body, "getReader").is_function().then(|| body.unchecked_into::<Readable>().reader())
}

/// Reads on while somebody does; dropped, it ends the request.
struct Reading {
    reader: Reader,
    _abort: Abort,
}

#[async_trait(?Send)]
impl Give<HttpError> for Reading {
    async fn next(&mut self) -> Result<Option<Payload>, HttpError> {
        let step = settled(Ok(self.reader.read()), HttpErrorKind::Broken).await?;
        if get(&step, "done").is_truthy() {
            return Ok(None);
        }
        let piece = get(&step, "value").dyn_into::<Uint8Array>();
        let piece = piece.map_err(|value| error(HttpErrorKind::Broken, &said(&value)))?;
        Ok(Some(piece.into()))
    }
}

fn headers(headers: &JsValue) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for pair in array_from(headers).unwrap_or_default() {
        let (name, value) = (get(&pair, "0").as_string(), get(&pair, "1").as_string());
        found.extend(name.zip(value));
    }
    found
}

/// Whether `fetch` may have decoded the body, which shows in its length once it is whole. This library's own objects have
/// no encoding; of others, rules of CORS may hide it.
fn may_be_decoded(response: &Response) -> bool {
    response.header("content-encoding").is_some()
        || (response.is_filtered && response.header(METADATA_HEADER).is_none())
}

/// Takes out what is said of the encoded bytes if `fetch` has decoded them. It does so where it knows the encoding.
fn disregard_encoding(response: &mut Response) {
    let len = response.body.len() as u64;
    let Some(announced) = response.announced_bytes().filter(|bytes| *bytes != len) else { return };
    // Where rules of CORS hide the encoding, more bytes than were sent still show it.
    if response.header("content-encoding").is_some() || len > announced {
        for of_the_encoded in ["content-encoding", "content-length", "x-amz-checksum-sha256"] {
            remove_header(&mut response.headers, of_the_encoded);
        }
    }
}

/// What was thrown, in words; Node tells the reason in a cause.
fn said(thrown: &JsValue) -> String {
    let message = |thrown: &JsValue| get(thrown, "message").as_string().unwrap_or_default();
    match (message(thrown), message(&get(thrown, "cause"))) {
        (message, cause) if cause.is_empty() => message,
        (message, cause) => format!("{message}: {cause}"),
    }
}

fn error(kind: HttpErrorKind, message: &str) -> HttpError {
    HttpError { kind, message: message.to_owned() }
}

fn set_text(object: &Object, name: &str, value: &str) {
    set(object, name, &JsValue::from_str(value));
}

/// Sets a property of an object that was made here.
fn set(object: &Object, name: &str, value: &JsValue) {
    drop(Reflect::set(object, &name.into(), value));
}

/// The realm's clock, timers and dice.
#[derive(Clone, Copy, Debug)]
pub struct WebEnvironment;

#[async_trait(?Send)]
impl Environment for WebEnvironment {
    fn now(&self) -> Timestamp {
        clock::system_time()
    }

    async fn sleep(&self, ms: u64) {
        // A timer takes 31 bits; longer ones would ring at once.
        let ms = ms.min(i32::MAX as u64) as f64;
        let (mut timer, mut ring) = (JsValue::UNDEFINED, None);
        let promise = Promise::new(&mut |resolve, _| {
            timer = set_timeout(&resolve, ms);
            ring = Some(resolve);
        });
        let _timer = Timer { timer, ring };
        drop(JsFuture::from(promise).await);
    }

    fn random(&self) -> u64 {
        clock::random()
    }

    fn spawn(&self, task: Task) {
        spawn_local(task);
    }
}

/// A timer that is stopped when nobody waits for it any more: most guard requests that are answered long before, and
/// would keep a process alive, and memory taken, until they ring.
struct Timer {
    timer: JsValue,
    ring: Option<Function>,
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
        if let Some(ring) = &self.ring {
            drop(ring.call0(&JsValue::UNDEFINED));
        }
    }
}

#[cfg(web_tests)]
mod tests;
