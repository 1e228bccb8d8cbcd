//! Reading: whole, in pieces, and in part.

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering},
};

use tiered_storage_core::{ETag, Error, ErrorKind, Key, Metadata, range::ByteRange};

use super::{
    HttpError, Inner, Response, changed,
    download::Download,
    failure::Failure,
    keys::{self, Name},
    request::{Call, METADATA_HEADER},
    response,
};
use crate::{
    payload::{self, Payload},
    pieces::{Body, Opened, Part, Pieces},
    tier::{Read, Stored},
};

/// Bodies up to this size are read whole before any of them is given: starting to read takes longer than that.
pub(super) const WHOLE_BYTES_MAX: u64 = 1 << 20;

/// Servers cannot read larger offsets, and no object reaches that far.
const OFFSET_MAX: u64 = i64::MAX as u64;

/// A body: there, or on its way.
enum Begun {
    Whole(Payload),
    Coming(Download),
}

impl Inner {
    pub(super) async fn read(
        self: &Arc<Self>,
        key: &Key,
        unless: Option<&ETag>,
    ) -> Result<Read, Error> {
        let (metadata, body) = match self.begin(key, unless).await? {
            Read::Found(begun) => begun,
            other => return Ok(other.map(|_| unreachable!("it is not found"))),
        };
        let body = match body {
            Begun::Whole(body) => body,
            Begun::Coming(download) => {
                // What another writer encoded may be decoded on the way, and then parts of it are of no use.
                let is_plain = metadata.is_compressed() || metadata.encoding().is_none();
                download.whole(is_plain.then_some(self.parts)).await?
            }
        };
        Ok(Read::Found(Stored { metadata, body }))
    }

    pub(super) async fn open(
        self: &Arc<Self>,
        key: &Key,
        unless: Option<&ETag>,
    ) -> Result<Read<Opened>, Error> {
        Ok(self.begin(key, unless).await?.map(|(metadata, body)| {
            let body = match body {
                Begun::Whole(body) => Body::Whole(body),
                Begun::Coming(download) => Body::Pieces(download.pieces()),
            };
            Opened { metadata, body }
        }))
    }

