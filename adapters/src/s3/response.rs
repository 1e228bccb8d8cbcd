//! What responses of S3 say.

use std::ops::Range;

use percent_encoding::percent_decode_str;
use tiered_storage_core::{
    Checksum, ETag, Error, ErrorKind, Key, Metadata, Timestamp, base64, format, map::Map,
};

use super::{Response, request::METADATA_HEADER, xml};

/// An error document is short; what claims to be a longer one is not read.
const ERROR_BYTES_MAX: usize = 64 * 1024;
const USER_METADATA: &str = "x-amz-meta-";

/// What an error document says; every element may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) region: Option<String>,
    pub(super) server_time: Option<Timestamp>,
    pub(super) request_id: Option<String>,
}

/// Reads an error document; `None` if the body is none.
pub(super) fn fault(body: &[u8]) -> Option<Fault> {
    if body.len() > ERROR_BYTES_MAX {
        return None;
    }
    let mut fault = Fault::default();
    let mut is_fault = false;
    xml::walk(body, &mut |path, text| {
        // Some servers put the document into an `ErrorResponse`.
        let Some((parents, element)) = path.rsplit_once('/') else {
            is_fault |= path == "Error";
            return;
        };
        if !matches!(parents.split('/').next(), Some("Error" | "ErrorResponse")) {
            return;
        }
        is_fault = true;
        match element {
            "Code" => text.clone_into(&mut fault.code),
            "Message" => text.clone_into(&mut fault.message),
            "Region" => fault.region = Some(text.to_owned()),
            "ServerTime" => fault.server_time = Timestamp::parse_rfc3339(text),
            "RequestId" => fault.request_id = Some(text.to_owned()),
            _ => {}
        }
    });
    is_fault.then_some(fault)
}

/// One page of object names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NamesPage {
    pub(super) objects: Vec<(String, u64)>,
    pub(super) is_truncated: bool,
    pub(super) token: Option<String>,
}

/// Reads the answer to a listing; `None` if it is not a whole one.
///
/// Names that cannot be decoded are left out, since no key could have led to them.
pub(super) fn names_page(body: &[u8]) -> Option<NamesPage> {
    let mut page = NamesPage::default();
    let (mut name, mut size) = (String::new(), 0);
    let mut names_are_encoded = false;
    let mut is_listing = false;
    let is_whole = xml::walk(body, &mut |path, text| match path {
        "ListBucketResult" => is_listing = true,
        "ListBucketResult/EncodingType" => {
            names_are_encoded = text.eq_ignore_ascii_case("url");
        }
        "ListBucketResult/IsTruncated" => page.is_truncated = text == "true",
        "ListBucketResult/NextContinuationToken" => page.token = Some(text.to_owned()),
        "ListBucketResult/Contents/Key" => text.clone_into(&mut name),
        "ListBucketResult/Contents/Size" => size = text.parse().unwrap_or(0),
        "ListBucketResult/Contents" => {
            page.objects.push((core::mem::take(&mut name), core::mem::take(&mut size)));
        }
        _ => {}
    });
    if !is_whole || !is_listing {
        return None;
    }
    if names_are_encoded {
        // The encoding is that of forms: a space is `+`.
        let decode = |name: String| -> Option<String> {
            let name = name.replace('+', " ");
            percent_decode_str(&name).decode_utf8().ok().map(Into::into)
        };
        let objects = core::mem::take(&mut page.objects).into_iter();
        page.objects = objects.filter_map(|(name, size)| Some((decode(name)?, size))).collect();
    }
    Some(page)
}

/// What a removal of many says of one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NotDeleted {
    pub(super) name: String,
    pub(super) code: String,
    pub(super) message: String,
}

/// Reads the answer to a removal of many: what was not removed. `None` if it is not a whole answer.
pub(super) fn not_deleted(body: &[u8]) -> Option<Vec<NotDeleted>> {
    let mut all = Vec::new();
    let mut one = NotDeleted::default();
    let mut is_result = false;
    let is_whole = xml::walk(body, &mut |path, text| match path {
        "DeleteResult" => is_result = true,
        "DeleteResult/Error/Key" => text.clone_into(&mut one.name),
        "DeleteResult/Error/Code" => text.clone_into(&mut one.code),
        "DeleteResult/Error/Message" => text.clone_into(&mut one.message),
        "DeleteResult/Error" => all.push(core::mem::take(&mut one)),
        _ => {}
    });
    (is_whole && is_result).then_some(all)
}

/// Reads the ETag out of the answer to a copy; `None` if it is not a whole answer. Some servers leave out the quotes
/// there that the header has, as `known` shows.
pub(super) fn copied(body: &[u8], known: &ETag) -> Option<Option<ETag>> {
    let text = result(body, COPIED, "ETag")?;
    Some((!text.is_empty()).then(|| {
        match (known.as_str().starts_with('"'), text.starts_with('"')) {
            (true, false) => ETag::new(format!("\"{text}\"")),
            _ => ETag::new(text),
        }
    }))
}

