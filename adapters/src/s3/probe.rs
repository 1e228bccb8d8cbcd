//! Whether the server heeds the conditions of writes. Some pass over them, and would overwrite what they must not.
//!
//! It is tried once per tier, before the first write that depends on it, with a small object in the tier's area. What
//! could not be found out, because the network failed say, is tried again the next time. A profile may know it; but of
//! uploads in parts it knows only that conditions are not heeded: more servers pass over them there.

use std::sync::{Arc, Mutex};

use tiered_storage_core::{Condition, ETag, Error, Key, Metadata, Timestamp};

use super::{
    ConditionalWrites, Inner, failure::Failure, keys::PROBE_MARK, limit::Limit, request::Call,
    upload::Parts,
};
use crate::payload::{self, Payload};

/// How an object comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// In one request.
    Put,
    /// In parts that are put together.
    Upload,
}

/// Which conditions are heeded.
#[derive(Clone, Copy, Debug)]
struct Heeded {
    absent: bool,
    version: bool,
}

/// What was found out.
#[derive(Debug)]
pub(super) struct Probes {
    /// One finds out at a time; the others wait for it.
    turn: Limit,
    put: Mutex<Option<Heeded>>,
    upload: Mutex<Option<Heeded>>,
}

impl Probes {
    pub(super) fn new(known: ConditionalWrites) -> Self {
        let both = |is_heeded| Heeded { absent: is_heeded, version: is_heeded };
        let (put, upload) = match known {
            ConditionalWrites::Supported => (Some(both(true)), None),
            ConditionalWrites::Unsupported => (Some(both(false)), Some(both(false))),
            ConditionalWrites::Probe => (None, None),
        };
        Self { turn: Limit::new(1), put: Mutex::new(put), upload: Mutex::new(upload) }
    }

    /// Whether a write by such means takes effect only if `condition` holds.
    pub(super) async fn heeds(
        &self,
        inner: &Arc<Inner>,
        condition: &Condition,
        means: Means,
    ) -> Result<bool, Error> {
        let known = match means {
            Means::Put => &self.put,
            Means::Upload => &self.upload,
        };
        let known = || known.lock().expect("no holder of this lock panics");
        let mut heeded = *known();
        if heeded.is_none() {
            let _turn = self.turn.enter().await;
            heeded = *known();
            if heeded.is_none() {
                heeded = Some(inner.probe(means).await?);
                *known() = heeded;
            }
        }
        Ok(heeded.is_some_and(|heeded| match condition {
            Condition::Version(_) => heeded.version,
            _ => heeded.absent,
        }))
    }
}

impl Inner {
    /// Tries both conditions where neither holds: on an object that is there, and with a version that it never had.
    async fn probe(self: &Arc<Self>, means: Means) -> Result<Heeded, Error> {
        let environment = &self.client.environment;
        let random = [environment.random(), environment.random()];
        let name = self.names.scratch(PROBE_MARK, random);
        let put = self.scratch(&name).await;
        if let Err(failure) = self.client.send(&put).await {
            // It may be there all the same, if only the answer was lost.
            let (inner, call) = (Arc::clone(self), Call::delete(&name));
            let task = async move { inner.tidy(&call, "a probe").await };
            self.tidy_later(Box::pin(task));
            return Err(self.error(&failure));
        }
        let tried = match means {
            Means::Put => self.probe_put(&put).await,
            Means::Upload => self.probe_upload(&name).await,
        };
        // If that fails, it is one more of the objects that a lifecycle rule may remove.
        let removed = self.client.send(&Call::delete(&name)).await;
        let heeded = tried?;
        tracing::debug!(
            target: "tiered_storage::s3",
            ?means,
            ?heeded,
            is_removed = removed.is_ok(),
            "found out which conditions of writes the server heeds"
        );
        Ok(heeded)
    }

    async fn probe_put(&self, put: &Call) -> Result<Heeded, Error> {
        let absent = self.client.send(&put.clone().provided(Some(&Condition::Absent))).await;
        let version = self.client.send(&put.clone().provided(Some(&never()))).await;
        Ok(Heeded {
            absent: self.is_heeded(absent.map(drop))?,
            version: self.is_heeded(version.map(drop))?,
        })
    }

    async fn probe_upload(self: &Arc<Self>, name: &str) -> Result<Heeded, Error> {
        let mut parts = Parts::begin(self, name, None).await?;
        let tried = async {
            parts.put(Payload::from(PROBE_BODY.to_vec())).await?;
            let absent =
                self.is_heeded(parts.complete(Some(&Condition::Absent)).await?.map(drop))?;
            // An upload that was completed in spite of the condition is over.
            let version =
                absent && self.is_heeded(parts.complete(Some(&never())).await?.map(drop))?;
            Ok(Heeded { absent, version })
        };
        let tried = tried.await;
        parts.abort().await;
        tried
    }

    async fn scratch(&self, name: &str) -> Call {
        let body = Payload::from(PROBE_BODY.to_vec());
        let sha256 = payload::sha256(&body).await;
        let key = Key::new("probe").expect("it is a key");
        let metadata = Metadata::new(key, PROBE_BODY.len() as u64, Timestamp::from_millis(0));
        Call::put(name, &metadata, body, sha256)
    }

    /// Whether a condition that does not hold was noticed.
    fn is_heeded(&self, outcome: Result<(), Box<Failure>>) -> Result<bool, Error> {
        match outcome {
            Ok(()) => Ok(false),
            Err(failure) if failure.is_conflict() => Ok(true),
            Err(failure) if failure.is_unsupported() => Ok(false),
            Err(failure) => Err(self.error(&failure)),
        }
    }
}

const PROBE_BODY: &[u8] = b"probe";

/// A version that no object has: the MD5 of no bytes known.
fn never() -> Condition {
    Condition::Version(ETag::new("\"00000000000000000000000000000000\""))
}

#[cfg(test)]
mod tests;
