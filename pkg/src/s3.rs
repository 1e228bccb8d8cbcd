//! S3 as a tier, as TypeScript calls it (`ts/s3.ts`).

use core::{cell::RefCell, fmt, future::ready};
use std::sync::Arc;

use async_trait::async_trait;
use js_sys::{Array, Function, Promise};
use tiered_storage::{
    ETag, Error, Requested, S3Tier, Timestamp, Watcher,
    cost::{Class, Operation, Prices, Requests, Tally},
    format,
    s3::{
        Addressing, Answer, Ask, ConditionalWrites, Credentials, CredentialsProvider, Flags,
        Profile, SignRequest, Unsigned,
    },
    tier::{Body, Contents, Opened, Presign, PresignMethod, Read, StorageTier},
    web::{
        error::{from_js, to_js},
        flow,
        http::FetchHttp,
        port::line,
    },
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::{
    args::{Args, body, invalid, line_or_null, number, optional, page},
    flow::Flow,
    promise::promise,
};

#[wasm_bindgen]
pub struct S3 {
    tier: S3Tier,
    prices: Option<Prices>,
    /// The tier tells it of requests as long as it is held here.
    watcher: RefCell<Option<Arc<Watcher>>>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3").field(&self.tier).finish()
    }
}

#[wasm_bindgen]
impl S3 {
    /// `credentials` gives a promise of `[id, secret, token, expiry in ms]`, or of nothing for unsigned requests.
    /// `sign` takes a request as an array and gives a promise of headers, names and values by turns. `options`: bucket, endpoint, region, prefix, whether the bucket is in the host, and how many requests at once,
    /// how many ms and how many attempts at most, prices, and the provider: a number, or what it can do.
    #[wasm_bindgen(constructor)]
    pub fn new(
        credentials: Function,
        fetch: Option<Function>,
        options: Array,
        sign: Option<Function>,
    ) -> Result<Self, JsValue> {
        let options = Args(options);
        let mut builder = S3Tier::builder(options.text(0).unwrap_or_default())
            .credentials(JsCredentials(credentials))
            .http(FetchHttp::new(fetch))
            .prefix(options.text(3).unwrap_or_default());
        if let Some(endpoint) = options.text(1) {
            builder = builder.endpoint(endpoint);
        }
        if let Some(region) = options.text(2) {
            builder = builder.region(region);
        }
        builder = match options.0.get(4).as_bool() {
            Some(true) => builder.addressing(Addressing::VirtualHost),
            Some(false) => builder.addressing(Addressing::Path),
            None => builder,
        };
        if let Some(sign) = sign {
            builder = builder.sign_with(JsSigner(sign));
        }
        if let Some(requests) = options.number(5) {
            builder = builder.concurrency_max(requests as usize);
        }
        if let Some(ms) = options.number(6) {
            builder = builder.timeout_ms(ms as u64);
        }
        if let Some(attempts) = options.number(7) {
            builder = builder.attempts_max(attempts as u32);
        }
        if let Some(profile) = options.profile(9) {
            builder = builder.profile(profile);
        }
        let tier = builder.build().map_err(|error| to_js(&error))?;
        let prices = (!options.0.get(8).is_undefined()).then(|| options.array(8).prices());
        Ok(Self { tier, prices, watcher: RefCell::default() })
    }

    /// Runs the call of that number. What it takes and gives is in `ts/wasm.ts`.
    pub fn call(&self, call: u8, args: Array) -> Promise {
        let args = Args(args);
        let given = match call {
            COSTS => Ok(costs(&self.tier.requests().unwrap_or_default(), self.prices)),
            STAGE => args.key(0).map(|key| Flow::stage(self.tier.staging(&key)).into()),
            _ => return self.ask(args.ask(call, None)),
        };
        promise(None, Box::pin(ready(given)))
    }

    /// Has `listener` told of every request, in place of the one before.
    pub fn watch(&self, listener: Option<Function>) {
        let watcher = listener.map(|listener| -> Arc<Watcher> {
            Arc::new(move |request| {
                // A listener that throws harms nobody; TypeScript reports what it threw.
                drop(listener.apply(&JsValue::UNDEFINED, &request_array(request)));
            })
        });
        if let Some(watcher) = &watcher {
            self.tier.watch(Arc::downgrade(watcher));
        }
        self.watcher.replace(watcher);
    }

