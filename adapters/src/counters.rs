//! Counters that several threads add to without getting in each other's way.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tiered_storage_core::{Tier, stats::Hits};

/// How many threads can have a stripe of their own at once.
const SEATS: usize = 16;

/// How reads were answered. Each thread adds to a stripe of its own, on a cache line of its own, so that it takes no
/// locked instruction; threads beyond the first sixteen share one.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    seats: [Stripe; SEATS],
    shared: Stripe,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    hits: [AtomicU64; 3],
    absent: AtomicU64,
}

/// The seats that no thread has.
static VACANT: Mutex<Vacant> = Mutex::new(Vacant { first_unused: 0, left: Vec::new() });

struct Vacant {
    first_unused: usize,
    left: Vec<usize>,
}

/// What a thread has to itself as long as it lives. The lock under which it is handed on lets the next thread see what
/// this one counted.
struct Seat(Option<usize>);

thread_local! {
    static SEAT: Seat = Seat::take();
}

impl Counters {
    /// A read was answered by `tier`.
    pub(crate) fn hit(&self, tier: Tier) {
        self.hits(tier, 1);
    }

    /// So many reads were answered by `tier`.
    pub(crate) fn hits(&self, tier: Tier, count: u64) {
        self.add(count, |stripe| &stripe.hits[tier as usize]);
    }

    /// A read found nothing.
    pub(crate) fn absent(&self) {
        self.add(1, |stripe| &stripe.absent);
    }

    /// The sums.
    pub(crate) fn sum(&self) -> Hits {
        self.seats.iter().chain([&self.shared]).fold(Hits::default(), |mut sum, stripe| {
            for (sum, hits) in sum.hits.iter_mut().zip(&stripe.hits) {
                *sum += hits.load(Ordering::Relaxed);
            }
            sum.absent += stripe.absent.load(Ordering::Relaxed);
            sum
        })
    }

    fn add(&self, count: u64, counter: impl FnOnce(&Stripe) -> &AtomicU64) {
        // A thread that is about to end has no seat any more.
        match SEAT.try_with(|seat| seat.0).ok().flatten() {
            Some(seat) => {
                let counter = counter(&self.seats[seat]);
                counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
            }
            None => {
                counter(&self.shared).fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

impl Seat {
    fn take() -> Self {
        let mut vacant = VACANT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = vacant.left.pop() {
            return Self(Some(seat));
        }
        let seat = vacant.first_unused;
        vacant.first_unused = (seat + 1).min(SEATS);
        Self(Some(seat).filter(|&seat| seat < SEATS))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(seat) = self.0 {
            VACANT.lock().unwrap_or_else(PoisonError::into_inner).left.push(seat);
        }
    }
}

#[cfg(test)]
mod tests;
