//! What a file expects of a step, and whether that is what came.

use std::fmt;

use serde_json::Value as Json;
use tiered_storage::{Error, Timestamp};

use super::{
    answer::Answer,
    config,
    fields::{Fields, Parsed, choose},
    value::Value,
};

/// What a step is expected to give.
#[derive(Clone, Debug)]
pub(super) enum Expect {
    Failure {
        kind: &'static str,
        tier: Option<String>,
        key: Option<String>,
    },
    /// `None` in `value` leaves the value open; `Some(None)` is a miss.
    Entry {
        value: Option<Option<Value>>,
        source: Option<String>,
        metadata: Option<Json>,
    },
    /// A list is compared as a set.
    Set(Json),
    Json(Json),
}

/// How what a step gives is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Entry,
    Written,
    Set,
    Json,
}

/// Why a step is not as expected: what was, and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub(super) expected: String,
    pub(super) got: String,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into() }
    }
}

const KINDS: [(&str, &str); 8] = [
    ("invalid", "invalid"),
    ("denied", "denied"),
    ("unavailable", "unavailable"),
    ("conflict", "conflict"),
    ("corrupt", "corrupt"),
    ("full", "full"),
    ("closed", "closed"),
    ("internal", "internal"),
];

impl Expect {
    pub(super) fn parse(json: &Json, shape: Shape) -> Parsed<Self> {
        if json.get("error").is_some() {
            let fields = Fields::new("expect", json)?;
            let kind = choose(fields.needed_text("error")?, &KINDS)
                .map_err(|error| error.within("error"))?;
            let tier = fields.text("tier")?.map(str::to_owned);
            let key = fields.text("key")?.map(str::to_owned);
            fields.end()?;
            return Ok(Self::Failure { kind, tier, key });
        }
        match shape {
            Shape::Entry => Self::parse_entry(json),
            Shape::Written if json.is_object() => {
                let fields = Fields::new("expect", json)?;
                fields.given("tiersWritten").map(config::tiers).transpose()?;
                fields.json("metadata");
                fields.json("key");
                fields.end()?;
                Ok(Self::Json(json.clone()))
            }
            Shape::Set => Ok(Self::Set(json.clone())),
            Shape::Json | Shape::Written => Ok(Self::Json(json.clone())),
        }
    }

    fn parse_entry(json: &Json) -> Parsed<Self> {
        if json.is_null() {
            return Ok(Self::Entry { value: Some(None), source: None, metadata: None });
        }
        let fields = Fields::new("expect", json)?;
        let value = match fields.json("value") {
            None => None,
            Some(Json::Null) => Some(None),
            Some(json) => Some(Some(Value::parse(json)?)),
        };
        let source = fields.json("source").map(config::tier).transpose()?;
        let metadata = fields.json("metadata").cloned();
        fields.end()?;
        Ok(Self::Entry { value, source: source.map(|tier| tier.to_string()), metadata })
    }

    /// Compares what came with it.
    pub(super) fn check(&self, got: &Result<Answer, Error>) -> Result<(), Mismatch> {
        match (self, got) {
            (Self::Failure { kind, tier, key }, Err(error)) => {
                let is_of = |named: &Option<String>, said: Option<&str>| {
                    named.as_deref().is_none_or(|named| said == Some(named))
                };
                let is_right = *kind == error.kind().as_str()
                    && is_of(tier, error.tier().map(|tier| tier.as_str()))
                    && is_of(key, error.key().map(|key| key.as_str()));
                if is_right {
                    Ok(())
                } else {
                    Err(Mismatch::new(self.to_string(), error.to_string()))
                }
            }
            (Self::Failure { .. }, Ok(answer)) => {
                Err(Mismatch::new(self.to_string(), answer.to_string()))
            }
            (_, Err(error)) => Err(Mismatch::new(self.to_string(), error.to_string())),
            (Self::Entry { value, source, metadata }, Ok(answer)) => {
                check_entry(value.as_ref(), source.as_deref(), metadata.as_ref(), answer)
            }
            (Self::Set(expected), Ok(answer)) => {
                compare("", expected, &answer.to_json(), Order::Any)
            }
            (Self::Json(expected), Ok(answer)) => {
                compare("", expected, &answer.to_json(), Order::Kept)
            }
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure { kind, tier, key } => {
                write!(f, "the failure {kind:?}")?;
                tier.iter().try_for_each(|tier| write!(f, " of the {tier} tier"))?;
                key.iter().try_for_each(|key| write!(f, " for {key:?}"))
            }
            Self::Entry { value: Some(None), .. } => f.write_str("no value"),
            Self::Entry { value: Some(Some(value)), .. } => value.fmt(f),
            Self::Entry { .. } => f.write_str("an entry"),
            Self::Set(json) | Self::Json(json) => json.fmt(f),
        }
    }
}

