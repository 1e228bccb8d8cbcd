//! Metadata: from the line that is stored to the fields of the contract, and back.
//!
//! Fields cross as an array: size, created, last accessed, access count, expiry, whether it is compressed, checksum,
//! MIME type, encoding, the user's own fields, names and values by turns, and the version, which is only told. Times are
//! in ms since 1970; what there is not is `undefined`.

use js_sys::Array;
use tiered_storage::{
    Checksum, Error, Key, Metadata, format,
    map::Map,
    web::{error::to_js, port::facts},
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::args::{Args, invalid, number, optional};

/// Where tiers that know only the contract's fields keep the line.
const FIELD: &str = "tiered-storage";

/// What a line says, as fields.
#[wasm_bindgen]
pub fn describe(key: &str, line: &str) -> Result<Array, JsValue> {
    let metadata = decode(key, line).map_err(|error| to_js(&error))?;
    let custom = Array::new();
    for (name, value) in metadata.custom() {
        custom.push(&name.into());
        custom.push(&value.into());
    }
    Ok(Array::of(&[
        number(metadata.size()),
        number(metadata.created_at().as_millis()),
        number(metadata.last_accessed.as_millis()),
        number(metadata.access_count),
        metadata.expires_at.map_or(JsValue::UNDEFINED, |expiry| number(expiry.as_millis())),
        metadata.is_compressed().into(),
        metadata.checksum().map(|sum| sum.to_string()).unwrap_or_default().into(),
        optional(metadata.mime_type()),
        optional(metadata.encoding()),
        custom.into(),
        metadata.version().as_str().into(),
    ]))
}

/// A line for fields that a user gave, and its facts.
#[wasm_bindgen]
pub fn inscribe(key: &str, fields: Array) -> Result<Array, JsValue> {
    let made = Key::new(key).and_then(|key| metadata(key, &Args(fields)));
    made.map(|metadata| facts(&metadata)).map_err(|error| to_js(&error))
}

/// The facts of a line.
#[wasm_bindgen(js_name = factsOf)]
pub fn facts_of(key: &str, line: &str) -> Result<Array, JsValue> {
    decode(key, line).map(|metadata| facts(&metadata)).map_err(|error| to_js(&error))
}

fn decode(key: &str, line: &str) -> Result<Metadata, Error> {
    format::decode(&Key::new(key)?, line)
}

/// What the fields say. Where the line that they were made of is among them, it says more; what the contract lets
/// others change is taken from the fields all the same.
pub(crate) fn metadata(key: Key, fields: &Args) -> Result<Metadata, Error> {
    let (size, compressed) = (fields.count(0), fields.is(5));
    let mut custom = fields.array(9).map();
    let checksum = match fields.text(6).as_deref() {
        None | Some("") => None,
        Some(text) => Some(Checksum::from_hex(text).ok_or_else(|| {
            invalid("the checksum is not a SHA-256 in hexadecimal digits").with_key(&key)
        })?),
    };
    let line = custom.remove(FIELD).and_then(|line| format::decode(&key, &line).ok());
    let line = line.filter(|line| {
        line.checksum() == checksum && line.size() == size && *line.custom() == custom
    });
    let mut metadata = match line {
        Some(line) => line,
        None => {
            let created_at = fields.time(1).unwrap_or_default();
            let mut metadata = Metadata::new(key, size, created_at)
                .with_compressed(compressed)
                .with_custom(custom);
            if let Some(checksum) = checksum {
                metadata = metadata.with_checksum(checksum);
            }
            if let Some(mime_type) = fields.text(7) {
                metadata = metadata.with_mime_type(mime_type);
            }
            match fields.text(8) {
                Some(encoding) if !compressed => metadata.with_encoding(encoding),
                _ => metadata,
            }
        }
    };
    metadata.expires_at = fields.time(4);
    metadata.last_accessed = fields.time(2).unwrap_or_default();
    metadata.access_count = fields.count(3);
    // A copy says more than what all hosts share; what it says is not counted against the limit.
    format::check_size(&metadata).map_err(|error| error.with_key(metadata.key()))?;
    Ok(metadata)
}

impl Args {
    /// Of names and values by turns.
    pub(crate) fn map(&self) -> Map<String, String> {
        let mut map = Map::new();
        for at in (0..self.len()).step_by(2) {
            map.insert(self.text(at).unwrap_or_default(), self.text(at + 1).unwrap_or_default());
        }
        map
    }
}
