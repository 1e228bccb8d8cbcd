//! A map in two lists. Finding takes a binary search; what comes and goes at the front moves all others, which is quick
//! for the hundreds of entries that a page has under way.

use alloc::vec::{self, Vec};
use core::{
    borrow::Borrow,
    iter::Zip,
    ops::{Bound, RangeBounds},
    slice,
};

/// The part of `BTreeMap` that is used here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Map<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K, V> Map<K, V> {
    /// A map without entries.
    pub const fn new() -> Self {
        Self { keys: Vec::new(), values: Vec::new() }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The entries, in the order of their keys.
    pub fn iter(&self) -> Zip<slice::Iter<'_, K>, slice::Iter<'_, V>> {
        self.keys.iter().zip(&self.values)
    }

    /// The values, in the order of their keys.
    pub fn values_mut(&mut self) -> slice::IterMut<'_, V> {
        self.values.iter_mut()
    }
}

impl<K: Ord, V> Map<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        find(&self.keys, key).ok().and_then(|at| self.values.get(at))
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        find(&self.keys, key).ok().and_then(|at| self.values.get_mut(at))
    }

    /// Whether there is a value of that key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        find(&self.keys, key).is_ok()
    }

    /// Gives a key a value, and gives back the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match find(&self.keys, &key) {
            Ok(at) => Some(core::mem::replace(&mut self.values[at], value)),
            Err(at) => {
                self.keys.insert(at, key);
                self.values.insert(at, value);
                None
            }
        }
    }

    /// Takes out a key, and gives the value that it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = find(&self.keys, key).ok()?;
        self.keys.remove(at);
        Some(self.values.remove(at))
    }

    /// The place of a key.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { map: self, key }
    }

    /// The entries whose keys are in a range, in order.
    pub fn range<Q: Ord + ?Sized, R: RangeBounds<Q>>(
        &self,
        range: R,
    ) -> Zip<slice::Iter<'_, K>, slice::Iter<'_, V>>
    where
        K: Borrow<Q>,
    {
        let (start, end) = bounds(&self.keys, &range);
        self.keys[start..end].iter().zip(&self.values[start..end])
    }

    /// The entries whose keys are in a range, in order, with values that can be changed.
    pub fn range_mut<Q: Ord + ?Sized, R: RangeBounds<Q>>(
        &mut self,
        range: R,
    ) -> Zip<slice::Iter<'_, K>, slice::IterMut<'_, V>>
    where
        K: Borrow<Q>,
    {
        let (start, end) = bounds(&self.keys, &range);
        self.keys[start..end].iter().zip(&mut self.values[start..end])
    }
}

/// Where a key is, or would be.
fn find<K: Borrow<Q>, Q: Ord + ?Sized>(keys: &[K], key: &Q) -> Result<usize, usize> {
    keys.binary_search_by(|other| other.borrow().cmp(key))
}

fn bounds<K: Borrow<Q>, Q: Ord + ?Sized>(
    keys: &[K],
    range: &impl RangeBounds<Q>,
) -> (usize, usize) {
    let start = match range.start_bound() {
        Bound::Included(key) => keys.partition_point(|other| other.borrow() < key),
        Bound::Excluded(key) => keys.partition_point(|other| other.borrow() <= key),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(key) => keys.partition_point(|other| other.borrow() <= key),
        Bound::Excluded(key) => keys.partition_point(|other| other.borrow() < key),
        Bound::Unbounded => keys.len(),
    };
    (start, end)
}

/// The place of a key, whether it is taken or not.
#[derive(Debug)]
pub struct Entry<'a, K, V> {
    map: &'a mut Map<K, V>,
    key: K,
}

impl<'a, K: Ord, V> Entry<'a, K, V> {
    /// The value that is there, or this one, put there.
    pub fn or_insert(self, value: V) -> &'a mut V {
        let Self { map, key } = self;
        let at = find(&map.keys, &key).unwrap_or_else(|at| {
            map.keys.insert(at, key);
            map.values.insert(at, value);
            at
        });
        &mut map.values[at]
    }

    /// The value that is there, or the default, put there.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert(V::default())
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = Zip<vec::IntoIter<K>, vec::IntoIter<V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.into_iter().zip(self.values)
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Zip<slice::Iter<'a, K>, slice::Iter<'a, V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests;
