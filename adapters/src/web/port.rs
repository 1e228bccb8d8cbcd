//! A JavaScript object as a tier.
//!
//! The object is the `Bridge` of `bridge.ts`. Metadata crosses as the line that is stored; a body is a handle.

use core::pin::Pin;

use js_sys::{Array, JsString, Promise, Uint8Array};
use tiered_storage_core::{
    Content, ETag, Error, ErrorKind, Key, Metadata, Timestamp,
    engine::{Action, Outcome},
    format::{self, Audience},
    seal::Verify,
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use super::{
    bodies,
    error::from_js,
    js::{count, get},
};
use crate::{
    driver::{Body, Inner, PAGE_KEYS},
    tier::{Access, Payload, Properties, Read, Stored, Usage},
};

#[wasm_bindgen]
extern "C" {
    /// The JavaScript side of a tier.
    #[derive(Clone, Debug)]
    pub type JsPort;

    /// Does what has this number in `bridge.ts`.
    #[wasm_bindgen(method, structural, catch)]
    fn call(
        this: &JsPort,
        action: u8,
        first: JsValue,
        second: JsValue,
        third: JsValue,
    ) -> Result<JsValue, JsValue>;
}

const READ: u8 = 0;
const HEAD: u8 = 1;
const WRITE: u8 = 2;
const PATCH: u8 = 3;
const REMOVE: u8 = 4;
const REMOVE_VERSION: u8 = 5;
const LIST: u8 = 6;
const CLEAR: u8 = 7;
const ANNOUNCE: u8 = 8;
const USAGE: u8 = 9;
const CLOSE: u8 = 10;
const ACCESSES: u8 = 11;

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
        let is = |name: &str| get(&traits, name).is_truthy();
        let properties = Properties {
            is_volatile: is("volatile"),
            is_guarded: false,
            wants_announcements: is("announced"),
            entry_bytes_max: count(&traits, "entryBytesMax"),
            items_max: count(&traits, "itemsMax"),
        };
        Self { properties, rereads: is("rereads"), port }
    }

    pub(crate) fn properties(&self) -> Properties {
        self.properties
    }

    pub(crate) async fn usage(&self) -> Result<Usage, Error> {
        let usage = settle(self.call(USAGE, NONE, NONE, NONE)).await?;
        match (count(&usage, "bytes"), count(&usage, "items")) {
            (Some(bytes), Some(items)) => {
                Ok(Usage { bytes, items, evictions: count(&usage, "evictions") })
            }
            _ => Err(wrong("statistics")),
        }
    }

    pub(crate) fn accesses(&self, limit: usize) -> Vec<Access> {
        let mut accesses = Vec::new();
        let Ok(flat) = self.call(ACCESSES, limit.into(), NONE, NONE) else { return accesses };
        let flat = Array::from(&flat);
        for at in (0..flat.length()).step_by(3) {
            let key = Key::new(flat.get(at).as_string().unwrap_or_default());
            let number = |at: u32| flat.get(at).as_f64().unwrap_or_default() as u64;
            if let Ok(key) = key {
                let last = Timestamp::from_millis(number(at + 2));
                accesses.push(Access { key, count: number(at + 1), last });
            }
        }
        accesses
    }

    pub(crate) async fn close(&self) -> Result<(), Error> {
        settle(self.call(CLOSE, NONE, NONE, NONE)).await.map(drop)
    }

    fn call(
        &self,
        action: u8,
        first: JsValue,
        second: JsValue,
        third: JsValue,
    ) -> Result<JsValue, JsValue> {
        self.port.call(action, first, second, third)
    }

    /// Asks for what the engine wants. `body`: of a write.
    fn ask(&self, action: &Action, body: JsValue) -> Result<JsValue, JsValue> {
        let text = JsValue::from_str;
        let optional = |text: Option<&str>| text.map_or(NONE, JsValue::from_str);
        match action {
            Action::Read(_, key, unless) => {
                let unless = optional(unless.as_ref().map(ETag::as_str));
                self.call(READ, text(key), unless, NONE)
            }
            Action::Head(_, key) => self.call(HEAD, text(key), NONE, NONE),
            Action::Write(_, metadata) => {
                self.call(WRITE, text(metadata.key()), body, facts(metadata).into())
            }
            Action::Patch(_, metadata) => {
                self.call(PATCH, text(metadata.key()), facts(metadata).into(), NONE)
            }
            Action::Remove(_, keys) => {
                let list = Array::new();
                for key in keys {
                    list.push(&JsString::from(key.as_str()));
                }
                self.call(REMOVE, list.into(), NONE, NONE)
            }
            Action::RemoveVersion(_, seen) => {
                self.call(REMOVE_VERSION, text(seen.key()), line(seen), version(seen).into())
            }
            Action::List(_, prefix, after) => {
                self.call(LIST, text(prefix), optional(after.as_deref()), PAGE_KEYS.into())
            }
            Action::Announce(_, key) => self.call(ANNOUNCE, text(key), NONE, NONE),
            _ => self.call(CLEAR, NONE, NONE, NONE),
        }
    }
}

