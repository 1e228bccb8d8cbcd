//! A JavaScript object as a tier.
//!
//! The object is the `Bridge` of `bridge.ts`. Metadata crosses as the line that is stored; a body is a handle.

use core::pin::Pin;

use js_sys::{Array, JsString, Promise, Uint8Array};
use tiered_storage_core::{
    Condition, Content, ETag, Error, ErrorKind, Key, Metadata, Timestamp,
    engine::Action,
    format::{self, Audience},
    range::ByteRange,
    seal::Verify,
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use super::{
    bodies,
    error::from_js,
    flow::{self, PortStage},
    js::{count, get},
};
use crate::{
    driver::PAGE_KEYS,
    tier::{
        Access, Body as TierBody, Contents, Opened, Part, Payload, Properties, Read, Stage, Usage,
        unconditional,
    },
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
        fourth: JsValue,
    ) -> Result<JsValue, JsValue>;
}

pub(super) const READ: u8 = 0;
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
pub(super) const OPEN: u8 = 12;
const READ_RANGE: u8 = 13;
const STAGE: u8 = 14;
const STORE: u8 = 15;
const WRITE_PART: u8 = 16;

/// A tier that is a JavaScript object.
#[derive(Debug)]
pub struct PortTier {
    port: JsPort,
    properties: Properties,
    /// Whether body and line may come of two writes, so that what does not verify is read once more.
    rereads: bool,
    /// Whether it takes bodies that lie ready somewhere, and writes depending on what it holds.
    stores: bool,
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
        Self { properties, rereads: is("rereads"), stores: get(&port, "stores").is_truthy(), port }
    }

    pub(crate) fn properties(&self) -> Properties {
        self.properties
    }

    pub(crate) async fn usage(&self) -> Result<Usage, Error> {
        let usage = settle(self.call(USAGE, [])).await?;
        match (count(&usage, "bytes"), count(&usage, "items")) {
            (Some(bytes), Some(items)) => {
                Ok(Usage { bytes, items, evictions: count(&usage, "evictions") })
            }
            _ => Err(wrong("statistics")),
        }
    }

    pub(crate) fn accesses(&self, limit: usize) -> Vec<Access> {
        let flat = self.call(ACCESSES, [limit.into()]);
        flat.map(|flat| accesses(&Array::from(&flat))).unwrap_or_default()
    }

    pub(crate) async fn close(&self) -> Result<(), Error> {
        settle(self.call(CLOSE, [])).await.map(drop)
    }

    /// As [`StorageTier::open`](crate::tier::StorageTier::open).
    pub(crate) fn open<'a>(
        &'a self,
        key: &'a Key,
        unless: Option<&'a ETag>,
    ) -> Asked<'a, Read<Opened>> {
        self.read(OPEN, key, unless)
    }

    /// Reads an entry by a call.
    pub(super) fn read<'a>(
        &'a self,
        call: u8,
        key: &'a Key,
        unless: Option<&'a ETag>,
    ) -> Asked<'a, Read<Opened>> {
        Box::pin(async move {
            let ask = || settle(self.call(call, [text(key), version_or_none(unless)]));
            let read = entry(key, &ask().await?)?;
            if self.rereads
                && let Read::Found(Opened { metadata, body: TierBody::Whole(body) }) = &read
                && bodies::open(metadata.clone(), body.clone(), Verify::Digest).await.is_err()
            {
                return entry(key, &ask().await?);
            }
            Ok(read)
        })
    }

    /// As [`StorageTier::read_range`](crate::tier::StorageTier::read_range).
    pub(crate) async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        let number = |at: u64| JsValue::from_f64(at as f64);
        let (start, end) = match range {
            ByteRange::Between(start, end) => (number(start), number(end)),
            ByteRange::Last(bytes) => (NONE, number(bytes)),
            ByteRange::From(start) => (number(start), NONE),
            _ => return Ok(None),
        };
        let asked = self.call(READ_RANGE, [text(key), start, end, version_or_none(unless)]);
        let answer = settle(asked).await?;
        if answer.is_undefined() {
            return Ok(None);
        }
        let start = count(&answer, "start").unwrap_or_default();
        let part = |Opened { metadata, body }| match body {
            TierBody::Whole(body) => {
                Some(Part { metadata, range: start..start + body.len() as u64, body })
            }
            TierBody::Pieces(_) => None,
        };
        Ok(match entry(key, &answer)? {
            Read::Found(opened) => Some(Read::Found(part(opened).ok_or_else(|| wrong("a part"))?)),
            Read::Unchanged => Some(Read::Unchanged),
            _ => Some(Read::Missing),
        })
    }

    /// As [`StorageTier::stage`](crate::tier::StorageTier::stage).
    pub(crate) async fn stage(&self, key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        let stage = settle(self.call(STAGE, [text(key)])).await?;
        Ok((!is_nothing(&stage)).then(|| Box::new(PortStage::new(stage)) as Box<dyn Stage>))
    }

    /// As [`StorageTier::store`](crate::tier::StorageTier::store).
    pub(super) async fn store(
        &self,
        metadata: &Metadata,
        body: &Contents,
        condition: Option<&Condition>,
    ) -> Result<JsValue, Error> {
        let (key, facts) = (text(metadata.key()), facts(metadata).into());
        let body = match body {
            Contents::Whole(body) => body.as_js().into(),
            Contents::Staged(source) if self.stores => flow::object(&**source),
            Contents::Staged(_) => body.whole().await?.as_js().into(),
        };
        let condition = match condition {
            Some(_) if !self.stores => return Err(unconditional()),
            Some(Condition::Version(version)) => text(version.as_str()),
            Some(_) => JsValue::NULL,
            None => NONE,
        };
        let call = if self.stores { STORE } else { WRITE };
        settle(self.call(call, [key, body, facts, condition])).await
    }

    /// As [`StorageTier::write_part`](crate::tier::StorageTier::write_part).
    pub(super) async fn write_part(
        &self,
        metadata: &Metadata,
        start: u64,
        part: &Payload,
    ) -> Result<JsValue, Error> {
        let (key, facts) = (text(metadata.key()), facts(metadata).into());
        let start = JsValue::from_f64(start as f64);
        settle(self.call(WRITE_PART, [key, part.as_js().into(), facts, start])).await
    }

    fn call<const N: usize>(&self, action: u8, given: [JsValue; N]) -> Result<JsValue, JsValue> {
        let mut given = given.into_iter();
        let mut next = || given.next().unwrap_or(NONE);
        self.port.call(action, next(), next(), next(), next())
    }

    /// Asks for what the engine wants, where that moves no body.
    pub(super) fn ask(&self, action: &Action) -> Result<JsValue, JsValue> {
        match action {
            Action::Head(_, key) => self.call(HEAD, [text(key)]),
            Action::Patch(_, metadata) => {
                self.call(PATCH, [text(metadata.key()), facts(metadata).into()])
            }
            Action::Remove(_, keys) => {
                let list = Array::new();
                for key in keys {
                    list.push(&JsString::from(key.as_str()));
                }
                self.call(REMOVE, [list.into()])
            }
            Action::RemoveVersion(_, seen) => {
                self.call(REMOVE_VERSION, [text(seen.key()), line(seen), version(seen).into()])
            }
            Action::List(_, prefix, after) => {
                let after = after.as_deref().map_or(NONE, JsValue::from_str);
                self.call(LIST, [text(prefix), after, PAGE_KEYS.into()])
            }
            Action::Announce(_, key) => self.call(ANNOUNCE, [text(key)]),
            Action::Clear(_) => self.call(CLEAR, []),
            // What moves a body, others do.
            _ => Ok(NONE),
        }
    }
}

