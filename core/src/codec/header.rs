//! The header of a gzip member, read a byte at a time and never stored.

/// The header that we write: deflate, no optional fields, no time, unknown system.
pub(super) const PLAIN: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

const HAS_CRC: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Whether a header goes on after a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Done,
}

#[derive(Clone)]
pub(super) struct Header {
    step: Step,
    flags: u8,
    crc: crc32fast::Hasher,
    is_first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The byte at this place of the ten that every header has.
    Fixed(u8),
    ExtraSizeLow,
    ExtraSizeHigh(u8),
    Extra(u16),
    Name,
    Comment,
    /// The byte at this place of the two of the header's own checksum.
    Crc(usize),
}

impl Header {
    /// The header of the first member, which must be there.
    pub(super) fn first() -> Self {
        Self { step: Step::Fixed(0), flags: 0, crc: crc32fast::Hasher::new(), is_first: true }
    }

    /// The header of another member, which may be there.
    pub(super) fn next() -> Self {
        Self { is_first: false, ..Self::first() }
    }

    /// Whether the input may end here.
    pub(super) fn is_optional(&self) -> bool {
        self.step == Step::Fixed(0) && !self.is_first
    }

    /// Takes the next byte. The error is a sentence.
    pub(super) fn push(&mut self, byte: u8) -> Result<Progress, &'static str> {
        let next = match self.step {
            Step::Fixed(at) => self.fixed(at, byte)?,
            Step::ExtraSizeLow => Some(Step::ExtraSizeHigh(byte)),
            Step::ExtraSizeHigh(low) => match u16::from_le_bytes([low, byte]) {
                0 => self.after(HAS_EXTRA),
                size => Some(Step::Extra(size)),
            },
            Step::Extra(1) => self.after(HAS_EXTRA),
            Step::Extra(left) => Some(Step::Extra(left - 1)),
            Step::Name if byte == 0 => self.after(HAS_NAME),
            Step::Comment if byte == 0 => self.after(HAS_COMMENT),
            Step::Name | Step::Comment => Some(self.step),
            Step::Crc(at) if self.crc.clone().finalize().to_le_bytes()[at] != byte => {
                return Err("the checksum of the gzip header does not match");
            }
            Step::Crc(at) => (at == 0).then_some(Step::Crc(1)),
        };
        let Some(next) = next else { return Ok(Progress::Done) };
        // The checksum covers what stands before it.
        if next != Step::Crc(1) {
            self.crc.update(&[byte]);
        }
        self.step = next;
        Ok(Progress::More)
    }

    fn fixed(&mut self, at: u8, byte: u8) -> Result<Option<Step>, &'static str> {
        match (at, byte) {
            (0, 0x1f) | (1, 0x8b) | (2, 8) | (4..=9, _) => {}
            (3, flags) if flags & RESERVED == 0 => self.flags = flags,
            (3, _) => return Err("the compressed body uses gzip flags that do not exist"),
            _ if self.is_first => return Err("the compressed body is not gzip"),
            _ => return Err("the compressed body has something behind its end"),
        }
        Ok(if at < 9 { Some(Step::Fixed(at + 1)) } else { self.after(0) })
    }

    /// The next field behind the one with this flag; the flags' values and the fields are in the same order, save
    /// for the checksum, which comes last.
    fn after(&self, field: u8) -> Option<Step> {
        [(HAS_EXTRA, Step::ExtraSizeLow), (HAS_NAME, Step::Name), (HAS_COMMENT, Step::Comment)]
            .into_iter()
            .find(|&(flag, _)| flag > field && self.flags & flag != 0)
            .map(|(_, step)| step)
            .or_else(|| (self.flags & HAS_CRC != 0).then_some(Step::Crc(0)))
    }
}
