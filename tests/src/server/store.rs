//! Buckets and objects in memory, and the conditions under which they are read and written.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use md5::{Digest, Md5};
use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::multipart::Upload;

/// An object as the server holds it.
///
/// ```
/// # use tiered_storage_tests::server::Object;
/// let object = Object::new("hello");
/// assert_eq!(object.etag, "\"5d41402abc4b2a76b9719d911017c592\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The bytes.
    pub body: Bytes,
    /// User metadata: the names are without `x-amz-meta-`, in lower case.
    pub metadata: BTreeMap<String, String>,
    /// `Content-Type`, if the writer gave one.
    pub content_type: Option<String>,
    /// `Content-Encoding`, if the writer gave one.
    pub content_encoding: Option<String>,
    /// `Cache-Control`, if the writer gave one.
    pub cache_control: Option<String>,
    /// `x-amz-checksum-sha256` in base64, if the writer gave one.
    pub checksum_sha256: Option<String>,
    /// The ETag in its quotes, as clients see it: the MD5 of the body, `-N` for N parts.
    pub etag: String,
    /// `Last-Modified`, in whole seconds.
    pub last_modified: SystemTime,
}

impl Object {
    /// An object of these bytes, written now, with their MD5 as its ETag and no headers.
    pub fn new(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            etag: format!("\"{}\"", md5_hex(&body)),
            body,
            metadata: BTreeMap::new(),
            content_type: None,
            content_encoding: None,
            cache_control: None,
            checksum_sha256: None,
            last_modified: whole_seconds(SystemTime::now()),
        }
    }

    pub(super) fn tag(&self) -> ETag {
        ETag::Strong(self.etag.trim_matches('"').to_owned())
    }

    pub(super) fn modified(&self) -> Timestamp {
        self.last_modified.into()
    }

    /// A copy is one part, whatever its source was. Where that was several, the ETag is not the MD5 of the bytes, as it is
    /// not for encrypted objects: to hash them all once more would make a copy cost what an upload does.
    pub(super) fn copied(self) -> Self {
        match self.etag.contains('-') {
            true => Self { etag: format!("\"{}\"", md5_hex(self.etag.as_bytes())), ..self },
            false => self,
        }
    }

    /// Gives the object the time of its write.
    pub(super) fn written(mut self, at: SystemTime) -> Self {
        self.last_modified = whole_seconds(at);
        self
    }
}

/// How [`Server::damage`](super::Server::damage) changes a stored body behind its ETag's back.
#[derive(Clone, Debug)]
pub enum Damage {
    /// Flips the lowest bit of the byte at this position.
    FlipBit(usize),
    /// Cuts the body off after so many bytes.
    Truncate(usize),
    /// Puts other bytes in its place.
    Replace(Bytes),
}

impl Damage {
    pub(super) fn apply(self, body: &mut Bytes) {
        match self {
            Self::FlipBit(at) => {
                let mut bytes = body.to_vec();
                bytes[at] ^= 1;
                *body = bytes.into();
            }
            Self::Truncate(len) => body.truncate(len),
            Self::Replace(bytes) => *body = bytes,
        }
    }
}

/// One bucket: objects in the order of their keys' UTF-8 bytes, and uploads that are not completed.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) objects: BTreeMap<String, Object>,
    pub(super) uploads: BTreeMap<String, Upload>,
}

/// All buckets. Every operation takes the lock once, which is what makes conditional writes atomic.
#[derive(Debug, Default)]
pub(super) struct Store(Mutex<BTreeMap<String, Bucket>>);

impl Store {
    pub(super) fn lock(&self) -> Buckets<'_> {
        Buckets(self.0.lock().expect("no operation panics in the middle of a change"))
    }
}

pub(super) struct Buckets<'a>(MutexGuard<'a, BTreeMap<String, Bucket>>);

impl Buckets<'_> {
    pub(super) fn create(&mut self, name: &str) -> S3Result<()> {
        if self.0.contains_key(name) {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        self.0.insert(name.to_owned(), Bucket::default());
        Ok(())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn bucket(&mut self, name: &str) -> S3Result<&mut Bucket> {
        let missing = || s3_error!(NoSuchBucket, "The specified bucket does not exist");
        self.0.get_mut(name).ok_or_else(missing)
    }

    pub(super) fn object(&mut self, bucket: &str, key: &str) -> S3Result<&mut Object> {
        self.bucket(bucket)?.objects.get_mut(key).ok_or_else(no_such_key)
    }
}

pub(super) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

pub(super) fn precondition_failed() -> S3Error {
    let message = "At least one of the pre-conditions you specified did not hold";
    S3Error::with_message(S3ErrorCode::PreconditionFailed, message)
}

/// The `If-*` headers of one request.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub(super) matches: Option<ETagCondition>,
    pub(super) matches_none: Option<ETagCondition>,
    pub(super) modified_since: Option<Timestamp>,
    pub(super) unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// Whether a write may replace `current`, as S3 decides it.
    pub(super) fn allow_write(&self, current: Option<&Object>) -> S3Result<()> {
        match (&self.matches_none, current) {
            (Some(ETagCondition::Any), Some(_)) => return Err(precondition_failed()),
            (Some(ETagCondition::ETag(_)), _) => {
                return Err(s3_error!(NotImplemented, "If-None-Match of a write takes only *"));
            }
            _ => {}
        }
        match (&self.matches, current) {
            (Some(_), None) => Err(no_such_key()),
            (Some(wanted), Some(object)) if !holds(wanted, object) => Err(precondition_failed()),
            _ => Ok(()),
        }
    }

    /// Whether a read may answer with `object`, by the precedence of RFC 9110: 412, 304 or neither.
    pub(super) fn allow_read(&self, object: &Object) -> S3Result<()> {
        if let Some(wanted) = &self.matches {
            if !holds(wanted, object) {
                return Err(precondition_failed());
            }
        } else if self.unmodified_since.as_ref().is_some_and(|since| object.modified() > *since) {
            return Err(precondition_failed());
        }
        if let Some(known) = &self.matches_none {
            if holds(known, object) {
                return Err(not_modified(object));
            }
        } else if self.modified_since.as_ref().is_some_and(|since| object.modified() <= *since) {
            return Err(not_modified(object));
        }
        Ok(())
    }
}

fn holds(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.weak_cmp(&object.tag()),
    }
}

fn not_modified(object: &Object) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = hyper::HeaderMap::new();
    let etag = object.etag.parse().expect("an ETag is a header value");
    headers.insert(hyper::header::ETAG, etag);
    let modified = http_date(object.last_modified).parse().expect("a date is a header value");
    headers.insert(hyper::header::LAST_MODIFIED, modified);
    error.set_headers(headers);
    error
}

pub(super) fn http_date(at: SystemTime) -> String {
    let mut text = Vec::new();
    Timestamp::from(at)
        .format(s3s::dto::TimestampFormat::HttpDate, &mut text)
        .expect("a vector takes every date");
    String::from_utf8(text).expect("a date is ASCII")
}

pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn whole_seconds(at: SystemTime) -> SystemTime {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
