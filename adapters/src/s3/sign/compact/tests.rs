use super::*;
use crate::s3::{
    Credentials, Method,
    fake::Log,
    sign::tests::{EMPTY, request, time},
};

#[test]
fn the_suite_of_aws_is_signed_as_it_says() {
    let plain = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let now = time("2015-08-30T12:36:00Z");
    let mut cases = 0;
    for line in include_str!("suite.txt").lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.splitn(5, ' ').collect();
        let method = if parts[0] == "GET" { Method::Get } else { Method::Post };
        let url = format!("https://example.amazonaws.com{}", parts[1]);
        let headers = parts.get(4).copied().unwrap_or_default().split('|');
        let mut headers: Vec<_> = headers.filter_map(|text| text.split_once(':')).collect();
        headers.push(("x-amz-date", "20150830T123600Z"));
        let mut request = request(method, &url, &headers);
        let payload_sha256 = request.header("x-amz-content-sha256").unwrap_or(EMPTY).to_owned();
        let token = request.header("x-amz-security-token");
        let credentials =
            token.map_or_else(|| plain.clone(), |token| plain.clone().with_session_token(token));
        let scope = Scope {
            credentials: &credentials,
            region: "us-east-1",
            now,
            payload_sha256: &payload_sha256,
        };
        let made = authorization(&request, &scope, "service").expect("can be signed");
        assert_eq!(made.rsplit('=').next(), Some(parts[2]), "{line}: {made}");
        strip(&mut request);
        add_query(&mut request, &scope, 3_600, "service").expect("can be signed");
        assert_eq!(request.url.rsplit('=').next(), Some(parts[3]), "{line}: {}", request.url);
        cases += 1;
    }
    assert_eq!(cases, 29);
}

#[test]
fn what_cannot_be_signed_is_refused_and_no_secret_is_told() {
    let credentials = Credentials::new("AKID", "s3cr3t-key").with_session_token("s3ss10n-token");
    let now = time("2026-01-01T00:00:00Z");
    let scope =
        Scope { credentials: &credentials, region: "us-east-1", now, payload_sha256: EMPTY };
    let refused = |mut request: Request, scope: &Scope<'_>| {
        let error = CompactSigner.sign(&mut request, scope).expect_err("cannot be signed");
        assert_eq!(error.kind(), tiered_storage_core::ErrorKind::Internal);
        assert_eq!(CompactSigner.presign(&mut request, scope, 1), Err(error.clone()));
        error
    };
    let anonymous = Scope { credentials: &Credentials::anonymous(), ..scope };
    let error = refused(request(Method::Get, "http://h/b", &[]), &anonymous);
    assert_eq!(refused(request(Method::Get, "h/b", &[]), &scope), error);
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
