//! The calls that steps make: of the public API, and of one tier.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value as Json;
use tiered_storage::{ByteRange, Tier, TierSet, Timestamp};

use super::{
    config,
    fields::{Fields, Parsed, malformed, whole},
    value::Value,
};

/// A call of the public API.
#[derive(Clone, Debug)]
pub(super) enum ApiCall {
    Set {
        key: String,
        value: Value,
        options: SetArgs,
    },
    Get(String),
    Range(String, ByteRange),
    Delete(String),
    Exists(String),
    Metadata(String),
    Touch {
        key: String,
        ttl: Option<Ttl>,
    },
    Invalidate(String),
    InvalidateUpper(String),
    Keys(String),
    Stats,
    Clear,
    ClearTier(Tier),
    BootstrapHot(Option<usize>),
    BootstrapWarm(Option<usize>, Option<Timestamp>),
    Export,
    /// What to change of the kept snapshot, or another one.
    Import(Option<Json>),
    Settle,
}

/// A time to live as a file gives it: less than nothing is for the library to refuse.
pub(super) type Ttl = Result<Duration, f64>;

/// The options of a `set`.
#[derive(Clone, Debug, Default)]
pub(super) struct SetArgs {
    pub(super) ttl: Option<Ttl>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) mime_type: Option<String>,
    pub(super) skip_tiers: Option<TierSet>,
    pub(super) only_tiers: Option<TierSet>,
}

/// A call of one tier, behind the storage's back.
#[derive(Clone, Debug)]
pub(super) enum TierCall {
    Get(String),
    Set(String, Value, Box<TierMetadata>),
    Delete(String),
    Exists(String),
    Metadata(String),
    Keys(String),
}

/// What a file says of an entry that it puts into a tier; the rest follows from the value and the time.
#[derive(Clone, Debug, Default)]
pub(super) struct TierMetadata {
    pub(super) key: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) last_accessed: Option<Timestamp>,
    pub(super) access_count: Option<u64>,
    pub(super) ttl: Option<Timestamp>,
    pub(super) compressed: Option<bool>,
    pub(super) checksum: Option<String>,
    pub(super) mime_type: Option<String>,
    pub(super) encoding: Option<String>,
    pub(super) custom: BTreeMap<String, String>,
}

pub(super) fn api_call(kind: &str, fields: &Fields<'_>) -> Parsed<ApiCall> {
    let key = || Ok(fields.needed_text("key")?.to_owned());
    let prefix = || Ok(fields.text("prefix")?.unwrap_or_default().to_owned());
    Ok(match kind {
        "set" => ApiCall::Set {
            key: key()?,
            value: Value::parse(fields.needed("value")?)?,
            options: fields.given("options").map(set_args).transpose()?.unwrap_or_default(),
        },
        "get" => {
            if let Some(options) = fields.given("options") {
                Fields::new("options", options)?.end()?;
            }
            ApiCall::Get(key()?)
        }
        "getRange" => ApiCall::Range(key()?, range(fields)?),
        "delete" => ApiCall::Delete(key()?),
        "exists" => ApiCall::Exists(key()?),
        "getMetadata" => ApiCall::Metadata(key()?),
        "touch" => ApiCall::Touch { key: key()?, ttl: ttl(fields)? },
        "invalidate" => ApiCall::Invalidate(prefix()?),
        "invalidateUpperCaches" => ApiCall::InvalidateUpper(prefix()?),
        "listKeys" => ApiCall::Keys(prefix()?),
        "getStats" => ApiCall::Stats,
        "clear" => ApiCall::Clear,
        "clearTier" => ApiCall::ClearTier(config::tier(fields.needed("tier")?)?),
        "bootstrapHot" => ApiCall::BootstrapHot(limit(fields)?),
        "bootstrapWarm" => match fields.given("options") {
            None => ApiCall::BootstrapWarm(limit(fields)?, date(fields, "sinceDate")?),
            Some(json) => {
                let options = Fields::new("options", json)?;
                let call = ApiCall::BootstrapWarm(limit(&options)?, date(&options, "sinceDate")?);
                options.end()?;
                call
            }
        },
        "export" => ApiCall::Export,
        "import" => ApiCall::Import(fields.given("snapshot").cloned()),
        "settle" => ApiCall::Settle,
        _ => return malformed(format!("there is no step {kind:?}")),
    })
}

