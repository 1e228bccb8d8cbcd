use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::s3::{
    Credentials, Method,
    fake::Log,
    keys::{encode_path, encode_value},
    sign::aws::AwsSigner,
};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a date")
}

fn request(method: Method, url: &str, headers: &[(&'static str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Request { method, url: url.to_owned(), headers, body: Bytes::new() }
}

/// All headers after signing, in one order; `None` if the signer refuses.
fn signed(
    signer: impl Sign,
    request: &Request,
    scope: &Scope<'_>,
) -> Option<Vec<(String, String)>> {
    let mut request = request.clone();
    signer.sign(&mut request, scope).ok()?;
    let headers = request.headers.into_iter();
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value)).collect();
    headers.sort();
    Some(headers)
}

/// The headers of AWS's suite; the names of a request live as long as the program.
fn suite_header(text: &str) -> (&'static str, &str) {
    let (name, value) = text.split_once(':').expect("a header");
    let names = [
        "content-length",
        "content-type",
        "my-header1",
        "my-header2",
        "x-amz-content-sha256",
        "x-amz-security-token",
    ];
    (names.into_iter().find(|known| *known == name).expect("a known header"), value)
}

#[test]
fn the_suite_of_aws_is_signed_as_it_says() {
    let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let now = time("2015-08-30T12:36:00Z");
    let mut cases = 0;
    for line in include_str!("suite.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.splitn(4, ' ');
        let mut next = || parts.next().expect("four parts");
        let method = if next() == "GET" { Method::Get } else { Method::Post };
        let url = format!("https://example.amazonaws.com{}", next());
        let signature = next();
        let headers = parts.next().unwrap_or_default().split('|').filter(|text| !text.is_empty());
        let mut headers: Vec<_> = headers.map(suite_header).collect();
        headers.push(("x-amz-date", "20150830T123600Z"));
        let request = request(method, &url, &headers);
        let payload_sha256 = request.header("x-amz-content-sha256").unwrap_or(EMPTY);
        let scope = Scope { credentials: &credentials, region: "us-east-1", now, payload_sha256 };
        let authorization = authorization(&request, &scope, "service").expect("can be signed");
        assert!(
            authorization.ends_with(&format!(", Signature={signature}")),
            "{line}: {authorization}"
        );
        cases += 1;
    }
    assert_eq!(cases, 25);
}

