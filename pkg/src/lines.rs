//! Metadata: from the line that is stored to the fields of the contract, and back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_wasm_bindgen::{Serializer, from_value};
use tiered_storage::{
    Checksum, Error, ErrorKind, Key, Metadata, Timestamp, format,
    web::{error::to_js, port::Facts},
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

/// Where tiers that know only the contract's fields keep the line.
const FIELD: &str = "tiered-storage";

/// Metadata as TypeScript has it, with times in ms since 1970.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    key: String,
    size: f64,
    created_at: f64,
    last_accessed: f64,
    access_count: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<f64>,
    compressed: bool,
    checksum: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom_metadata: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inscribed {
    line: String,
    version: String,
    expires_at: f64,
    fresh_at: f64,
    content: u8,
    last_accessed: f64,
    access_count: f64,
}

#[wasm_bindgen]
pub fn describe(key: &str, line: &str) -> Result<JsValue, JsValue> {
    let metadata = decode(key, line).map_err(|error| to_js(&error))?;
    let ms = |time: Timestamp| time.as_millis() as f64;
    to_object(&Fields {
        key: key.to_owned(),
        size: metadata.size() as f64,
        created_at: ms(metadata.created_at()),
        last_accessed: ms(metadata.last_accessed),
        access_count: metadata.access_count as f64,
        ttl: metadata.expires_at.map(ms),
        compressed: metadata.is_compressed(),
        checksum: metadata.checksum().map(|sum| sum.to_string()).unwrap_or_default(),
        mime_type: metadata.mime_type().map(str::to_owned),
        encoding: metadata.encoding().map(str::to_owned),
        custom_metadata: Some(metadata.custom().clone()).filter(|custom| !custom.is_empty()),
    })
}

#[wasm_bindgen]
pub fn inscribe(key: &str, fields: JsValue) -> Result<JsValue, JsValue> {
    let fields: Fields = from_value(fields).map_err(|error| to_js(&invalid(&error.to_string())))?;
    let metadata = metadata(key, fields).map_err(|error| to_js(&error))?;
    facts(&metadata)
}

#[wasm_bindgen(js_name = factsOf)]
pub fn facts_of(key: &str, line: &str) -> Result<JsValue, JsValue> {
    facts(&decode(key, line).map_err(|error| to_js(&error))?)
}

/// A value as the plain object that it would be in JSON.
pub(crate) fn to_object(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let serializer = Serializer::new().serialize_maps_as_objects(true);
    value.serialize(&serializer).map_err(|error| {
        to_js(&Error::new(ErrorKind::Internal, format!("an answer cannot be told: {error}")))
    })
}

pub(crate) fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, message.to_owned())
}

/// The line of an entry, with what this host alone knows of it.
pub(crate) fn line(metadata: &Metadata) -> JsValue {
    format::encode(metadata, format::Audience::Local).into()
}

fn decode(key: &str, line: &str) -> Result<Metadata, Error> {
    format::decode(&Key::new(key)?, line)
}

fn facts(metadata: &Metadata) -> Result<JsValue, JsValue> {
    let Facts { line, version, expires_at, fresh_at, content, last_accessed, access_count } =
        Facts::new(metadata);
    to_object(&Inscribed {
        line,
        version,
        expires_at,
        fresh_at,
        content,
        last_accessed,
        access_count,
    })
}

/// What the fields say. Where the line that they were made of is among them, it says more; what the contract lets
/// others change is taken from the fields all the same.
fn metadata(key: &str, fields: Fields) -> Result<Metadata, Error> {
    let key = Key::new(key)?;
    let mut custom = fields.custom_metadata.unwrap_or_default();
    let checksum = match fields.checksum.as_str() {
        "" => None,
        text => Some(Checksum::from_hex(text).ok_or_else(|| {
            invalid("the checksum is not a SHA-256 in hexadecimal digits").with_key(&key)
        })?),
    };
    let line = custom.remove(FIELD).and_then(|line| format::decode(&key, &line).ok());
    let line = line.filter(|line| {
        line.checksum() == checksum && line.size() as f64 == fields.size && *line.custom() == custom
    });
    let mut metadata = match line {
        Some(line) => line,
        None => {
            let mut metadata = Metadata::new(key, fields.size as u64, time(fields.created_at))
                .with_compressed(fields.compressed)
                .with_custom(custom);
            if let Some(checksum) = checksum {
                metadata = metadata.with_checksum(checksum);
            }
            if let Some(mime_type) = fields.mime_type {
                metadata = metadata.with_mime_type(mime_type);
            }
            match fields.encoding {
                Some(encoding) if !fields.compressed => metadata.with_encoding(encoding),
                _ => metadata,
            }
        }
    };
    metadata.expires_at = fields.ttl.map(time);
    metadata.last_accessed = time(fields.last_accessed);
    metadata.access_count = fields.access_count as u64;
    // A copy says more than what all hosts share; what it says is not counted against the limit.
    format::check_size(&metadata).map_err(|error| error.with_key(metadata.key()))?;
    Ok(metadata)
}

fn time(ms: f64) -> Timestamp {
    Timestamp::from_millis(ms.max(0.0) as u64)
}
