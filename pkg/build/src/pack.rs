//! The module as entries carry it along: as small as it gets, because nobody compresses it further on its way.

use std::io::{self, Write};

use lzma_rust2::{LzmaOptions, LzmaWriter};

/// Packs what `pkg/ts/entries/unpack.ts` unpacks: the size in four bytes, then bare LZMA.
pub(crate) fn pack(plain: &[u8]) -> io::Result<Vec<u8>> {
    let size = u32::try_from(plain.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut options = LzmaOptions::with_preset(9);
    // Bytes of a kind lie at no even places.
    (options.lc, options.lp, options.pb) = (3, 0, 0);
    options.nice_len = LzmaOptions::NICE_LEN_MAX;
    options.depth_limit = 1_000;
    let packed = size.to_le_bytes().to_vec();
    let mut writer = LzmaWriter::new_no_header(packed, &options, false)?;
    writer.write_all(plain)?;
    writer.finish()
}

#[cfg(test)]
mod tests;
