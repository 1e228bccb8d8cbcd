//! Attempts at a call: signed anew each time, and mended between them.

use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::future::{Either, select};
use tiered_storage_core::{Error, Timestamp};

use super::{
    Credentials, Environment, Http, HttpError, HttpErrorKind, Response, Scope, Sign,
    credentials::Cache,
    failure::{Cause, Failure, examine},
    limit::Limit,
    meter::{Meter, Metered},
    profile::Flags,
    request::{Address, Call},
    retry::{self, Budget},
    skew::Skew,
};

/// Sends calls to one bucket.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: Address,
    /// What the store can do.
    pub(super) profile: Flags,
    pub(super) http: Arc<dyn Http>,
    pub(super) environment: Arc<dyn Environment>,
    pub(super) signer: Arc<dyn Sign>,
    pub(super) credentials: Cache,
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

/// What one attempt was made with, and when.
struct Attempt {
    number: u32,
    credentials: Credentials,
    region: String,
    skew: Skew,
    sent: Timestamp,
    received: Timestamp,
}

/// What was mended during a call. Each is mended once: if it does not help, it was not that.
#[derive(Default)]
struct Mended {
    clock: bool,
    region: bool,
    session: bool,
    retries: u32,
}

impl Client {
    /// Sends `call` until it succeeds or there is no use in trying again.
    pub(super) async fn send(&self, call: &Call) -> Result<Response, Box<Failure>> {
        let mut mended = Mended::default();
        let mut metered = self.meter.begin(call, &*self.environment);
        for number in 1.. {
            let (attempt, outcome) = self.attempt(call, number, &mut metered).await?;
            let failure = match outcome {
                Ok(response) => {
                    self.learnt().budget.give(mended.retries);
                    return Ok(response);
                }
                Err(mut failure) => {
                    failure.retries = mended.retries;
                    failure
                }
            };
            if self.mend(&attempt, &failure, &mut mended) {
                continue;
            }
            match self.delay_ms(&failure, &mut mended) {
                Some(ms) => self.environment.sleep(ms).await,
                None => return Err(failure),
            }
        }
        unreachable!("attempts are bounded")
    }

    /// The error for a call that failed.
    pub(super) fn error(&self, failure: &Failure) -> Error {
        let host = self.address.host(&self.learnt().region);
        failure.to_error(&self.address.bucket, &host)
    }

    pub(super) fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().expect("no holder of this lock panics")
    }

    async fn attempt(
        &self,
        call: &Call,
        number: u32,
        metered: &mut Metered<'_>,
    ) -> Result<(Attempt, Result<Response, Box<Failure>>), Box<Failure>> {
        let _permit = self.limit.enter().await;
        let (region, skew) = {
            let learnt = self.learnt();
            (learnt.region.clone(), learnt.skew)
        };
        let local = |error| Failure::bare(Cause::Local(error));
        let now = skew.server_time(self.environment.now());
        let credentials = self.credentials.credentials(now).await.map_err(local)?;
        let mut request = call.request(&self.address, &region);
        self.profile.adapt(&mut request);
        let sent = self.environment.now();
        if credentials.access_key_id().is_some() {
            let scope = Scope {
                credentials: &credentials,
                region: &region,
                now: skew.server_time(sent),
                payload_sha256: &call.payload_sha256,
            };
            self.signer.sign(&mut request, &scope).map_err(local)?;
        }
        metered.sent(request.body.len());
        let outcome = match self.within_timeout(self.http.send(request)).await {
            Ok(response) => {
                metered.received(&response);
                examine(call, response)
            }
            Err(error) => Err(Failure::bare(Cause::Http(error))),
        };
        if let Err(failure) = &outcome {
            metered.failed(failure);
        }
        let received = self.environment.now();
        let attempt = Attempt { number, credentials, region, skew, sent, received };
        attempt.trace(call, &outcome);
        Ok((attempt, outcome))
    }

    async fn within_timeout(
        &self,
        sending: impl Future<Output = Result<Response, HttpError>>,
    ) -> Result<Response, HttpError> {
        let sending = core::pin::pin!(sending);
        match select(sending, self.environment.sleep(self.timeout_ms)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), _)) => Err(HttpError {
                kind: HttpErrorKind::Timeout,
                message: format!("no whole answer within {} ms", self.timeout_ms),
            }),
        }
    }

    /// Corrects what `failure` says was wrong with the attempt. Says whether to try again at once.
    fn mend(&self, attempt: &Attempt, failure: &Failure, mended: &mut Mended) -> bool {
        if let Some(server) = failure.server_time
            && (failure.is_skewed() || failure.status() == 403)
            && !mended.clock
        {
            let skew = Skew::measured(server, attempt.sent, attempt.received);
            if failure.is_skewed() || attempt.skew.is_far_from(skew) {
                mended.clock = true;
                self.learnt().skew = skew;
                return true;
            }
        }
        if failure.is_stale_session() && !mended.session {
            mended.session = true;
            self.credentials.forget(&attempt.credentials);
            return true;
        }
        if let Some(region) = failure.other_region(&attempt.region)
            && !mended.region
        {
            mended.region = true;
            region.clone_into(&mut self.learnt().region);
            return true;
        }
        false
    }

    /// How long to wait before trying again, if that can help and is allowed.
    fn delay_ms(&self, failure: &Failure, mended: &mut Mended) -> Option<u64> {
        let pace = retry::pace(failure)?;
        if mended.retries + 1 >= self.attempts_max || !self.learnt().budget.take(failure) {
            return None;
        }
        let random = self.environment.random();
        let ms = retry::delay_ms(pace, mended.retries, random, failure.retry_after_ms);
        mended.retries += 1;
        Some(ms)
    }
}

impl Attempt {
    fn trace(&self, call: &Call, outcome: &Result<Response, Box<Failure>>) {
        let (status, code) = match outcome {
            Ok(response) => (response.status, ""),
            Err(failure) => (failure.status(), failure.code()),
        };
        tracing::debug!(
            target: "tiered_storage::s3",
            method = call.method.as_str(),
            key = call.name.as_deref().unwrap_or(""),
            attempt = self.number,
            status,
            code,
            elapsed_ms = self.received.millis_since(self.sent),
            "S3 request"
        );
    }
}

#[cfg(test)]
mod tests;