    /// Runs the call that stores, for a body that lies ready here.
    pub(crate) fn store(&self, args: Array, body: Contents) -> Promise {
        self.ask(Args(args).ask(STORE, Some(body)))
    }

    fn ask(&self, ask: Result<Ask, Error>) -> Promise {
        let asked = ask.map(|ask| self.tier.ask(ask));
        promise(None, Box::pin(async move { Ok(given(asked?.await?)) }))
    }
}

const COSTS: u8 = 8;
const STAGE: u8 = 12;
const STORE: u8 = 13;

impl Args {
    /// What the call of that number asks; `ready` is a body that is not among what it was given.
    fn ask(&self, call: u8, ready: Option<Contents>) -> Result<Ask, Error> {
        let version = |at| self.text(at).map(ETag::new);
        let metadata = || format::decode(&self.key(0)?, &self.text(1).unwrap_or_default());
        Ok(match call {
            0 => Ask::Read(self.key(0)?, version(1)),
            1 => Ask::Head(self.key(0)?),
            2 => Ask::Patch(metadata()?),
            3 => Ask::Remove((0..self.len()).map(|at| self.key(at)).collect::<Result<_, _>>()?),
            4 => Ask::RemoveVersion(metadata()?),
            5 => {
                let prefix = self.text(0).unwrap_or_default();
                Ask::List(prefix, self.text(1), self.count(2) as usize)
            }
            6 => Ask::Usage,
            7 => Ask::Clear,
            9 => {
                let method = match self.count(1) {
                    0 => PresignMethod::Get,
                    1 => PresignMethod::Head,
                    2 => PresignMethod::Put,
                    _ => PresignMethod::Delete,
                };
                let expires = self.duration(2).unwrap_or_default();
                Ask::Presign(self.key(0)?, Presign::new(method, expires))
            }
            10 => Ask::Open(self.key(0)?, version(1)),
            11 => Ask::ReadRange(self.key(0)?, self.range(1), version(3)),
            14 => Ask::Settled,
            _ => {
                let body = ready.unwrap_or_else(|| match body(&self.0.get(3)) {
                    Some(body) => Contents::Whole(body),
                    None => Contents::Staged(flow::source(self.0.get(3))),
                });
                Ask::Store(metadata()?, body, self.condition(2))
            }
        })
    }
}

/// An answer as `ts/wasm.ts` has it.
fn given(answer: Answer) -> JsValue {
    match answer {
        Answer::Entry(Read::Found(entry) | Read::Suspect(entry), start) => {
            let Opened { metadata, body } = entry;
            let body = match body {
                Body::Whole(body) => body.as_js().into(),
                Body::Pieces(pieces) => Flow::pieces(pieces).into(),
            };
            Array::of(&[body, line(&metadata), number(start)]).into()
        }
        Answer::Entry(Read::Unchanged, _) => JsValue::TRUE,
        Answer::Metadata(metadata) => line_or_null(metadata),
        Answer::Version(etag) => optional(etag.as_ref().map(ETag::as_str)),
        Answer::Removed(is_removed) => is_removed.into(),
        Answer::Done => JsValue::UNDEFINED,
        Answer::Keys(listing) => page(&listing.keys, listing.next.as_deref()),
        Answer::Usage(usage) => Array::of(&[number(usage.bytes), number(usage.items)]).into(),
        Answer::Url(url) => url.into(),
        // What is missing.
        _ => JsValue::NULL,
    }
}

/// The estimate where there are prices, the classes, and the operations that there were, with their names.
fn costs(requests: &Requests, prices: Option<Prices>) -> JsValue {
    let tally = |tally: Tally| -> JsValue {
        let Tally { sent, failed, bytes_sent, bytes_received, .. } = tally;
        Array::of(&[sent, failed, bytes_sent, bytes_received].map(number)).into()
    };
    let dollars = prices.map_or(JsValue::UNDEFINED, |prices| prices.estimate(requests).into());
    let array = Array::of(&[dollars]);
    for class in Class::ALL {
        array.push(&tally(requests.class(class)));
    }
    for operation in Operation::ALL {
        let counted = requests.operation(operation);
        if counted.sent > 0 {
            array.push(&operation.as_str().into());
            array.push(&tally(counted));
        }
    }
    array.into()
}

