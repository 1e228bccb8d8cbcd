use bytes::Bytes;
use tiered_storage_core::Timestamp;

use super::*;
use crate::s3::{Credentials, Method, fake::Log};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn documented() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

fn signed(
    request: (Method, &str, &[(&'static str, &str)]),
    payload_sha256: &str,
    credentials: &Credentials,
    now: &str,
) -> Request {
    let (method, url, headers) = request;
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let mut request = Request { method, url: url.to_owned(), headers, body: Bytes::new() };
    let now = Timestamp::parse_rfc3339(now).expect("a date");
    let scope = Scope { credentials, region: "us-east-1", now, payload_sha256 };
    AwsSigner.sign(&mut request, &scope).expect("these requests can be signed");
    request
}

/// The examples of S3's own documentation, with the signatures that it gives.
fn check(
    request: (Method, &str, &[(&'static str, &str)]),
    payload_sha256: &str,
    headers: &str,
    signature: &str,
) {
    let request = signed(request, payload_sha256, &documented(), "2013-05-24T00:00:00Z");
    assert_eq!(request.header("x-amz-date"), Some("20130524T000000Z"));
    assert_eq!(request.header("x-amz-content-sha256"), Some(payload_sha256));
    let expected = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders={headers}, Signature={signature}"
    );
    assert_eq!(request.header("authorization"), Some(expected.as_str()));
}

#[test]
fn the_documented_range_is_signed_as_documented() {
    let url = "https://examplebucket.s3.amazonaws.com/test.txt";
    check(
        (Method::Get, url, &[("range", "bytes=0-9")]),
        EMPTY,
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
}

#[test]
fn the_documented_put_is_signed_as_documented() {
    let url = "https://examplebucket.s3.amazonaws.com/test%24file.text";
    let headers =
        [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
    check(
        (Method::Put, url, &headers),
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
}

#[test]
fn the_documented_queries_are_signed_as_documented() {
    let url = "https://examplebucket.s3.amazonaws.com/?lifecycle=";
    let headers = "host;x-amz-content-sha256;x-amz-date";
    let signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    check((Method::Get, url, &[]), EMPTY, headers, signature);
    let url = "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J";
    let signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    check((Method::Get, url, &[]), EMPTY, headers, signature);
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
