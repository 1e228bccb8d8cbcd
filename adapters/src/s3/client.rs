//! Attempts at a call: signed anew each time, and mended between them.

use std::sync::{Arc, Mutex, MutexGuard};

use tiered_storage_core::{Error, Timestamp};

use super::{
    Credentials, Environment, Http, Opening, Request, Response, Scope, UNSIGNED_PAYLOAD,
    failure::{Cause, Failure, examine},
    http::within_timeout,
    limit::Limit,
    meter::Meter,
    profile::Flags,
    request::{Address, Call},
    retry::{self, Budget},
    signing::Signing,
    skew::Skew,
    together::Running,
};

/// The slowest that a request's body may leave, in bytes per millisecond, before it counts as stuck: 64 kB a second.
const BYTES_PER_MS_MIN: u64 = 64;

/// Sends calls to one bucket.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: Address,
    /// What the store can do.
    pub(super) profile: Flags,
    pub(super) http: Arc<dyn Http>,
    pub(super) environment: Arc<dyn Environment>,
    pub(super) signing: Signing,
    pub(super) limit: Limit,
    pub(super) timeout_ms: u64,
    pub(super) attempts_max: u32,
    pub(super) learnt: Mutex<Learnt>,
    pub(super) meter: Meter,
}

/// What the server's answers have taught.
#[derive(Clone, Debug)]
pub(super) struct Learnt {
    pub(super) region: String,
    pub(super) skew: Skew,
    pub(super) budget: Budget,
}

/// What a request was signed with.
struct Basis {
    credentials: Credentials,
    region: String,
    skew: Skew,
}

/// What was mended during a call. Each is mended once: if it does not help, it was not that.
#[derive(Default)]
struct Mended {
    clock: bool,
    region: bool,
    session: bool,
}

impl Client {
    /// Sends `call` until it succeeds or there is no use in trying again.
    pub(super) fn send(&self, call: Call) -> Running<'_, Result<Box<Response>, Box<Failure>>> {
        Box::pin(async move { Ok(Box::new(self.ask(call, u64::MAX).await?.0)) })
    }

    /// As [`Client::send`]; a body of more than `whole_bytes_max` may come in pieces. They do not count as a request that
    /// runs: who reads them may be waiting for another.
    pub(super) fn open(
        &self,
        call: Call,
        whole_bytes_max: u64,
    ) -> Running<'_, Result<Opening, Box<Failure>>> {
        Box::pin(self.ask(call, whole_bytes_max))
    }

    async fn ask(&self, call: Call, whole_bytes_max: u64) -> Result<Opening, Box<Failure>> {
        let (mut mended, mut retries) = (Mended::default(), 0);
        let mut metered = self.meter.begin(&call, &*self.environment);
        loop {
            let permit = self.limit.enter().await;
            let signed = self.signed(&call, None).await;
            let (request, basis) = signed.map_err(|error| Failure::bare(Cause::Local(error)))?;
            let sent = self.environment.now();
            let bytes = request.body.len();
            let limit_ms = call.kind.patience() * self.timeout_ms + bytes as u64 / BYTES_PER_MS_MIN;
            metered.sent(bytes);
            let sending = self.http.open(request, whole_bytes_max);
            let outcome = match within_timeout(&*self.environment, limit_ms, sending).await {
                Ok(opening) => {
                    metered.received(&opening.0);
                    examine(&call, opening)
                }
                Err(error) => Err(Failure::bare(Cause::Http(error))),
            };
            drop(permit);
            let received = self.environment.now();
            trace(&call, metered.attempts(), received.millis_since(sent), &outcome);
            let mut failure = match outcome {
                Ok(opening) => {
                    self.learnt().budget.give(retries);
                    return Ok(opening);
                }
                Err(failure) => failure,
            };
            metered.failed(&failure);
            failure.retries = retries.max(self.http.may_repeat().into());
            if !self.mend(&basis, &failure, &mut mended, (sent, received))
                && !self.rests(&failure, &mut retries).await
            {
                return Err(failure);
            }
        }
    }

    /// A URL that does what `call` does, for some seconds from now on by the server's clock.
    pub(super) async fn presign(&self, call: &Call, expires_secs: u32) -> Result<String, Error> {
        Ok(self.signed(call, Some(expires_secs)).await?.0.url)
    }

    /// The request for `call`, signed as what the server's answers have taught so far demands.
    async fn signed(&self, call: &Call, url_secs: Option<u32>) -> Result<(Request, Basis), Error> {
        let (region, skew) = {
            let learnt = self.learnt();
            (learnt.region.clone(), learnt.skew)
        };
        let now = || skew.server_time(self.environment.now());
        let credentials = self.signing.credentials(now()).await?;
        let mut request = call.request(&self.address, &region);
        self.profile.adapt(&mut request);
        let payload_sha256 = url_secs.map_or(call.payload_sha256.as_str(), |_| UNSIGNED_PAYLOAD);
        let scope =
            Scope { credentials: &credentials, region: &region, now: now(), payload_sha256 };
        self.signing.sign(&mut request, &scope, url_secs).await?;
        Ok((request, Basis { credentials, region, skew }))
    }

    /// The error for a call that failed.
    pub(super) fn error(&self, failure: &Failure) -> Error {
        let host = self.address.host(&self.learnt().region);
        failure.to_error(&self.address.bucket, &host)
    }

    pub(super) fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().expect("no holder of this lock panics")
    }

    /// Corrects what `failure` says was wrong with what the request was signed with. Says whether to try again at once.
    fn mend(
        &self,
        basis: &Basis,
        failure: &Failure,
        mended: &mut Mended,
        (sent, received): (Timestamp, Timestamp),
    ) -> bool {
        if let Some(server) = failure.server_time
            && (failure.is_skewed() || failure.status() == 403)
            && !mended.clock
        {
            let skew = Skew::measured(server, sent, received);
            if failure.is_skewed() || basis.skew.is_far_from(skew) {
                mended.clock = true;
                self.learnt().skew = skew;
                return true;
            }
        }
        if failure.is_stale_session() && !mended.session {
            mended.session = true;
            self.signing.forget(&basis.credentials);
            return true;
        }
        if let Some(region) = failure.other_region(&basis.region)
            && !mended.region
        {
            mended.region = true;
            region.clone_into(&mut self.learnt().region);
            return true;
        }
        false
    }

    /// Waits until it is time to try again after `failure`; says whether that can help and is allowed.
    pub(super) async fn rests(&self, failure: &Failure, retries: &mut u32) -> bool {
        let Some(pace) = retry::pace(failure) else { return false };
        if *retries + 1 >= self.attempts_max || !self.learnt().budget.take(failure) {
            return false;
        }
        let random = self.environment.random();
        let ms = retry::delay_ms(pace, *retries, random, failure.retry_after_ms);
        *retries += 1;
        self.environment.sleep(ms).await;
        true
    }
}

fn trace(call: &Call, attempt: u32, elapsed_ms: u64, outcome: &Result<Opening, Box<Failure>>) {
    let (status, code) = match outcome {
        Ok((response, _)) => (response.status, ""),
        Err(failure) => (failure.status(), failure.code()),
    };
    tracing::debug!(
        target: "tiered_storage::s3",
        method = call.method.as_str(),
        key = call.name.as_deref().unwrap_or(""),
        attempt,
        status,
        code,
        elapsed_ms,
        "S3 request"
    );
}

#[cfg(test)]
mod tests;
