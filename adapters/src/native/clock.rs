//! The default host: tokio and the system clock.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tiered_storage_core::{Error, ErrorKind, Timestamp};
use tokio::runtime::Handle;

use crate::host::{Host, Task};

/// tokio and the system clock.
#[derive(Debug)]
struct TokioHost {
    runtime: Handle,
    seed: RandomState,
    count: AtomicU64,
    made_at: Instant,
}

/// The host of the runtime that this is called in.
pub(crate) fn default_host() -> Result<Arc<dyn Host>, Error> {
    let runtime = Handle::try_current().map_err(|error| {
        Error::new(
            ErrorKind::Invalid,
            "there is no tokio runtime here; open the storage inside one",
        )
        .with_source(error)
    })?;
    let (seed, made_at) = (RandomState::new(), Instant::now());
    Ok(Arc::new(TokioHost { runtime, seed, count: AtomicU64::new(0), made_at }))
}

/// What time the system clock says it is.
pub(crate) fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The system clock as of the last timer tick, which is several times quicker to read: the exact one makes
/// the processor wait for every load before it.
#[cfg(target_os = "linux")]
fn tick_time() -> Timestamp {
    use rustix::time::{ClockId, clock_gettime};

    let since = clock_gettime(ClockId::RealtimeCoarse);
    let seconds = u64::try_from(since.tv_sec).unwrap_or_default();
    let ms = u64::try_from(since.tv_nsec).unwrap_or_default() / 1_000_000;
    Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(ms))
}

impl Host for TokioHost {
    fn now(&self) -> Timestamp {
        system_time()
    }

    #[cfg(target_os = "linux")]
    fn now_roughly(&self) -> Timestamp {
        tick_time()
    }

    fn ticks_us(&self) -> u64 {
        u64::try_from(self.made_at.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// From the keys that the standard library draws from the system for its hash maps, and what changes with each call.
    fn random(&self) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write_u64(self.count.fetch_add(1, Ordering::Relaxed));
        hasher.write_u64(u64::from(std::process::id()));
        hasher.write_u64(self.now().as_millis());
        hasher.finish()
    }

    /// On the runtime of the caller, which may outlive the one that the storage was opened in.
    fn spawn(&self, task: Task) {
        drop(Handle::try_current().as_ref().unwrap_or(&self.runtime).spawn(task));
    }

    fn sleep(&self, ms: u64) -> Task {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) -> Task {
        let job = self.runtime.spawn_blocking(job);
        Box::pin(async move {
            // A job that could not run leaves its result unset, which is what the caller looks at.
            drop(job.await);
        })
    }
}
