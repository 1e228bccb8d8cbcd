//! A wrapper that makes any tier fail, stop and be counted, on demand.

mod gate;

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, Weak},
};

use async_trait::async_trait;
use tiered_storage_core::{
    Condition, ETag, Error, ErrorKind, Key, Metadata, Timestamp, cost::Requests, range::ByteRange,
};

use self::gate::{Gate, lock};
use crate::tier::{
    Access, Contents, Listing, Opened, Page, Part, Patched, Payload, Peeked, Presign, Properties,
    Read, Stage, StorageTier, Stored, Usage,
};
use crate::{EvictionWatcher, Watcher};

/// A way into a tier, as scenarios name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`StorageTier::read`], [`StorageTier::open`], [`StorageTier::read_range`], and a hit of [`StorageTier::peek`].
    Read,
    /// [`StorageTier::write`], [`StorageTier::store`] and [`StorageTier::write_part`].
    Write,
    /// [`StorageTier::patch`].
    Patch,
    /// [`StorageTier::remove`], [`StorageTier::remove_version`] and [`StorageTier::clear`].
    Remove,
    /// [`StorageTier::list`].
    List,
    /// [`StorageTier::head`].
    Head,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Patch, Self::Remove, Self::List, Self::Head];

    /// The name as a scenario writes it: `read`, `write`, `patch`, `remove`, `list` or `head`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Patch => "patch",
            Self::Remove => "remove",
            Self::List => "list",
            Self::Head => "head",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads the name that [`Call::as_str`] gives; any other is `Invalid`.
impl FromStr for Call {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|call| call.as_str() == name).ok_or_else(|| {
            let message = "is no call; choose read, write, patch, remove, list or head";
            Error::new(ErrorKind::Invalid, format!("{name:?} {message}"))
        })
    }
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third time")]
pub enum When {
    /// Before it took effect: the tier is as it was.
    Before,
    /// After it took effect: the answer is lost.
    After,
}

