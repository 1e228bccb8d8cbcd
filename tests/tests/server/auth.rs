use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use tiered_storage_tests::server::Options;
use tiered_storage_tests::server::client::{Call, Client};

use super::objects::delete_objects;
use super::{BUCKET, granted, refused, send, start, start_with, verdict};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn strangers_are_refused() {
    let (server, client) = start();
    send(&client, Call::put(BUCKET, "k", "secret")).await;
    let wrong_secret = Client { secret_key: "wrong".to_owned(), ..client.clone() };
    let wrong_id = Client { access_key: "wrong".to_owned(), ..client.clone() };
    for call in [Call::get(BUCKET, "k"), Call::put(BUCKET, "k", "x"), Call::list(BUCKET)] {
        let denied = verdict(&wrong_secret, call.clone()).await;
        assert_eq!(denied, refused(403, "SignatureDoesNotMatch"));
        assert_eq!(verdict(&wrong_id, call.clone()).await, refused(403, "InvalidAccessKeyId"));

        let mut anonymous = client.sign(call);
        anonymous.headers_mut().retain_only("host");
        let answer = client.send_request(anonymous).await.expect("the server answers");
        assert_eq!((answer.status, answer.element("Code").as_str()), (403, "AccessDenied"));
    }
    assert_eq!(server.object(BUCKET, "k").expect("it was put").body, "secret");
}

#[tokio::test]
async fn anyone_reads_a_public_bucket_and_only_the_key_changes_it() {
    let private = "private";
    let options = Options {
        buckets: vec![BUCKET.to_owned(), private.to_owned()],
        public_buckets: vec![BUCKET.to_owned()],
        ..Options::default()
    };
    let (server, client) = start_with(options);
    for bucket in [BUCKET, private] {
        send(&client, Call::put(bucket, "k", "body")).await;
    }
    let strip = |request: &mut Request<Full<Bytes>>| request.headers_mut().retain_only("host");
    let denied = (403, "AccessDenied".to_owned());
    for call in [Call::get(BUCKET, "k"), Call::list(BUCKET)] {
        assert_eq!(tampered(&client, call, strip).await, (200, String::new()));
    }
    let changes = [
        Call::put(BUCKET, "k", "x"),
        Call::delete(BUCKET, "k"),
        delete_objects(&["k"], ""),
        Call::get(private, "k"),
        Call::list(private),
    ];
    for call in changes {
        assert_eq!(tampered(&client, call, strip).await, denied);
    }
    // Who shows a key is held to it, there as anywhere.
    let wrong = Client { secret_key: "wrong".to_owned(), ..client.clone() };
    let verdict = verdict(&wrong, Call::get(BUCKET, "k")).await;
    assert_eq!(verdict, refused(403, "SignatureDoesNotMatch"));
    assert_eq!(server.object(BUCKET, "k").expect("it was put").body, "body");
}

trait RetainOnly {
    fn retain_only(&mut self, name: &str);
}

impl RetainOnly for hyper::HeaderMap {
    fn retain_only(&mut self, name: &str) {
        let kept = self.remove(name).expect("the request has this header");
        self.clear();
        self.insert(hyper::header::HeaderName::from_bytes(name.as_bytes()).expect("a name"), kept);
    }
}

/// Signs a request, changes it behind the signature's back, and says what the server makes of it.
async fn tampered(
    client: &Client,
    call: Call,
    tamper: impl FnOnce(&mut Request<Full<Bytes>>),
) -> (u16, String) {
    let mut request = client.sign(call);
    tamper(&mut request);
    let answer = client.send_request(request).await.expect("the server answers");
    (answer.status, answer.element("Code"))
}

#[tokio::test]
async fn what_is_signed_cannot_be_changed() {
    let (server, client) = start();
    send(&client, Call::put(BUCKET, "k", "body")).await;
    let mismatch = || refused(403, "SignatureDoesNotMatch");
    let put = || Call::put(BUCKET, "k", "other").header("x-amz-meta-m", "1");
    let path = |request: &mut Request<Full<Bytes>>| {
        *request.uri_mut() = "/bucket/k2".parse().expect("a path");
    };
    assert_eq!(tampered(&client, put(), path).await, mismatch());
    let query = |request: &mut Request<Full<Bytes>>| {
        *request.uri_mut() = "/bucket/k?x-id=1".parse().expect("a path");
    };
    assert_eq!(tampered(&client, put(), query).await, mismatch());
    let method = |request: &mut Request<Full<Bytes>>| *request.method_mut() = Method::DELETE;
    assert_eq!(tampered(&client, put(), method).await, mismatch());
    let header = |request: &mut Request<Full<Bytes>>| {
        request.headers_mut().insert("x-amz-meta-m", "2".parse().expect("a value"));
    };
    assert_eq!(tampered(&client, put(), header).await, mismatch());
    let unsigned = |request: &mut Request<Full<Bytes>>| {
        request.headers_mut().insert("x-amz-meta-n", "2".parse().expect("a value"));
    };
    assert_eq!(tampered(&client, put(), unsigned).await, refused(403, "AccessDenied"));
    assert_eq!(server.object(BUCKET, "k").expect("it was put").body, "body");
}

