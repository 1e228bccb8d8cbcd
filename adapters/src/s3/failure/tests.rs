use expect_test::{Expect, expect};
use tiered_storage_core::{ErrorKind, Key, Metadata};

use super::*;

fn examined(call: &Call, response: Response) -> Result<Response, Box<Failure>> {
    examine(call, (response, None)).map(|(response, _)| response)
}

fn failed(status: u16, headers: &[(&str, &str)], body: &str) -> Box<Failure> {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let response = Response { status, headers, body: body.to_owned().into(), is_filtered: false };
    examined(&Call::get("k", None), response).expect_err("a failure")
}

fn check(cases: &[(u16, &str)], expected: Expect) {
    let mut lines = String::new();
    for (status, code) in cases {
        let failure = failed(*status, &[], &format!("<Error><Code>{code}</Code></Error>"));
        lines.push_str(&format!("{}\n", failure.to_error("bkt", "h:1")));
    }
    expected.assert_eq(&lines);
}

#[test]
fn each_error_says_what_to_do() {
    check(
        &[
            (404, "NoSuchBucket"),
            (400, "InvalidBucketName"),
            (403, "AccessDenied"),
            (403, "InvalidAccessKeyId"),
            (403, "SignatureDoesNotMatch"),
            (400, "ExpiredToken"),
            (403, "RequestTimeTooSkewed"),
            (400, "AuthorizationHeaderMalformed"),
            (301, "PermanentRedirect"),
            (403, "InvalidObjectState"),
            (409, "OperationAborted"),
            (412, "PreconditionFailed"),
            (400, "XAmzContentSHA256Mismatch"),
            (507, ""),
            (403, "QuotaExceeded"),
            (400, "EntityTooLarge"),
            (501, "NotImplemented"),
            (503, "SlowDown"),
            (599, ""),
            (400, "Unheard"),
        ],
        expect![[r#"
            invalid: there is no bucket "bkt" at h:1; create it or correct its name (NoSuchBucket, status 404)
            invalid: h:1 takes no bucket of the name "bkt"; correct it (InvalidBucketName, status 400)
            denied: S3 does not allow it; check what the credentials may do with the bucket "bkt" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 403)
            denied: h:1 does not know the access key; check its id (InvalidAccessKeyId, status 403)
            denied: S3 refused the signature; check the secret access key and the region, and that no proxy changes requests (SignatureDoesNotMatch, status 403)
            denied: S3 refused the session token; give the tier new credentials (ExpiredToken, status 400)
            denied: this host's clock is not h:1's; set it right (RequestTimeTooSkewed, status 403)
            invalid: h:1 refused the request; check the configuration (AuthorizationHeaderMalformed, status 400)
            invalid: the bucket "bkt" is in another place; correct region and endpoint (PermanentRedirect, status 301)
            unavailable: the object is archived; restore it first (InvalidObjectState, status 403)
            conflict: the object was changed meanwhile; read it again (OperationAborted, status 409)
            conflict: the object was changed meanwhile; read it again (PreconditionFailed, status 412)
            corrupt: the body is not what its checksum says; write it again (XAmzContentSHA256Mismatch, status 400)
            full: h:1 has no room left; free some (status 507)
            full: h:1 has no room left; free some (QuotaExceeded, status 403)
            invalid: the object is too large for one request; make it smaller (EntityTooLarge, status 400)
            invalid: h:1 does not do this; use another endpoint (NotImplemented, status 501)
            unavailable: h:1 cannot answer now; try again later (SlowDown, status 503)
            unavailable: h:1 failed; try again later (status 599)
            invalid: h:1 refused the request; check the configuration (Unheard, status 400)
        "#]],
    );
}

#[test]
fn the_servers_own_words_are_told_where_we_know_no_better_and_made_harmless() {
    let body = "<Error><Code>Unheard</Code><Message>Too \u{1b}[31mred</Message></Error>";
    let error = failed(400, &[("x-amz-request-id", "R7")], body).to_error("bkt", "h");
    expect!["invalid: h refused the request: Too  (Unheard, status 400, request id R7)"]
        .assert_eq(&error.to_string());
    let body = format!("<Error><Code>Unheard</Code><Message>{}</Message></Error>", "m".repeat(999));
    let error = failed(400, &[], &body).to_error("bkt", "h");
    assert!(error.message().len() < 300, "{error}");
}

#[test]
fn transports_failures_name_host_and_port_alone() {
    let told = |kind| {
        let cause = Cause::Http(HttpError { kind, message: "why".to_owned() });
        Failure::bare(cause).to_error("bkt", "h:9000")
    };
    let error = told(HttpErrorKind::Connect);
    assert_eq!((error.kind(), error.is_timeout()), (ErrorKind::Unavailable, false));
    expect!["unavailable: no connection to h:9000; check the endpoint and the network"]
        .assert_eq(&error.to_string());
    let error = told(HttpErrorKind::Timeout);
    assert_eq!((error.kind(), error.is_timeout()), (ErrorKind::Unavailable, true));
    let error = told(HttpErrorKind::Redirected);
    expect!["invalid: h:9000 sends the request elsewhere, and this host is not told where; correct region and endpoint"]
        .assert_eq(&error.to_string());
}

#[test]
fn only_an_object_can_be_missing() {
    assert!(failed(404, &[], "<Error><Code>NoSuchKey</Code></Error>").is_missing());
    assert!(failed(404, &[], "").is_missing());
    assert!(failed(404, &[], "<Error/>").is_missing());
    assert!(!failed(404, &[], "<Error><Code>NoSuchBucket</Code></Error>").is_missing());
    assert!(!failed(404, &[], "<html>nginx</html>").is_missing());
    assert!(!failed(403, &[], "").is_missing());
}

#[test]
fn a_status_of_no_change_answers_a_get_alone() {
    let unchanged = || Response { status: 304, ..Response::default() };
    assert!(examined(&Call::get("k", None), unchanged()).is_ok());
    assert!(examined(&Call::delete("k"), unchanged()).is_err());
}

#[test]
fn an_object_that_looks_like_an_error_is_an_object() {
    let body = "<Error><Code>SlowDown</Code></Error>";
    let headers = vec![("etag".to_owned(), "\"e\"".to_owned())];
    let response = || Response {
        status: 200,
        headers: headers.clone(),
        body: body.as_bytes().into(),
        is_filtered: false,
    };
    assert!(examined(&Call::get("k", None), response()).is_ok());
    let put = examined(&Call::delete("k"), response());
    assert_eq!(put.expect_err("an error").code(), "SlowDown");
}

/// A proxy's or a network's own page, with a status of 200, was taken for an object that another program wrote, and for the
/// word that an object was removed.
#[test]
fn an_answer_that_names_no_version_is_not_s3_s() {
    let page =
        |body: &'static str| Response { status: 200, body: body.into(), ..Response::default() };
    let put = |body| {
        let metadata = Metadata::new(Key::new("k").expect("a key"), 0, Timestamp::default());
        examined(&Call::put("k", &metadata, "".into(), [0; 32]), page(body))
    };
    for outcome in [
        examined(&Call::get("k", None), page("<html>log in</html>")),
        examined(&Call::head("k"), page("")),
        put("<html>log in</html>"),
        examined(&Call::delete("k"), page("<html>log in</html>")),
        examined(&Call::abort_upload(("k", "id")), page("<html>log in</html>")),
    ] {
        assert!(matches!(outcome.expect_err("a failure").cause, Cause::Garbled));
    }
    assert!(put("").is_ok());
    assert!(examined(&Call::delete("k"), page("")).is_ok());
}

/// What Chromium gives of an answer that ends in its head was taken for an empty object that another program wrote.
#[test]
fn a_head_that_may_have_been_cut_is_no_object() {
    let etag = ("etag".to_owned(), "\"e\"".to_owned());
    for call in [Call::get("k", None), Call::head("k")] {
        let with = |also: &[(&str, &str)]| {
            let also = also.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let headers = [etag.clone()].into_iter().chain(also).collect();
            let response =
                Response { status: 200, headers, is_filtered: true, ..Response::default() };
            examined(&call, response)
        };
        assert!(matches!(with(&[]).expect_err("a failure").cause, Cause::Garbled));
        assert!(with(&[("content-length", "0")]).is_ok());
        assert!(with(&[(METADATA_HEADER, "1;s=0;c=1")]).is_ok());
    }
}
