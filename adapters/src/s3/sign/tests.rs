//! Both signers held to what is documented, and to each other.

use bytes::Bytes;
use fastrand::Rng;

use super::{aws::AwsSigner, compact::CompactSigner, *};
use crate::s3::{
    Method,
    keys::{encode_path, encode_value},
};

pub(in crate::s3) const EMPTY: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(in crate::s3) fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a date")
}

pub(in crate::s3) fn documented() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

pub(in crate::s3) fn request(method: Method, url: &str, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Request { method, url: url.to_owned(), headers: headers.collect(), body: Bytes::new() }
}

/// Request, hash of the body, signed headers, signature.
type Documented = (
    Method,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    [&'static str; 2],
);

/// The examples of the documentation of S3's API ("Authenticating Requests: AWS Signature Version 4").
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
    let (credentials, now) = (documented(), time("2013-05-24T00:00:00Z"));
    for (method, url, headers, payload_sha256, [names, signature]) in DOCUMENTED {
        let scope = Scope { credentials: &credentials, region: "us-east-1", now, payload_sha256 };
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders={names}, Signature={signature}"
        );
        for signer in [&AwsSigner as &dyn Sign, &CompactSigner] {
            let mut request = request(method, url, headers);
            // What is signed once can be signed again.
            for _ in 0..2 {
                signer.sign(&mut request, &scope).expect("can be signed");
                assert_eq!(request.header("x-amz-date"), Some("20130524T000000Z"));
                assert_eq!(request.header("x-amz-content-sha256"), Some(payload_sha256));
                assert_eq!(request.header("authorization"), Some(expected.as_str()), "{url}");
                assert_eq!(request.headers.len(), headers.len() + 3);
            }
        }
    }
}

#[test]
fn the_documented_url_is_presigned_as_documented() {
    let (credentials, now) = (documented(), time("2013-05-24T00:00:00Z"));
    let payload_sha256 = UNSIGNED_PAYLOAD;
    let scope = Scope { credentials: &credentials, region: "us-east-1", now, payload_sha256 };
    for signer in [&AwsSigner as &dyn Sign, &CompactSigner] {
        let mut request =
            request(Method::Get, "https://examplebucket.s3.amazonaws.com/test.txt", &[]);
        signer.presign(&mut request, &scope, 86_400).expect("can be signed");
        assert_eq!(
            request.url,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
        assert_eq!(request.headers, []);
    }
}

/// How many requests each seed makes.
const REQUESTS: usize = 25_000;

/// Both signers must do the same with whatever the seed makes.
fn compare(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let (mut refused, mut presigned) = (0, 0);
    for _ in 0..REQUESTS {
        let credentials = any_credentials(&mut random);
        let payload = any_payload(&mut random);
        let region = one_of(&mut random, &["us-east-1", "eu-central-1", "auto", "cn-north-1", ""]);
        let now = Timestamp::from_millis(random.u64(0..253_402_300_799_999));
        let scope = Scope { credentials: &credentials, region, now, payload_sha256: &payload };
        let request = any_request(&mut random);
        // Other text in a header is something else to every transport.
        let is_printable =
            |value: &str| value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        let mut kept = request.clone();
        strip(&mut kept);
        let is_sendable = kept.headers.iter().all(|(_, value)| is_printable(value));
        let with = |signer: &dyn Sign| {
            let mut signed = request.clone();
            signer.sign(&mut signed, &scope).ok()?;
            signed.headers.sort();
            Some((signed.url, signed.headers))
        };
        let expected = with(&AwsSigner).filter(|_| is_sendable);
        assert_eq!(
            with(&CompactSigner),
            expected,
            "seed {seed}: {request:?} {:?}",
            request.headers
        );
        refused += usize::from(expected.is_none());

        // The other signer leaves this header out of a URL's signature.
        if random.u8(..) < 64 && request.header("x-amz-checksum-mode").is_none() {
            let expires_secs = random.u32(1..=604_800);
            let with = |signer: &dyn Sign| {
                let mut signed = request.clone();
                signer.presign(&mut signed, &scope, expires_secs).ok()?;
                // They put the signature and the token in another order.
                let mut parts: Vec<_> = signed.url.split(['?', '&']).map(str::to_owned).collect();
                parts.sort();
                Some(parts)
            };
            let expected = with(&AwsSigner).filter(|_| is_sendable);
            assert_eq!(with(&CompactSigner), expected, "seed {seed}: {request:?}");
            presigned += usize::from(expected.is_some());
        }
    }
    assert!((100..REQUESTS / 4).contains(&refused) && presigned > 1_000, "{refused} {presigned}");
}

#[test]
fn the_signers_agree_on_requests_of_seed_1() {
    compare(1);
}

#[test]
fn the_signers_agree_on_requests_of_seed_2() {
    compare(2);
}

#[test]
fn the_signers_agree_on_requests_of_seed_3() {
    compare(3);
}

#[test]
fn the_signers_agree_on_requests_of_seed_4() {
    compare(4);
}

fn one_of<'a>(random: &mut Rng, list: &[&'a str]) -> &'a str {
    list[random.usize(..list.len())]
}

