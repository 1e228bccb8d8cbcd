//! What a request is, and how many of each there were.

use std::sync::Mutex;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use serde::Deserialize;

/// The operation that a request asks for, as far as tests tell operations apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// GetObject.
    Get,
    /// HeadObject.
    Head,
    /// PutObject.
    Put,
    /// DeleteObject.
    Delete,
    /// DeleteObjects.
    DeleteObjects,
    /// ListObjectsV2.
    List,
    /// CopyObject.
    Copy,
    /// CreateMultipartUpload.
    CreateMultipart,
    /// UploadPart.
    UploadPart,
    /// UploadPartCopy.
    CopyPart,
    /// CompleteMultipartUpload.
    Complete,
    /// AbortMultipartUpload.
    Abort,
    /// A browser's CORS preflight.
    Preflight,
    /// Everything else: buckets, ListParts, and what this server does not know.
    Other,
}

impl Kind {
    pub(super) fn of(request: &Parts) -> Self {
        let query = request.uri.query().unwrap_or_default();
        let has = |name: &str| {
            query.split('&').any(|pair| pair.split_once('=').map_or(pair, |(name, _)| name) == name)
        };
        let in_bucket = request.uri.path().trim_start_matches('/').split_once('/');
        let has_key = in_bucket.is_some_and(|(_, key)| !key.is_empty());
        match (&request.method, has_key) {
            (&Method::OPTIONS, _) => Self::Preflight,
            (&Method::GET, true) if !has("uploadId") => Self::Get,
            (&Method::GET, false) if has("list-type") => Self::List,
            (&Method::HEAD, true) => Self::Head,
            (&Method::PUT, true) if has("partNumber") && is_copy(&request.headers) => {
                Self::CopyPart
            }
            (&Method::PUT, true) if has("partNumber") => Self::UploadPart,
            (&Method::PUT, true) if is_copy(&request.headers) => Self::Copy,
            (&Method::PUT, true) => Self::Put,
            (&Method::POST, false) if has("delete") => Self::DeleteObjects,
            (&Method::POST, true) if has("uploads") => Self::CreateMultipart,
            (&Method::POST, true) if has("uploadId") => Self::Complete,
            (&Method::DELETE, true) if has("uploadId") => Self::Abort,
            (&Method::DELETE, true) => Self::Delete,
            _ => Self::Other,
        }
    }

    /// Whether the operation changes objects or uploads.
    pub const fn is_write(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::List | Self::Preflight | Self::Other => false,
            Self::Put | Self::Delete | Self::DeleteObjects | Self::Copy => true,
            Self::CreateMultipart | Self::UploadPart | Self::CopyPart => true,
            Self::Complete | Self::Abort => true,
        }
    }
}

fn is_copy(headers: &HeaderMap) -> bool {
    headers.contains_key("x-amz-copy-source")
}

/// How many requests arrived since the start or the last reset, refused and faulted ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after its kind")]
pub struct Counts {
    pub get: u64,
    pub head: u64,
    pub put: u64,
    pub delete: u64,
    pub delete_objects: u64,
    pub list: u64,
    pub copy: u64,
    pub create_multipart: u64,
    pub upload_part: u64,
    pub copy_part: u64,
    pub complete: u64,
    pub abort: u64,
    pub preflight: u64,
    pub other: u64,
    /// Bytes of the bodies of requests.
    pub body_bytes_in: u64,
    /// Bytes of the bodies of answers, as far as they were handed to the connection.
    pub body_bytes_out: u64,
}

impl Counts {
    /// The number of requests of one kind.
    pub const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Get => self.get,
            Kind::Head => self.head,
            Kind::Put => self.put,
            Kind::Delete => self.delete,
            Kind::DeleteObjects => self.delete_objects,
            Kind::List => self.list,
            Kind::Copy => self.copy,
            Kind::CreateMultipart => self.create_multipart,
            Kind::UploadPart => self.upload_part,
            Kind::CopyPart => self.copy_part,
            Kind::Complete => self.complete,
            Kind::Abort => self.abort,
            Kind::Preflight => self.preflight,
            Kind::Other => self.other,
        }
    }

    /// The number of requests of all kinds, without preflights.
    pub const fn requests(&self) -> u64 {
        self.reads() + self.writes() + self.other
    }

    /// The number of requests that only read objects.
    pub const fn reads(&self) -> u64 {
        self.get + self.head + self.list
    }

    /// The number of requests that ask for a change of objects or uploads.
    pub const fn writes(&self) -> u64 {
        let parts = self.upload_part + self.copy_part;
        let multipart = self.create_multipart + parts + self.complete + self.abort;
        self.put + self.delete + self.delete_objects + self.copy + multipart
    }

    const fn slot(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Get => &mut self.get,
            Kind::Head => &mut self.head,
            Kind::Put => &mut self.put,
            Kind::Delete => &mut self.delete,
            Kind::DeleteObjects => &mut self.delete_objects,
            Kind::List => &mut self.list,
            Kind::Copy => &mut self.copy,
            Kind::CreateMultipart => &mut self.create_multipart,
            Kind::UploadPart => &mut self.upload_part,
            Kind::CopyPart => &mut self.copy_part,
            Kind::Complete => &mut self.complete,
            Kind::Abort => &mut self.abort,
            Kind::Preflight => &mut self.preflight,
            Kind::Other => &mut self.other,
        }
    }
}

/// The counts of a running server.
#[derive(Debug, Default)]
pub(super) struct Counter(Mutex<Counts>);

impl Counter {
    pub(super) fn arrived(&self, kind: Kind, body_bytes: usize) {
        let mut counts = self.lock();
        *counts.slot(kind) += 1;
        counts.body_bytes_in += body_bytes as u64;
    }

    pub(super) fn answered(&self, body_bytes: usize) {
        self.lock().body_bytes_out += body_bytes as u64;
    }

    pub(super) fn counts(&self) -> Counts {
        *self.lock()
    }

    pub(super) fn reset(&self) {
        *self.lock() = Counts::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().expect("nothing panics while it counts")
    }
}