/// A tier that passes every call on to another one, and that can be told to fail, to stop and to count.
///
/// A call is counted when it begins. Then it waits, if it was to be [held](Self::hold); then it fails, if it was to
/// [fail](Self::fail). While a read is to be held or to fail, `peek` answers `None` and is not counted, so that the
/// storage goes on to `read`; a miss of `peek` is not counted either. `usage`, `stage`, `announce`, `accesses` and `close` are
/// passed on and never counted.
///
/// It needs no runtime: a held call is a future that waits to be woken.
///
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use tiered_storage::{
///     ErrorKind, Key,
///     conformance::{Call, FaultTier, When},
///     memory::{MemoryOptions, MemoryTier},
///     tier::StorageTier,
/// };
///
/// let tier = FaultTier::new(Arc::new(MemoryTier::new(MemoryOptions::new())?));
/// tier.fail(Call::Head, 1, When::Before, ErrorKind::Unavailable);
/// let key = Key::new("a")?;
/// assert_eq!(tier.head(&key).await.map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
/// assert_eq!(tier.head(&key).await, Ok(None));
/// assert_eq!(tier.take_calls(Call::Head), 2);
/// # Ok::<(), tiered_storage::Error>(())
/// # }).expect("the example holds");
/// ```
#[derive(Debug)]
pub struct FaultTier {
    inner: Arc<dyn StorageTier>,
    plans: [Mutex<Plan>; Call::ALL.len()],
}

impl FaultTier {
    /// Wraps `inner`; nothing fails until it is told to.
    pub fn new(inner: Arc<dyn StorageTier>) -> Self {
        Self { inner, plans: Default::default() }
    }

    /// The tier inside: a way in that is neither counted nor made to fail.
    pub fn inner(&self) -> &Arc<dyn StorageTier> {
        &self.inner
    }

    /// Makes the next `times` calls fail with an error of `kind`, after those that are to fail already.
    pub fn fail(&self, call: Call, times: u64, when: When, kind: ErrorKind) {
        if times > 0 {
            self.plan(call).faults.push_back(Fault { times, when, kind });
        }
    }

    /// Makes the next call, and no other, stop before its effect until [`Self::release`].
    pub fn hold(&self, call: Call) {
        self.plan(call).holds += 1;
    }

    /// Lets the call that was stopped first go on; where none was, takes away a [`Self::hold`] that nothing has hit.
    /// Answers whether there was either.
    pub fn release(&self, call: Call) -> bool {
        let mut plan = self.plan(call);
        if let Some(gate) = plan.stopped.pop_front() {
            drop(plan);
            gate.open();
            return true;
        }
        let was_armed = plan.holds > 0;
        plan.holds = plan.holds.saturating_sub(1);
        was_armed
    }

    /// How many calls are stopped now.
    pub fn stopped(&self, call: Call) -> usize {
        self.plan(call).stopped.len()
    }

    /// How many calls began since this or [`Self::reset_calls`] was last called for `call`.
    pub fn take_calls(&self, call: Call) -> u64 {
        std::mem::take(&mut self.plan(call).calls)
    }

    /// How many calls began since they were last counted; counting goes on.
    pub fn calls(&self, call: Call) -> u64 {
        self.plan(call).calls
    }

    /// Counts every call from 0 again.
    pub fn reset_calls(&self) {
        for call in Call::ALL {
            self.plan(call).calls = 0;
        }
    }

    async fn run<T>(
        &self,
        call: Call,
        effect: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.begin(call).await;
        let fault = self.plan(call).next_fault();
        match fault {
            None => effect.await,
            Some((When::Before, kind)) => Err(injected(call, kind)),
            Some((When::After, kind)) => {
                effect.await?;
                Err(injected(call, kind))
            }
        }
    }

    /// Counts a call and waits while it is held.
    async fn begin(&self, call: Call) {
        let gate = {
            let mut plan = self.plan(call);
            plan.calls += 1;
            if plan.holds == 0 {
                return;
            }
            plan.holds -= 1;
            let gate = Arc::new(Gate::default());
            plan.stopped.push_back(gate.clone());
            gate
        };
        let stop = Stop { tier: self, call, gate };
        stop.gate.passed().await;
    }

    fn plan(&self, call: Call) -> MutexGuard<'_, Plan> {
        lock(&self.plans[call as usize])
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
#[deny(clippy::missing_trait_methods)]
impl StorageTier for FaultTier {
    fn properties(&self) -> Properties {
        self.inner.properties()
    }

    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error> {
        self.run(Call::Read, self.inner.read(key, unless)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        self.run(Call::Head, self.inner.head(key)).await
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        self.run(Call::Write, self.inner.write(key, entry)).await
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        self.run(Call::Patch, self.inner.patch(key, metadata)).await
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        self.run(Call::Remove, self.inner.remove(keys)).await
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        self.run(Call::List, self.inner.list(page)).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.inner.usage().await
    }

    async fn open(&self, key: &Key, unless: Option<&ETag>) -> Result<Read<Opened>, Error> {
        self.run(Call::Read, self.inner.open(key, unless)).await
    }

    async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        self.run(Call::Read, self.inner.read_range(key, range, unless)).await
    }

    async fn stage(&self, key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        self.inner.stage(key).await
    }

    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        self.run(Call::Write, self.inner.store(key, metadata, body, condition)).await
    }

    async fn write_part(
        &self,
        key: &Key,
        metadata: &Metadata,
        start: u64,
        part: Payload,
    ) -> Result<(), Error> {
        self.run(Call::Write, self.inner.write_part(key, metadata, start, part)).await
    }

    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        self.run(Call::Remove, self.inner.remove_version(key, seen)).await
    }

    async fn clear(&self) -> Result<(), Error> {
        self.run(Call::Remove, self.inner.clear()).await
    }

    async fn announce(&self, key: &Key) -> Result<(), Error> {
        self.inner.announce(key).await
    }

    fn requests(&self) -> Option<Requests> {
        self.inner.requests()
    }

    fn watch(&self, watcher: Weak<Watcher>) {
        self.inner.watch(watcher);
    }

    fn watch_evictions(&self, watcher: Weak<EvictionWatcher>) {
        self.inner.watch_evictions(watcher);
    }

    fn peek(&self, key: &str, now: Timestamp) -> Option<Stored> {
        // The lock is held, so that a fault that is armed now applies to this read or to none before it.
        let mut plan = self.plan(Call::Read);
        if plan.holds > 0 || !plan.faults.is_empty() {
            return None;
        }
        let found = self.inner.peek(key, now)?;
        plan.calls += 1;
        Some(found)
    }

    fn peek_body(&self, key: &str, now: Timestamp) -> Option<Peeked> {
        let Stored { metadata, body } = self.peek(key, now)?;
        Some(Peeked { body, expires_at: metadata.expires_at, fresh_at: metadata.fresh_at })
    }

    fn accesses(&self, limit: usize) -> Vec<Access> {
        self.inner.accesses(limit)
    }

    async fn presign(&self, key: &Key, presign: Presign) -> Result<String, Error> {
        self.inner.presign(key, presign).await
    }

    async fn settled(&self) {
        self.inner.settled().await;
    }

    async fn close(&self) -> Result<(), Error> {
        self.inner.close().await
    }
}

/// What is to become of the calls of one kind, and how many there were.
#[derive(Debug, Default)]
struct Plan {
    calls: u64,
    faults: VecDeque<Fault>,
    /// How many calls to stop that have not come yet.
    holds: usize,
    stopped: VecDeque<Arc<Gate>>,
}

impl Plan {
    fn next_fault(&mut self) -> Option<(When, ErrorKind)> {
        let fault = self.faults.front_mut()?;
        let found = (fault.when, fault.kind);
        fault.times -= 1;
        if fault.times == 0 {
            self.faults.pop_front();
        }
        Some(found)
    }
}

#[derive(Debug)]
struct Fault {
    times: u64,
    when: When,
    kind: ErrorKind,
}

/// A stopped call; one that is dropped there is no longer waiting to be released.
struct Stop<'a> {
    tier: &'a FaultTier,
    call: Call,
    gate: Arc<Gate>,
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.tier.plan(self.call).stopped.retain(|gate| !Arc::ptr_eq(gate, &self.gate));
    }
}

fn injected(call: Call, kind: ErrorKind) -> Error {
    Error::new(kind, format!("the {call} was told to fail"))
}

#[cfg(test)]
mod tests;
