//! What the fields of requests and answers are, over the store's objects.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use s3s::dto::{ChecksumMode, CopySource, ETagCondition, Metadata, Range, StreamingBlob};
use s3s::{S3Result, s3_error};

use super::store::{Buckets, Conditions, Object, precondition_failed};

const METADATA_BYTES_MAX: usize = 2_048;

pub(super) async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    let mut chunks = std::pin::pin!(body);
    let mut next =
        async || chunks.try_next().await.map_err(|error| s3_error!(IncompleteBody, "{error}"));
    let first = next().await?.unwrap_or_default();
    let Some(second) = next().await? else { return Ok(first) };
    let mut whole = BytesMut::from(first);
    whole.extend_from_slice(&second);
    while let Some(chunk) = next().await? {
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

pub(super) fn user_metadata(sent: Option<Metadata>) -> S3Result<BTreeMap<String, String>> {
    let sent = sent.unwrap_or_default();
    let bytes: usize = sent.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > METADATA_BYTES_MAX {
        return Err(s3_error!(MetadataTooLarge));
    }
    Ok(sent.into_iter().collect())
}

pub(super) fn sent_metadata(object: &Object) -> Option<Metadata> {
    Some(object.metadata.clone().into_iter().collect())
}

pub(super) fn content_type(object: &Object) -> String {
    object.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())
}

pub(super) fn asked_checksum(mode: Option<&ChecksumMode>, object: &Object) -> Option<String> {
    let asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    object.checksum_sha256.clone().filter(|_| asked)
}

pub(super) fn length(body: &Bytes) -> Option<i64> {
    i64::try_from(body.len()).ok()
}

/// The bytes that a range names, and the `Content-Range` that says which they are.
pub(super) fn slice(object: &Object, range: Option<Range>) -> S3Result<(Bytes, Option<String>)> {
    let Some(range) = range else { return Ok((object.body.clone(), None)) };
    let full = object.body.len() as u64;
    let Ok(found) = range.check(full) else {
        let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
        let mut headers = hyper::HeaderMap::new();
        let value = format!("bytes */{full}").parse().expect("digits are a header value");
        headers.insert(hyper::header::CONTENT_RANGE, value);
        error.set_headers(headers);
        return Err(error);
    };
    if found.is_empty() {
        return Ok((object.body.clone(), None));
    }
    let content_range = format!("bytes {}-{}/{full}", found.start, found.end - 1);
    let body = object.body.slice(found.start as usize..found.end as usize);
    Ok((body, Some(content_range)))
}

/// The object that a copy is of, if it is the version that the conditions want.
pub(super) fn copied(
    buckets: &mut Buckets<'_>,
    source: &CopySource,
    conditions: &Conditions,
) -> S3Result<Object> {
    let CopySource::Bucket { bucket, key, .. } = source else {
        return Err(s3_error!(NotImplemented, "copies are from buckets only"));
    };
    let object = buckets.object(bucket, key)?.clone();
    conditions.allow_read(&object).map_err(|_| precondition_failed())?;
    Ok(object)
}

/// The bytes that a copy of a part takes: `bytes=FIRST-LAST`, or all.
pub(super) fn copied_bytes(object: &Object, range: Option<&str>) -> S3Result<Bytes> {
    let Some(range) = range else { return Ok(object.body.clone()) };
    let ends = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let number = |text: &str| text.parse::<usize>().ok();
    let ends = ends.and_then(|(first, last)| Some((number(first)?, number(last)?)));
    match ends {
        Some((first, last)) if first <= last && last < object.body.len() => {
            Ok(object.body.slice(first..=last))
        }
        _ => Err(s3_error!(InvalidArgument, "The range is not within the source")),
    }
}

/// Refuses what is more than one request copies.
pub(super) fn check_copied(body: &Bytes, bytes_max: u64) -> S3Result<()> {
    if body.len() as u64 <= bytes_max {
        return Ok(());
    }
    Err(s3_error!(
        InvalidRequest,
        "The specified copy source is larger than the maximum allowable size for a copy source: {bytes_max}"
    ))
}

/// What a write asks for, unless this server passes over it.
pub(super) fn write_conditions(
    heeded: Heeded,
    matches: Option<ETagCondition>,
    matches_none: Option<ETagCondition>,
) -> Conditions {
    match heeded {
        Heeded::Yes => Conditions { matches, matches_none, ..Conditions::default() },
        Heeded::No => Conditions::default(),
    }
}

/// Whether the conditions of writes are heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heeded {
    Yes,
    No,
}
