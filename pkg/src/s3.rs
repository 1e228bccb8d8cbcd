//! S3 as a tier, as TypeScript calls it (`ts/s3.ts`).

use core::{cell::RefCell, fmt};
use std::sync::Arc;

use async_trait::async_trait;
use js_sys::{Array, Function, Promise, Uint8Array};
use tiered_storage::{
    ETag, Error, Metadata, Requested, S3Tier, Timestamp, Watcher,
    cost::{Class, Operation, Prices, Requests, Tally},
    format,
    s3::{
        Addressing, ConditionalWrites, Credentials, CredentialsProvider, Flags, Profile,
        SignRequest, Unsigned,
    },
    tier::{
        Body, Contents, Opened, Page, Part, Patched, Payload, Presign, PresignMethod, Read,
        StorageTier, Stored,
    },
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

    /// Runs the call of that number.
    pub fn call(&self, call: u8, args: Array) -> Promise {
        promise(None, Box::pin(run(self.tier.clone(), self.prices, call, Args(args))))
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

    /// Stores a body for a key and a line, by a condition where there is one.
    pub(crate) fn store(&self, args: Array, body: Contents) -> Promise {
        promise(None, Box::pin(store(self.tier.clone(), Args(args), body)))
    }
}

/// Runs a call. What it takes and gives is in `ts/wasm.ts`.
async fn run(tier: S3Tier, prices: Option<Prices>, call: u8, args: Args) -> Result<JsValue, Error> {
    Ok(match call {
        0 => {
            let read = tier.read(&args.key(0)?, args.text(1).map(ETag::new).as_ref()).await?;
            found(read.map(|Stored { metadata, body }| (metadata, body.as_js().into(), 0)))
        }
        1 => line_or_null(tier.head(&args.key(0)?).await?),
        2 => {
            let metadata = args.metadata()?;
            let key = metadata.key().clone();
            let body = Payload::from(args.0.get(2).unchecked_into::<Uint8Array>());
            version(tier.write(&key, Stored { metadata, body }).await?)
        }
        3 => {
            let metadata = args.metadata()?;
            match tier.patch(metadata.key(), &metadata).await? {
                Patched::Done(etag) => version(etag),
                _ => JsValue::NULL,
            }
        }
        4 => {
            let mut keys = Vec::new();
            for at in 0..args.len() {
                keys.push(args.key(at)?);
            }
            tier.remove(&keys).await?;
            JsValue::UNDEFINED
        }
        5 => {
            let metadata = args.metadata()?;
            tier.remove_version(metadata.key(), &metadata).await?.into()
        }
        6 => {
            let (prefix, after) = (args.text(0).unwrap_or_default(), args.text(1));
            let limit = args.count(2) as usize;
            let listing =
                tier.list(Page { prefix: &prefix, after: after.as_deref(), limit }).await?;
            page(&listing.keys, listing.next.as_deref())
        }
        7 => {
            let usage = tier.usage().await?;
            Array::of(&[number(usage.bytes), number(usage.items)]).into()
        }
        8 => {
            tier.clear().await?;
            JsValue::UNDEFINED
        }
        9 => costs(&tier.requests().unwrap_or_default(), prices),
        15 => {
            tier.settled().await;
            JsValue::UNDEFINED
        }
        10 => {
            let method = match args.count(1) {
                0 => PresignMethod::Get,
                1 => PresignMethod::Head,
                2 => PresignMethod::Put,
                _ => PresignMethod::Delete,
            };
            let presign = Presign::new(method, args.duration(2).unwrap_or_default());
            StorageTier::presign(&tier, &args.key(0)?, presign).await?.into()
        }
        _ => return pieces(tier, call, args).await,
    })
}

/// The calls about bodies that are not in memory as a whole.
async fn pieces(tier: S3Tier, call: u8, args: Args) -> Result<JsValue, Error> {
    Ok(match call {
        11 => {
            let read = tier.open(&args.key(0)?, args.text(1).map(ETag::new).as_ref()).await?;
            found(read.map(|Opened { metadata, body }| {
                let body = match body {
                    Body::Whole(body) => body.as_js().into(),
                    Body::Pieces(pieces) => Flow::pieces(pieces).into(),
                };
                (metadata, body, 0)
            }))
        }
        12 => {
            let unless = args.text(3).map(ETag::new);
            let read = tier.read_range(&args.key(0)?, args.range(1), unless.as_ref()).await?;
            read.map_or(JsValue::UNDEFINED, |read| {
                found(read.map(|Part { metadata, range, body }| {
                    (metadata, body.as_js().into(), range.start)
                }))
            })
        }
        13 => {
            let stage = tier.stage(&args.key(0)?).await?;
            stage.map_or(JsValue::UNDEFINED, |stage| Flow::stage(stage).into())
        }
        _ => {
            let contents = match body(&args.0.get(3)) {
                Some(body) => Contents::Whole(body),
                None => Contents::Staged(flow::source(args.0.get(3))),
            };
            return store(tier, args, contents).await;
        }
    })
}

async fn store(tier: S3Tier, args: Args, body: Contents) -> Result<JsValue, Error> {
    let (metadata, condition) = (args.metadata()?, args.condition(2));
    let stored = tier.store(metadata.key(), &metadata, body, condition.as_ref()).await?;
    Ok(version(stored))
}

/// A body, its line, and where it starts.
fn found(read: Read<(Metadata, JsValue, u64)>) -> JsValue {
    match read {
        Read::Found((metadata, body, start)) | Read::Suspect((metadata, body, start)) => {
            Array::of(&[body, line(&metadata), number(start)]).into()
        }
        Read::Unchanged => JsValue::TRUE,
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

    /// A key and a line.
    fn metadata(&self) -> Result<Metadata, Error> {
        format::decode(&self.key(0)?, &self.text(1).unwrap_or_default())
    }
}

fn version(etag: Option<ETag>) -> JsValue {
    optional(etag.as_ref().map(ETag::as_str))
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
