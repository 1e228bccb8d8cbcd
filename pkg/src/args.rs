//! Arrays that cross between Rust and JavaScript. TypeScript has checked what it hands over.

use std::time::Duration;

use js_sys::{Array, JsString, Uint8Array};
use tiered_storage::{
    ByteRange, Condition, ETag, Error, ErrorKind, Key, Metadata, Tier, TierSet, Timestamp,
    tier::Payload, web::port::line,
};
use wasm_bindgen::{JsCast, JsValue};

/// What a call was given.
pub(crate) struct Args(pub(crate) Array);

impl Args {
    pub(crate) fn number(&self, at: u32) -> Option<f64> {
        self.0.get(at).as_f64()
    }

    /// A number, or 0 where there is none.
    pub(crate) fn count(&self, at: u32) -> u64 {
        self.number(at).unwrap_or_default() as u64
    }

    /// How many at most; nothing where all.
    pub(crate) fn limit(&self, at: u32) -> Option<usize> {
        self.number(at).map(|limit| limit as usize)
    }

    pub(crate) fn is(&self, at: u32) -> bool {
        self.0.get(at).is_truthy()
    }

    pub(crate) fn text(&self, at: u32) -> Option<String> {
        self.0.get(at).as_string()
    }

    pub(crate) fn key(&self, at: u32) -> Result<Key, Error> {
        Key::new(self.text(at).unwrap_or_default())
    }

    /// Of milliseconds.
    pub(crate) fn duration(&self, at: u32) -> Option<Duration> {
        self.number(at).map(|ms| Duration::from_millis(ms as u64))
    }

    /// Of milliseconds since 1970.
    pub(crate) fn time(&self, at: u32) -> Option<Timestamp> {
        self.number(at).map(|ms| Timestamp::from_millis(ms as u64))
    }

    /// Of bits.
    pub(crate) fn tiers(&self, at: u32) -> Option<TierSet> {
        let bits = self.number(at)? as u8;
        Some(Tier::ALL.into_iter().filter(|tier| bits & (1 << *tier as u8) != 0).collect())
    }

    /// `null` is for what must be absent.
    pub(crate) fn condition(&self, at: u32) -> Option<Condition> {
        let version = self.text(at).map(|version| Condition::Version(ETag::new(version)));
        version.or_else(|| self.0.get(at).is_null().then_some(Condition::Absent))
    }

    /// Of where it starts and ends; without a start, of how many bytes at the end.
    pub(crate) fn range(&self, at: u32) -> ByteRange {
        match (self.number(at), self.number(at + 1)) {
            (Some(start), Some(end)) => ByteRange::Between(start as u64, end as u64),
            (Some(start), None) => ByteRange::From(start as u64),
            (None, last) => ByteRange::Last(last.unwrap_or_default() as u64),
        }
    }

    pub(crate) fn array(&self, at: u32) -> Self {
        Self(self.0.get(at).unchecked_into())
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.length()
    }
}

/// A body that is in memory.
pub(crate) fn body(value: &JsValue) -> Option<Payload> {
    value.dyn_ref::<Uint8Array>().map(|bytes| Payload::from(bytes.clone()))
}

pub(crate) fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

/// The line of an entry, or `null`.
pub(crate) fn line_or_null(metadata: Option<Metadata>) -> JsValue {
    metadata.map_or(JsValue::NULL, |metadata| line(&metadata))
}

pub(crate) fn number(count: u64) -> JsValue {
    JsValue::from_f64(count as f64)
}

pub(crate) fn optional(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::UNDEFINED, JsValue::from_str)
}

/// Keys, and where the next page starts.
pub(crate) fn page(keys: &[Key], next: Option<&str>) -> JsValue {
    let list = Array::new();
    for key in keys {
        list.push(&JsString::from(key.as_str()));
    }
    Array::of(&[list.into(), optional(next)]).into()
}
