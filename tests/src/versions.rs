//! Entries that tell which version they are, in every byte and in their metadata, and dice that fall the same again.

use std::collections::BTreeMap;

use bytes::Bytes;
use tiered_storage::{Entry, SetOptions};

/// The name of the field that tells the version.
const FIELD: &str = "version";

/// `len` bytes of a version; `len` is a multiple of 8.
///
/// # Panics
/// If it is not.
pub fn body(version: u64, len: usize) -> Bytes {
    assert_eq!(len % 8, 0, "a body is made of whole words");
    version.to_le_bytes().repeat(len / 8).into()
}

/// The options of a version.
pub fn options(version: u64) -> SetOptions {
    SetOptions::default().field(FIELD, version.to_string())
}

/// The version of an entry.
///
/// # Panics
/// If it is torn: if a byte of it, or its metadata, is of another version.
pub fn version(entry: &Entry) -> u64 {
    let fields: &BTreeMap<String, String> = entry.metadata.custom();
    let version = fields.get(FIELD).and_then(|text| text.parse().ok());
    let version: u64 = version.expect("the metadata tells the version");
    assert_eq!(entry.metadata.size(), entry.data.len() as u64, "a body of another length");
    assert!(entry.data == body(version, entry.data.len()), "the body is not of version {version}");
    version
}

/// Dice that fall the same for the same seed.
///
/// ```
/// # use tiered_storage_tests::versions::Dice;
/// let (mut one, mut other) = (Dice::new(7), Dice::new(7));
/// assert_eq!(one.below(1_000), other.below(1_000));
/// ```
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
