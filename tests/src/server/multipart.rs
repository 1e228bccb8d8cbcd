//! Uploads in parts.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use s3s::dto::{CompletedPart, ETag, Part as ListedPart};
use s3s::{S3Result, s3_error};

use super::store::{Object, hex};

/// An upload that was created and neither completed nor aborted.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    /// The object without its body: the headers that came with the creation.
    pub(super) object: Object,
    parts: BTreeMap<i32, Part>,
}

#[derive(Debug)]
struct Part {
    body: Bytes,
    md5: [u8; 16],
    at: SystemTime,
}

impl Upload {
    pub(super) fn new(key: String, object: Object) -> Self {
        Self { key, object, parts: BTreeMap::new() }
    }

    /// Stores a part, in place of an earlier one of that number, and returns its ETag.
    pub(super) fn put(&mut self, number: i32, body: Bytes, at: SystemTime) -> S3Result<ETag> {
        if !(1..=10_000).contains(&number) {
            return Err(s3_error!(InvalidArgument, "Part number must be from 1 to 10000"));
        }
        let part = Part { md5: Md5::digest(&body).into(), body, at };
        let etag = part.etag();
        self.parts.insert(number, part);
        Ok(etag)
    }

    /// The object of the named parts, which must come in rising order and, the last aside, be large enough.
    pub(super) fn assemble(
        &self,
        named: &[CompletedPart],
        part_bytes_min: u64,
    ) -> S3Result<Object> {
        let mut parts = Vec::new();
        let mut last = 0;
        for named in named {
            let number = named.part_number.unwrap_or_default();
            if number <= last {
                return Err(s3_error!(InvalidPartOrder));
            }
            last = number;
            let found =
                self.parts.get(&number).filter(|part| named.e_tag.as_ref() == Some(&part.etag()));
            parts.push(found.ok_or_else(|| s3_error!(InvalidPart))?);
        }
        let Some((_, but_last)) = parts.split_last() else {
            return Err(s3_error!(MalformedXML, "You must specify at least one part"));
        };
        if but_last.iter().any(|part| (part.body.len() as u64) < part_bytes_min) {
            return Err(s3_error!(EntityTooSmall));
        }
        // What was hashed as it came is not hashed again: uploads in parts would cost the server more than others.
        let mut body = BytesMut::with_capacity(parts.iter().map(|part| part.body.len()).sum());
        let mut md5 = Md5::new();
        for part in &parts {
            body.extend_from_slice(&part.body);
            md5.update(part.md5);
        }
        let etag = format!("\"{}-{}\"", hex(&md5.finalize()), parts.len());
        Ok(Object { body: body.freeze(), etag, ..self.object.clone() })
    }

    /// The parts with a number above `after`.
    pub(super) fn parts_after(&self, after: i32) -> impl Iterator<Item = ListedPart> {
        let above = self.parts.range(after.saturating_add(1)..);
        above.map(|(number, part)| ListedPart {
            part_number: Some(*number),
            size: i64::try_from(part.body.len()).ok(),
            e_tag: Some(part.etag()),
            last_modified: Some(part.at.into()),
            ..ListedPart::default()
        })
    }
}

impl Part {
    fn etag(&self) -> ETag {
        ETag::Strong(hex(&self.md5))
    }
}