fn range(fields: &Fields<'_>) -> Parsed<ByteRange> {
    match (fields.count("start")?, fields.count("end")?, fields.count("last")?) {
        (Some(start), Some(end), None) => Ok(ByteRange::Between(start, end)),
        (Some(start), None, None) => Ok(ByteRange::From(start)),
        (None, None, Some(bytes)) => Ok(ByteRange::Last(bytes)),
        _ => malformed("a range is to have \"start\", perhaps \"end\", or \"last\" alone"),
    }
}

fn set_args(json: &Json) -> Parsed<SetArgs> {
    let fields = Fields::new("options", json)?;
    let args = SetArgs {
        ttl: ttl(&fields)?,
        metadata: texts(&fields, "metadata")?,
        mime_type: fields.text("mimeType")?.map(str::to_owned),
        skip_tiers: fields.given("skipTiers").map(config::tiers).transpose()?,
        only_tiers: fields.given("onlyTiers").map(config::tiers).transpose()?,
    };
    fields.end()?;
    Ok(args)
}

pub(super) fn tier_call(fields: &Fields<'_>) -> Parsed<TierCall> {
    let key = || Ok(fields.needed_text("key")?.to_owned());
    Ok(match fields.needed_text("call")? {
        "get" => TierCall::Get(key()?),
        "set" => {
            let value = Value::parse(fields.needed("value")?)?;
            let metadata = fields.given("metadata").map(tier_metadata).transpose()?;
            TierCall::Set(key()?, value, Box::new(metadata.unwrap_or_default()))
        }
        "delete" => TierCall::Delete(key()?),
        "exists" => TierCall::Exists(key()?),
        "getMetadata" => TierCall::Metadata(key()?),
        "keys" => TierCall::Keys(fields.text("prefix")?.unwrap_or_default().to_owned()),
        other => return malformed(format!("a tier has no call {other:?}")),
    })
}

fn tier_metadata(json: &Json) -> Parsed<TierMetadata> {
    let fields = Fields::new("metadata", json)?;
    let metadata = TierMetadata {
        key: fields.text("key")?.map(str::to_owned),
        size: fields.count("size")?,
        created_at: date(&fields, "createdAt")?,
        last_accessed: date(&fields, "lastAccessed")?,
        access_count: fields.count("accessCount")?,
        ttl: date(&fields, "ttl")?,
        compressed: fields.flag("compressed")?,
        checksum: fields.text("checksum")?.map(str::to_owned),
        mime_type: fields.text("mimeType")?.map(str::to_owned),
        encoding: fields.text("encoding")?.map(str::to_owned),
        custom: texts(&fields, "customMetadata")?,
    };
    fields.end()?;
    Ok(metadata)
}

fn texts<'a>(fields: &Fields<'a>, name: &'a str) -> Parsed<BTreeMap<String, String>> {
    let Some(json) = fields.given(name) else { return Ok(BTreeMap::new()) };
    match serde_json::from_value(json.clone()) {
        Ok(texts) => Ok(texts),
        Err(_) => malformed(format!("{name:?} is to be an object of texts, and is {json}")),
    }
}

fn ttl(fields: &Fields<'_>) -> Parsed<Option<Ttl>> {
    let Some(json) = fields.given("ttl") else { return Ok(None) };
    let Some(ms) = json.as_f64() else {
        return malformed(format!("\"ttl\" is to be a number of milliseconds, and is {json}"));
    };
    Ok(Some(Duration::try_from_secs_f64(ms / 1_000.0).map_err(|_| ms).map(|ttl| {
        // Whole milliseconds do not go through a fraction of a second.
        whole(json).map_or(ttl, Duration::from_millis)
    })))
}

fn limit(fields: &Fields<'_>) -> Parsed<Option<usize>> {
    Ok(fields.count("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)))
}

fn date<'a>(fields: &Fields<'a>, name: &'a str) -> Parsed<Option<Timestamp>> {
    let Some(json) = fields.given(name) else { return Ok(None) };
    let time = match json {
        Json::String(text) => {
            // A date alone is midnight, as it is to a JavaScript `Date`.
            Timestamp::parse_rfc3339(text)
                .or_else(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")))
        }
        other => whole(other).map(Timestamp::from_millis),
    };
    match time {
        Some(time) => Ok(Some(time)),
        None => malformed(format!("{name:?} is to be a date in UTC, and is {json}")),
    }
}
