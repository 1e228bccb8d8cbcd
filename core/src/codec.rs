//! gzip (RFC 1952), in pieces and with bounds, and the question whether it pays.
//!
//! Deflate is `miniz_oxide` at level 6; the frame around it is written and checked here. The same bytes always give
//! the same gzip: no time and no name goes into the header.

mod header;
mod worth;

use alloc::{boxed::Box, vec, vec::Vec};
use core::fmt;

use miniz_oxide::{
    DataFormat,
    deflate::{
        CompressionLevel,
        core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output},
    },
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress_with_limit, inflate_flags},
    },
};

use self::header::{Header, Progress};
pub use self::worth::worth_compressing;
use crate::error::{Error, ErrorKind};

/// Deflate cannot make more of one byte than this many.
const INFLATION_MAX: u64 = 1_032;
/// How far back deflate refers, in bytes.
const WINDOW_BYTES: usize = 32 * 1_024;

/// Packs `bytes` as one gzip member.
///
/// The result can be larger than `bytes` (by 18 bytes and 5 for every 32 KiB or so): store what is smaller.
///
/// ```
/// use tiered_storage_core::codec;
///
/// let packed = codec::compress(&[7; 100_000]);
/// assert!(packed.len() < 200);
/// assert_eq!(codec::decompress(&packed, 100_000)?, [7; 100_000]);
/// # Ok::<(), tiered_storage_core::Error>(())
/// ```
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bytes.len() / 4 + 64);
    let mut compressor = Compressor::new();
    compressor.push(bytes, &mut packed);
    compressor.finish(&mut packed);
    packed
}

/// Unpacks gzip that must hold exactly `size_bytes` bytes.
///
/// Memory follows the input, not the number: nothing is reserved that `packed` could not fill.
///
/// # Errors
///
/// `Corrupt` if `packed` is not whole and valid gzip of that size.
pub fn decompress(packed: &[u8], size_bytes: u64) -> Result<Vec<u8>, Error> {
    let plausible = (packed.len() as u64).saturating_mul(INFLATION_MAX).min(size_bytes);
    let mut bytes = Vec::with_capacity(usize::try_from(plausible).unwrap_or(0));
    let mut decompressor = Decompressor::new(size_bytes);
    decompressor.push(packed, &mut bytes)?;
    if decompressor.finish()? == size_bytes {
        Ok(bytes)
    } else {
        Err(corrupt("the compressed body holds fewer bytes than were recorded"))
    }
}

/// Packs bytes that come in pieces as one gzip member.
///
/// It holds about 300 KiB, however long the input is.
///
/// ```
/// use tiered_storage_core::codec::{self, Compressor};
///
/// let mut packed = Vec::new();
/// let mut compressor = Compressor::new();
/// for piece in [b"to be ", b"or not", b" to be"] {
///     compressor.push(piece, &mut packed);
/// }
/// compressor.finish(&mut packed);
/// assert_eq!(codec::decompress(&packed, 18)?, b"to be or not to be");
/// # Ok::<(), tiered_storage_core::Error>(())
/// ```
pub struct Compressor {
    deflater: Box<CompressorOxide>,
    crc: crc32fast::Hasher,
    size_bytes: u64,
    has_header: bool,
}

impl Compressor {
    /// A compressor that has seen no bytes yet.
    pub fn new() -> Self {
        Self {
            deflater: Box::new(CompressorOxide::with_format_and_level(
                DataFormat::Raw,
                CompressionLevel::DefaultLevel,
            )),
            crc: crc32fast::Hasher::new(),
            size_bytes: 0,
            has_header: false,
        }
    }

    /// Takes the next `bytes` and appends to `packed` what is ready of the output, which may be nothing.
    pub fn push(&mut self, bytes: &[u8], packed: &mut Vec<u8>) {
        self.crc.update(bytes);
        self.size_bytes += bytes.len() as u64;
        self.deflate(bytes, TDEFLFlush::None, packed);
    }

    /// Appends the rest of the output to `packed`.
    pub fn finish(mut self, packed: &mut Vec<u8>) {
        self.deflate(&[], TDEFLFlush::Finish, packed);
        packed.extend_from_slice(&self.crc.finalize().to_le_bytes());
        packed.extend_from_slice(&isize_of(self.size_bytes));
    }

