//! The module as entries carry it along: as small as gzip gets, because nobody compresses it further on its way.

use std::{io, num::NonZeroU64};

use zopfli::{Format, Options};

/// More rounds find next to nothing.
const ROUNDS: NonZeroU64 = NonZeroU64::new(15).expect("it is not 0");

/// Packs what every runtime unpacks by itself.
pub(crate) fn pack(plain: &[u8]) -> io::Result<Vec<u8>> {
    // Bytes of each kind, and parts of them, have codes of their own.
    let maximum_block_splits = 60;
    let options = Options { iteration_count: ROUNDS, maximum_block_splits, ..Options::default() };
    let mut packed = Vec::new();
    zopfli::compress(options, Format::Gzip, plain, &mut packed)?;
    Ok(packed)
}
