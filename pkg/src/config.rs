//! The configuration, as TypeScript checked it.

use std::time::Duration;

use js_sys::Array;
use tiered_storage::{
    Builder, Compression, Error, ExpiredCold, Promotion, Tier, TierSet, VerifyMode,
    placement::{Pattern, Placement, Rule},
};
use wasm_bindgen::JsCast;

/// Applies a configuration: whether bodies are compressed, whether copies are verified, whether expired entries are
/// kept, when reads promote (0 lazy, 1 eager, 2 on the second hit), the placement rules (patterns and bits of tiers by
/// turns), then numbers. Times are in ms, sizes in bytes; what is `undefined` is the library's default.
pub(crate) fn configure(mut builder: Builder, config: &Array) -> Result<Builder, Error> {
    let is = |at: u32| config.get(at).is_truthy();
    let number = |at: u32| config.get(at).as_f64();
    let time = |at: u32| number(at).map(millis);
    if is(0) {
        builder = builder.compression(Compression::Gzip);
    }
    if !is(1) {
        builder = builder.verify(VerifyMode::Never);
    }
    if is(2) {
        builder = builder.expired_cold(ExpiredCold::Keep);
    }
    builder = match number(3) {
        Some(1.0) => builder.promotion(Promotion::Eager),
        Some(2.0) => builder.promotion(Promotion::OnSecondHit),
        _ => builder,
    };
    let rules: Array = config.get(4).unchecked_into();
    let rule = |at: u32| {
        let pattern = Pattern::new(rules.get(at).as_string().unwrap_or_default())?;
        Ok(Rule { pattern, tiers: tiers(rules.get(at + 1).as_f64().unwrap_or_default() as u8) })
    };
    let rules = (0..rules.length()).step_by(2).map(rule).collect::<Result<_, Error>>()?;
    builder = builder.placement(Placement { rules });
    if let Some(bytes) = number(5) {
        builder = builder.hot_promotion_bytes_max(bytes as u64);
    }
    if let Some(ttl) = time(6) {
        builder = builder.default_ttl(ttl);
    }
    if let Some(age) = time(7) {
        builder = builder.revalidate_after(age);
    }
    if let Some(age) = time(8) {
        builder = builder.stale_if_unavailable(age);
    }
    if let Some(interval) = time(9) {
        builder = builder.access_flush_interval(interval);
    }
    Ok(builder)
}

/// Whole milliseconds.
pub(crate) fn millis(ms: f64) -> Duration {
    Duration::from_millis(ms as u64)
}

/// The tiers whose bits are set.
pub(crate) fn tiers(bits: u8) -> TierSet {
    Tier::ALL.into_iter().filter(|tier| bits & (1 << *tier as u8) != 0).collect()
}
