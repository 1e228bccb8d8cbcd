//! The three places an entry can be in, and sets of them.

use core::fmt;

use serde::{Deserialize, Serialize};

/// One of the three places an entry can be in.
///
/// The order is the order in which a read asks them: `Hot < Warm < Cold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the model has three tiers, by definition")]
pub enum Tier {
    /// The fastest and smallest; usually memory. Optional.
    Hot,
    /// Between the two; usually a local disk or IndexedDB. Optional.
    Warm,
    /// The source of truth; usually S3. Always there.
    Cold,
}

impl Tier {
    /// All tiers, in the order in which a read asks them.
    pub const ALL: [Self; 3] = [Self::Hot, Self::Warm, Self::Cold];

    /// The name as the contract writes it: `hot`, `warm` or `cold`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of tiers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TierSet(u8);

impl TierSet {
    /// No tier.
    pub const EMPTY: Self = Self(0);
    /// All three tiers.
    pub const ALL: Self = Self(0b111);
    /// Hot and warm: the tiers above the source of truth.
    pub const UPPER: Self = Self(0b011);

    /// Whether `tier` is in the set.
    pub const fn contains(self, tier: Tier) -> bool {
        self.0 & Self::bit(tier) != 0
    }

    /// The set with `tier` in it.
    #[must_use]
    pub const fn with(self, tier: Tier) -> Self {
        Self(self.0 | Self::bit(tier))
    }

    /// The set with `tier` not in it.
    #[must_use]
    pub const fn without(self, tier: Tier) -> Self {
        Self(self.0 & !Self::bit(tier))
    }

    /// The tiers that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The tiers that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The tiers that are in this set and not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The tiers of this set that a read asks before `tier`.
    #[must_use]
    pub const fn above(self, tier: Tier) -> Self {
        Self(self.0 & (Self::bit(tier) - 1))
    }

    /// Whether no tier is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The tiers of the set, hot first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Tier> + Clone {
        Tier::ALL.into_iter().filter(move |tier| self.contains(*tier))
    }

    const fn bit(tier: Tier) -> u8 {
        1 << tier as u8
    }
}

impl FromIterator<Tier> for TierSet {
    fn from_iter<I: IntoIterator<Item = Tier>>(tiers: I) -> Self {
        tiers.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl From<Tier> for TierSet {
    fn from(tier: Tier) -> Self {
        Self::EMPTY.with(tier)
    }
}

impl fmt::Debug for TierSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
