//! A JavaScript object as a tier.
//!
//! The object has the methods of `port.ts`, with what is an object there spread over arguments. Metadata crosses as the
//! line that is stored; a body is a handle.

use async_trait::async_trait;
use js_sys::{Array, JsString, Promise, Reflect, Uint8Array};
use tiered_storage_core::{
    Content, ETag, Error, ErrorKind, Key, Metadata, Timestamp,
    format::{self, Audience},
    seal::Verify,
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use super::{bodies, error::from_js};
use crate::tier::{
    Access, Listing, Page, Patched, Payload, Properties, Read, StorageTier, Stored, Usage,
};

#[wasm_bindgen]
extern "C" {
    /// The JavaScript side of a tier.
    #[derive(Clone, Debug)]
    pub type JsPort;

    #[wasm_bindgen(method, structural, catch)]
    fn read(this: &JsPort, key: &str, unless: Option<&str>) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn head(this: &JsPort, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn write(
        this: &JsPort,
        key: &str,
        body: &Uint8Array,
        facts: &Array,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn patch(this: &JsPort, key: &str, facts: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn remove(this: &JsPort, keys: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch, js_name = removeVersion)]
    fn remove_version(
        this: &JsPort,
        key: &str,
        line: &str,
        version: &str,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn list(
        this: &JsPort,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn usage(this: &JsPort) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn clear(this: &JsPort) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn announce(this: &JsPort, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn accesses(this: &JsPort, limit: u32) -> Result<Array, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn close(this: &JsPort) -> Result<JsValue, JsValue>;
}

/// A tier that is a JavaScript object.
#[derive(Debug)]
pub struct PortTier {
    port: JsPort,
    properties: Properties,
    /// Whether body and line may come of two writes, so that what does not verify is read once more.
    rereads: bool,
}

impl PortTier {
    /// The tier behind `port`.
    pub fn new(port: JsPort) -> Self {
        let traits = get(&port, "traits");
        let limit = |name: &str| get(&traits, name).as_f64().map(|limit| limit as u64);
        let is = |name: &str| get(&traits, name).is_truthy();
        let properties = Properties {
            is_volatile: is("volatile"),
            is_guarded: false,
            wants_announcements: is("announced"),
            entry_bytes_max: limit("entryBytesMax"),
            items_max: limit("itemsMax"),
        };
        Self { properties, rereads: is("rereads"), port }
    }

    async fn entry(&self, key: &Key, unless: Option<&str>) -> Result<Read, Error> {
        let entry = settle(self.port.read(key, unless)).await?;
        if entry.is_null() || entry.is_undefined() {
            return Ok(Read::Missing);
        }
        if entry == true {
            return Ok(Read::Unchanged);
        }
        let (line, body) = (get(&entry, "line").as_string(), get(&entry, "body"));
        let (Some(line), Ok(body)) = (line, body.dyn_into::<Uint8Array>()) else {
            return Err(wrong("an entry"));
        };
        let metadata = format::decode(key, &line)?;
        Ok(Read::Found(Stored { metadata, body: Payload::from(body) }))
    }
}

#[async_trait(?Send)]
impl StorageTier for PortTier {
    fn properties(&self) -> Properties {
        self.properties
    }

    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error> {
        let unless = unless.map(ETag::as_str);
        let read = self.entry(key, unless).await?;
        if let (true, Read::Found(Stored { metadata, body })) = (self.rereads, &read)
            && bodies::open(metadata, body.clone(), Verify::Digest).await.is_err()
        {
            return self.entry(key, unless).await;
        }
        Ok(read)
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        let line = settle(self.port.head(key)).await?;
        if line.is_null() || line.is_undefined() {
            return Ok(None);
        }
        let line = line.as_string().ok_or_else(|| wrong("metadata"))?;
        format::decode(key, &line).map(Some)
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        let Stored { metadata, body } = entry;
        let written = self.port.write(key, body.as_js(), &facts(&metadata));
        Ok(settle(written).await?.as_string().map(ETag::new))
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        let patched = self.port.patch(key, &facts(metadata));
        let patched = settle(patched).await?;
        if patched.is_null() {
            return Ok(Patched::Missing);
        }
        Ok(Patched::Done(patched.as_string().map(ETag::new)))
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        let keys: Array = keys.iter().map(|key| JsString::from(key.as_str())).collect();
        settle(self.port.remove(&keys)).await.map(drop)
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        let limit = u32::try_from(page.limit).unwrap_or(u32::MAX);
        let listing = settle(self.port.list(page.prefix, page.after, limit)).await?;
        let keys = get(&listing, "keys").dyn_into::<Array>().map_err(|_| wrong("a list"))?;
        let key = |key: JsValue| match key.as_string() {
            Some(key) => Key::new(key),
            None => Err(wrong("a list of keys")),
        };
        let keys = keys.iter().map(key).collect::<Result<_, _>>()?;
        Ok(Listing { keys, next: get(&listing, "next").as_string() })
    }

    async fn usage(&self) -> Result<Usage, Error> {
        let usage = settle(self.port.usage()).await?;
        let count = |name: &str| get(&usage, name).as_f64().map(|count| count as u64);
        let (Some(bytes), Some(items)) = (count("bytes"), count("items")) else {
            return Err(wrong("statistics"));
        };
        Ok(Usage { bytes, items, evictions: count("evictions") })
    }

    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        let line = format::encode(seen, Audience::Local);
        let removed = self.port.remove_version(key, &line, &version(seen));
        Ok(settle(removed).await?.is_truthy())
    }

    async fn clear(&self) -> Result<(), Error> {
        settle(self.port.clear()).await.map(drop)
    }

    async fn announce(&self, key: &Key) -> Result<(), Error> {
        settle(self.port.announce(key)).await.map(drop)
    }

    fn accesses(&self, limit: usize) -> Vec<Access> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let Ok(flat) = self.port.accesses(limit) else { return Vec::new() };
        let access = |at: u32| {
            Some(Access {
                key: Key::new(flat.get(at).as_string()?).ok()?,
                count: flat.get(at + 1).as_f64()? as u64,
                last: Timestamp::from_millis(flat.get(at + 2).as_f64()? as u64),
            })
        };
        (0..flat.length()).step_by(3).filter_map(access).collect()
    }

    async fn close(&self) -> Result<(), Error> {
        settle(self.port.close()).await.map(drop)
    }
}

/// What a port may need of a line without reading it: the line, the version (equal for all copies of a write), when it
/// expires, when it was last known to be current, the content (0 bytes, 1 JSON, 2 the user's own serializer), when it was
/// last read, and how often. Times are in ms since 1970; one that never comes is infinite.
pub fn facts(metadata: &Metadata) -> Array {
    let ms = |time: Timestamp| JsValue::from_f64(time.as_millis() as f64);
    Array::of(&[
        format::encode(metadata, Audience::Local).into(),
        version(metadata).into(),
        metadata.expires_at.map_or_else(|| f64::INFINITY.into(), ms),
        ms(metadata.fresh_at),
        content_number(metadata.content()).into(),
        ms(metadata.last_accessed),
        (metadata.access_count as f64).into(),
    ])
}

/// What a body is, as JavaScript is told.
pub fn content_number(content: Content) -> u8 {
    match content {
        Content::Json => 1,
        Content::Custom => 2,
        _ => 0,
    }
}

/// By write id where there is one, else by ETag, else by content and time: as [`Metadata::is_same_version`] has it.
fn version(metadata: &Metadata) -> String {
    match (metadata.write_id(), &metadata.etag) {
        (Some(id), _) => format!("{:016x}", id.0),
        (None, Some(etag)) => etag.as_str().to_owned(),
        (None, None) => {
            let checksum = metadata.checksum().map(|sum| sum.to_string()).unwrap_or_default();
            format!("{}-{}-{checksum}", metadata.size(), metadata.created_at().as_millis())
        }
    }
}

/// Waits for a promise; what is not one is there already.
async fn settle(answer: Result<JsValue, JsValue>) -> Result<JsValue, Error> {
    match answer.map_err(from_js)?.dyn_into::<Promise>() {
        Ok(promise) => JsFuture::from(promise).await.map_err(from_js),
        Err(value) => Ok(value),
    }
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the tier did not answer with {what}"))
}

#[cfg(web_tests)]
mod tests;