/// Up to `len_max` characters of `alphabet`.
fn word(random: &mut Rng, alphabet: &str, len_max: usize) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    (0..random.usize(..=len_max)).map(|_| alphabet[random.usize(..alphabet.len())]).collect()
}

/// Any text can be a key; what URLs are made of more often than not.
fn any_text(random: &mut Rng) -> String {
    if random.bool() {
        return word(random, "abc./+ %&=?~:-_", 12);
    }
    (0..random.usize(..20)).map(|_| random.char(..)).collect()
}

fn any_request(random: &mut Rng) -> Request {
    const METHODS: [Method; 5] =
        [Method::Get, Method::Head, Method::Put, Method::Post, Method::Delete];
    let method = METHODS[random.usize(..METHODS.len())];
    let mut url = one_of(random, &HOSTS).to_owned();
    match random.u8(..8) {
        0 => {}
        1 => url.extend(["/", &word(random, "a/.!$'()*+,;=:@~_-", 12)]),
        _ => url.extend(["/", &encode_path(&any_text(random))]),
    }
    if random.bool() {
        let parameters: Vec<String> = (0..random.usize(..6)).map(|_| parameter(random)).collect();
        url.extend(["?", &parameters.join("&")]);
    }
    let headers = (0..random.usize(..8)).map(|_| header(random)).collect();
    Request { method, url, headers, body: Bytes::new() }
}

fn parameter(random: &mut Rng) -> String {
    match random.u8(..8) {
        0 => encode_value(&any_text(random)),
        // As others write them: not encoded where that is not needed, in lower case, broken.
        1 => word(random, "ab=&/:+,;@!$'()*~.", 12),
        2 => one_of(
            random,
            &["a%2fb=c%2Fd", "a=%", "%zz=1", "a=b%2", "c3=%C3%a9&%E1%88%B4", "=", ""],
        )
        .to_owned(),
        _ => format!("{}={}", encode_value(&any_text(random)), encode_value(&any_text(random))),
    }
}

fn header(random: &mut Rng) -> (String, String) {
    let name = one_of(random, &NAMES).to_owned();
    let printable: String = (' '..='~').chain(['\t']).collect();
    let value = match random.u8(..64) {
        0 => any_text(random),
        1..16 => word(random, "a  ", 12),
        _ => word(random, &printable, 40),
    };
    (name, value)
}

fn any_credentials(random: &mut Rng) -> Credentials {
    let printable: String = (' '..='~').collect();
    let id = format!("A{}", word(random, "ABC0123456789", 19));
    let credentials = Credentials::new(id, word(random, &printable, 100));
    if random.bool() {
        return credentials;
    }
    credentials.with_session_token(format!("t{}", word(random, "abcXYZ0123/+=", 80)))
}

fn any_payload(random: &mut Rng) -> String {
    match random.u8(..4) {
        0 => UNSIGNED_PAYLOAD.to_owned(),
        _ => (0..64).map(|_| random.digit(16)).collect(),
    }
}

const HOSTS: [&str; 11] = [
    "http://127.0.0.1:9000",
    "http://[::1]:9000",
    "http://s3.test",
    "http://s3.test:80",
    "http://s3.test:443",
    "https://s3.test:80",
    "https://s3.test:443",
    "http://S3.Test:8080",
    "https://bucket.s3.eu-central-1.amazonaws.com",
    "https://s3.us-east-1.amazonaws.com",
    "https://store.example.org:8443",
];

/// Also what transports and signers like to treat in their own way.
const NAMES: [&str; 24] = [
    "accept",
    "authorization",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "if-match",
    "if-none-match",
    "my-header",
    "range",
    "transfer-encoding",
    "user-agent",
    "x-amz-checksum-mode",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-date",
    "x-amz-meta-a",
    "x-amz-meta-tiered-storage",
    "x-amz-metadata-directive",
    "x-amz-security-token",
    "x-amzn-trace-id",
];
