//! Requests to S3 as values, before they are signed.

use sha2::{Digest, Sha256};
use tiered_storage_core::{Condition, ETag, Metadata, base64, format, respond::is_header_value};

use super::{
    Addressing, Method, Request,
    keys::{encode_path, push_hex, push_parameter},
};
use crate::payload::Payload;

mod parts;

/// The header that holds an entry's metadata in its stored form.
pub(crate) const METADATA_HEADER: &str = "x-amz-meta-tiered-storage";

/// Where a bucket is, and how its URLs are written.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) bucket: String,
    pub(super) site: Site,
    pub(super) addressing: Addressing,
}

#[derive(Clone, Debug)]
pub(super) enum Site {
    /// Amazon's own: the host depends on the region.
    Aws,
    /// Any other: scheme and host, with the port where it is not the scheme's own.
    Custom { scheme: &'static str, host: String },
}

impl Address {
    /// Host and port, without the bucket.
    pub(super) fn host(&self, region: &str) -> String {
        match &self.site {
            Site::Aws if region.starts_with("cn-") => format!("s3.{region}.amazonaws.com.cn"),
            Site::Aws => format!("s3.{region}.amazonaws.com"),
            Site::Custom { host, .. } => host.clone(),
        }
    }

    fn url(&self, region: &str, call: &Call) -> String {
        let (bucket, host) = (&self.bucket, self.host(region));
        let scheme = match self.site {
            Site::Aws => "https",
            Site::Custom { scheme, .. } => scheme,
        };
        let mut url = match self.addressing {
            Addressing::VirtualHost => format!("{scheme}://{bucket}.{host}"),
            Addressing::Path => format!("{scheme}://{host}/{}", encode_path(bucket)),
        };
        match (&call.name, self.addressing) {
            (Some(name), _) => {
                url.push('/');
                url.push_str(&encode_path(name));
            }
            (None, Addressing::VirtualHost) => url.push('/'),
            (None, Addressing::Path) => {}
        }
        url + &call.query
    }
}

/// One call to S3: what every attempt at it has in common.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: Kind,
    pub(super) method: Method,
    /// The object's name; without it the bucket is meant.
    pub(super) name: Option<String>,
    /// Encoded, with the `?` in front, or nothing.
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Payload,
    pub(super) payload_sha256: String,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Get,
    Head,
    Put,
    Copy,
    Delete,
    DeleteMany,
    List,
    CreateUpload,
    UploadPart,
    CopyPart,
    CompleteUpload,
    AbortUpload,
}

impl Kind {
    /// How many times as long an answer may take: what moves large bodies inside the server takes it minutes.
    pub(super) const fn patience(self) -> u64 {
        match self {
            Self::Copy | Self::CopyPart | Self::CompleteUpload => 4,
            _ => 1,
        }
    }
}

impl Call {
    pub(super) fn get(name: &str, unless: Option<&ETag>) -> Self {
        Self::new(Kind::Get, Method::Get, Some(name)).wanting_checksum().unless(unless)
    }

    /// The first `bytes` of an object's body.
    pub(super) fn get_start(name: &str, bytes: usize) -> Self {
        Self::get_range(name, format!("bytes=0-{}", bytes - 1))
    }

    /// The bytes that a `Range` header names.
    pub(super) fn get_range(name: &str, range: String) -> Self {
        let mut call = Self::new(Kind::Get, Method::Get, Some(name));
        call.push_header("range", &range);
        call
    }

    pub(super) fn head(name: &str) -> Self {
        Self::new(Kind::Head, Method::Head, Some(name)).wanting_checksum()
    }

    /// Stores `body`, whose SHA-256 is given with it.
    pub(super) fn put(name: &str, metadata: &Metadata, body: Payload, sha256: [u8; 32]) -> Self {
        let mut call = Self::new(Kind::Put, Method::Put, Some(name));
        call.describe(metadata);
        call.with_body(body, sha256)
    }

    /// Copies an object onto itself with other metadata, if it still is the version `etag`.
    pub(super) fn copy(bucket: &str, name: &str, metadata: &Metadata, etag: &ETag) -> Self {
        Self::copy_from(bucket, name, (name, etag), metadata)
    }

    /// Copies the version `etag` of an object to `name`, with metadata of its own.
    pub(super) fn copy_from(
        bucket: &str,
        name: &str,
        source: (&str, &ETag),
        metadata: &Metadata,
    ) -> Self {
        let mut call = Self::new(Kind::Copy, Method::Put, Some(name)).copying(bucket, source);
        call.push_header("x-amz-metadata-directive", "REPLACE");
        call.describe(metadata);
        call.keep_encoding(metadata);
        call
    }