    fn deflate(&mut self, bytes: &[u8], flush: TDEFLFlush, packed: &mut Vec<u8>) {
        if !self.has_header {
            packed.extend_from_slice(&header::PLAIN);
            self.has_header = true;
        }
        let (status, taken) = compress_to_output(&mut self.deflater, bytes, flush, |output| {
            packed.extend_from_slice(output);
            true
        });
        let expected = match flush {
            TDEFLFlush::Finish => TDEFLStatus::Done,
            _ => TDEFLStatus::Okay,
        };
        assert!(
            status == expected && taken == bytes.len(),
            "deflate takes all of its input where its output is never refused"
        );
    }
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

/// Unpacks gzip that comes in pieces, and never produces more bytes than it was told to.
///
/// It reads what other writers make, too: optional header fields and several members in a row. It holds about
/// 45 KiB, however long the input is, and stores nothing of a header.
///
/// ```
/// use tiered_storage_core::codec::{self, Decompressor};
///
/// let packed = codec::compress(b"to be or not to be");
/// let mut bytes = Vec::new();
/// let mut decompressor = Decompressor::new(1_024);
/// for piece in packed.chunks(5) {
///     decompressor.push(piece, &mut bytes)?;
/// }
/// assert_eq!(decompressor.finish()?, 18);
/// assert_eq!(bytes, b"to be or not to be");
/// # Ok::<(), tiered_storage_core::Error>(())
/// ```
pub struct Decompressor {
    inflater: Box<DecompressorOxide>,
    window: Box<[u8]>,
    window_at: usize,
    state: State,
    crc: crc32fast::Hasher,
    member_bytes: u64,
    size_bytes: u64,
    size_bytes_max: u64,
}

#[derive(Clone)]
enum State {
    Header(Header),
    Body,
    Trailer { seen: usize, bytes: [u8; 8] },
    Failed(Error),
}

impl Decompressor {
    /// A decompressor that produces at most `size_bytes_max` bytes, all members together.
    pub fn new(size_bytes_max: u64) -> Self {
        Self {
            inflater: Box::default(),
            window: vec![0; WINDOW_BYTES].into_boxed_slice(),
            window_at: 0,
            state: State::Header(Header::first()),
            crc: crc32fast::Hasher::new(),
            member_bytes: 0,
            size_bytes: 0,
            size_bytes_max,
        }
    }

    /// Takes the next piece of the gzip and appends to `bytes` all that it stands for.
    ///
    /// One piece can stand for about 1,000 times its length, within the bound: for little memory, push little.
    /// The bytes are proven good only when [`Decompressor::finish`] says so.
    ///
    /// # Errors
    ///
    /// `Corrupt` if the input is not gzip, fails its checks, or holds more than the bound; after that, always.
    pub fn push(&mut self, packed: &[u8], bytes: &mut Vec<u8>) -> Result<(), Error> {
        let result = self.advance(packed, bytes);
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
        }
        result
    }

    /// Says how many bytes came out, all checked.
    ///
    /// # Errors
    ///
    /// `Corrupt` if the input was cut short, or [`Decompressor::push`] failed.
    pub fn finish(self) -> Result<u64, Error> {
        match self.state {
            State::Header(header) if header.is_optional() => Ok(self.size_bytes),
            State::Failed(error) => Err(error),
            _ => Err(corrupt("the compressed body is cut short")),
        }
    }

    fn advance(&mut self, mut packed: &[u8], bytes: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            packed = match &mut self.state {
                State::Failed(error) => return Err(error.clone()),
                _ if packed.is_empty() => return Ok(()),
                State::Header(header) => {
                    if header.push(packed[0]).map_err(corrupt)? == Progress::Done {
                        self.start_body();
                    }
                    &packed[1..]
                }
                State::Body => self.inflate(packed, bytes)?,
                State::Trailer { seen, bytes: trailer } => {
                    trailer[*seen] = packed[0];
                    *seen += 1;
                    if *seen == trailer.len() {
                        let trailer = *trailer;
                        self.finish_member(trailer)?;
                    }
                    &packed[1..]
                }
            };
        }
    }

    fn start_body(&mut self) {
        self.inflater.init();
        self.crc.reset();
        self.member_bytes = 0;
        self.state = State::Body;
    }

    /// Inflates until the input is used up or the member ends, and gives back what is left of the input.
    fn inflate<'a>(
        &mut self,
        mut packed: &'a [u8],
        bytes: &mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        let flags =
            inflate_flags::TINFL_FLAG_HAS_MORE_INPUT | inflate_flags::TINFL_FLAG_IGNORE_ADLER32;
        loop {
            // One byte more than is allowed tells a member that goes on from one that is about to end.
            let left = self.size_bytes_max - self.size_bytes;
            let limit = usize::try_from(left.saturating_add(1)).unwrap_or(usize::MAX);
            let (status, taken, made) = decompress_with_limit(
                &mut self.inflater,
                packed,
                &mut self.window,
                self.window_at,
                limit,
                flags,
            );
            if made as u64 > left {
                return Err(corrupt("the compressed body holds more bytes than were recorded"));
            }
            let output = &self.window[self.window_at..self.window_at + made];
            self.crc.update(output);
            bytes.extend_from_slice(output);
            self.window_at = (self.window_at + made) % WINDOW_BYTES;
            self.member_bytes += made as u64;
            self.size_bytes += made as u64;
            packed = &packed[taken..];
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return Ok(packed),
                TINFLStatus::Done => {
                    self.state = State::Trailer { seen: 0, bytes: [0; 8] };
                    return Ok(packed);
                }
                _ => return Err(corrupt("the compressed body is not valid deflate")),
            }
        }
    }

    fn finish_member(&mut self, trailer: [u8; 8]) -> Result<(), Error> {
        let (crc, size) = trailer.split_at(4);
        if crc != self.crc.clone().finalize().to_le_bytes() {
            return Err(corrupt("the checksum inside the compressed body does not match"));
        }
        if size != isize_of(self.member_bytes) {
            return Err(corrupt("the size inside the compressed body does not match"));
        }
        self.state = State::Header(Header::next());
        Ok(())
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor")
            .field("size_bytes", &self.size_bytes)
            .field("size_bytes_max", &self.size_bytes_max)
            .finish_non_exhaustive()
    }
}

/// What RFC 1952 calls ISIZE: the size modulo 2^32.
fn isize_of(size_bytes: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = size_bytes.to_le_bytes();
    [a, b, c, d]
}

fn corrupt(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

#[cfg(test)]
mod tests;
