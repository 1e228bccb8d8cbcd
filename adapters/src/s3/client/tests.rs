use async_trait::async_trait;
use expect_test::{Expect, expect};
use futures_util::future::{Either, select};
use tiered_storage_core::{ErrorKind, Key, Metadata};

use super::*;
use crate::{
    s3::{
        Anonymous, CredentialsProvider, HttpErrorKind, S3Tier,
        fake::{Log, Reply, START, World, answer, fault, response},
    },
    tier::{Read, StorageTier, Stored},
};

fn key() -> Key {
    Key::new("k").expect("a key")
}

fn found() -> Reply {
    answer(200, &[("etag", "\"e\""), ("content-length", "4")], "body")
}

fn outcome(read: Result<Read, Error>) -> String {
    match read {
        Ok(Read::Found(stored)) => format!("found {:?}", stored.body),
        Ok(read) => format!("{read:?}").to_lowercase(),
        Err(error) if error.is_timeout() => format!("timeout: {error}"),
        Err(error) => error.to_string(),
    }
}

/// Reads once while the server answers with `script`.
fn check(script: impl IntoIterator<Item = Reply>, expected: Expect) {
    let world = World::new(script);
    let tier = world.tier();
    let read = world.run(tier.read(&key(), None));
    world.note(&outcome(read));
    expected.assert_eq(&world.log());
}

#[test]
fn failures_that_pass_are_tried_again_and_signed_again() {
    check(
        [
            Reply::Fails(HttpErrorKind::Connect),
            fault(500, "InternalError"),
            answer(502, &[], "<html>bad gateway</html>"),
            found(),
        ],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> Connect
                50 GET /bkt/k [AKID us-east-1 000000Z] -> 500
               150 GET /bkt/k [AKID us-east-1 000000Z] -> 502
               350 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            found b"body"
        "#]],
    );
}

#[test]
fn throttling_slows_down_and_the_server_may_ask_for_more() {
    check(
        [
            fault(503, "SlowDown"),
            answer(503, &[("retry-after", "7")], "<Error><Code>SlowDown</Code></Error>"),
            answer(429, &[("x-amz-retry-after", "3500"), ("retry-after", "9")], ""),
            found(),
        ],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 503
               500 GET /bkt/k [AKID us-east-1 000000Z] -> 503
              7500 GET /bkt/k [AKID us-east-1 000007Z] -> 429
             11000 GET /bkt/k [AKID us-east-1 000011Z] -> 200
            found b"body"
        "#]],
    );
}

#[test]
fn attempts_are_bounded() {
    check(
        [fault(503, ""), fault(503, ""), fault(503, ""), fault(503, "ServiceUnavailable")],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 503
                50 GET /bkt/k [AKID us-east-1 000000Z] -> 503
               150 GET /bkt/k [AKID us-east-1 000000Z] -> 503
               350 GET /bkt/k [AKID us-east-1 000000Z] -> 503
            unavailable: s3.test cannot answer now; try again later (ServiceUnavailable, status 503, request id R1) [key "k"]
        "#]],
    );
}

#[test]
fn an_attempt_is_given_up_when_its_time_is_over() {
    check(
        [
            Reply::Silence,
            Reply::Late(30_001, response(200, &[], "")),
            Reply::Silence,
            Reply::Silence,
        ],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> silence
             30050 GET /bkt/k [AKID us-east-1 000030Z] -> 200
             60150 GET /bkt/k [AKID us-east-1 000100Z] -> silence
             90350 GET /bkt/k [AKID us-east-1 000130Z] -> silence
            timeout: unavailable: s3.test did not answer in time; try again, or allow more [key "k"]
        "#]],
    );
}

#[test]
fn a_body_that_is_cut_off_is_not_taken() {
    check(
        [answer(200, &[("etag", "\"e\""), ("content-length", "5")], "body"), found()],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
                50 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            found b"body"
        "#]],
    );
    // A transport that decodes bodies announces the encoded length.
    let encoded = [("etag", "\"e\""), ("content-length", "5"), ("content-encoding", "gzip")];
    check(
        [answer(200, &encoded, "body")],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            found b"body"
        "#]],
    );
}

#[test]
fn what_does_not_pass_is_not_tried_again() {
    check(
        [fault(403, "AccessDenied")],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 403
            denied: S3 does not allow it; check what the credentials may do with the bucket "bkt" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 403, request id R1) [key "k"]
        "#]],
    );
    check(
        [Reply::Fails(HttpErrorKind::Unsendable)],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> Unsendable
            internal: a request to S3 cannot be sent as it is; please report it [key "k"]
        "#]],
    );
}