pub(super) const COPIED: &str = "CopyObjectResult";
pub(super) const PART_COPIED: &str = "CopyPartResult";
/// With or without `Result`: rclone leaves it out.
pub(super) const UPLOAD_CREATED: &str = "InitiateMultipartUpload";
pub(super) const UPLOAD_COMPLETED: &str = "CompleteMultipartUploadResult";

/// Reads one element of an answer that is a list of them, empty if it is not there; `None` if it is not a whole answer
/// whose name starts so.
pub(super) fn result(body: &[u8], name: &str, element: &str) -> Option<String> {
    let mut found = String::new();
    let mut is_result = false;
    let is_whole = xml::walk(body, &mut |path, text| match path.split_once('/') {
        None => is_result = path.starts_with(name),
        Some((_, other)) if other == element => text.clone_into(&mut found),
        _ => {}
    });
    (is_whole && is_result).then_some(found)
}

/// Which bytes of a body of how many an answer has, as its head says it: rclone's does so behind a status of 200.
pub(super) fn content_range(response: &Response) -> Option<(Range<u64>, u64)> {
    let (range, total) =
        response.header("content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (start, end) = (first.parse().ok()?, last.parse::<u64>().ok()?.checked_add(1)?);
    let total = total.parse().ok()?;
    (start < end && end <= total).then_some((start..end, total))
}

/// The version that a response names.
pub(super) fn etag(response: &Response) -> Option<ETag> {
    response.header("etag").filter(|etag| !etag.is_empty()).map(ETag::new)
}

/// Whether a page is not shown the version that S3 gives every object, so that others of its headers may be hidden too.
pub(super) fn lacks_etag(response: &Response) -> bool {
    response.is_filtered && response.status == 200 && etag(response).is_none()
}

/// What to do about headers that a page is not shown. Without them an entry would look like an object that another
/// program wrote: compressed bytes would be handed out as they are, for ever.
pub(super) fn hidden() -> Error {
    let message = "the bucket's CORS rules hide headers from this page; let them expose ETag, Date, \
                   x-amz-meta-tiered-storage and x-amz-checksum-sha256, as corsRules(origin) does";
    Error::new(ErrorKind::Invalid, message)
}

/// The metadata of the object that `response` answers with, its body stripped of a key in front of it.
///
/// # Errors
///
/// `Corrupt` if the library's header is there and cannot be read, `Invalid` if it may be there, and hidden.
pub(super) fn metadata(key: &Key, response: &Response, now: Timestamp) -> Result<Metadata, Error> {
    let mut metadata = match response.header(METADATA_HEADER) {
        Some(line) => format::decode(key, line)?,
        // Every answer has a date, and rules expose it to no page by chance: where it is to be seen, so is our header.
        None if response.is_filtered && response.header("date").is_none() => return Err(hidden()),
        None => foreign(key, response, now),
    };
    metadata.etag = etag(response);
    Ok(metadata)
}

/// What can be said of an object that another program wrote.
fn foreign(key: &Key, response: &Response, now: Timestamp) -> Metadata {
    let body_len = response.body.len() as u64;
    let sent = content_range(response);
    let is_part = response.status == 206 || sent.is_some();
    let size = match sent {
        Some((_, total)) => Some(total),
        None => response.announced_bytes(),
    };
    let written = response.header("last-modified").and_then(Timestamp::parse_http_date);
    let mut metadata = Metadata::new(key.clone(), size.unwrap_or(body_len), written.unwrap_or(now));
    if let Some(mime_type) = response.header("content-type").filter(|text| !text.is_empty()) {
        metadata = metadata.with_mime_type(mime_type);
    }
    if let Some(encoding) = response.header("content-encoding").filter(|text| !text.is_empty()) {
        metadata = metadata.with_encoding(encoding);
    }
    let checksum = response.header("x-amz-checksum-sha256").and_then(checksum);
    if let Some(checksum) = checksum.filter(|_| !is_part) {
        metadata = metadata.with_checksum(checksum);
    }
    let mut custom = Map::new();
    for (name, value) in &response.headers {
        if let Some(name) = name.strip_prefix(USER_METADATA) {
            custom.insert(name.to_owned(), value.clone());
        }
    }
    if custom.is_empty() { metadata } else { metadata.with_custom(custom) }
}

/// Reads the checksum of a whole object; that of an object stored in parts, `...-3`, is of something else.
fn checksum(text: &str) -> Option<Checksum> {
    base64::parse_standard(text)?.try_into().ok().map(Checksum)
}

#[cfg(test)]
mod tests;
