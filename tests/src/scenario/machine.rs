//! Who drives the futures of a scenario.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{executor::LocalPool, task::LocalSpawnExt};
use tiered_storage::host::{Host as _, Task};

use super::{args::Host, clock::Clock};

/// After so long with a call held and nothing else happening, nothing will.
const HELD_FOR: Duration = Duration::from_secs(3);
/// After so long without an end of anything, what was started goes no further by itself: calls on loopback take a
/// few milliseconds.
const STALLED_FOR: Duration = Duration::from_millis(300);
/// No step takes longer than this.
const LONGEST: Duration = Duration::from_secs(120);
/// How long the work behind a timer may take before the clock moves on.
const TIMER_LONGEST: Duration = Duration::from_secs(2);

/// Drives futures: on one thread, in an order that is always the same, or on tokio.
pub(super) struct Machine {
    pub(super) clock: Arc<Clock>,
    driver: Driver,
}

enum Driver {
    Pool(RefCell<LocalPool>),
    Tokio(tokio::runtime::Runtime),
}

/// What a future that is driven will give.
#[derive(Debug)]
pub(super) struct Pending<T>(Arc<Mutex<Option<T>>>);

impl<T> Pending<T> {
    pub(super) fn is_done(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Machine {
    pub(super) fn new(host: Host) -> std::io::Result<Self> {
        let (driver, handle) = match host {
            Host::Memory => (Driver::Pool(RefCell::default()), None),
            Host::DiskS3 => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                let runtime = builder.worker_threads(2).enable_all().build()?;
                let handle = runtime.handle().clone();
                (Driver::Tokio(runtime), Some(handle))
            }
        };
        Ok(Self { clock: Arc::new(Clock::new(handle)), driver })
    }

    /// Begins a future.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Pending<T> {
        let slot = Arc::new(Mutex::new(None));
        let filled = slot.clone();
        let task: Task = Box::pin(async move {
            let value = future.await;
            *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        });
        self.clock.spawn(task);
        Pending(slot)
    }

    /// Begins a future and waits for it; `None` if it never ends.
    pub(super) fn complete<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let pending = self.begin(future);
        self.wait(|| pending.is_done(), || false);
        pending.take()
    }

    /// Lets everything go as far as it goes by itself; on tokio, it goes anyway.
    pub(super) fn rest(&self) {
        let Driver::Pool(pool) = &self.driver else { return };
        let mut pool = pool.borrow_mut();
        loop {
            let spawned = self.clock.spawned();
            let is_over = spawned.is_empty();
            for task in spawned {
                pool.spawner().spawn_local(task).expect("the pool is there as long as this is");
            }
            pool.run_until_stalled();
            if is_over {
                return;
            }
        }
    }

    /// Waits until `is_done`, or until nothing moves any more without another step.
    pub(super) fn stall(&self, is_done: impl Fn() -> bool) {
        self.rest();
        if let Driver::Pool(_) = &self.driver {
            return;
        }
        let (mut moves, mut since) = (self.clock.moves(), Instant::now());
        while since.elapsed() < STALLED_FOR && !self.clock.wait(STALLED_FOR / 10, &is_done) {
            let now = self.clock.moves();
            if now != moves {
                (moves, since) = (now, Instant::now());
            }
        }
    }

    /// Waits until `is_done`; `false` if that will not be. `is_held` tells whether a call waits to be released.
    pub(super) fn wait(&self, is_done: impl Fn() -> bool, is_held: impl Fn() -> bool) -> bool {
        if let Driver::Pool(_) = &self.driver {
            self.rest();
            return is_done();
        }
        let start = Instant::now();
        let (mut moves, mut since) = (self.clock.moves(), start);
        while start.elapsed() < LONGEST {
            if self.clock.wait(Duration::from_millis(100), &is_done) {
                return true;
            }
            let now = self.clock.moves();
            if now != moves || !is_held() {
                (moves, since) = (now, Instant::now());
            } else if since.elapsed() > HELD_FOR {
                return false;
            }
        }
        false
    }

    /// Moves the clock, and lets the work of every timer on the way be done at its time.
    pub(super) fn advance(&self, ms: u64) {
        self.rest();
        let until = self.clock.now().plus_millis(ms);
        while self.clock.step(until) {
            match &self.driver {
                Driver::Pool(_) => self.rest(),
                Driver::Tokio(_) => self.clock.quiet(TIMER_LONGEST),
            }
        }
    }

    /// Runs what waits for nothing but tiers, here and now.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.driver {
            Driver::Pool(_) => futures::executor::block_on(future),
            Driver::Tokio(runtime) => runtime.block_on(future),
        }
    }

    /// For what must be made inside a runtime.
    pub(super) fn enter(&self) -> Option<tokio::runtime::EnterGuard<'_>> {
        match &self.driver {
            Driver::Pool(_) => None,
            Driver::Tokio(runtime) => Some(runtime.enter()),
        }
    }
}