#[tokio::test]
async fn a_body_of_another_hash_is_refused() {
    let (server, client) = start();
    let lie = |call: Call| Call { signed_body: Some(Bytes::from_static(b"other")), ..call };
    send(&client, Call::put(BUCKET, "k", "body")).await;
    for call in
        [Call::put(BUCKET, "k", "changed"), delete_objects(&["k"], ""), Call::get(BUCKET, "k")]
    {
        let verdict = verdict(&client, lie(call)).await;
        assert_eq!(verdict, refused(400, "XAmzContentSHA256Mismatch"));
    }
    assert_eq!(server.object(BUCKET, "k").expect("it was put").body, "body");
}

#[tokio::test]
async fn a_clock_that_is_off_by_more_than_a_quarter_of_an_hour_is_told_the_time() {
    let (server, client) = start();
    let now = SystemTime::now();
    for at in [now - 14 * MINUTE, now + 14 * MINUTE] {
        assert_eq!(verdict(&client, Call::put(BUCKET, "k", "").at(at)).await, granted(200));
    }
    for at in [now - 16 * MINUTE, now + 16 * MINUTE] {
        let answer = send(&client, Call::get(BUCKET, "k").at(at)).await;
        let code = answer.element("Code");
        assert_eq!((answer.status, code.as_str()), (403, "RequestTimeTooSkewed"));
        assert_eq!(answer.element("ServerTime").len(), "2026-01-01T00:00:00Z".len());
        assert!(answer.header("date").ends_with(" GMT"));
        let head = send(&client, Call::head(BUCKET, "k").at(at)).await;
        assert_eq!((head.status, head.body.len()), (403, 0));
        assert!(head.header("date").ends_with(" GMT"));
    }

    server.faults().set_skew_ms(3_600_000);
    let answer = send(&client, Call::get(BUCKET, "k")).await;
    assert_eq!(answer.element("Code"), "RequestTimeTooSkewed");
    let corrected = Call::put(BUCKET, "k", "").at(now + 60 * MINUTE);
    let corrected = send(&client, corrected).await;
    assert_eq!(corrected.status, 200);
    let modified = server.object(BUCKET, "k").expect("it was put").last_modified;
    assert!(modified > now + 59 * MINUTE, "objects carry the server's time");
    server.faults().clear();
    assert_eq!(verdict(&client, Call::get(BUCKET, "k")).await, granted(200));
}

#[tokio::test]
async fn signatures_of_an_older_version_are_refused() {
    let (_server, client) = start();
    let header = |request: &mut Request<Full<Bytes>>| {
        let old = "AWS access-key:c2lnbmF0dXJl".parse().expect("a value");
        request.headers_mut().insert("authorization", old);
    };
    let query = |request: &mut Request<Full<Bytes>>| {
        let old = "/bucket/k?AWSAccessKeyId=access-key&Expires=9999999999&Signature=c2ln";
        *request.uri_mut() = old.parse().expect("a path");
        request.headers_mut().remove("authorization");
    };
    let expected = refused(400, "InvalidRequest");
    assert_eq!(tampered(&client, Call::get(BUCKET, "k"), header).await, expected);
    assert_eq!(tampered(&client, Call::get(BUCKET, "k"), query).await, expected);
}

#[tokio::test]
async fn another_region_is_refused_with_the_right_one() {
    let (_server, client) = start();
    let elsewhere = Client { region: "eu-west-1".to_owned(), ..client };
    let answer = send(&elsewhere, Call::list(BUCKET)).await;
    let code = answer.element("Code");
    assert_eq!((answer.status, code.as_str()), (400, "AuthorizationHeaderMalformed"));
    assert_eq!(answer.element("Region"), "us-east-1");
}

#[tokio::test]
async fn temporary_credentials_need_their_token() {
    let token = Some("token".to_owned());
    let (_server, client) = start_with(Options { session_token: token, ..Options::default() });
    assert_eq!(verdict(&client, Call::put(BUCKET, "k", "")).await, granted(200));
    for session_token in [None, Some("other".to_owned())] {
        let without = Client { session_token, ..client.clone() };
        assert_eq!(verdict(&without, Call::get(BUCKET, "k")).await, refused(400, "InvalidToken"));
    }
}