/// The examples of S3's own documentation: request, hash of the body, signed headers, signature.
type Documented = (
    Method,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    [&'static str; 2],
);

const DOCUMENTED: [Documented; 5] = [
    (
        Method::Get,
        "https://examplebucket.s3.amazonaws.com/test.txt",
        &[("range", "bytes=0-9")],
        EMPTY,
        [
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ],
    ),
    (
        Method::Put,
        "https://examplebucket.s3.amazonaws.com/test%24file.text",
        &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        [
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ],
    ),
    (
        Method::Get,
        "https://examplebucket.s3.amazonaws.com/?lifecycle",
        &[],
        EMPTY,
        [
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ],
    ),
    (
        Method::Get,
        "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
        &[],
        EMPTY,
        [
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ],
    ),
    (
        Method::Put,
        "https://s3.amazonaws.com/examplebucket/chunkObject.txt",
        &[
            ("content-encoding", "aws-chunked"),
            ("content-length", "66824"),
            ("x-amz-decoded-content-length", "66560"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ],
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        [
            "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
             x-amz-decoded-content-length;x-amz-storage-class",
            "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        ],
    ),
];

#[test]
fn the_documented_requests_are_signed_as_documented() {
    let credentials =
        Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let now = time("2013-05-24T00:00:00Z");
    for (method, url, headers, payload_sha256, [names, signature]) in DOCUMENTED {
        let mut request = request(method, url, headers);
        let scope = Scope { credentials: &credentials, region: "us-east-1", now, payload_sha256 };
        CompactSigner.sign(&mut request, &scope).expect("can be signed");
        assert_eq!(request.header("x-amz-date"), Some("20130524T000000Z"));
        assert_eq!(request.header("x-amz-content-sha256"), Some(payload_sha256));
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders={names}, Signature={signature}"
        );
        assert_eq!(request.header("authorization"), Some(expected.as_str()), "{url}");
    }
}

fn url() -> impl Strategy<Value = String> {
    let host = select(vec![
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "http://s3.test",
        "https://bucket.s3.eu-central-1.amazonaws.com",
        "https://s3.us-east-1.amazonaws.com",
        "https://store.example.org:8443",
    ]);
    // Any text can be a key; what URLs are made of more often than not.
    let text = prop_oneof![any::<String>(), "[a-c./+ %&=?~:-]{0,12}"];
    let parameter = (text.clone(), option::of(text.clone())).prop_map(|(name, value)| {
        let name = encode_value(&name);
        match value {
            Some(value) => format!("{name}={}", encode_value(&value)),
            None => name,
        }
    });
    (host, text, vec(parameter, 0..6)).prop_map(|(host, path, query)| {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{host}/{}{mark}{}", encode_path(&path), query.join("&"))
    })
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = select(vec![
        "cache-control",
        "content-type",
        "date",
        "if-match",
        "if-none-match",
        "range",
        "x-amz-checksum-mode",
        "x-amz-copy-source",
        "x-amz-meta-a",
        "x-amz-meta-tiered-storage",
        "x-amz-metadata-directive",
    ]);
    let value = prop_oneof![
        12 => "[ -~\t]{0,40}",
        4 => "[a ]{0,12}",
        1 => any::<String>(),
    ];
    vec((name, value), 0..8)
}

fn credentials() -> impl Strategy<Value = Credentials> {
    let token = option::of("[A-Za-z0-9/+=]{1,80}");
    ("[A-Z0-9]{1,20}", "[ -~]{0,100}", token).prop_map(|(id, secret, token)| {
        let credentials = Credentials::new(id, secret);
        match token {
            Some(token) => credentials.with_session_token(token),
            None => credentials,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn it_signs_as_the_signer_of_aws_does(
        method in select(vec![Method::Get, Method::Head, Method::Put, Method::Post, Method::Delete]),
        url in url(),
        headers in headers(),
        credentials in credentials(),
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]|auto",
        ms in 0..253_402_300_799_999_u64,
        payload_sha256 in "[0-9a-f]{64}",
    ) {
        let request = Request { method, url, headers, body: Bytes::new() };
        let now = Timestamp::from_millis(ms);
        let scope = Scope { credentials: &credentials, region: &region, now, payload_sha256: &payload_sha256 };
        let compact = signed(CompactSigner, &request, &scope);
        let is_printable = |(_, value): &(_, String)| value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        // Other text in a header is something else to every transport.
        let expected = signed(AwsSigner, &request, &scope).filter(|_| request.headers.iter().all(is_printable));
        prop_assert_eq!(compact, expected);
    }
}

#[test]
fn what_cannot_be_signed_is_refused_and_no_secret_is_told() {
    let credentials = Credentials::new("AKID", "s3cr3t-key").with_session_token("s3ss10n-token");
    let now = time("2026-01-01T00:00:00Z");
    let scope =
        Scope { credentials: &credentials, region: "us-east-1", now, payload_sha256: EMPTY };
    let refused = |mut request: Request, scope: &Scope<'_>| {
        let error = CompactSigner.sign(&mut request, scope).expect_err("cannot be signed");
        assert_eq!(error.kind(), ErrorKind::Internal);
        error
    };
    let anonymous = Scope { credentials: &Credentials::anonymous(), ..scope };
    let error = refused(request(Method::Get, "http://h/b", &[]), &anonymous);
    for url in ["h/b", "http://h"] {
        assert_eq!(refused(request(Method::Get, url, &[]), &scope), error, "{url}");
    }
    let strange = request(Method::Get, "http://h/b", &[("x-amz-meta-a", "s3cr3t\nx")]);
    assert_eq!(refused(strange, &scope), error);

    let mut request = request(Method::Get, "http://h/b", &[]);
    let log = Log::of(|| CompactSigner.sign(&mut request, &scope).expect("can be signed"));
    assert!(request.header("authorization").is_some());
    for shown in [log, format!("{request:?} {scope:?} {CompactSigner:?} {error:?}")] {
        assert!(!shown.contains("s3cr3t") && !shown.contains("s3ss10n"), "{shown}");
        assert!(!shown.contains("Signature="), "{shown}");
    }
}
