//! The names of entries that were given up lately, without the entries.
//!
//! It is a queue in the shape of a table: a name is found in the one bucket it can be in, and it has left the queue
//! once enough others came after it. Nothing is ever moved or taken out at the far end. Two keys whose hashes agree
//! in 32 bits are taken for one, which costs a wrong guess and nothing else.

use alloc::{vec, vec::Vec};

/// How many names there can be: 4 MiB of them.
const NAMES_MAX: usize = 1 << 18;
/// The places of a bucket. Few are full where a table is at most two thirds full.
const WAYS: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Ghost {
    /// A power of two of buckets, or none.
    buckets: Vec<[Name; WAYS]>,
    /// The number of the last name.
    last: u32,
}

/// What is remembered of a fingerprint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tag(u32);

/// Spread over all bits, whatever hash the fingerprint is of.
impl From<u64> for Tag {
    fn from(fingerprint: u64) -> Self {
        Self((fingerprint.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Name {
    tag: Tag,
    /// Which name it was, counting from 1 and past 2^32 again from 1; 0 where there is none.
    number: u32,
}

impl Ghost {
    /// Adds a name to those that are remembered, which are the last `names_max` and never more than [`NAMES_MAX`].
    pub(super) fn insert(&mut self, tag: impl Into<Tag>, names_max: usize) {
        if names_max == 0 {
            return;
        }
        self.grow(names_max.min(NAMES_MAX));
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.put(Name { tag: tag.into(), number: self.last });
    }

    /// Takes out a name; whether it was among the last `names_max`.
    pub(super) fn take(&mut self, tag: impl Into<Tag>, names_max: usize) -> bool {
        let (last, tag) = (self.last, tag.into());
        let names_max = names_max.min(NAMES_MAX);
        let Some(bucket) = self.bucket(tag) else { return false };
        let found = bucket.iter_mut().find(|name| name.number != 0 && name.tag == tag);
        found.is_some_and(|name| age(core::mem::take(name), last) < names_max)
    }

    fn grow(&mut self, names_max: usize) {
        let needed = (names_max + names_max / 2).div_ceil(WAYS).next_power_of_two();
        if needed > self.buckets.len() {
            let names =
                core::mem::replace(&mut self.buckets, vec![[Name::default(); WAYS]; needed]);
            let names = names.into_iter().flatten().filter(|name| name.number != 0);
            names.for_each(|name| self.put(name));
        }
    }

    /// Writes over the same name, else over the oldest of its bucket.
    fn put(&mut self, name: Name) {
        let last = self.last;
        let bucket = self.bucket(name.tag).expect("it has grown before a name is put in");
        let same = bucket.iter().position(|other| other.number != 0 && other.tag == name.tag);
        let oldest = || (0..WAYS).max_by_key(|&at| age(bucket[at], last));
        let place = same.or_else(oldest).expect("a bucket has places");
        bucket[place] = name;
    }

    fn bucket(&mut self, Tag(tag): Tag) -> Option<&mut [Name; WAYS]> {
        let bits = self.buckets.len().checked_ilog2()?;
        self.buckets.get_mut((u64::from(tag) >> (32 - bits)) as usize)
    }
}

/// How many names came after this one; a vacant place is older than all.
fn age(name: Name, last: u32) -> usize {
    match name.number {
        0 => usize::MAX,
        number => last.wrapping_sub(number) as usize,
    }
}

#[cfg(test)]
mod tests;