#[test]
fn a_page_that_is_not_s3s_does_not_mean_missing() {
    check(
        [fault(404, "NoSuchKey")],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 404
            missing
        "#]],
    );
    let page = || answer(404, &[], "<html>no such site</html>");
    check(
        [page(), page(), page(), page()],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 404
                50 GET /bkt/k [AKID us-east-1 000000Z] -> 404
               150 GET /bkt/k [AKID us-east-1 000000Z] -> 404
               350 GET /bkt/k [AKID us-east-1 000000Z] -> 404
            unavailable: s3.test answered with what is not S3's, or with half of it; check that it is an S3 endpoint and try again [key "k"]
        "#]],
    );
}

#[test]
fn a_wrong_clock_is_corrected_once_and_for_all() {
    let skewed = "<Error><Code>RequestTimeTooSkewed</Code>\
                  <ServerTime>2026-01-01T01:00:00Z</ServerTime></Error>";
    // The time in the document is the more precise one.
    let date = [("date", "Thu, 01 Jan 2026 09:00:00 GMT")];
    let world = World::new([Reply::Late(2_000, response(403, &date, skewed)), found(), found()]);
    let tier = world.tier();
    for _ in 0..2 {
        let read = world.run(tier.read(&key(), None));
        world.note(&outcome(read));
    }
    expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 403
          2000 GET /bkt/k [AKID us-east-1 010001Z] -> 200
        found b"body"
          2000 GET /bkt/k [AKID us-east-1 010001Z] -> 200
        found b"body"
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn a_refusal_is_put_down_to_the_clock_only_if_it_is_far_off() {
    let refused = "<Error><Code>SignatureDoesNotMatch</Code></Error>";
    let dated =
        |date, age: &[(&str, &str)]| answer(403, &[&[("date", date)], age].concat(), refused);
    check(
        [dated("Thu, 01 Jan 2026 00:05:00 GMT", &[]), found()],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 403
                 0 GET /bkt/k [AKID us-east-1 000500Z] -> 200
            found b"body"
        "#]],
    );
    check(
        [dated("Thu, 01 Jan 2026 00:03:00 GMT", &[])],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 403
            denied: S3 refused the signature; check the secret access key and the region, and that no proxy changes requests (SignatureDoesNotMatch, status 403) [key "k"]
        "#]],
    );
    // What a cache answers has the time at which it was stored.
    check(
        [dated("Thu, 01 Jan 2026 00:05:00 GMT", &[("age", "60")])],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 403
            denied: S3 refused the signature; check the secret access key and the region, and that no proxy changes requests (SignatureDoesNotMatch, status 403) [key "k"]
        "#]],
    );
}

#[test]
fn a_clock_is_corrected_once_per_call() {
    let skewed = |time| {
        let body = format!(
            "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>{time}</ServerTime></Error>"
        );
        answer(403, &[], &body)
    };
    check(
        [skewed("2026-01-01T01:00:00Z"), skewed("2026-01-01T02:00:00Z")],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 403
                 0 GET /bkt/k [AKID us-east-1 010000Z] -> 403
            denied: this host's clock is not s3.test's; set it right (RequestTimeTooSkewed, status 403) [key "k"]
        "#]],
    );
}

#[test]
fn the_right_region_is_learnt() {
    let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code>\
                     <Region>eu-west-3</Region></Error>";
    let world = World::new([answer(400, &[], malformed), found(), found()]);
    let tier = world.tier();
    for _ in 0..2 {
        let read = world.run(tier.read(&key(), None));
        world.note(&outcome(read));
    }
    expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 400
             0 GET /bkt/k [AKID eu-west-3 000000Z] -> 200
        found b"body"
             0 GET /bkt/k [AKID eu-west-3 000000Z] -> 200
        found b"body"
    "#]]
    .assert_eq(&world.log());
}

/// Those that are under way have been sent for the wrong region; nobody else is.
#[test]
fn a_region_is_learnt_once_for_all_calls() {
    let moved = || Reply::Late(10, response(301, &[("x-amz-bucket-region", "eu-west-3")], ""));
    let found = || Reply::Late(10, response(200, &[("etag", "\"e\"")], "body"));
    // Four at once, of twenty.
    let world = World::new((0..4).map(|_| moved()).chain((0..30).map(|_| found())));
    let tier = world.builder().concurrency_max(4).build().expect("right");
    let read = async || outcome(tier.read(&key(), None).await);
    world.run(async {
        for calls in [20, 10] {
            let all = futures::future::join_all((0..calls).map(|_| read())).await;
            assert!(all.iter().all(|outcome| outcome == "found b\"body\""), "{all:?}");
        }
    });
    let signed = |region| world.log().matches(region).count();
    assert_eq!((signed("AKID us-east-1"), signed("AKID eu-west-3")), (4, 30));
}

#[test]
fn every_way_of_naming_the_region_is_understood() {
    let region = [("x-amz-bucket-region", "eu-west-3")];
    let document = |code| format!("<Error><Code>{code}</Code><Region>eu-west-3</Region></Error>");
    for (name, reply) in [
        ("301 with a header", answer(301, &region, "")),
        ("301 with a document", answer(301, &[], &document("PermanentRedirect"))),
        ("307 with a document", answer(307, &[], &document("TemporaryRedirect"))),
        ("307 with a header", answer(307, &region, "")),
        ("400 with a document", answer(400, &[], &document("AuthorizationHeaderMalformed"))),
        ("400 with a header", answer(400, &region, "")),
        ("400 elsewhere", answer(400, &[], &document("IllegalLocationConstraintException"))),
    ] {
        let world = World::new([reply, found()]);
        let read = world.run(world.tier().read(&key(), None));
        assert_eq!(outcome(read), "found b\"body\"", "{name}");
        assert!(world.log().contains("AKID eu-west-3"), "{name}: {}", world.log());
    }
}

#[test]
fn a_redirect_names_the_region_in_a_header() {
    let moved = |region| answer(301, &[("x-amz-bucket-region", region)], "");
    check(
        [moved("eu-west-3"), moved("us-east-2")],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 301
                 0 GET /bkt/k [AKID eu-west-3 000000Z] -> 301
            invalid: the bucket "bkt" is in us-east-2; correct the region (status 301) [key "k"]
        "#]],
    );
    // Whatever a server says, it does not get into a host name unless it is a region.
    check(
        [moved("evil.example/x?")],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 301
            invalid: the bucket "bkt" is in evil.example/x?; correct the region (status 301) [key "k"]
        "#]],
    );
}

#[test]
fn amazons_host_follows_the_region() {
    let moved = answer(301, &[("x-amz-bucket-region", "eu-west-3")], "");
    let world = World::new([moved, found()]);
    let tier = S3Tier::builder("bkt")
        .credentials(Anonymous)
        .http(world.clone())
        .environment(world.clone())
        .build()
        .expect("the configuration is right");
    let read = world.run(tier.read(&key(), None));
    world.note(&outcome(read));
    expect![[r#"
             0 GET https://bkt.s3.us-east-1.amazonaws.com/k [unsigned] -> 301
             0 GET https://bkt.s3.eu-west-3.amazonaws.com/k [unsigned] -> 200
        found b"body"
    "#]]
    .assert_eq(&world.log());
}

/// Gives `KEY1`, `KEY2`, ... for ten minutes each; it takes a second.
#[derive(Debug)]
struct Vault(World, Mutex<u32>);

#[async_trait]
impl CredentialsProvider for Vault {
    async fn credentials(&self, now: Timestamp) -> Result<Credentials, Error> {
        let number = {
            let mut number = self.1.lock().expect("no panic");
            *number += 1;
            *number
        };
        self.0.note(&format!("       asked for KEY{number}"));
        self.0.sleep(1_000).await;
        if number == 3 {
            return Err(Error::new(ErrorKind::Unavailable, "the vault is closed"));
        }
        let credentials = Credentials::new(format!("KEY{number}"), "s3cr3t");
        Ok(credentials.with_expiry(now.plus_millis(600_000)))
    }
}

#[test]
fn credentials_that_were_refused_are_asked_for_once_more() {
    let world = World::new([fault(400, "ExpiredToken"), fault(400, "InvalidToken")]);
    let tier = world.builder().credentials(Vault(world.clone(), Mutex::new(0))).build();
    let read = world.run(tier.expect("right").read(&key(), None));
    world.note(&outcome(read));
    expect![[r#"
               asked for KEY1
          1000 GET /bkt/k [KEY1 us-east-1 000001Z] -> 400
               asked for KEY2
          2000 GET /bkt/k [KEY2 us-east-1 000002Z] -> 400
        denied: S3 refused the session token; give the tier new credentials (InvalidToken, status 400, request id R1) [key "k"]
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn credentials_are_asked_for_once_for_all_and_before_they_expire() {
    let world = World::new([found(), found(), found(), found(), found()]);
    let tier = world.builder().credentials(Vault(world.clone(), Mutex::new(0))).build();
    let tier = tier.expect("right");
    let read = async || outcome(tier.read(&key(), None).await);
    world.run(async {
        let both = futures::future::join(read(), read()).await;
        world.note(&format!("{} {}", both.0, both.1));
        // Five minutes before they expire, new ones are asked for.
        world.sleep(300_000).await;
        world.note(&read().await);
        // The vault is closed; what is there lasts for some minutes more.
        world.sleep(301_000).await;
        world.note(&read().await);
        world.sleep(4_000).await;
        world.note(&read().await);
    });
    expect![[r#"
               asked for KEY1
          1000 GET /bkt/k [KEY1 us-east-1 000001Z] -> 200
          1000 GET /bkt/k [KEY1 us-east-1 000001Z] -> 200
        found b"body" found b"body"
               asked for KEY2
        302000 GET /bkt/k [KEY2 us-east-1 000502Z] -> 200
        found b"body"
               asked for KEY3
        604000 GET /bkt/k [KEY2 us-east-1 001004Z] -> 200
        found b"body"
               asked for KEY4
        609000 GET /bkt/k [KEY4 us-east-1 001009Z] -> 200
        found b"body"
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn an_outage_is_not_answered_with_more_load() {
    let world = World::new((0..1_000).map(|_| fault(503, "SlowDown")));
    let tier = world.tier();
    let mut calls = 0;
    while world.sent().len() < 1_000 {
        world.run(tier.read(&key(), None)).expect_err("the server is down");
        calls += 1;
    }
    assert_eq!(1_000 - calls, 100, "the budget allows for a hundred retries");
}

#[test]
fn requests_at_once_are_bounded_and_waiting_costs_no_time_of_the_attempt() {
    let late = || Reply::Late(20_000, response(200, &[("etag", "\"e\"")], "body"));
    let world = World::new([late(), late(), late()]);
    let tier = world.builder().concurrency_max(1).build().expect("right");
    let read = async || outcome(tier.read(&key(), None).await);
    let all = world.run(futures::future::join3(read(), read(), read()));
    world.note(&format!("{all:?}"));
    expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
         20000 GET /bkt/k [AKID us-east-1 000020Z] -> 200
         40000 GET /bkt/k [AKID us-east-1 000040Z] -> 200
        ("found b\"body\"", "found b\"body\"", "found b\"body\"")
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn a_dropped_call_leaves_its_place_to_the_next() {
    let world = World::new([Reply::Silence, found()]);
    let tier = world.builder().concurrency_max(1).build().expect("right");
    let (first, second) = (key(), key());
    world.run(async {
        let hanging = core::pin::pin!(tier.read(&first, None));
        let impatient = select(hanging, world.sleep(5)).await;
        assert!(matches!(impatient, Either::Right(_)));
    });
    world.note(&outcome(world.run(tier.read(&second, None))));
    expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> silence
             5 GET /bkt/k [AKID us-east-1 000000Z] -> 200
        found b"body"
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn every_attempt_is_an_event_without_secrets() {
    let world = World::new([fault(503, "SlowDown"), found()]);
    let tier = world.tier();
    let text = Log::of(|| {
        world.run(tier.read(&key(), None)).expect("found");
    });
    for part in [
        "method=\"GET\" key=\"k\" attempt=1 status=503 code=\"SlowDown\" elapsed_ms=0",
        "method=\"GET\" key=\"k\" attempt=2 status=200 code=\"\" elapsed_ms=0",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("s3cr3t") && !text.contains("Signature="), "{text}");
}

/// Where CORS hides the ETag it hides our metadata too, and a page would have read its own compressed entry as an
/// object that another program wrote.
#[test]
fn a_page_that_is_not_shown_headers_is_told_so_at_once() {
    let filtered = |headers: &[(&str, &str)]| {
        Reply::Answer(Response { is_filtered: true, ..response(200, headers, "") })
    };
    let world = World::new([
        filtered(&[("content-type", "text/plain")]),
        filtered(&[]),
        filtered(&[]),
        filtered(&[("etag", "\"e\""), ("content-length", "0")]),
        filtered(&[("etag", "\"e\"")]),
    ]);
    let tier = world.tier();
    let entry = || Stored { metadata: Metadata::new(key(), 0, START), body: "".into() };
    world.run(async {
        let errors = [
            tier.read(&key(), None).await.map(drop),
            tier.head(&key()).await.map(drop),
            tier.write(&key(), entry()).await.map(drop),
            tier.read(&key(), None).await.map(drop),
        ];
        for error in errors.map(|outcome| outcome.expect_err("headers are hidden")) {
            assert_eq!((error.kind(), error.key()), (ErrorKind::Invalid, Some(&key())));
            assert!(error.message().contains("corsRules(origin)"), "{error}");
        }
        let version = tier.write(&key(), entry()).await.expect("the version is shown");
        world.note(&format!("{version:?}"));
    });
    expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
             0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("e")
    "#]]
    .assert_eq(&world.log());
}
