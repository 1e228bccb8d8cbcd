//! Which failures are tried again, and when. Nothing here waits, reads a clock or throws dice.

use super::failure::{Cause, Failure};
use super::http::{HttpError, HttpErrorKind};

/// How fast to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Something broke, once.
    Transient,
    /// The server wants fewer requests.
    Throttled,
}

const TRANSIENT_BASE_MS: u64 = 50;
const THROTTLED_BASE_MS: u64 = 500;
/// No wait is longer, whatever the server asks for.
const DELAY_MS_MAX: u64 = 20_000;

/// Whether trying `failure` again can help: by what the server calls it, else by its status.
pub(super) fn pace(failure: &Failure) -> Option<Pace> {
    if let Some(pace) = pace_of_code(&failure.fault.code) {
        return Some(pace);
    }
    match &failure.cause {
        Cause::Http(HttpError {
            kind: HttpErrorKind::Unsendable | HttpErrorKind::Redirected,
            ..
        }) => None,
        Cause::Http(_) | Cause::Garbled => Some(Pace::Transient),
        Cause::Status(429) => Some(Pace::Throttled),
        Cause::Status(408 | 500 | 502 | 503 | 504) => Some(Pace::Transient),
        Cause::Status(_) | Cause::Local(_) => None,
    }
}

/// As [`pace`], of an error code alone.
pub(super) fn pace_of_code(code: &str) -> Option<Pace> {
    match code {
        "InternalError"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "PriorRequestNotComplete"
        | "IncompleteBody"
        | "OperationAborted"
        | "ConditionalRequestConflict" => Some(Pace::Transient),
        "SlowDown"
        | "SlowDownRead"
        | "SlowDownWrite"
        | "ServiceUnavailable"
        | "ServerBusy"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequests"
        | "TooManyRequestsException" => Some(Pace::Throttled),
        _ => None,
    }
}

/// How long to wait before trying again for the `retry`th time, from 0: anything up to a ceiling that doubles
/// ("full jitter"), but not less than the server asked for.
pub(super) fn delay_ms(pace: Pace, retry: u32, random: u64, asked_ms: Option<u64>) -> u64 {
    let base = match pace {
        Pace::Transient => TRANSIENT_BASE_MS,
        Pace::Throttled => THROTTLED_BASE_MS,
    };
    let ceiling = base.saturating_mul(1 << retry.min(16)).min(DELAY_MS_MAX);
    let share = (u128::from(random) * u128::from(ceiling + 1)) >> 64;
    let jittered = u64::try_from(share).expect("a share of the ceiling is not more than it");
    jittered.max(asked_ms.unwrap_or(0).min(DELAY_MS_MAX))
}

/// How many retries all calls of a tier may make between them.
///
/// Each retry takes from it and each success gives back, so that a few failures are tried again at once and an
/// outage is not answered with several times the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget(u32);

impl Budget {
    const FULL: u32 = 500;
    const RETRY_COST: u32 = 5;
    const TIMEOUT_COST: u32 = 10;

    pub(super) const fn new() -> Self {
        Self(Self::FULL)
    }

    /// Takes what a retry after `failure` costs; says whether there was enough.
    pub(super) fn take(&mut self, failure: &Failure) -> bool {
        let cost = if failure.is_timeout() { Self::TIMEOUT_COST } else { Self::RETRY_COST };
        match self.0.checked_sub(cost) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }

    /// Gives back for a call that succeeded after so many retries.
    pub(super) fn give(&mut self, retries: u32) {
        let back = if retries == 0 { 1 } else { Self::RETRY_COST };
        self.0 = self.0.saturating_add(back).min(Self::FULL);
    }
}

#[cfg(test)]
mod tests;
