//! What a user may choose, checked once.

use tiered_storage_core::{Error, ErrorKind};

use super::record::{OBJECT_CHUNK_BYTES, OBJECT_FRAME_BYTES};

const MIB: u64 = 1 << 20;

/// What survives a power loss, and what it costs.
///
/// A crash of the process alone loses nothing that was written, at any level. No level ever serves torn bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing waits for the device; a checkpoint every few seconds does. After an unclean start every entry is
    /// [`Suspect`](crate::tier::Read::Suspect) until it was compared with the cold tier.
    #[default]
    Checkpoint,
    /// Each write waits until its bytes are on the device. After a power loss at most the last entries of all are
    /// missing; what was announced and then not overwritten is suspect; everything else stays trusted.
    Object,
    /// As `Object`, and each write and removal also waits for the directory: nothing is missing.
    Full,
}

/// How a [`DiskTier`](super::DiskTier) is kept.
///
/// ```
/// use tiered_storage::native::disk::{DiskOptions, Durability};
///
/// let options = DiskOptions::new().size_bytes_max(10 << 30).durability(Durability::Object);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct DiskOptions {
    size_bytes_max: Option<u64>,
    items_max: Option<u64>,
    durability: Durability,
    segment_bytes: u64,
    inline_bytes_max: u64,
    checkpoint_interval_ms: u64,
}

impl DiskOptions {
    /// No limits, [`Durability::Checkpoint`], segments of 32 MiB, bodies to 32 KiB in segments, a checkpoint every
    /// 5,000 ms.
    pub fn new() -> Self {
        Self {
            size_bytes_max: None,
            items_max: None,
            durability: Durability::Checkpoint,
            segment_bytes: 32 * MIB,
            inline_bytes_max: 32 << 10,
            checkpoint_interval_ms: 5_000,
        }
    }

    /// The most bytes that entries may take on disk: bodies, keys, metadata, framing and space that is not yet
    /// reclaimed. Bodies of which there are only parts take at most a quarter of them. The index files are not counted; they take about 60 bytes and the key per entry.
    #[must_use]
    pub fn size_bytes_max(mut self, bytes: u64) -> Self {
        self.size_bytes_max = Some(bytes);
        self
    }

    /// The most entries.
    #[must_use]
    pub fn items_max(mut self, items: u64) -> Self {
        self.items_max = Some(items);
        self
    }

    /// What survives a power loss.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The size of a segment, 16 to 64 MiB. Under a small [`DiskOptions::size_bytes_max`] segments are smaller.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// The largest body that is put into a segment, at most 1 MiB; a larger one is a file of its own.
    #[must_use]
    pub fn inline_bytes_max(mut self, bytes: u64) -> Self {
        self.inline_bytes_max = bytes;
        self
    }

    /// How often a checkpoint is made, in milliseconds, from 10 to 3,600,000.
    #[must_use]
    pub fn checkpoint_interval_ms(mut self, ms: u64) -> Self {
        self.checkpoint_interval_ms = ms;
        self
    }

    pub(super) fn settle(self) -> Result<Settings, Error> {
        let invalid = |message: &'static str| Err(Error::new(ErrorKind::Invalid, message));
        if self.size_bytes_max.is_some_and(|bytes| bytes < SIZE_BYTES_MIN) {
            return invalid(
                "size_bytes_max is less than 512 bytes; give the disk tier more, or leave it out",
            );
        }
        if self.items_max == Some(0) {
            return invalid("items_max is 0; give at least 1, or leave the disk tier out");
        }
        if !(16 * MIB..=64 * MIB).contains(&self.segment_bytes) {
            return invalid("segment_bytes must be from 16 MiB to 64 MiB");
        }
        if self.inline_bytes_max > MIB {
            return invalid("inline_bytes_max must be at most 1 MiB");
        }
        if !(10..=3_600_000).contains(&self.checkpoint_interval_ms) {
            return invalid("checkpoint_interval_ms must be from 10 to 3,600,000");
        }
        Ok(Settings {
            size_bytes_max: self.size_bytes_max,
            items_max: self.items_max,
            durability: self.durability,
            segment_bytes: self
                .size_bytes_max
                .map_or(self.segment_bytes, |bytes| self.segment_bytes.min(bytes / 32)),
            inline_bytes_max: self.inline_bytes_max,
            checkpoint_interval_ms: self.checkpoint_interval_ms,
        })
    }
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The smallest limit: it leaves room for a small entry. One with the longest key and metadata takes 4 KiB.
const SIZE_BYTES_MIN: u64 = 512;

/// Options that were checked.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) size_bytes_max: Option<u64>,
    pub(super) items_max: Option<u64>,
    pub(super) durability: Durability,
    pub(super) segment_bytes: u64,
    pub(super) inline_bytes_max: u64,
    pub(super) checkpoint_interval_ms: u64,
}

impl Settings {
    /// The largest entry that fits an otherwise empty directory: body, key and metadata.
    pub(super) fn entry_bytes_max(&self) -> Option<u64> {
        self.size_bytes_max.map(|bytes| {
            let chunks = bytes.div_ceil(OBJECT_CHUNK_BYTES);
            bytes.saturating_sub(OBJECT_FRAME_BYTES + 4 * chunks)
        })
    }

    /// The most that bodies may take together of which there are only parts.
    pub(super) fn parts_bytes_max(&self) -> u64 {
        self.size_bytes_max.map_or(u64::MAX, |bytes| bytes / 4)
    }
}
