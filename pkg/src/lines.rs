//! Metadata: from the line that is stored to the fields of the contract, and back.
//!
//! Fields cross as an array: size, created, last accessed, access count, expiry, whether it is compressed, checksum,
//! MIME type, encoding, and the user's own fields, names and values by turns. Times are in ms since 1970; what there is
//! not is `undefined`.

use js_sys::Array;
use tiered_storage::{
    Checksum, Error, ErrorKind, Key, Metadata, Timestamp, format,
    map::Map,
    web::{error::to_js, port::facts},
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

/// Where tiers that know only the contract's fields keep the line.
const FIELD: &str = "tiered-storage";

/// What a line says, as fields.
#[wasm_bindgen]
pub fn describe(key: &str, line: &str) -> Result<Array, JsValue> {
    let metadata = decode(key, line).map_err(|error| to_js(&error))?;
    let ms = |time: Timestamp| JsValue::from_f64(time.as_millis() as f64);
    let text = |text: Option<&str>| text.map_or(JsValue::UNDEFINED, JsValue::from_str);
    let custom = Array::new();
    for (name, value) in metadata.custom() {
        custom.push(&name.into());
        custom.push(&value.into());
    }
    Ok(Array::of(&[
        (metadata.size() as f64).into(),
        ms(metadata.created_at()),
        ms(metadata.last_accessed),
        (metadata.access_count as f64).into(),
        metadata.expires_at.map_or(JsValue::UNDEFINED, ms),
        metadata.is_compressed().into(),
        metadata.checksum().map(|sum| sum.to_string()).unwrap_or_default().into(),
        text(metadata.mime_type()),
        text(metadata.encoding()),
        custom.into(),
    ]))
}

/// A line for fields that a user gave, and its facts.
#[wasm_bindgen]
pub fn inscribe(key: &str, fields: &Array) -> Result<Array, JsValue> {
    metadata(key, fields).map(|metadata| facts(&metadata)).map_err(|error| to_js(&error))
}

/// The facts of a line.
#[wasm_bindgen(js_name = factsOf)]
pub fn facts_of(key: &str, line: &str) -> Result<Array, JsValue> {
    decode(key, line).map(|metadata| facts(&metadata)).map_err(|error| to_js(&error))
}

pub(crate) fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

/// The line of an entry, with what this host alone knows of it.
pub(crate) fn line(metadata: &Metadata) -> JsValue {
    format::encode(metadata, format::Audience::Local).into()
}

fn decode(key: &str, line: &str) -> Result<Metadata, Error> {
    format::decode(&Key::new(key)?, line)
}

/// What the fields say. Where the line that they were made of is among them, it says more; what the contract lets
/// others change is taken from the fields all the same.
pub(crate) fn metadata(key: &str, fields: &Array) -> Result<Metadata, Error> {
    let key = Key::new(key)?;
    let fields = Fields(fields);
    let (size, compressed) = (fields.number(0), fields.0.get(5).is_truthy());
    let mut custom = fields.custom();
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
            let mut metadata = Metadata::new(key, size, fields.time(1))
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
    metadata.expires_at = fields.0.get(4).as_f64().map(|_| fields.time(4));
    metadata.last_accessed = fields.time(2);
    metadata.access_count = fields.number(3);
    // A copy says more than what all hosts share; what it says is not counted against the limit.
    format::check_size(&metadata).map_err(|error| error.with_key(metadata.key()))?;
    Ok(metadata)
}

/// Fields on their way in. TypeScript has checked them.
struct Fields<'a>(&'a Array);

impl Fields<'_> {
    fn number(&self, at: u32) -> u64 {
        self.0.get(at).as_f64().unwrap_or_default() as u64
    }

    fn time(&self, at: u32) -> Timestamp {
        Timestamp::from_millis(self.number(at))
    }

    fn text(&self, at: u32) -> Option<String> {
        self.0.get(at).as_string()
    }

    fn custom(&self) -> Map<String, String> {
        let custom: Array = self.0.get(9).unchecked_into();
        let text = |at: u32| custom.get(at).as_string().unwrap_or_default();
        (0..custom.length()).step_by(2).map(|at| (text(at), text(at + 1))).collect()
    }
}
