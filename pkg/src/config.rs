//! The configuration, as TypeScript checked it.

use std::time::Duration;

use serde::Deserialize;
use serde_wasm_bindgen::from_value;
use tiered_storage::{
    Builder, Compression, Error, ExpiredCold, Promotion, Tier, VerifyMode,
    placement::{Pattern, Placement, Rule},
};
use wasm_bindgen::JsValue;

use crate::lines::invalid;

/// Times are in ms, sizes in bytes; what is left out is the library's default.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    compression: Option<bool>,
    #[serde(rename = "defaultTTL")]
    default_ttl: Option<f64>,
    promotion_strategy: Option<String>,
    placement_rules: Option<Vec<RuleConfig>>,
    hot_promotion_max_bytes: Option<f64>,
    verify: Option<String>,
    expired_cold: Option<String>,
    revalidate_after: Option<f64>,
    stale_if_unavailable: Option<f64>,
    flush_interval: Option<f64>,
}

#[derive(Deserialize)]
struct RuleConfig {
    pattern: String,
    tiers: Vec<Tier>,
}

/// Applies a configuration.
pub(crate) fn configure(mut builder: Builder, config: JsValue) -> Result<Builder, Error> {
    let config: Config = from_value(config).map_err(|error| invalid(&error.to_string()))?;
    if config.compression == Some(true) {
        builder = builder.compression(Compression::Gzip);
    }
    if let Some(ttl) = config.default_ttl {
        builder = builder.default_ttl(millis(ttl));
    }
    builder = match config.promotion_strategy.as_deref() {
        Some("eager") => builder.promotion(Promotion::Eager),
        Some("onSecondHit") => builder.promotion(Promotion::OnSecondHit),
        _ => builder,
    };
    if let Some(rules) = config.placement_rules {
        let rule = |rule: RuleConfig| {
            let pattern = Pattern::new(rule.pattern)?;
            Ok(Rule { pattern, tiers: rule.tiers.into_iter().collect() })
        };
        let rules = rules.into_iter().map(rule).collect::<Result<_, Error>>()?;
        builder = builder.placement(Placement { rules });
    }
    if let Some(bytes) = config.hot_promotion_max_bytes {
        builder = builder.hot_promotion_bytes_max(bytes as u64);
    }
    if config.verify.as_deref() == Some("never") {
        builder = builder.verify(VerifyMode::Never);
    }
    if config.expired_cold.as_deref() == Some("keep") {
        builder = builder.expired_cold(ExpiredCold::Keep);
    }
    if let Some(age) = config.revalidate_after {
        builder = builder.revalidate_after(millis(age));
    }
    if let Some(age) = config.stale_if_unavailable {
        builder = builder.stale_if_unavailable(millis(age));
    }
    if let Some(interval) = config.flush_interval {
        builder = builder.access_flush_interval(millis(interval));
    }
    Ok(builder)
}

/// Whole milliseconds.
pub(crate) fn millis(ms: f64) -> Duration {
    Duration::from_millis(ms as u64)
}
