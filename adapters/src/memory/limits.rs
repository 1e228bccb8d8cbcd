//! Exact limits under concurrency: room is claimed before an entry goes in, and given back after one went out.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the entries of all shards may take, and what they take now.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) bytes_max: u64,
    pub(super) items_max: u64,
    bytes: AtomicU64,
    items: AtomicU64,
}

/// Which of the two limits leaves no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Short {
    Bytes,
    Items,
}

impl Limits {
    pub(super) fn new(bytes_max: u64, items_max: u64) -> Self {
        Self { bytes_max, items_max, bytes: AtomicU64::new(0), items: AtomicU64::new(0) }
    }

    pub(super) fn items(&self) -> u64 {
        self.items.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    pub(super) fn release(&self, bytes: u64, items: u64) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.items.fetch_sub(items, Ordering::AcqRel);
    }

    fn claim(&self, bytes: u64, items: u64) -> Result<(), Short> {
        if !take(&self.items, items, self.items_max) {
            return Err(Short::Items);
        }
        if !take(&self.bytes, bytes, self.bytes_max) {
            self.items.fetch_sub(items, Ordering::AcqRel);
            return Err(Short::Bytes);
        }
        Ok(())
    }
}

/// Adds to what is used, unless that would be more than `max`.
pub(super) fn take(used: &AtomicU64, amount: u64, max: u64) -> bool {
    let more = |used: u64| used.checked_add(amount).filter(|&sum| sum <= max);
    amount == 0 || used.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
}

/// Room that was claimed and that no entry has yet. What is left of it goes back when this is dropped.
///
/// An evicted entry's room passes to the writer that evicted it, so that no other can take it away in between.
#[derive(Debug)]
pub(super) struct Room<'a> {
    limits: &'a Limits,
    bytes: u64,
    items: u64,
}

impl<'a> Room<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, bytes: 0, items: 0 }
    }

    /// Grows this to at least `bytes` and `items`, if the limits allow it.
    pub(super) fn fill(&mut self, bytes: u64, items: u64) -> Result<(), Short> {
        let more = (bytes.saturating_sub(self.bytes), items.saturating_sub(self.items));
        self.limits.claim(more.0, more.1)?;
        self.bytes += more.0;
        self.items += more.1;
        Ok(())
    }

    /// Takes over the room of an entry that is gone.
    pub(super) fn inherit(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.items += 1;
    }

    /// Leaves `bytes` and `items` of it to an entry.
    pub(super) fn spend(&mut self, bytes: u64, items: u64) {
        self.bytes -= bytes;
        self.items -= items;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.limits.release(self.bytes, self.items);
    }
}
