//! The configuration that a scenario asks for.

use std::time::Duration;

use serde_json::Value as Json;
use tiered_storage::{
    Compression, ExpiredCold, Promotion, Tier, TierSet, VerifyMode,
    evict::PolicyKind,
    placement::{Pattern, Placement, Rule},
};

use super::fields::{Fields, Parsed, choose, malformed};

/// How large a tier may get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) size_bytes_max: Option<u64>,
    pub(super) items_max: Option<u64>,
    pub(super) policy: Option<PolicyKind>,
}

/// What a scenario sets up; `None` is the library's default.
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    pub(super) tiers: TierSet,
    /// In the order of [`Tier::ALL`].
    pub(super) limits: [Limits; 3],
    pub(super) compression: Option<Compression>,
    pub(super) default_ttl: Option<Duration>,
    pub(super) promotion: Option<Promotion>,
    pub(super) placement: Option<Placement>,
    pub(super) hot_promotion_bytes_max: Option<u64>,
    pub(super) range_caching: Option<u64>,
    pub(super) verify: Option<VerifyMode>,
    pub(super) expired_cold: Option<ExpiredCold>,
    pub(super) revalidate_after: Option<Duration>,
    pub(super) stale_if_unavailable: Option<Duration>,
    pub(super) access_flush_interval: Option<Duration>,
}

const PROMOTIONS: [(&str, Promotion); 3] = [
    ("lazy", Promotion::Lazy),
    ("eager", Promotion::Eager),
    ("onSecondHit", Promotion::OnSecondHit),
];
const VERIFY_MODES: [(&str, VerifyMode); 2] =
    [("always", VerifyMode::Always), ("never", VerifyMode::Never)];
const EXPIRED_COLD: [(&str, ExpiredCold); 2] =
    [("remove", ExpiredCold::Remove), ("keep", ExpiredCold::Keep)];
const POLICIES: [(&str, PolicyKind); 4] = [
    ("lru", PolicyKind::Lru),
    ("fifo", PolicyKind::Fifo),
    ("size", PolicyKind::Size),
    ("s3fifo", PolicyKind::S3Fifo),
];
const TIERS: [(&str, Tier); 3] = [("hot", Tier::Hot), ("warm", Tier::Warm), ("cold", Tier::Cold)];

impl Config {
    pub(super) fn parse(json: &Json) -> Parsed<Self> {
        let fields = Fields::new("config", json)?;
        let ms = |name| Ok(fields.count(name)?.map(Duration::from_millis));
        let compression = |is_on| if is_on { Compression::Gzip } else { Compression::Off };
        let config = Self {
            tiers: match fields.given("tiers") {
                Some(json) => tiers(json)?,
                None => TierSet::ALL,
            },
            limits: [
                limits("hot", fields.given("hot"))?,
                limits("warm", fields.given("warm"))?,
                limits("cold", fields.given("cold"))?,
            ],
            compression: fields.flag("compression")?.map(compression),
            default_ttl: ms("defaultTTL")?,
            promotion: fields.choice("promotionStrategy", &PROMOTIONS)?,
            placement: fields.list("placementRules")?.map(placement).transpose()?,
            hot_promotion_bytes_max: fields.count("hotPromotionMaxBytes")?,
            range_caching: fields.count("rangeCaching")?,
            verify: fields.choice("verify", &VERIFY_MODES)?,
            expired_cold: fields.choice("expiredCold", &EXPIRED_COLD)?,
            revalidate_after: ms("revalidateAfter")?,
            stale_if_unavailable: ms("staleIfUnavailable")?,
            access_flush_interval: fields.given("statistics").map(interval).transpose()?.flatten(),
        };
        fields.end()?;
        if !config.tiers.contains(Tier::Cold) {
            return malformed("config leaves out the cold tier, which every storage has");
        }
        for tier in Tier::ALL.into_iter().filter(|tier| !config.tiers.contains(*tier)) {
            if config.limits[tier as usize] != Limits::default() {
                return malformed(format!("config limits a {tier} tier that it leaves out"));
            }
        }
        Ok(config)
    }
}

/// A list of tiers' names.
pub(super) fn tiers(json: &Json) -> Parsed<TierSet> {
    let Some(names) = json.as_array() else {
        return malformed(format!("a list of tiers is needed in place of {json}"));
    };
    names.iter().map(tier).collect()
}

/// A tier's name.
pub(super) fn tier(json: &Json) -> Parsed<Tier> {
    match json.as_str() {
        Some(name) => choose(name, &TIERS).map_err(|error| error.within("tier")),
        None => malformed(format!("the name of a tier is needed in place of {json}")),
    }
}

fn limits(name: &str, json: Option<&Json>) -> Parsed<Limits> {
    let Some(json) = json else { return Ok(Limits::default()) };
    let fields = Fields::new(name, json)?;
    let mut limits = Limits {
        size_bytes_max: fields.count("maxSizeBytes")?,
        items_max: fields.count("maxItems")?,
        policy: None,
    };
    for name in ["evictionPolicy", "eviction", "policy"] {
        limits.policy = fields.choice(name, &POLICIES)?.or(limits.policy);
    }
    fields.end()?;
    Ok(limits)
}

fn placement(rules: &[Json]) -> Parsed<Placement> {
    let rule = |json| {
        let fields = Fields::new("a placement rule", json)?;
        let text = fields.needed_text("pattern")?;
        let pattern = match Pattern::new(text) {
            Ok(pattern) => pattern,
            Err(error) => return malformed(error.to_string()),
        };
        let tiers = tiers(fields.needed("tiers")?)?;
        fields.end()?;
        Ok(Rule { pattern, tiers })
    };
    Ok(Placement { rules: rules.iter().map(rule).collect::<Parsed<_>>()? })
}

fn interval(json: &Json) -> Parsed<Option<Duration>> {
    let fields = Fields::new("statistics", json)?;
    let mut interval = None;
    for name in ["flushInterval", "interval"] {
        interval = fields.count(name)?.map(Duration::from_millis).or(interval);
    }
    fields.end()?;
    Ok(interval)
}
