//! What a user chooses of a memory tier.

use tiered_storage_core::evict::PolicyKind;

/// Whether the storage may reckon with what a [`MemoryTier`](super::MemoryTier) holds after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Volatility {
    /// What it holds is gone with the process: bodies are given to it uncompressed and are not verified.
    #[default]
    Volatile,
    /// The tier stands in for a warm or cold one, in tests: whoever restarts the storage keeps the tier.
    Durable,
}

/// How large a [`MemoryTier`](super::MemoryTier) may get, and what it gives up first.
#[derive(Clone, Debug)]
#[must_use]
pub struct MemoryOptions {
    pub(super) size_bytes_max: u64,
    pub(super) items_max: Option<u64>,
    pub(super) policy: PolicyKind,
    pub(super) volatility: Volatility,
}

impl MemoryOptions {
    /// 64 MiB, any number of entries, S3-FIFO, volatile.
    pub fn new() -> Self {
        Self {
            size_bytes_max: 64 << 20,
            items_max: None,
            policy: PolicyKind::default(),
            volatility: Volatility::default(),
        }
    }

    /// The most that bodies, keys and stored metadata may take together, in bytes. What the tier needs besides, about
    /// 500 bytes an entry, is not counted.
    pub fn size_bytes_max(self, bytes: u64) -> Self {
        Self { size_bytes_max: bytes, ..self }
    }

    /// The most entries; `None` sets no limit of its own.
    pub fn items_max(self, items: impl Into<Option<u64>>) -> Self {
        Self { items_max: items.into(), ..self }
    }

    /// Which entry is given up when there is no room for another.
    pub fn policy(self, policy: PolicyKind) -> Self {
        Self { policy, ..self }
    }

    /// Whether the storage may reckon with the entries after a restart.
    pub fn volatility(self, volatility: Volatility) -> Self {
        Self { volatility, ..self }
    }
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self::new()
    }
}
