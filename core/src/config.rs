//! What the order of operations depends on. Checked once, then trusted.

use alloc::format;

#[cfg(feature = "explorer")]
pub use crate::mutant::Mutant;
#[cfg(not(feature = "explorer"))]
pub(crate) use crate::mutant::Mutant;
use crate::{
    error::{Error, ErrorKind},
    key::Key,
    metadata::Metadata,
    placement::Placement,
    tier::{Tier, TierSet},
    time::Timestamp,
};

/// When a read copies what it found into the tiers above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Promotion {
    /// Never: only writes fill the upper tiers.
    #[default]
    Lazy,
    /// On every read, in the background.
    Eager,
    /// From the second read of a key within a minute.
    OnSecondHit,
}

/// What becomes of an entry in the cold tier that was found expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExpiredCold {
    /// It is removed in the background, if it is still the version that was seen.
    #[default]
    Remove,
    /// It stays, and reads as absent.
    Keep,
}

/// What the engine must know of the storage it orders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// The tiers that there are; cold is always one of them.
    pub tiers: TierSet,
    /// The tiers that hold bodies uncompressed, so that an entry's size there is known before it is written.
    pub volatile: TierSet,
    /// The tiers that want to be told before the cold tier is.
    pub announced: TierSet,
    /// The largest entry (body, key and metadata, in bytes) that hot and warm could ever hold.
    pub entry_bytes_max: [Option<u64>; 2],
    /// When reads fill the upper tiers. Default: lazy.
    pub promotion: Promotion,
    /// The largest body, in bytes and inclusive, that a read copies into hot. Default: 256 KiB.
    pub hot_promotion_bytes_max: u64,
    /// How many promotions may wait or run at once; further ones are left out. Default: 1,024.
    pub promotions_max: usize,
    /// Which tiers a key may be in, by pattern; no match allows all.
    pub placement: Placement,
    /// What becomes of expired entries in cold. Default: removed.
    pub expired_cold: ExpiredCold,
    /// After how many milliseconds an upper copy is compared with cold before it is served. Default: never.
    pub revalidate_after_ms: Option<u64>,
    /// How many milliseconds old a copy may be that is served because cold could not be asked. Default: none is.
    pub stale_if_unavailable_ms: Option<u64>,
    /// The size in bytes of the chunks in which warm keeps what reads of parts found in cold. Default: it keeps none.
    pub part_bytes: Option<u64>,
    /// How many keys may be distrusted one by one; beyond that their tier is not read at all until it is cleared.
    /// Default: 10,000.
    pub distrusted_max: usize,
    /// The defect to behave by.
    #[cfg(feature = "explorer")]
    pub mutant: Option<Mutant>,
}

impl Config {
    /// The defaults, for a storage of these tiers and the cold one.
    pub fn new(tiers: TierSet) -> Self {
        Self {
            tiers: tiers.with(Tier::Cold),
            volatile: TierSet::EMPTY,
            announced: TierSet::EMPTY,
            entry_bytes_max: [None; 2],
            promotion: Promotion::default(),
            hot_promotion_bytes_max: 256 * 1024,
            promotions_max: 1_024,
            placement: Placement::default(),
            expired_cold: ExpiredCold::default(),
            revalidate_after_ms: None,
            stale_if_unavailable_ms: None,
            part_bytes: None,
            distrusted_max: 10_000,
            #[cfg(feature = "explorer")]
            mutant: None,
        }
    }

    /// Which tiers a write of `key` goes to: those asked for, else those of the first placement rule that matches,
    /// else all; of these the ones that exist, with cold always among them.
    pub fn targets(&self, key: &Key, asked: Option<TierSet>) -> TierSet {
        let chosen = asked.or_else(|| self.placement.first_match(key)).unwrap_or(TierSet::ALL);
        chosen.with(Tier::Cold).intersection(self.tiers)
    }

    /// The tiers above cold that may hold `key` and outlive this instance, so that others may read what is there.
    pub(crate) fn shared(&self, key: &Key) -> TierSet {
        let targets = self.targets(key, None).intersection(TierSet::UPPER);
        targets.difference(self.volatile)
    }

    /// Of `tiers`, those that an entry is not too large for.
    pub fn fitting(&self, tiers: TierSet, metadata: &Metadata) -> TierSet {
        let weight = || {
            let line = crate::format::encode(metadata, crate::format::Audience::Local);
            metadata.size() + (metadata.key().len() + line.len()) as u64
        };
        let fits = |tier: Tier| {
            let max = self.entry_bytes_max.get(tier as usize).copied().flatten();
            // What is compressed takes a size there that only the tier knows.
            let is_known = self.volatile.contains(tier) || !metadata.is_compressed();
            max.is_none_or(|max| !is_known || weight() <= max)
        };
        tiers.iter().filter(|tier| fits(*tier)).collect()
    }

    /// The tiers above `source` that a read may copy an entry into.
    pub(crate) fn promotable(&self, metadata: &Metadata, source: Tier) -> TierSet {
        let tiers = self.fitting(self.targets(metadata.key(), None).above(source), metadata);
        if metadata.size() > self.hot_promotion_bytes_max {
            tiers.without(Tier::Hot)
        } else {
            tiers
        }
    }

    /// Whether a copy must be compared with cold before it is served.
    pub fn is_due(&self, metadata: &Metadata, now: Timestamp) -> bool {
        self.revalidate_after_ms.is_some_and(|limit| now.millis_since(metadata.fresh_at) > limit)
    }

    /// Whether a copy may be served although cold could not be asked.
    pub(crate) fn tolerates(&self, metadata: &Metadata, now: Timestamp) -> bool {
        self.stale_if_unavailable_ms
            .is_some_and(|limit| now.millis_since(metadata.fresh_at) <= limit)
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    ///
    /// `Invalid` if a limit is 0.
    pub fn validate(&self) -> Result<(), Error> {
        let limits = [
            ("promotions_max", self.promotions_max as u64),
            ("distrusted_max", self.distrusted_max as u64),
        ];
        if self.part_bytes.is_some_and(|bytes| !is_part_size(bytes)) {
            let message = "chunks of parts must be of 64 KiB to 64 MiB, in whole 64 KiB";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if let Some((name, _)) = limits.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{name} is 0; it must be at least 1"),
            ));
        }
        Ok(())
    }

    /// Whether warm is to keep a part that a read found in cold.
    pub(crate) fn keeps_part(&self, metadata: &Metadata) -> bool {
        let allowed = self.fitting(self.targets(metadata.key(), None), metadata);
        self.part_bytes.is_some() && allowed.contains(Tier::Warm) && !metadata.is_compressed()
    }

    #[cfg(feature = "explorer")]
    pub(crate) fn is_mutant(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    #[cfg(not(feature = "explorer"))]
    pub(crate) const fn is_mutant(&self, _mutant: Mutant) -> bool {
        false
    }
}

fn is_part_size(bytes: u64) -> bool {
    const UNIT: u64 = 64 << 10;
    (UNIT..=UNIT << 10).contains(&bytes) && bytes.is_multiple_of(UNIT)
}