impl Inner {
    /// Does what the engine wants, in a place of this host.
    pub(crate) fn act<'a>(
        &'a self,
        place: &'a PortTier,
        action: &'a Action,
        body: Option<Body>,
        found: &'a mut Option<Body>,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, Error>> + 'a>> {
        Box::pin(async move {
            let tier = action.tier();
            let body = match action {
                Action::Write(_, metadata) => {
                    self.stored(tier, metadata, body).await?.body.as_js().into()
                }
                _ => NONE,
            };
            let mut answer = settle(place.ask(action, body)).await?;
            Ok(match action {
                Action::Read(_, key, _) => {
                    let mut read = entry(key, &answer)?;
                    if let (true, Read::Found(Stored { metadata, body })) = (place.rereads, &read)
                        && bodies::open(metadata.clone(), body.clone(), Verify::Digest)
                            .await
                            .is_err()
                    {
                        answer = settle(place.ask(action, NONE)).await?;
                        read = entry(key, &answer)?;
                    }
                    return self.receive(tier, key, read, found).await;
                }
                Action::Head(_, key) => match answer.as_string() {
                    Some(line) => Outcome::Found(format::decode(key, &line)?),
                    None if is_nothing(&answer) => Outcome::Missing,
                    None => return Err(wrong("metadata")),
                },
                Action::Patch(..) if answer.is_null() => Outcome::Missing,
                Action::Write(..) | Action::Patch(..) => {
                    Outcome::Done(answer.as_string().map(ETag::new))
                }
                Action::RemoveVersion(_, seen) => {
                    if answer.is_truthy() {
                        self.note_expired(seen.key());
                    }
                    Outcome::Done(None)
                }
                Action::List(..) => {
                    let list = get(&answer, "keys");
                    if !Array::is_array(&list) {
                        return Err(wrong("a list"));
                    }
                    let mut keys = Vec::new();
                    for key in list.unchecked_into::<Array>() {
                        keys.push(Key::new(
                            key.as_string().ok_or_else(|| wrong("a list of keys"))?,
                        )?);
                    }
                    Outcome::Keys(keys, get(&answer, "next").as_string())
                }
                _ => Outcome::Done(None),
            })
        })
    }
}

/// What a port answered to a read.
fn entry(key: &Key, answer: &JsValue) -> Result<Read, Error> {
    if is_nothing(answer) {
        return Ok(Read::Missing);
    }
    if *answer == true {
        return Ok(Read::Unchanged);
    }
    let (line, body) = (get(answer, "line").as_string(), get(answer, "body"));
    let (Some(line), Ok(body)) = (line, body.dyn_into::<Uint8Array>()) else {
        return Err(wrong("an entry"));
    };
    let metadata = format::decode(key, &line)?;
    Ok(Read::Found(Stored { metadata, body: Payload::from(body) }))
}

/// What a port may need of a line without reading it: the line, the version (equal for all copies of a write), when it
/// expires, when it was last known to be current, the content (0 bytes, 1 JSON, 2 the user's own serializer), when it was
/// last read, and how often. Times are in ms since 1970; one that never comes is infinite.
pub fn facts(metadata: &Metadata) -> Array {
    let ms = |time: Timestamp| JsValue::from_f64(time.as_millis() as f64);
    Array::of(&[
        line(metadata),
        version(metadata).into(),
        metadata.expires_at.map_or_else(|| f64::INFINITY.into(), ms),
        ms(metadata.fresh_at),
        content_number(metadata.content()).into(),
        ms(metadata.last_accessed),
        (metadata.access_count as f64).into(),
    ])
}

/// The line of an entry, with what this host alone knows of it.
pub fn line(metadata: &Metadata) -> JsValue {
    format::encode(metadata, Audience::Local).into()
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

const NONE: JsValue = JsValue::UNDEFINED;

fn is_nothing(answer: &JsValue) -> bool {
    answer.is_null() || answer.is_undefined()
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the tier did not answer with {what}"))
}

#[cfg(web_tests)]
mod tests;
