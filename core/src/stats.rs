//! Statistics, with the names of the contract.

use serde::{Deserialize, Serialize};

use crate::{cost::Requests, tier::Tier};

/// How full a tier is, and how it answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TierStats {
    /// The stored bytes of all bodies.
    pub bytes: u64,
    /// The number of entries.
    pub items: u64,
    /// Reads that this tier answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits: Option<u64>,
    /// Reads that this tier was asked for and had no live, sound entry for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misses: Option<u64>,
    /// Entries that it gave up to keep its limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evictions: Option<u64>,
    /// The requests that it sent since it was made, where it is a store that bills them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
}

/// How the tiers answered since the storage was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hits {
    /// Reads that each tier answered, in the order of [`Tier::ALL`].
    pub hits: [u64; 3],
    /// Reads that no tier had an answer for.
    pub absent: u64,
}

impl Hits {
    /// Reads that got an answer.
    pub fn reads(&self) -> u64 {
        self.hits.iter().sum::<u64>() + self.absent
    }

    /// Reads that went past `tier`, to a lower one or to no answer.
    pub fn misses(&self, tier: Tier) -> u64 {
        self.hits[tier as usize + 1..].iter().sum::<u64>() + self.absent
    }
}

/// Statistics of all tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Stats {
    /// The hot tier, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot: Option<TierStats>,
    /// The warm tier, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<TierStats>,
    /// The cold tier.
    pub cold: TierStats,
    /// Reads that any tier answered.
    pub total_hits: u64,
    /// Misses of all tiers: a read that cold answered missed hot and warm.
    pub total_misses: u64,
    /// Of the reads, the part that any tier answered: 0 to 1, and 0 before the first read.
    pub hit_rate: f64,
}

impl Stats {
    /// Puts together what each tier holds (`None` where there is no such tier) and how they answered.
    pub fn new(usages: [Option<TierStats>; 3], counted: &Hits) -> Self {
        let [hot, warm, cold] = Tier::ALL.map(|tier| {
            usages[tier as usize].map(|usage| TierStats {
                hits: Some(counted.hits[tier as usize]),
                misses: Some(counted.misses(tier)),
                ..usage
            })
        });
        let misses = |stats: Option<TierStats>| stats.and_then(|stats| stats.misses).unwrap_or(0);
        let total_hits = counted.hits.iter().sum();
        let reads = counted.reads();
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
        let hit_rate = if reads == 0 { 0.0 } else { total_hits as f64 / reads as f64 };
        Self {
            hot,
            warm,
            cold: cold.unwrap_or_default(),
            total_hits,
            total_misses: misses(hot) + misses(warm) + misses(cold),
            hit_rate,
        }
    }
}

impl TierStats {
    /// What a tier holds, with nothing known of how it answered.
    pub fn holding(bytes: u64, items: u64, evictions: Option<u64>) -> Self {
        Self { bytes, items, evictions, hits: None, misses: None, requests: None }
    }

    /// The same, with the requests that it sent.
    #[must_use]
    pub fn with_requests(self, requests: Option<Requests>) -> Self {
        Self { requests, ..self }
    }
}