    pub(super) async fn read_range(
        self: &Arc<Self>,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Read<Part>, Error> {
        let front = self.names.name(key).front(key).len() as u64;
        let mut unless = unless;
        if let Some(asked) = header(range, front) {
            if let Some(read) = self.read_asked(key, range, asked, unless).await? {
                return Ok(read);
            }
            // It was found to be another version.
            unless = None;
        }
        // No bytes of an entry, of which the metadata is wanted all the same.
        Ok(match self.head(key).await? {
            None => Read::Missing,
            Some(found) if unless.is_some() && found.etag.as_ref() == unless => Read::Unchanged,
            Some(metadata) => Read::Found(Part { metadata, range: 0..0, body: Payload::default() }),
        })
    }

    /// What the answer to a request with that `Range` header has; nothing if that is no bytes.
    async fn read_asked(
        self: &Arc<Self>,
        key: &Key,
        range: ByteRange,
        asked: String,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        let name = self.names.name(key);
        let front = name.front(key).len() as u64;
        let call = Call::get_range(name.as_str(), asked).unless(unless);
        let (response, rest) = match self.client.open(call, WHOLE_BYTES_MAX).await {
            Ok(opening) => opening,
            Err(failure) if failure.is_missing() => return Ok(Some(Read::Missing)),
            Err(failure) if failure.status() == 416 => return Ok(None),
            Err(failure) => return Err(self.error(&failure)),
        };
        self.has_seen_bucket.store(true, Ordering::Relaxed);
        if response.status == 304 {
            return Ok(Some(Read::Unchanged));
        }
        // Some servers say that of an empty body, of which there is no part.
        if response.status == 206 && response.announced_bytes() == Some(0) {
            return Ok(None);
        }
        let is_foreign = response.header(METADATA_HEADER).is_none();
        if is_foreign && response.header("content-encoding").is_some() {
            return self.read_and_cut(key, range).await.map(Some);
        }
        let (metadata, sent) = self.sent(key, &response, range, front).await?;
        // The key in front of the body is none of it, also where the last bytes were asked for.
        let wanted = match range {
            ByteRange::Last(bytes) => sent.end.saturating_sub(bytes).max(front)..sent.end,
            range => at(range, front).start..at(range, front).end.min(sent.end),
        };
        if wanted.start < sent.start || wanted.is_empty() {
            return Ok(None);
        }
        let etag = metadata.etag.clone();
        let mut download = Download::new(self, key, name.as_str(), etag, wanted.clone());
        download.receive(sent.start, response.body, rest);
        let body = download.whole(None).await?;
        let range = wanted.start - front..wanted.end - front;
        Ok(Some(Read::Found(Part { metadata, range, body })))
    }

    async fn begin(
        self: &Arc<Self>,
        key: &Key,
        unless: Option<&ETag>,
    ) -> Result<Read<(Metadata, Begun)>, Error> {
        let name = self.names.name(key);
        let call = Call::get(name.as_str(), unless);
        let (mut response, rest) = match self.client.open(call, WHOLE_BYTES_MAX).await {
            Ok(opening) => opening,
            Err(failure) if failure.is_missing() => return Ok(Read::Missing),
            Err(failure) => return Err(self.error(&failure)),
        };
        self.has_seen_bucket.store(true, Ordering::Relaxed);
        if response.status == 304 {
            return Ok(Read::Unchanged);
        }
        let body = match rest {
            Some(rest) => Begun::Coming(self.coming(key, &name, &response, rest).await?),
            None if matches!(name, Name::Hashed(_)) => {
                let opened = keys::open(&response.body).filter(|(found, _)| found == key);
                response.body = opened.ok_or_else(unsealed)?.1;
                Begun::Whole(response.body.clone())
            }
            None => Begun::Whole(response.body.clone()),
        };
        let metadata = response::metadata(key, &response, self.client.environment.now())?;
        Ok(Read::Found((metadata, body)))
    }

    /// The body of which `rest` comes, behind the key that may stand in front of it.
    async fn coming(
        self: &Arc<Self>,
        key: &Key,
        name: &Name,
        response: &Response,
        rest: Pieces<HttpError>,
    ) -> Result<Download, Error> {
        let end =
            response.announced_bytes().expect("only a body of a known length comes in pieces");
        let etag = response::etag(response);
        let mut download = Download::new(self, key, name.as_str(), etag, 0..end);
        download.receive(0, Payload::default(), Some(rest));
        let front = name.front(key);
        if !front.is_empty() && download.front(front.len()).await? != front {
            return Err(unsealed());
        }
        Ok(download)
    }

    /// Which bytes of the object an answer to a request for a part has, and what it says of the whole.
    async fn sent(
        &self,
        key: &Key,
        response: &Response,
        range: ByteRange,
        front: u64,
    ) -> Result<(Metadata, Range<u64>), Error> {
        let garbled = || self.error(&Failure::garbled());
        let now = self.client.environment.now();
        let len = response.announced_bytes().unwrap_or(response.body.len() as u64);
        let start = at(range, front).start;
        let (metadata, sent) = match response::content_range(response) {
            Some((sent, _)) => (response::metadata(key, response, now)?, sent),
            None if response.status != 206 => (response::metadata(key, response, now)?, 0..len),
            // Rules of CORS may hide it from a page, but not how long all of it is.
            None if response.is_filtered => {
                let call = Call::head(self.names.name(key).as_str());
                let head = self.client.send(call).await.map_err(|failure| self.error(&failure))?;
                if response::etag(&head) != response::etag(response) {
                    return Err(changed());
                }
                let end = head.announced_bytes().ok_or_else(garbled)?;
                let sent = match range {
                    ByteRange::Last(bytes) => end.saturating_sub(bytes)..end,
                    range => start..at(range, front).end.min(end).max(start),
                };
                (response::metadata(key, &head, now)?, sent)
            }
            None => return Err(garbled()),
        };
        let is_whole = response.status != 206 && sent.start == 0;
        let is_asked = is_whole || matches!(range, ByteRange::Last(_)) || sent.start == start;
        if is_asked && sent.end - sent.start == len { Ok((metadata, sent)) } else { Err(garbled()) }
    }

    /// A part of what cannot be asked for in parts.
    async fn read_and_cut(
        self: &Arc<Self>,
        key: &Key,
        range: ByteRange,
    ) -> Result<Read<Part>, Error> {
        Ok(self.read(key, None).await?.map(|Stored { metadata, body }| {
            let range = range.of(body.len() as u64).unwrap_or_default();
            let body = payload::slice(&body, range.start as usize..range.end as usize);
            Part { metadata, range, body }
        }))
    }
}

/// What a `Range` header says, for the bytes behind the first `front`; nothing where no bytes are asked for.
fn header(range: ByteRange, front: u64) -> Option<String> {
    let asked = at(range, front);
    match range {
        ByteRange::Last(0) => None,
        ByteRange::Last(bytes) => Some(format!("bytes=-{}", bytes.min(OFFSET_MAX))),
        _ if asked.is_empty() => None,
        ByteRange::From(_) => Some(format!("bytes={}-", asked.start)),
        _ => Some(format!("bytes={}-{}", asked.start, asked.end - 1)),
    }
}

/// Where the bytes are in the object, as far as that does not depend on its length.
fn at(range: ByteRange, front: u64) -> Range<u64> {
    let offset = |at: u64| at.saturating_add(front).min(OFFSET_MAX);
    match range {
        ByteRange::Between(start, end) => offset(start)..offset(end),
        ByteRange::From(start) => offset(start)..OFFSET_MAX,
        _ => 0..OFFSET_MAX,
    }
}

fn unsealed() -> Error {
    let message = "the object does not start with its key; write the entry again";
    Error::new(ErrorKind::Corrupt, message)
}

#[cfg(test)]
mod tests;
