use std::{sync::Barrier, thread};

use super::*;

/// More threads at once than there are seats, and then as many again, which take over the seats of the first.
#[test]
fn nothing_is_lost_however_many_threads_count() {
    const THREADS: usize = 40;
    const EACH: u64 = 1_000;
    let counters = Counters::default();
    for _ in 0..2 {
        let barrier = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    barrier.wait();
                    (0..EACH).for_each(|_| counters.hit(Tier::Warm));
                    counters.absent();
                    barrier.wait();
                });
            }
        });
    }
    let Hits { hits, absent, .. } = counters.sum();
    assert_eq!(hits, [0, 2 * THREADS as u64 * EACH, 0]);
    assert_eq!(absent, 2 * THREADS as u64);
}
