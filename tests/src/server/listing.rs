//! Pages of ListObjectsV2.

use std::collections::BTreeMap;
use std::ops::Bound;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsV2Input, ListObjectsV2Output, Object as Listed,
    ObjectStorageClass,
};
use s3s::{S3Error, S3Result, s3_error};

use super::store::{Object, hex};

const PAGE_ENTRIES_MAX: i32 = 1_000;

/// The characters that S3's form encoding leaves alone; a space becomes `+`.
const FORM: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// Answers one page of the objects of a bucket.
pub(super) fn list(
    objects: &BTreeMap<String, Object>,
    input: ListObjectsV2Input,
) -> S3Result<ListObjectsV2Output> {
    let wanted = input.max_keys.unwrap_or(PAGE_ENTRIES_MAX);
    if wanted < 0 {
        return Err(s3_error!(InvalidArgument, "max-keys is negative"));
    }
    let limit = wanted.min(PAGE_ENTRIES_MAX);
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.clone().filter(|text| !text.is_empty());
    let from = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => Position::parse(token)?,
        (None, Some(key)) => Position::After(key.clone()),
        (None, None) => Position::Start,
    };
    let page = collect(objects, &prefix, delimiter.as_deref(), from, limit as usize);
    let encode = |text: String| match input.encoding_type.as_ref().map(EncodingType::as_str) {
        Some(EncodingType::URL) => form_encoded(&text),
        _ => text,
    };
    let contents = page.keys.into_iter().map(|(key, object)| listed(encode(key), object));
    let prefixes = page.prefixes.into_iter().map(|p| CommonPrefix { prefix: Some(encode(p)) });
    let (contents, prefixes): (Vec<_>, Vec<_>) = (contents.collect(), prefixes.collect());
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.map(|position| position.token()),
        continuation_token: input.continuation_token,
        max_keys: Some(limit),
        prefix: Some(encode(prefix)),
        delimiter: delimiter.map(encode),
        start_after: input.start_after.map(encode),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

struct Page<'a> {
    keys: Vec<(String, &'a Object)>,
    prefixes: Vec<String>,
    next: Option<Position>,
}

fn collect<'a>(
    objects: &'a BTreeMap<String, Object>,
    prefix: &str,
    delimiter: Option<&str>,
    from: Position,
    limit: usize,
) -> Page<'a> {
    let mut page = Page { keys: Vec::new(), prefixes: Vec::new(), next: None };
    if limit == 0 {
        return page;
    }
    let mut last = from;
    let start = match &last {
        Position::After(key) | Position::Past(key) if key.as_str() >= prefix => {
            Bound::Excluded(key.clone())
        }
        _ => Bound::Included(prefix.to_owned()),
    };
    let candidates =
        objects.range((start, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
    for (key, object) in candidates {
        if matches!(&last, Position::Past(common) if key.starts_with(common.as_str())) {
            continue;
        }
        if page.keys.len() + page.prefixes.len() == limit {
            page.next = Some(last);
            return page;
        }
        let rest = &key[prefix.len()..];
        let common = delimiter.and_then(|text| rest.find(text).map(|at| at + text.len()));
        if let Some(len) = common {
            let common = &key[..prefix.len() + len];
            page.prefixes.push(common.to_owned());
            last = Position::Past(common.to_owned());
        } else {
            page.keys.push((key.clone(), object));
            last = Position::After(key.clone());
        }
    }
    page
}

/// Where a page starts. Its token is opaque to clients, so that none can mistake it for a key.
enum Position {
    Start,
    After(String),
    /// Past every key with this common prefix.
    Past(String),
}

impl Position {
    fn token(&self) -> String {
        match self {
            Self::Start => String::new(),
            Self::After(key) => format!("k{}", hex(key.as_bytes())),
            Self::Past(common) => format!("p{}", hex(common.as_bytes())),
        }
    }

    fn parse(token: &str) -> S3Result<Self> {
        let invalid = || s3_error!(InvalidArgument, "The continuation token provided is incorrect");
        let (kind, digits) = token.split_at_checked(1).ok_or_else(invalid)?;
        let text = unhex(digits).ok_or_else(invalid)?;
        match kind {
            "k" => Ok(Self::After(text)),
            "p" => Ok(Self::Past(text)),
            _ => Err::<_, S3Error>(invalid()),
        }
    }
}

fn unhex(digits: &str) -> Option<String> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    String::from_utf8(bytes?).ok()
}

fn listed(key: String, object: &Object) -> Listed {
    Listed {
        key: Some(key),
        size: i64::try_from(object.body.len()).ok(),
        e_tag: Some(object.tag()),
        last_modified: Some(object.modified()),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Listed::default()
    }
}

fn form_encoded(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string().replace(' ', "+")
}