fn request_array(request: &Requested) -> Array {
    Array::of(&[
        request.operation.as_str().into(),
        request.status.into(),
        request.attempts.into(),
        number(request.bytes_sent),
        number(request.bytes_received),
        number(request.elapsed_ms),
    ])
}

impl Args {
    /// Prices in the order of `PRICES` in `ts/s3.ts`.
    fn prices(&self) -> Prices {
        let or = |at, default| self.number(at).unwrap_or(default);
        Prices {
            put_per_1000: or(0, Prices::AWS.put_per_1000),
            get_per_1000: or(1, Prices::AWS.get_per_1000),
            delete_per_1000: or(2, Prices::AWS.delete_per_1000),
            out_per_gib: or(3, Prices::AWS.out_per_gib),
            in_per_gib: or(4, Prices::AWS.in_per_gib),
        }
    }

    /// A provider by its number in `PROVIDERS` of `ts/s3.ts`, or by what it can do, in the order of `ABILITIES`.
    fn profile(&self, at: u32) -> Option<Profile> {
        let given = self.0.get(at);
        if given.is_undefined() {
            return None;
        }
        let profile = match given.as_f64().map(|number| number as u8) {
            Some(0) => Profile::Aws,
            Some(1) => Profile::R2,
            Some(2) => Profile::MinIo,
            Some(3) => Profile::Gcs,
            Some(4) => Profile::B2,
            Some(5) => Profile::Garage,
            Some(_) => Profile::Ceph,
            None => Profile::Custom(self.array(at).flags()),
        };
        Some(profile)
    }

    fn flags(&self) -> Flags {
        let or = |at, default| self.0.get(at).as_bool().unwrap_or(default);
        let mut flags = Flags::default();
        flags.removes_many = or(0, flags.removes_many);
        flags.removes_versions = or(1, flags.removes_versions);
        flags.conditional_writes = match self.number(2).map(|number| number as u8) {
            Some(0) => ConditionalWrites::Supported,
            Some(1) => ConditionalWrites::Unsupported,
            _ => ConditionalWrites::Probe,
        };
        flags.bare_if_match = or(3, flags.bare_if_match);
        flags
    }
}

/// Credentials from a function of TypeScript's, which has checked what the user gave.
struct JsCredentials(Function);

impl fmt::Debug for JsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsCredentials")
    }
}

#[async_trait(?Send)]
impl CredentialsProvider for JsCredentials {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        let given = ask(&self.0, &JsValue::UNDEFINED).await?;
        if given.is_undefined() {
            return Ok(Credentials::anonymous());
        }
        let given = Args(given.unchecked_into());
        let (Some(id), Some(secret)) = (given.text(0), given.text(1)) else {
            return Err(invalid("the credentials have no id or no secret"));
        };
        let mut credentials = Credentials::new(id, secret);
        if let Some(token) = given.text(2) {
            credentials = credentials.with_session_token(token);
        }
        if let Some(expiry) = given.time(3) {
            credentials = credentials.with_expiry(expiry);
        }
        Ok(credentials)
    }
}

/// Signatures from a function of TypeScript's, which has checked what the user's gave.
struct JsSigner(Function);

impl fmt::Debug for JsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsSigner")
    }
}

#[async_trait(?Send)]
impl SignRequest for JsSigner {
    async fn sign(&self, unsigned: Unsigned<'_>) -> Result<Vec<(String, String)>, Error> {
        let Unsigned { request, payload_sha256, region, .. } = unsigned;
        let headers = Array::new();
        for (name, value) in &request.headers {
            headers.push(&JsValue::from_str(name));
            headers.push(&JsValue::from_str(value));
        }
        let text = JsValue::from_str;
        let (method, url) = (text(request.method.as_str()), text(&request.url));
        let array = Array::of(&[method, url, headers.into(), text(payload_sha256), text(region)]);
        let given = Args(ask(&self.0, &array).await?.unchecked_into());
        Ok(given.map().into_iter().collect())
    }
}

/// What a function gives, or what the promise that it gives resolves to.
async fn ask(function: &Function, argument: &JsValue) -> Result<JsValue, Error> {
    let given = function.call1(&JsValue::UNDEFINED, argument).map_err(from_js)?;
    JsFuture::from(Promise::resolve(&given)).await.map_err(from_js)
}