    pub(super) fn delete(name: &str) -> Self {
        Self::new(Kind::Delete, Method::Delete, Some(name))
    }

    /// Removes an object if it still is the version `etag`.
    pub(super) fn delete_version(name: &str, etag: &ETag) -> Self {
        Self::delete(name).if_match(etag)
    }

    /// Removes up to 1,000 objects.
    ///
    /// The checksum header is the one integrity header that every server we know accepts here; Content-MD5 would
    /// need a hash of its own. A server that insists on it is asked with single removals instead.
    pub(super) fn delete_many(names: &[impl AsRef<str>]) -> Self {
        let mut xml = String::from(concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>"#
        ));
        for name in names {
            xml.push_str("<Object><Key>");
            push_xml_text(&mut xml, name.as_ref());
            xml.push_str("</Key></Object>");
        }
        xml.push_str("</Delete>");
        let mut call = Self::new(Kind::DeleteMany, Method::Post, None);
        push_parameter(&mut call.query, "delete", "");
        let sha256: [u8; 32] = Sha256::digest(&xml).into();
        call.push_header("content-type", "application/xml");
        call.push_header("x-amz-checksum-sha256", &base64::standard(&sha256));
        call.with_body(Payload::from(xml.into_bytes()), sha256)
    }

    /// Lists names in byte order, from `after` on (or from where `token` says).
    pub(super) fn list(prefix: &str, after: &str, token: Option<&str>, limit: usize) -> Self {
        let mut call = Self::new(Kind::List, Method::Get, None);
        if let Some(token) = token {
            push_parameter(&mut call.query, "continuation-token", token);
        }
        push_parameter(&mut call.query, "encoding-type", "url");
        push_parameter(&mut call.query, "list-type", "2");
        push_parameter(&mut call.query, "max-keys", &limit.to_string());
        push_parameter(&mut call.query, "prefix", prefix);
        if token.is_none() && !after.is_empty() {
            push_parameter(&mut call.query, "start-after", after);
        }
        call
    }

    /// The request, unsigned.
    pub(super) fn request(&self, address: &Address, region: &str) -> Request {
        Request {
            method: self.method,
            url: address.url(region, self),
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }

    fn new(kind: Kind, method: Method, name: Option<&str>) -> Self {
        let call = Self {
            kind,
            method,
            name: name.map(str::to_owned),
            query: String::new(),
            headers: Vec::new(),
            body: Payload::default(),
            payload_sha256: String::new(),
        };
        call.with_body(Payload::default(), Sha256::digest([]).into())
    }

    fn push_header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn with_body(mut self, body: Payload, sha256: [u8; 32]) -> Self {
        self.body = body;
        self.payload_sha256.clear();
        push_hex(&mut self.payload_sha256, &sha256);
        self
    }

    /// Only if the object is that version.
    pub(super) fn if_match(mut self, etag: &ETag) -> Self {
        self.push_header("if-match", etag.as_str());
        self
    }

    /// Only if the object is another version.
    pub(super) fn unless(mut self, etag: Option<&ETag>) -> Self {
        if let Some(etag) = etag {
            self.push_header("if-none-match", etag.as_str());
        }
        self
    }

    /// Only if that is so.
    pub(super) fn provided(mut self, condition: Option<&Condition>) -> Self {
        match condition {
            Some(Condition::Version(etag)) => self.if_match(etag),
            Some(_) => {
                self.push_header("if-none-match", "*");
                self
            }
            None => self,
        }
    }

    fn copying(mut self, bucket: &str, (name, etag): (&str, &ETag)) -> Self {
        let source = format!("/{}/{}", encode_path(bucket), encode_path(name));
        self.push_header("x-amz-copy-source", &source);
        self.push_header("x-amz-copy-source-if-match", etag.as_str());
        self
    }

    /// Asks for the checksum that another writer may have left with the object.
    fn wanting_checksum(mut self) -> Self {
        self.push_header("x-amz-checksum-mode", "ENABLED");
        self
    }

    /// An encoding that another writer gave the body would be lost with the rest of the object's headers.
    fn keep_encoding(&mut self, metadata: &Metadata) {
        if let Some(encoding) = metadata.encoding().filter(|encoding| is_header_value(encoding))
            && !metadata.is_compressed()
        {
            self.push_header("content-encoding", encoding);
        }
    }

    fn describe(&mut self, metadata: &Metadata) {
        let line = format::encode(metadata, format::Audience::Shared);
        self.push_header(METADATA_HEADER, &line);
        let mime_type = metadata.mime_type().filter(|mime_type| is_header_value(mime_type));
        let mime_type = mime_type.unwrap_or("application/octet-stream");
        self.push_header("content-type", mime_type);
    }
}

fn push_xml_text(xml: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            c => xml.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
