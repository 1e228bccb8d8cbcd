use proptest::prelude::*;

use super::*;
use crate::s3::{HttpError, failure::Failure};

fn failure(kind: HttpErrorKind) -> Box<Failure> {
    Failure::bare(Cause::Http(HttpError { kind, message: String::new() }))
}

fn coded(status: u16, code: &str) -> Box<Failure> {
    let mut failure = Failure::bare(Cause::Status(status));
    code.clone_into(&mut failure.fault.code);
    failure
}

#[test]
fn the_code_decides_before_the_status() {
    assert_eq!(pace(&coded(200, "InternalError")), Some(Pace::Transient));
    assert_eq!(pace(&coded(400, "RequestTimeout")), Some(Pace::Transient));
    assert_eq!(pace(&coded(409, "ConditionalRequestConflict")), Some(Pace::Transient));
    assert_eq!(pace(&coded(503, "SlowDown")), Some(Pace::Throttled));
    assert_eq!(pace(&coded(503, "")), Some(Pace::Transient));
    assert_eq!(pace(&coded(429, "")), Some(Pace::Throttled));
    for status in [200, 301, 400, 403, 404, 409, 412, 501] {
        assert_eq!(pace(&coded(status, "Unheard")), None, "{status}");
    }
}

#[test]
fn what_never_came_whole_is_tried_again() {
    for kind in [HttpErrorKind::Connect, HttpErrorKind::Timeout, HttpErrorKind::Broken] {
        assert_eq!(pace(&failure(kind)), Some(Pace::Transient));
    }
    assert_eq!(pace(&Failure::garbled()), Some(Pace::Transient));
    assert_eq!(pace(&failure(HttpErrorKind::Unsendable)), None);
    assert_eq!(pace(&failure(HttpErrorKind::Redirected)), None);
}

#[test]
fn ceilings_double_up_to_the_cap() {
    let ceilings = |pace| [0, 1, 2, 8, 9, 40].map(|retry| delay_ms(pace, retry, u64::MAX, None));
    assert_eq!(ceilings(Pace::Transient), [50, 100, 200, 12_800, 20_000, 20_000]);
    assert_eq!(ceilings(Pace::Throttled), [500, 1_000, 2_000, 20_000, 20_000, 20_000]);
    assert_eq!(delay_ms(Pace::Throttled, 3, 0, None), 0, "jitter is full");
}

#[test]
fn the_server_may_ask_for_more_time_within_the_cap() {
    assert_eq!(delay_ms(Pace::Transient, 0, 0, Some(1_500)), 1_500);
    assert_eq!(delay_ms(Pace::Transient, 0, u64::MAX, Some(3)), 50);
    assert_eq!(delay_ms(Pace::Transient, 0, 0, Some(u64::MAX)), 20_000);
}

#[test]
fn the_budget_runs_out_and_fills_again() {
    let mut budget = Budget::new();
    let broken = failure(HttpErrorKind::Broken);
    assert_eq!((0..1_000).filter(|_| budget.take(&broken)).count(), 100);
    budget.give(3);
    assert!(budget.take(&broken), "a success after retries pays for one");
    for _ in 0..4 {
        budget.give(0);
    }
    assert!(!budget.take(&broken));
    for _ in 0..10_000 {
        budget.give(0);
    }
    let timeout = failure(HttpErrorKind::Timeout);
    assert_eq!((0..1_000).filter(|_| budget.take(&timeout)).count(), 50, "timeouts cost double");
}

proptest! {
    #[test]
    fn no_delay_exceeds_the_cap(retry in 0..100_u32, random: u64, asked: Option<u64>) {
        for pace in [Pace::Transient, Pace::Throttled] {
            prop_assert!(delay_ms(pace, retry, random, asked) <= DELAY_MS_MAX);
        }
    }
}
