//! The configuration, as TypeScript checked it.

use tiered_storage::{
    Builder, Compression, Error, ExpiredCold, Promotion, VerifyMode,
    placement::{Pattern, Placement, Rule},
};

use crate::args::Args;

/// Applies a configuration: whether bodies are compressed, whether copies are verified, whether expired entries are
/// kept, when reads promote (0 lazy, 1 eager, 2 on the second hit), the placement rules (patterns and bits of tiers by
/// turns), then numbers. Times are in ms, sizes in bytes; what is `undefined` is the library's default.
pub(crate) fn configure(mut builder: Builder, config: &Args) -> Result<Builder, Error> {
    if config.is(0) {
        builder = builder.compression(Compression::Gzip);
    }
    if !config.is(1) {
        builder = builder.verify(VerifyMode::Never);
    }
    if config.is(2) {
        builder = builder.expired_cold(ExpiredCold::Keep);
    }
    builder = match config.count(3) {
        1 => builder.promotion(Promotion::Eager),
        2 => builder.promotion(Promotion::OnSecondHit),
        _ => builder,
    };
    let given = config.array(4);
    let mut rules = Vec::new();
    for at in (0..given.len()).step_by(2) {
        let pattern = Pattern::new(given.text(at).unwrap_or_default())?;
        rules.push(Rule { pattern, tiers: given.tiers(at + 1).unwrap_or_default() });
    }
    builder = builder.placement(Placement { rules });
    if let Some(bytes) = config.number(5) {
        builder = builder.hot_promotion_bytes_max(bytes as u64);
    }
    if let Some(ttl) = config.duration(6) {
        builder = builder.default_ttl(ttl);
    }
    if let Some(age) = config.duration(7) {
        builder = builder.revalidate_after(age);
    }
    if let Some(age) = config.duration(8) {
        builder = builder.stale_if_unavailable(age);
    }
    if let Some(interval) = config.duration(9) {
        builder = builder.access_flush_interval(interval);
    }
    if let Some(bytes) = config.number(10) {
        builder = builder.range_caching(bytes as u64);
    }
    Ok(builder)
}
