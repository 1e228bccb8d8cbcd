//! S3 as a tier, as TypeScript calls it (`ts/s3.ts`).

use core::fmt;

use async_trait::async_trait;
use js_sys::{Array, Function, JsString, Promise, Uint8Array};
use tiered_storage::{
    ETag, Error, Key, Metadata, S3Tier, Timestamp, format,
    s3::{Addressing, Credentials, CredentialsProvider},
    tier::{Page, Patched, Payload, Read, StorageTier, Stored},
    web::{
        error::{from_js, to_js},
        http::FetchHttp,
    },
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::{
    lines::{invalid, line},
    storage::{nothing, number, promise},
};

#[wasm_bindgen]
#[derive(Debug)]
pub struct S3(S3Tier);

#[wasm_bindgen]
impl S3 {
    /// `credentials` gives a promise of `[id, secret, token, expiry in ms]`, or of nothing for unsigned requests.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::too_many_arguments, reason = "an object would cost a call for each field")]
    pub fn new(
        credentials: Function,
        bucket: String,
        endpoint: Option<String>,
        region: Option<String>,
        prefix: Option<String>,
        has_bucket_in_host: Option<bool>,
        concurrency: Option<u32>,
        timeout: Option<f64>,
        attempts: Option<u32>,
        fetch: Option<Function>,
    ) -> Result<Self, JsValue> {
        let mut builder = S3Tier::builder(bucket)
            .credentials(JsCredentials(credentials))
            .http(FetchHttp::new(fetch))
            .prefix(prefix.unwrap_or_default());
        if let Some(endpoint) = endpoint {
            builder = builder.endpoint(endpoint);
        }
        if let Some(region) = region {
            builder = builder.region(region);
        }
        builder = match has_bucket_in_host {
            Some(true) => builder.addressing(Addressing::VirtualHost),
            Some(false) => builder.addressing(Addressing::Path),
            None => builder,
        };
        if let Some(requests) = concurrency {
            builder = builder.concurrency_max(requests as usize);
        }
        if let Some(ms) = timeout {
            builder = builder.timeout_ms(ms as u64);
        }
        if let Some(attempts) = attempts {
            builder = builder.attempts_max(attempts);
        }
        builder.build().map(Self).map_err(|error| to_js(&error))
    }

    /// Body and line; `null` if there is none, `true` if it is the version `unless`.
    pub fn read(&self, key: String, unless: Option<String>) -> Promise {
        let tier = self.0.clone();
        promise(None, async move {
            let unless = unless.map(ETag::new);
            Ok(match tier.read(&Key::new(key)?, unless.as_ref()).await? {
                Read::Found(Stored { metadata, body })
                | Read::Suspect(Stored { metadata, body }) => {
                    Array::of(&[body.as_js().into(), line(&metadata)]).into()
                }
                Read::Unchanged => JsValue::TRUE,
                _ => JsValue::NULL,
            })
        })
    }

    /// The line, or `null`.
    pub fn head(&self, key: String) -> Promise {
        let tier = self.0.clone();
        promise(None, async move {
            let metadata = tier.head(&Key::new(key)?).await?;
            Ok(metadata.map_or(JsValue::NULL, |metadata| line(&metadata)))
        })
    }

    /// The version, where the server gives versions.
    pub fn write(&self, key: String, body: Uint8Array, line: String) -> Promise {
        let tier = self.0.clone();
        promise(None, async move {
            let metadata = decode(key, &line)?;
            let key = metadata.key().clone();
            let entry = Stored { metadata, body: Payload::from(body) };
            tier.write(&key, entry).await.map(version)
        })
    }

    /// The version, where the server gives versions; `null` if there is no such entry.
    pub fn patch(&self, key: String, line: String) -> Promise {
        let tier = self.0.clone();
        promise(None, async move {
            let metadata = decode(key, &line)?;
            Ok(match tier.patch(metadata.key(), &metadata).await? {
                Patched::Done(etag) => version(etag),
                _ => JsValue::NULL,
            })
        })
    }

    pub fn remove(&self, keys: Array) -> Promise {
        let tier = self.0.clone();
        promise(None, async move {
            let key = |key: JsValue| Key::new(key.as_string().unwrap_or_default());
            let keys = keys.iter().map(key).collect::<Result<Vec<_>, _>>()?;
            tier.remove(&keys).await.map(nothing)
        })
    }

    #[wasm_bindgen(js_name = removeVersion)]
    pub fn remove_version(&self, key: String, line: String) -> Promise {
        let tier = self.0.clone();
        promise(None, async move {
            let metadata = decode(key, &line)?;
            tier.remove_version(metadata.key(), &metadata).await.map(JsValue::from_bool)
        })
    }

    /// The keys, and where the next page starts.
    pub fn list(&self, prefix: String, after: Option<String>, limit: u32) -> Promise {
        let tier = self.0.clone();
        promise(None, async move {
            let page = Page { prefix: &prefix, after: after.as_deref(), limit: limit as usize };
            let listing = tier.list(page).await?;
            let keys = listing.keys.iter().map(|key| JsString::from(key.as_str()));
            let next = listing.next.map_or(JsValue::UNDEFINED, JsValue::from);
            Ok(Array::of(&[keys.collect::<Array>().into(), next]).into())
        })
    }

    /// Bytes and items.
    pub fn usage(&self) -> Promise {
        let tier = self.0.clone();
        promise(None, async move {
            let usage = tier.usage().await?;
            Ok(Array::of(&[number(usage.bytes), number(usage.items)]).into())
        })
    }

    pub fn clear(&self) -> Promise {
        let tier = self.0.clone();
        promise(None, async move { tier.clear().await.map(nothing) })
    }
}

fn decode(key: String, line: &str) -> Result<Metadata, Error> {
    format::decode(&Key::new(key)?, line)
}

fn version(etag: Option<ETag>) -> JsValue {
    etag.map_or(JsValue::UNDEFINED, |etag| etag.as_str().into())
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
        let given = self.0.call0(&JsValue::UNDEFINED).map_err(from_js)?;
        let given = JsFuture::from(Promise::resolve(&given)).await.map_err(from_js)?;
        if given.is_undefined() {
            return Ok(Credentials::anonymous());
        }
        let given = Array::from(&given);
        let (Some(id), Some(secret)) = (given.get(0).as_string(), given.get(1).as_string()) else {
            return Err(invalid("the credentials have no id or no secret"));
        };
        let mut credentials = Credentials::new(id, secret);
        if let Some(token) = given.get(2).as_string() {
            credentials = credentials.with_session_token(token);
        }
        if let Some(ms) = given.get(3).as_f64() {
            credentials = credentials.with_expiry(Timestamp::from_millis(ms.max(0.0) as u64));
        }
        Ok(credentials)
    }
}
