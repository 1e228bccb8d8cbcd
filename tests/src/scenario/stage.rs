//! The tiers of a host.

use std::sync::Arc;

use tiered_storage::{
    Error, Tier,
    conformance::FaultTier,
    memory::{MemoryOptions, MemoryTier, Volatility},
    tier::StorageTier,
};

use super::{
    config::{Config, Limits},
    seat::{Owner, Seat},
};

/// A tier in its place, and the wrapper through which a storage sees it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) seat: Arc<Seat>,
    pub(super) fault: Arc<FaultTier>,
}

impl Place {
    fn new(tier: Arc<dyn StorageTier>, owner: Owner) -> Self {
        let seat = Arc::new(Seat::new(tier, owner));
        Self { fault: Arc::new(FaultTier::new(seat.clone())), seat }
    }
}

/// Makes tiers. Cold is one for all instances.
pub(super) struct Stage {
    config: Config,
    cold: Place,
}

impl Stage {
    pub(super) fn memory(config: &Config) -> Result<Self, Error> {
        let tier = memory_tier(config.limits[Tier::Cold as usize], Volatility::Durable)?;
        Ok(Self { config: config.clone(), cold: Place::new(tier, Owner::Several) })
    }

    /// The tiers of a new instance.
    pub(super) fn places(&self, _instance: &str) -> Result<[Option<Place>; 3], Error> {
        let [hot, warm, _] = self.config.limits;
        let is_there = |tier| self.config.tiers.contains(tier);
        let hot =
            is_there(Tier::Hot).then(|| memory_tier(hot, Volatility::Volatile)).transpose()?;
        let warm =
            is_there(Tier::Warm).then(|| memory_tier(warm, Volatility::Durable)).transpose()?;
        let place = |tier| Place::new(tier, Owner::One);
        Ok([hot.map(place), warm.map(place), Some(self.cold.clone())])
    }

    /// What a restart does to the tiers of an instance that was closed: hot is lost.
    pub(super) fn reopen(&self, places: &[Option<Place>; 3]) -> Result<(), Error> {
        if let Some(hot) = &places[Tier::Hot as usize] {
            let limits = self.config.limits[Tier::Hot as usize];
            hot.seat.exchange(memory_tier(limits, Volatility::Volatile)?);
        }
        Ok(())
    }
}

fn memory_tier(limits: Limits, volatility: Volatility) -> Result<Arc<dyn StorageTier>, Error> {
    let mut options = MemoryOptions::new().volatility(volatility).items_max(limits.items_max);
    if volatility == Volatility::Durable {
        // What stands in for a disk or S3 has no limit of its own.
        options = options.size_bytes_max(1 << 40);
    }
    if let Some(bytes) = limits.size_bytes_max {
        options = options.size_bytes_max(bytes);
    }
    if let Some(policy) = limits.policy {
        options = options.policy(policy);
    }
    Ok(Arc::new(MemoryTier::new(options)?))
}
