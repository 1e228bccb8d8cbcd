//! Who may ask: the keys, and what must hold beside the signature.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::http::request::Parts;
use md5::{Digest, Md5};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use sha2::Sha256;
use tiered_storage_core::time::Timestamp;

use super::http::Refusal;
use super::store::hex;

const SKEW_MS_MAX: u64 = 15 * 60 * 1_000;

pub(super) struct Keys {
    pub(super) access_key: String,
    pub(super) secret_key: String,
}

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access_key {
            let message = "The AWS Access Key Id you provided does not exist in our records.";
            return Err(S3Error::with_message(S3ErrorCode::InvalidAccessKeyId, message));
        }
        Ok(SecretKey::from(self.secret_key.as_str()))
    }
}

/// The whole body of a request, for [`Gate`] to check it against the headers.
#[derive(Clone)]
pub(super) struct Payload(pub(super) Bytes);

/// What is checked once the signature has been found good.
pub(super) struct Gate {
    pub(super) session_token: Option<String>,
    pub(super) public_buckets: Vec<String>,
}

/// What anyone may do in a public bucket, as its policy would say.
const PUBLIC: [&str; 5] = ["GetObject", "HeadBucket", "HeadObject", "ListObjects", "ListObjectsV2"];

impl Gate {
    fn is_public(&self, cx: &S3AccessContext<'_>) -> bool {
        let bucket = cx.s3_path().get_bucket_name();
        let is_listed = |bucket: &str| self.public_buckets.iter().any(|public| public == bucket);
        bucket.is_some_and(is_listed) && PUBLIC.contains(&cx.s3_op().name())
    }
}

#[async_trait]
impl S3Access for Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() {
            if self.is_public(cx) {
                return Ok(());
            }
            return Err(s3_error!(
                AccessDenied,
                "Anonymous access is forbidden for this operation"
            ));
        }
        let is_bulk_delete = cx.s3_op().name() == "DeleteObjects";
        let headers = cx.headers().clone();
        let listed = match text(&headers, "authorization") {
            Some(authorization) => {
                let list = authorization.split_once("SignedHeaders=").map_or("", |(_, rest)| rest);
                Some(list.split([',', ' ']).next().unwrap_or_default().to_owned())
            }
            None => query_value(cx.uri().query(), "X-Amz-SignedHeaders"),
        };
        check_signed(&listed.unwrap_or_default(), &headers)?;
        let token = query_value(cx.uri().query(), "X-Amz-Security-Token");
        let token = token.or_else(|| text(&headers, "x-amz-security-token").map(str::to_owned));
        if token != self.session_token {
            return Err(s3_error!(InvalidToken));
        }
        let body = cx.extensions_mut().get::<Payload>().map(|payload| payload.0.clone());
        check_body(&headers, &body.unwrap_or_default())?;
        if is_bulk_delete && !has_integrity_header(&headers) {
            let message = "Missing required header for this request: Content-MD5";
            return Err(S3Error::with_message(S3ErrorCode::InvalidRequest, message));
        }
        Ok(())
    }
}