fn check_entry(
    value: Option<&Option<Value>>,
    source: Option<&str>,
    metadata: Option<&Json>,
    answer: &Answer,
) -> Result<(), Mismatch> {
    let Answer::Entry(found) = answer else {
        return Err(Mismatch::new("an entry", answer.to_string()));
    };
    match (value, found) {
        (Some(None), Some(_)) => return Err(Mismatch::new("no value", answer.to_string())),
        (Some(Some(wanted)), Some(found)) if !wanted.is_equal(&found.value) => {
            return Err(Mismatch::new(wanted.to_string(), answer.to_string()));
        }
        (Some(Some(wanted)), None) => {
            return Err(Mismatch::new(wanted.to_string(), answer.to_string()));
        }
        _ => {}
    }
    if let Some(source) = source {
        let got = found.as_ref().and_then(|found| found.source).map(|tier| tier.as_str());
        if got != Some(source) {
            let got = got.map_or_else(|| "no source".to_owned(), |got| format!("{got:?}"));
            return Err(Mismatch::new(format!("the source {source:?}"), got));
        }
    }
    let got = found.as_ref().map_or(&Json::Null, |found| &found.metadata);
    metadata.map_or(Ok(()), |wanted| compare("metadata", wanted, got, Order::Kept))
}

/// Whether the order of a list counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Kept,
    Any,
}

/// Compares the fields that `expected` names. `null` stands for what is not there.
fn compare(path: &str, expected: &Json, got: &Json, order: Order) -> Result<(), Mismatch> {
    let mismatch = || {
        let at =
            |json: &Json| if path.is_empty() { json.to_string() } else { format!("{path} {json}") };
        Err(Mismatch::new(at(expected), got.to_string()))
    };
    match (expected, got) {
        (Json::Object(fields), Json::Object(found)) => {
            for (name, expected) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let is_set = matches!(name.as_str(), "tiersWritten" | "keys");
                let order = if is_set { Order::Any } else { Order::Kept };
                compare(&path, expected, found.get(name).unwrap_or(&Json::Null), order)?;
            }
            Ok(())
        }
        (Json::Array(wanted), Json::Array(found)) => {
            let is_same =
                |wanted: &Json, found: &Json| compare("", wanted, found, Order::Kept).is_ok();
            let is_right = wanted.len() == found.len()
                && match order {
                    Order::Kept => wanted.iter().zip(found).all(|(a, b)| is_same(a, b)),
                    Order::Any => {
                        wanted.iter().all(|a| found.iter().any(|b| is_same(a, b)))
                            && found.iter().all(|b| wanted.iter().any(|a| is_same(a, b)))
                    }
                };
            if is_right { Ok(()) } else { mismatch() }
        }
        _ if is_like(expected, got) || is_same_time(expected, got) => Ok(()),
        _ => mismatch(),
    }
}

/// Whether two values are equal, `1` and `1.0` being one number, and the last bits of a quotient not counting.
pub(super) fn is_like(expected: &Json, got: &Json) -> bool {
    match (expected, got) {
        (Json::Number(a), Json::Number(b)) if a != b => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).min(1.0),
            _ => false,
        },
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_like(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            let is_there = |(name, a): (&String, &Json)| b.get(name).is_some_and(|b| is_like(a, b));
            a.len() == b.len() && a.iter().all(is_there)
        }
        (a, b) => a == b,
    }
}

/// A date may be written with or without decimals, or as milliseconds since 1970.
fn is_same_time(expected: &Json, got: &Json) -> bool {
    let Some(got) = got.as_str().and_then(Timestamp::parse_rfc3339) else { return false };
    let expected = match expected {
        Json::String(text) => Timestamp::parse_rfc3339(text),
        other => other.as_u64().map(Timestamp::from_millis),
    };
    expected == Some(got)
}
