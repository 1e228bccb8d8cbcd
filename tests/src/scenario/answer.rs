//! What a step gave.

use std::fmt;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tiered_storage::{Entry, Metadata, Tier, Written, snapshot::Record};

use super::value::Value;

/// What a step gave.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// What a read found, or a miss.
    Entry(Option<Found>),
    /// Anything else; `null` where a call gives nothing.
    Json(Json),
}

/// What a read found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) metadata: Json,
    pub(super) source: Option<Tier>,
}

impl Answer {
    pub(super) const NOTHING: Self = Self::Json(Json::Null);

    pub(super) fn json(value: impl serde::Serialize) -> Self {
        Self::Json(
            serde_json::to_value(value).expect("what the library gives can be written as JSON"),
        )
    }

    pub(super) fn metadata(found: Option<&Metadata>) -> Self {
        Self::json(found.map(Record::new))
    }

    pub(super) fn entry(found: Option<(Metadata, Bytes)>, source: Option<Tier>) -> Self {
        Self::Entry(found.map(|(metadata, data)| Found {
            value: Value::found(&metadata, data),
            metadata: Self::metadata(Some(&metadata)).to_json(),
            source,
        }))
    }

    /// As the fields of an `expect` name it.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Json(json) => json.clone(),
            Self::Entry(None) => Json::Null,
            Self::Entry(Some(found)) => {
                json!({ "metadata": found.metadata, "source": found.source })
            }
        }
    }
}

impl From<Option<Entry>> for Answer {
    fn from(entry: Option<Entry>) -> Self {
        let source = entry.as_ref().map(|entry| entry.source);
        Self::entry(entry.map(|entry| (entry.metadata, entry.data)), source)
    }
}

impl From<Written> for Answer {
    fn from(written: Written) -> Self {
        let tiers: Vec<Tier> = written.tiers_written.iter().collect();
        Self::Json(json!({
            "key": written.key.as_str(),
            "metadata": Self::metadata(Some(&written.metadata)).to_json(),
            "tiersWritten": tiers,
        }))
    }
}

/// Short enough for a line.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(None) => f.write_str("no value"),
            Self::Entry(Some(found)) => {
                found.value.fmt(f)?;
                found.source.map_or(Ok(()), |source| write!(f, " from {source}"))
            }
            Self::Json(Json::Null) => f.write_str("null"),
            Self::Json(json) => json.fmt(f),
        }
    }
}
