use super::*;
use crate::s3::{
    Credentials, Method,
    fake::Log,
    sign::tests::{EMPTY, documented, request, time},
};

fn signed(
    (method, url, headers): (Method, &str, &[(&'static str, &str)]),
    payload_sha256: &str,
    credentials: &Credentials,
    now: &str,
) -> Request {
    let mut request = request(method, url, headers);
    let scope = Scope { credentials, region: "us-east-1", now: time(now), payload_sha256 };
    AwsSigner.sign(&mut request, &scope).expect("these requests can be signed");
    request
}

#[test]
fn the_session_and_every_amz_header_are_signed() {
    let credentials = documented().with_session_token("a-token");
    let headers = [("x-amz-meta-tiered-storage", "1;s=1;c=1"), ("content-type", "text/plain")];
    let request = signed(
        (Method::Put, "http://h:9/b/k", &headers),
        EMPTY,
        &credentials,
        "2026-01-01T00:00:00Z",
    );
    assert_eq!(request.header("x-amz-security-token"), Some("a-token"));
    let authorization = request.header("authorization").expect("signed");
    let names = "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;\
                 x-amz-meta-tiered-storage;x-amz-security-token,";
    assert!(authorization.contains(names), "{authorization}");
}

#[test]
fn another_time_or_path_is_another_signature() {
    let sign = |url, now| {
        let request = signed((Method::Get, url, &[]), EMPTY, &documented(), now);
        request.header("authorization").expect("signed").to_owned()
    };
    let one = sign("http://h/b//a/%252E", "2026-01-01T00:00:00Z");
    assert_eq!(one, sign("http://h/b//a/%252E", "2026-01-01T00:00:00Z"));
    assert_ne!(one, sign("http://h/b//a/%252E", "2026-01-01T00:00:01Z"));
    assert_ne!(one, sign("http://h/b/a/%252E", "2026-01-01T00:00:00Z"), "paths are not normalised");
}

#[test]
fn no_secret_reaches_the_log_or_debug() {
    let credentials = Credentials::new("AKID", "s3cr3t-key").with_session_token("s3ss10n-token");
    let mut request = None;
    let text = Log::of(|| {
        let get = (Method::Get, "http://h/b/k", &[][..]);
        request = Some(signed(get, EMPTY, &credentials, "2026-01-01T00:00:00Z"));
    });
    assert!(text.contains("signing request"), "the signer writes to the log: {text}");
    for shown in [text, format!("{request:?}"), format!("{credentials:?}")] {
        assert!(!shown.contains("s3cr3t") && !shown.contains("s3ss10n"), "{shown}");
        assert!(!shown.contains("Signature="), "{shown}");
    }
}