/// What comes of asking a port.
pub(super) type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

/// What a port answered to a read.
fn entry(key: &Key, answer: &JsValue) -> Result<Read<Opened>, Error> {
    if is_nothing(answer) {
        return Ok(Read::Missing);
    }
    if *answer == true {
        return Ok(Read::Unchanged);
    }
    let pieces = get(answer, "pieces");
    // Taken over first, so that they are given back if the rest is wrong.
    let pieces = (!is_nothing(&pieces)).then(|| flow::pieces(pieces));
    let Some(line) = get(answer, "line").as_string() else { return Err(wrong("an entry")) };
    let metadata = format::decode(key, &line)?;
    let body = match (pieces, get(answer, "body").dyn_into::<Uint8Array>()) {
        (Some(pieces), _) => TierBody::Pieces(pieces),
        (None, Ok(body)) => TierBody::Whole(Payload::from(body)),
        (None, Err(_)) => return Err(wrong("an entry")),
    };
    Ok(Read::Found(Opened { metadata, body }))
}

/// What a port may need of a line without reading it: the line, the version (equal for all copies of a write), when it
/// expires, when it was last known to be current, the content (0 bytes, 1 JSON, 2 the user's own serializer), when it was
/// last read, and how often, and how many bytes the body has. Times are in ms since 1970; one that never comes is infinite.
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
        (metadata.size() as f64).into(),
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

/// Counted reads: key, count and time of the last, by turns.
pub fn accesses(flat: &Array) -> Vec<Access> {
    let mut accesses = Vec::new();
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

/// Waits for a promise; what is not one is there already.
pub(super) async fn settle(answer: Result<JsValue, JsValue>) -> Result<JsValue, Error> {
    match answer.map_err(from_js)?.dyn_into::<Promise>() {
        Ok(promise) => JsFuture::from(promise).await.map_err(from_js),
        Err(value) => Ok(value),
    }
}

const NONE: JsValue = JsValue::UNDEFINED;

fn text(text: &str) -> JsValue {
    JsValue::from_str(text)
}

fn version_or_none(version: Option<&ETag>) -> JsValue {
    version.map_or(NONE, |version| text(version.as_str()))
}

pub(super) fn is_nothing(answer: &JsValue) -> bool {
    answer.is_null() || answer.is_undefined()
}

pub(super) fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the tier did not answer with {what}"))
}

#[cfg(web_tests)]
mod tests;
