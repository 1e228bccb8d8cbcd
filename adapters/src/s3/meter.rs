//! Counts what is sent and received, and tells who wants to know of each request.

use std::sync::{
    Weak,
    atomic::{AtomicU64, Ordering},
};

use tiered_storage_core::{
    Timestamp,
    cost::{Operation, Requests, Tally},
};

use super::{
    Environment, Response,
    failure::Failure,
    request::{Call, Kind},
};
use crate::{
    events::{Requested, Watcher},
    watchers::Watchers,
};

/// The counts of one tier.
#[derive(Default)]
pub(super) struct Meter {
    counts: [Counts; Operation::ALL.len()],
    watchers: Watchers<Watcher>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
}

impl core::fmt::Debug for Meter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Meter").field(&self.requests()).finish()
    }
}

impl Meter {
    pub(super) fn requests(&self) -> Requests {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Requests::count(|operation| {
            let counts = &self.counts[operation as usize];
            let mut tally = Tally::default();
            tally.sent = load(&counts.sent);
            tally.failed = load(&counts.failed);
            tally.bytes_sent = load(&counts.bytes_sent);
            tally.bytes_received = load(&counts.bytes_received);
            tally
        })
    }

    /// Tells `watcher` of every request from now on, for as long as somebody holds it.
    pub(super) fn watch(&self, watcher: Weak<Watcher>) {
        self.watchers.push(watcher);
    }

    /// Begins to count the attempts at `call`.
    pub(super) fn begin<'a>(
        &'a self,
        call: &Call,
        environment: &'a dyn Environment,
    ) -> Metered<'a> {
        let begun = self.watchers.are_there().then(|| environment.now());
        let requested = Requested {
            operation: call.kind.operation(),
            status: 0,
            attempts: 0,
            bytes_sent: 0,
            bytes_received: 0,
            elapsed_ms: 0,
        };
        Metered { meter: self, environment, begun, requested }
    }

    /// Counts what comes of a body in pieces. Who watches was told of the request when the head of its answer was there.
    pub(super) fn came(&self, bytes: usize) {
        let counts = &self.counts[Operation::Get as usize];
        counts.bytes_received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A call that is being counted. When it is dropped, the call is at its end or was given up, and watchers are told.
pub(super) struct Metered<'a> {
    meter: &'a Meter,
    environment: &'a dyn Environment,
    /// When it began, if somebody watched then.
    begun: Option<Timestamp>,
    requested: Requested,
}

impl Metered<'_> {
    /// A request leaves with a body of so many bytes.
    pub(super) fn sent(&mut self, bytes: usize) {
        let counts = self.counts();
        counts.sent.fetch_add(1, Ordering::Relaxed);
        counts.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.requested.attempts += 1;
        self.requested.bytes_sent += bytes as u64;
        self.requested.status = 0;
    }

    /// How often it was sent.
    pub(super) fn attempts(&self) -> u32 {
        self.requested.attempts
    }

    /// It was answered.
    pub(super) fn received(&mut self, response: &Response) {
        let bytes = response.body.len() as u64;
        self.counts().bytes_received.fetch_add(bytes, Ordering::Relaxed);
        self.requested.bytes_received += bytes;
        self.requested.status = response.status;
    }

    /// It, or its answer, came to nothing.
    pub(super) fn failed(&self, failure: &Failure) {
        if !failure.is_missing() && !failure.is_conflict() {
            self.counts().failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counts(&self) -> &Counts {
        &self.meter.counts[self.requested.operation as usize]
    }
}

impl Drop for Metered<'_> {
    fn drop(&mut self) {
        let Some(begun) = self.begun.filter(|_| self.requested.attempts > 0) else { return };
        self.requested.elapsed_ms = self.environment.now().millis_since(begun);
        let left = self.meter.watchers.left();
        left.iter().for_each(|watcher| watcher(&self.requested));
    }
}

impl Kind {
    /// As what it is billed.
    const fn operation(self) -> Operation {
        match self {
            Self::Get => Operation::Get,
            Self::Head => Operation::Head,
            Self::Put => Operation::Put,
            Self::Copy => Operation::Copy,
            Self::Delete => Operation::Delete,
            Self::DeleteMany => Operation::DeleteMany,
            Self::List => Operation::List,
            Self::CreateUpload => Operation::CreateUpload,
            Self::UploadPart | Self::CopyPart => Operation::UploadPart,
            Self::CompleteUpload => Operation::CompleteUpload,
            Self::AbortUpload => Operation::AbortUpload,
        }
    }
}

#[cfg(test)]
mod tests;
