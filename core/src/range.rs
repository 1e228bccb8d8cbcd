//! Parts of a body.

use core::ops::Range;

/// Which bytes of a body are wanted; ends are exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ByteRange {
    /// From one offset to before another, or to the end of the body where that comes first.
    Between(u64, u64),
    /// From an offset to the end of the body.
    From(u64),
    /// The last so many bytes, or the whole body where it is shorter.
    Last(u64),
}

impl ByteRange {
    /// The bytes that these are of a body of `size_bytes`; `None` if there are none.
    ///
    /// ```
    /// use tiered_storage_core::range::ByteRange;
    ///
    /// assert_eq!(ByteRange::Between(2, 9).of(5), Some(2..5));
    /// assert_eq!(ByteRange::Last(2).of(5), Some(3..5));
    /// assert_eq!(ByteRange::From(5).of(5), None);
    /// ```
    pub fn of(self, size_bytes: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Between(start, end) => start..end.min(size_bytes),
            Self::From(start) => start..size_bytes,
            Self::Last(bytes) => size_bytes.saturating_sub(bytes)..size_bytes,
        };
        (!range.is_empty()).then_some(range)
    }
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> Self {
        Self::Between(range.start, range.end)
    }
}

impl From<core::ops::RangeFrom<u64>> for ByteRange {
    fn from(range: core::ops::RangeFrom<u64>) -> Self {
        Self::From(range.start)
    }
}
