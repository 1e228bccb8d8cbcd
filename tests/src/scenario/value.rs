//! The values that scenarios store and expect.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value as Json;
use tiered_storage::{Content, Metadata};

use super::{
    expect::is_like,
    fields::{Fields, Parsed, malformed},
};

/// No scenario needs more, and a typing error should not fill the memory.
const BYTES_MAX: u64 = 1 << 30;

/// What a scenario stores, or expects to find.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    /// Stored as they are.
    Bytes(Bytes),
    /// Stored through the default serialization.
    Json(Json),
}

impl Value {
    pub(super) fn parse(json: &Json) -> Parsed<Self> {
        let fields = Fields::new("a value", json)?;
        let value = if let Some(text) = fields.text("text")? {
            Self::Bytes(Bytes::copy_from_slice(text.as_bytes()))
        } else if let Some(json) = fields.json("json") {
            Self::Json(json.clone())
        } else if let Some(text) = fields.text("base64")? {
            match STANDARD.decode(text) {
                Ok(bytes) => Self::Bytes(bytes.into()),
                Err(error) => return malformed(format!("{text:?} is not base64: {error}")),
            }
        } else if let Some(text) = fields.text("repeat")? {
            let times = fields.needed_count("times")?;
            if times.saturating_mul(text.len() as u64) > BYTES_MAX {
                return malformed("a value may have 1 GiB at most");
            }
            let times = usize::try_from(times).expect("it was just found to be small");
            Self::Bytes(text.repeat(times).into())
        } else {
            let forms = "a value is to have \"text\", \"json\", \"base64\" or \"repeat\"";
            return malformed(format!("{forms}, and is {json}"));
        };
        fields.end()?;
        Ok(value)
    }

    /// What was stored with this metadata, as it is compared.
    pub(super) fn found(metadata: &Metadata, data: Bytes) -> Self {
        match metadata.content() {
            Content::Json => serde_json::from_slice(&data).map_or(Self::Bytes(data), Self::Json),
            _ => Self::Bytes(data),
        }
    }

    /// Whether the other is of the same kind and equal.
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes(mine), Self::Bytes(theirs)) => mine == theirs,
            (Self::Json(mine), Self::Json(theirs)) => is_like(mine, theirs),
            _ => false,
        }
    }

    /// The bytes that a tier stores, and what they are.
    pub(super) fn stored(&self) -> (Bytes, Content) {
        match self {
            Self::Bytes(bytes) => (bytes.clone(), Content::Bytes),
            Self::Json(json) => (json.to_string().into(), Content::Json),
        }
    }
}

/// Short enough for a line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(json) => write!(f, "the JSON {}", short(&json.to_string())),
            Self::Bytes(bytes) => match str::from_utf8(bytes) {
                Ok(text) if bytes.len() <= SHORT => write!(f, "the bytes {text:?}"),
                Ok(text) => write!(f, "{} bytes, {}", bytes.len(), short(&format!("{text:?}"))),
                Err(_) => {
                    write!(f, "{} bytes, in base64 {}", bytes.len(), short(&STANDARD.encode(bytes)))
                }
            },
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const SHORT: usize = 120;

fn short(text: &str) -> String {
    if text.chars().count() <= SHORT {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHORT).collect();
    format!("{start}...")
}
