//! Requests of an upload in parts.

use std::ops::Range;

use sha2::{Digest, Sha256};
use tiered_storage_core::{Condition, ETag, Metadata};

use super::{Call, Kind, push_xml_text};
use crate::{
    payload::Payload,
    s3::{Method, keys::push_parameter},
};

impl Call {
    /// Begins an upload of what will be an entry, or of bytes that are not one yet.
    pub(in crate::s3) fn create_upload(name: &str, metadata: Option<&Metadata>) -> Self {
        let mut call = Self::new(Kind::CreateUpload, Method::Post, Some(name));
        push_parameter(&mut call.query, "uploads", "");
        if let Some(metadata) = metadata {
            call.describe(metadata);
            call.keep_encoding(metadata);
        }
        call
    }

    pub(in crate::s3) fn upload_part(
        (name, id): (&str, &str),
        number: u32,
        body: Payload,
        sha256: [u8; 32],
    ) -> Self {
        let call = Self::new(Kind::UploadPart, Method::Put, Some(name));
        call.of_part(number, id).with_body(body, sha256)
    }

    /// Takes the bytes of a part from another object, if it is that version; all of them without a range.
    pub(in crate::s3) fn copy_part(
        (name, id): (&str, &str),
        number: u32,
        bucket: &str,
        source: (&str, &ETag),
        range: Option<Range<u64>>,
    ) -> Self {
        let mut call = Self::new(Kind::CopyPart, Method::Put, Some(name));
        if let Some(range) = range {
            let range = format!("bytes={}-{}", range.start, range.end - 1);
            call.push_header("x-amz-copy-source-range", &range);
        }
        call.of_part(number, id).copying(bucket, source)
    }

    /// Makes an object of the parts, in this order.
    pub(in crate::s3) fn complete_upload(
        (name, id): (&str, &str),
        parts: &[(u32, ETag)],
        condition: Option<&Condition>,
    ) -> Self {
        let mut xml = String::from(
            r#"<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#,
        );
        for (number, etag) in parts {
            xml.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>"));
            push_xml_text(&mut xml, etag.as_str());
            xml.push_str("</ETag></Part>");
        }
        xml.push_str("</CompleteMultipartUpload>");
        let mut call = Self::new(Kind::CompleteUpload, Method::Post, Some(name));
        push_parameter(&mut call.query, "uploadId", id);
        call.push_header("content-type", "application/xml");
        let sha256 = Sha256::digest(&xml).into();
        call.provided(condition).with_body(Payload::from(xml.into_bytes()), sha256)
    }

    pub(in crate::s3) fn abort_upload((name, id): (&str, &str)) -> Self {
        let mut call = Self::new(Kind::AbortUpload, Method::Delete, Some(name));
        push_parameter(&mut call.query, "uploadId", id);
        call
    }

    fn of_part(mut self, number: u32, id: &str) -> Self {
        push_parameter(&mut self.query, "partNumber", &number.to_string());
        push_parameter(&mut self.query, "uploadId", id);
        self
    }
}
