//! Whether the server heeds the conditions of writes. Some pass over them, and would overwrite what they must not.
//!
//! It is tried once per tier, before the first write that depends on it, with a small object in the tier's area. What
//! could not be found out, because the network failed say, is tried again the next time. A profile may know it; but of
//! uploads in parts it knows only that conditions are not heeded: more servers pass over them there.

use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tiered_storage_core::{Condition, ETag, Error, Key, Metadata, Timestamp};

use super::{
    ConditionalWrites, Inner, keys::PROBE_MARK, limit::Limit, request::Call, upload::Parts,
};
use crate::payload::Payload;

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
        let put = scratch(&name);
        if let Err(failure) = self.client.send(put.clone()).await {
            // It may be there all the same, if only the answer was lost.
            let (inner, call) = (Arc::clone(self), Call::delete(&name));
            let task = async move { inner.tidy(call, "a probe").await };
            self.tidy_later(Box::pin(task));
            return Err(self.error(&failure));
        }
        let tried = self.try_both(&put, &name, means).await;
        // If that fails, it is one more of the objects that a lifecycle rule may remove.
        let removed = self.client.send(Call::delete(&name)).await;
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

    async fn try_both(
        self: &Arc<Self>,
        put: &Call,
        name: &str,
        means: Means,
    ) -> Result<Heeded, Error> {
        let mut parts = match means {
            Means::Put => None,
            Means::Upload => Some(Parts::begin(self, name, None).await?),
        };
        let tried = async {
            if let Some(parts) = &mut parts {
                parts.put(Payload::from(PROBE_BODY.to_vec())).await?;
            }
            let absent = self.is_heeded(put, &mut parts, &Condition::Absent).await;
            // An upload that was completed in spite of the condition is over.
            let version = match (&absent, &parts) {
                (Ok(true), _) | (_, None) => self.is_heeded(put, &mut parts, &never()).await,
                _ => Ok(false),
            };
            Ok(Heeded { absent: absent?, version: version? })
        };
        let tried = tried.await;
        if let Some(parts) = parts {
            parts.abort().await;
        }
        tried
    }

    /// Whether it is noticed that a condition does not hold.
    async fn is_heeded(
        &self,
        put: &Call,
        parts: &mut Option<Parts>,
        condition: &Condition,
    ) -> Result<bool, Error> {
        let outcome = match parts {
            Some(parts) => parts.complete(Some(condition)).await?.map(drop),
            None => self.client.send(put.clone().provided(Some(condition))).await.map(drop),
        };
        match outcome {
            Ok(()) => Ok(false),
            Err(failure) if failure.is_conflict() => Ok(true),
            Err(failure) if failure.is_unsupported() => Ok(false),
            Err(failure) => Err(self.error(&failure)),
        }
    }
}

/// What is tried with.
fn scratch(name: &str) -> Call {
    let key = Key::new("probe").expect("it is a key");
    let metadata = Metadata::new(key, PROBE_BODY.len() as u64, Timestamp::from_millis(0));
    let body = Payload::from(PROBE_BODY.to_vec());
    Call::put(name, &metadata, body, Sha256::digest(PROBE_BODY).into())
}

const PROBE_BODY: &[u8] = b"probe";

/// A version that no object has: the MD5 of no bytes known.
fn never() -> Condition {
    Condition::Version(ETag::new("\"00000000000000000000000000000000\""))
}

#[cfg(test)]
mod tests;
