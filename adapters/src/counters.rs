//! Counters that several threads add to without getting in each other's way.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tiered_storage_core::{Tier, stats::Hits};

const STRIPES: usize = 16;

/// How reads were answered. Each thread adds to a stripe of its own, on a cache line of its own.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    stripes: [Stripe; STRIPES],
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    hits: [AtomicU64; 3],
    absent: AtomicU64,
}

static NEXT_STRIPE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STRIPE: usize = NEXT_STRIPE.fetch_add(1, Ordering::Relaxed) % STRIPES;
}

impl Counters {
    /// A read was answered by `tier`.
    pub(crate) fn hit(&self, tier: Tier) {
        self.stripe().hits[tier as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A read found nothing.
    pub(crate) fn absent(&self) {
        self.stripe().absent.fetch_add(1, Ordering::Relaxed);
    }

    /// The sums.
    pub(crate) fn sum(&self) -> Hits {
        self.stripes.iter().fold(Hits::default(), |mut sum, stripe| {
            for (sum, hits) in sum.hits.iter_mut().zip(&stripe.hits) {
                *sum += hits.load(Ordering::Relaxed);
            }
            sum.absent += stripe.absent.load(Ordering::Relaxed);
            sum
        })
    }

    fn stripe(&self) -> &Stripe {
        &self.stripes[STRIPE.with(|stripe| *stripe)]
    }
}
