use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::Poll,
};

use super::*;

fn environment(set: &[(&str, &str)]) -> Result<Credentials, Error> {
    EnvironmentCredentials::read(|name| {
        set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_environment_names_what_is_missing() {
    for (set, missing) in [
        (&[][..], "AWS_ACCESS_KEY_ID"),
        (&[("AWS_ACCESS_KEY_ID", "")], "AWS_ACCESS_KEY_ID"),
        (&[("AWS_ACCESS_KEY_ID", "AKID")], "AWS_SECRET_ACCESS_KEY"),
    ] {
        let error = environment(set).expect_err(missing);
        assert_eq!(error.kind(), ErrorKind::Denied);
        let message = format!("{missing} is not set; set it or give the S3 tier credentials");
        assert_eq!(error.message(), message);
    }
}

#[test]
fn the_environment_may_name_a_session() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t")];
    let credentials = environment(&keys).expect("set");
    assert_eq!(credentials.access_key_id(), Some("AKID"));
    assert_eq!(
        (credentials.secret_access_key(), credentials.session_token()),
        (Some("s3cr3t"), None)
    );
    let session = [&keys[..], &[("AWS_SESSION_TOKEN", "t")]].concat();
    assert_eq!(environment(&session).expect("set").session_token(), Some("t"));
}

#[test]
fn debug_shows_no_secret() {
    let credentials = Credentials::new("AKID", "s3cr3t").with_session_token("t0k3n");
    let shown = format!(
        "{credentials:?} {:?} {:?}",
        StaticCredentials::from(credentials.clone()),
        Cache::new(Arc::new(StaticCredentials::from(credentials.clone())))
    );
    assert!(shown.contains("AKID") && !shown.contains("s3cr3t") && !shown.contains("t0k3n"));
}

#[test]
fn only_what_was_refused_is_forgotten() {
    let cache = Cache::new(Arc::new(StaticCredentials::new("AKID", "s3cr3t")));
    let now = Timestamp::default();
    let kept = futures::executor::block_on(cache.credentials(now)).expect("static");
    cache.forget(&Credentials::new("AKID", "s3cr3t"));
    assert!(cache.kept().fresh(now).is_some(), "others replaced those");
    cache.forget(&kept);
    assert!(cache.kept().fresh(now).is_none());
}

/// Gives what is good for so long, or fails, and counts how often it is asked.
#[derive(Debug, Default)]
struct Lender {
    lasts_ms: u64,
    fails: AtomicBool,
    asked: AtomicU64,
}

#[async_trait]
impl CredentialsProvider for Lender {
    async fn credentials(&self, now: Timestamp) -> Result<Credentials, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        // Others come meanwhile.
        let mut has_waited = false;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        if self.fails.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "nobody is there to ask"));
        }
        Ok(Credentials::new("AKID", "s3cr3t").with_expiry(now.plus_millis(self.lasts_ms)))
    }
}

fn lent(lasts_ms: u64) -> (Arc<Lender>, Cache) {
    let lender = Arc::new(Lender { lasts_ms, ..Lender::default() });
    (lender.clone(), Cache::new(lender))
}

/// As many as ask at the same time; how many were given credentials.
fn ask(cache: &Cache, at_ms: u64, many: usize) -> usize {
    let now = Timestamp::from_millis(at_ms);
    let all = futures::future::join_all((0..many).map(|_| cache.credentials(now)));
    futures::executor::block_on(all).iter().filter(|given| given.is_ok()).count()
}

/// What lasts for less than five minutes was asked for with each request.
#[test]
fn what_is_good_for_a_short_time_is_kept_for_half_of_it() {
    let (lender, cache) = lent(60_000);
    for at_ms in [0, 1, 29_999] {
        assert_eq!(ask(&cache, at_ms, 3), 3);
    }
    assert_eq!(lender.asked.load(Ordering::SeqCst), 1);
    assert_eq!(ask(&cache, 30_000, 3), 3);
    assert_eq!(lender.asked.load(Ordering::SeqCst), 2);
}

#[test]
fn what_is_good_for_long_is_kept_until_five_minutes_before_its_end() {
    let (lender, cache) = lent(3_600_000);
    for at_ms in [0, 3_299_999] {
        assert_eq!(ask(&cache, at_ms, 1), 1);
    }
    assert_eq!(lender.asked.load(Ordering::SeqCst), 1);
    ask(&cache, 3_300_000, 1);
    assert_eq!(lender.asked.load(Ordering::SeqCst), 2);
}

/// All who waited for an answer asked again one after the other, so that the last of them waited for as many failures.
#[test]
fn those_who_wait_share_a_failure() {
    let (lender, cache) = lent(60_000);
    lender.fails.store(true, Ordering::SeqCst);
    assert_eq!(ask(&cache, 0, 8), 0);
    assert_eq!(lender.asked.load(Ordering::SeqCst), 1);
    lender.fails.store(false, Ordering::SeqCst);
    assert_eq!(ask(&cache, 0, 8), 8, "who comes later asks anew");
}

/// In the last five minutes of what was still good each request waited for another failure.
#[test]
fn what_is_still_good_is_used_for_a_while_after_a_failure() {
    let (lender, cache) = lent(60_000);
    ask(&cache, 0, 1);
    lender.fails.store(true, Ordering::SeqCst);
    for at_ms in [40_000, 40_001, 44_999] {
        assert_eq!(ask(&cache, at_ms, 3), 3);
    }
    assert_eq!(lender.asked.load(Ordering::SeqCst), 2);
    assert_eq!(ask(&cache, 45_000, 3), 3);
    assert_eq!(lender.asked.load(Ordering::SeqCst), 3);
    assert_eq!(ask(&cache, 60_000, 3), 0, "they have expired");
}