/// Refuses requests of another time, for another region, or with signatures of an older version, which the service
/// would take. No key needs to be known for that.
pub(super) fn precheck(request: &Parts, now: SystemTime, region: &str) -> Result<(), Refusal> {
    if let Some(date) = text(&request.headers, "x-amz-date") {
        check_clock(date, now)?;
    }
    let old = query_value(request.uri.query(), "Signature").is_some();
    let authorization = text(&request.headers, "authorization");
    if old || authorization.is_some_and(|value| !value.starts_with("AWS4-HMAC-SHA256 ")) {
        let message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    if let Some(authorization) = authorization {
        let credential = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
        let credential = credential.split([',', ' ']).next().unwrap_or_default();
        return check_scope(credential, region, "AuthorizationHeaderMalformed");
    }
    let value = |name: &str| query_value(request.uri.query(), name).unwrap_or_default();
    if value("X-Amz-Signature").is_empty() {
        return Ok(());
    }
    check_lifetime(&value("X-Amz-Date"), &value("X-Amz-Expires"), now)?;
    check_scope(&value("X-Amz-Credential"), region, MALFORMED_QUERY)
}

const MALFORMED_QUERY: &str = "AuthorizationQueryParametersError";

/// `credential`: the key's id, day, region, service and a word, with slashes between.
fn check_scope(credential: &str, region: &str, code: &'static str) -> Result<(), Refusal> {
    let scope: Vec<&str> = credential.split('/').collect();
    // The key id comes first, and may hold slashes itself.
    let [.., signed_region, service, _] = scope[..] else { return Ok(()) };
    if signed_region == region && service == "s3" {
        return Ok(());
    }
    let message = format!("the scope is wrong; expecting '{region}' and 's3'");
    Err(Refusal::new(400, code, message).with("Region", region))
}

/// A presigned URL is good from its date on, for as many seconds as it says.
fn check_lifetime(date: &str, expires: &str, now: SystemTime) -> Result<(), Refusal> {
    let malformed = |message| Refusal::new(400, MALFORMED_QUERY, message);
    let signed = parse_amz_date(date)
        .ok_or_else(|| malformed("X-Amz-Date must be in the ISO8601 format"))?;
    let seconds = expires.parse().ok().filter(|seconds| (1..=604_800).contains(seconds));
    let seconds: u64 =
        seconds.ok_or_else(|| malformed("X-Amz-Expires must be between 1 and 604800 seconds"))?;
    let now = timestamp(now);
    if signed.millis_since(now) > SKEW_MS_MAX {
        return Err(Refusal::new(403, "AccessDenied", "Request is not yet valid"));
    }
    if now.millis_since(signed) > seconds * 1_000 {
        return Err(Refusal::new(403, "AccessDenied", "Request has expired"));
    }
    Ok(())
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn check_clock(date: &str, now: SystemTime) -> Result<(), Refusal> {
    // A date that cannot be read is refused with the signature.
    let Some(signed) = parse_amz_date(date) else { return Ok(()) };
    let now = timestamp(now);
    if now.millis_since(signed).max(signed.millis_since(now)) <= SKEW_MS_MAX {
        return Ok(());
    }
    let message = "The difference between the request time and the current time is too large.";
    Err(Refusal::new(403, "RequestTimeTooSkewed", message)
        .with("RequestTime", date)
        .with("ServerTime", format!("{}Z", &now.to_rfc3339()[.."2026-01-01T00:00:00".len()]))
        .with("MaxAllowedSkewMilliseconds", SKEW_MS_MAX.to_string()))
}

/// Such as `20130524T000000Z`.
pub(crate) fn parse_amz_date(date: &str) -> Option<Timestamp> {
    if date.len() != 16 || !date.is_ascii() {
        return None;
    }
    let (day, time) = date.strip_suffix('Z')?.split_once('T')?;
    let dashed = format!("{}-{}-{}", day.get(..4)?, day.get(4..6)?, day.get(6..)?);
    let colons = format!("{}:{}:{}", time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    Timestamp::parse_rfc3339(&format!("{dashed}T{colons}Z"))
}

/// Every `x-amz-*` header, and the host, must be under the signature.
fn check_signed(list: &str, headers: &HeaderMap) -> S3Result<()> {
    let signed: Vec<&str> = list.split(';').collect();
    let mut names = headers.keys().map(hyper::header::HeaderName::as_str);
    let must = |name: &&str| *name == "host" || name.starts_with("x-amz-");
    if names.any(|name| must(&name) && !signed.contains(&name)) {
        let message = "There were headers present in the request which were not signed";
        return Err(S3Error::with_message(S3ErrorCode::AccessDenied, message));
    }
    Ok(())
}

fn check_body(headers: &HeaderMap, body: &Bytes) -> S3Result<()> {
    let declared = text(headers, "x-amz-content-sha256").unwrap_or_default();
    if declared.starts_with("STREAMING-") {
        return Ok(());
    }
    let is_hash = declared.len() == 64;
    let checksum = text(headers, "x-amz-checksum-sha256");
    if is_hash || checksum.is_some() {
        let digest = Sha256::digest(body);
        if is_hash && hex(&digest) != declared {
            return Err(hash_mismatch());
        }
        if checksum.is_some_and(|sent| sent != BASE64.encode(digest)) {
            return Err(s3_error!(BadDigest, "The SHA256 you specified did not match"));
        }
    }
    if text(headers, "content-md5").is_some_and(|sent| sent != BASE64.encode(Md5::digest(body))) {
        return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match"));
    }
    Ok(())
}

fn hash_mismatch() -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
    error.set_status_code(hyper::StatusCode::BAD_REQUEST);
    error
}

fn has_integrity_header(headers: &HeaderMap) -> bool {
    let is_one = |name: &str| name == "content-md5" || name.starts_with("x-amz-checksum-");
    headers.keys().any(|name| is_one(name.as_str()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    let pair = query?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_encoding::percent_decode_str(pair).decode_utf8_lossy().into_owned())
}
