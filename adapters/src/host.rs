//! What the storage needs of the world beside its tiers: time, randomness, and somewhere to run background work.

use core::{future::Future, pin::Pin};

use tiered_storage_core::Timestamp;

use crate::tier::Shareable;

/// A boxed future that can be run in the background.
#[cfg(not(target_arch = "wasm32"))]
pub type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A boxed future that can be run in the background.
#[cfg(target_arch = "wasm32")]
pub type Task<T = ()> = Pin<Box<dyn Future<Output = T>>>;

/// The world that a storage lives in. The default is tokio and the system clock; tests bring their own.
pub trait Host: core::fmt::Debug + Shareable {
    /// What time it is.
    fn now(&self) -> Timestamp;

    /// About what time it is: never later than [`Host::now`], and behind by a timer tick (milliseconds) or so. Every hot
    /// hit asks it, so it should be quick. The storage asks the exact clock as well for what expires within ten
    /// seconds.
    fn now_roughly(&self) -> Timestamp {
        self.now()
    }

    /// Microseconds since some moment, to tell how long something took. Asked only while somebody is told of that.
    fn ticks_us(&self) -> u64 {
        self.now().as_millis().saturating_mul(1_000)
    }

    /// A random number, for telling writes apart. It need not be secret.
    fn random(&self) -> u64;

    /// Runs a task in the background, to its end.
    fn spawn(&self, task: Task);

    /// Ends after `ms` milliseconds.
    fn sleep(&self, ms: u64) -> Task;

    /// As [`sleep`](Host::sleep), of what nobody waits for: it keeps no process alive that has nothing else to do.
    fn idle(&self, ms: u64) -> Task {
        self.sleep(ms)
    }

    /// Runs a job that keeps a processor busy for milliseconds, where it holds nobody up. This default runs it at once.
    #[cfg(not(target_arch = "wasm32"))]
    fn compute(&self, job: Box<dyn FnOnce() + Send>) -> Task {
        job();
        Box::pin(core::future::ready(()))
    }
}
