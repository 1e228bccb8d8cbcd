//! Time that moves only when a scenario says so.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::channel::oneshot;
use tiered_storage::{
    Timestamp,
    host::{Host, Task},
};

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;

/// The world of all storages of one scenario: its clock, its dice, and what is to be run.
#[derive(Debug)]
pub(super) struct Clock {
    shared: Arc<Shared>,
    /// Where tasks run; on this thread, when it is asked, if there is none.
    runtime: Option<tokio::runtime::Handle>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that has not ended.
struct Live(Arc<Shared>);

impl Drop for Live {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.live -= 1;
        state.moves += 1;
        drop(state);
        self.0.changed.notify_all();
    }
}

struct State {
    now: Timestamp,
    last: u64,
    /// By the time they end at, then in the order in which they were set.
    timers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
    spawned: VecDeque<Task>,
    /// How many tasks run or wait.
    live: usize,
    /// How many timers were set and how many tasks ended: something moves when this does.
    moves: u64,
}

impl Clock {
    pub(super) fn new(runtime: Option<tokio::runtime::Handle>) -> Self {
        let state = State {
            now: Timestamp::from_millis(START_MS),
            last: 0,
            timers: BTreeMap::new(),
            spawned: VecDeque::new(),
            live: 0,
            moves: 0,
        };
        let shared = Shared { state: Mutex::new(state), changed: Condvar::new() };
        Self { shared: Arc::new(shared), runtime }
    }

    /// The tasks that nobody runs yet.
    pub(super) fn spawned(&self) -> VecDeque<Task> {
        std::mem::take(&mut self.lock().spawned)
    }

    /// Moves the clock to the next timer that ends by `until`, and ends it; else moves it to `until`.
    pub(super) fn step(&self, until: Timestamp) -> bool {
        let mut state = self.lock();
        let next = state.timers.first_key_value().map(|(at, _)| *at).filter(|(at, _)| *at <= until);
        let Some(at) = next else {
            state.now = state.now.max(until);
            return false;
        };
        state.now = state.now.max(at.0);
        let timer = state.timers.remove(&at);
        drop(state);
        // Whoever waited for it may be gone.
        timer.map(|timer| timer.send(()));
        true
    }

    pub(super) fn moves(&self) -> u64 {
        self.lock().moves
    }

    /// Waits until every task waits for a timer, for the longest time given.
    pub(super) fn quiet(&self, longest: Duration) {
        self.wait_for(longest, |state| state.timers.len() >= state.live);
    }

    /// Waits until `is_done`, for the longest time given; it is asked whenever a task has ended.
    pub(super) fn wait(&self, longest: Duration, is_done: impl Fn() -> bool) -> bool {
        self.wait_for(longest, |_| is_done())
    }

    fn wait_for(&self, longest: Duration, is_done: impl Fn(&State) -> bool) -> bool {
        let end = Instant::now() + longest;
        let mut state = self.lock();
        loop {
            if is_done(&state) {
                return true;
            }
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn number(&self) -> u64 {
        let mut state = self.lock();
        state.last += 1;
        state.last
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Host for Clock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn random(&self) -> u64 {
        // SplitMix64: no two are equal, and every run throws the same.
        let mut x = self.number().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn spawn(&self, task: Task) {
        self.shared.lock().live += 1;
        let live = Live(self.shared.clone());
        let task: Task = Box::pin(async move {
            let _live = live;
            task.await;
        });
        // Without the lock: a runtime that is going drops the task at once.
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(task)),
            None => self.shared.lock().spawned.push_back(task),
        }
    }

    fn sleep(&self, ms: u64) -> Task {
        let (timer, ended) = oneshot::channel();
        let number = self.number();
        let mut state = self.shared.lock();
        let at = state.now.plus_millis(ms);
        state.timers.insert((at, number), timer);
        state.moves += 1;
        drop(state);
        self.shared.changed.notify_all();
        Box::pin(async move {
            // A clock that is gone ends every wait.
            let _ = ended.await;
        })
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("now", &self.now).finish_non_exhaustive()
    }
}
