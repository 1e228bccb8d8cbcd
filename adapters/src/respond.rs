//! Entries as answers to requests of HTTP: ranges, conditions and what caches need to know, by RFC 9110.
//!
//! With the feature `http` there is `TieredStorage::respond`, which takes and gives the types of the crate `http`;
//! [`TieredStorage::answer`] is the same for any other types.
//!
//! | status | when |
//! |--:|---|
//! | 200 | an entry, whole: also where a `Range` is malformed, or its ranges do not join into one |
//! | 206 | the part of it that a `Range` names, unless an `If-Range` names another version |
//! | 304 | the client has it: `If-None-Match`, or `If-Modified-Since` |
//! | 404 | there is no live entry |
//! | 405 | the method is neither `GET` nor `HEAD` |
//! | 412 | it is not the one that the client wants: `If-Match`, or `If-Unmodified-Since` |
//! | 416 | the `Range` begins behind its end |
//!
//! The `etag` is the SHA-256 of the bytes, so that it is the same from every tier and host; an object of another program
//! has that of S3. What the library compressed is sent uncompressed. What another program stored with a
//! `Content-Encoding` is sent as it is stored, with that header, and not in parts.

#[cfg(all(feature = "http", not(target_arch = "wasm32")))]
mod body;
#[cfg(all(feature = "http", not(target_arch = "wasm32")))]
mod types;

use std::ops::Range;

use async_trait::async_trait;
use tiered_storage_core::{Error, Key, Metadata, range::ByteRange, seal};

#[cfg(all(feature = "http", not(target_arch = "wasm32")))]
pub use self::{body::EntryBody, types::RespondOptions};
pub use tiered_storage_core::respond::{Answer, Needs, Request};

use crate::{
    driver::{Given, Want},
    entry::Entry,
    payload::{Payload, slice},
    pieces::{Give, given, overtaken, within},
    store::{TieredStorage, without_body},
    tier::Body,
};

/// How much of a range is read at once, in bytes.
const PART_BYTES: u64 = 4 << 20;

impl TieredStorage {
    /// Answers a request with an entry: status, headers, and the bytes that go with them.
    ///
    /// An answer that may need no body (to `HEAD`, to a condition, to a range that may be behind the end) costs the
    /// metadata first, unless the entry is in the hot tier; every other one a read. Large bodies come in pieces; of a range
    /// only its bytes are read, 4 MiB at a time, unless the entry is stored as gzip. `cache_control` is a header for 200, 206
    /// and 304.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
    /// # use std::sync::Arc;
    /// # use tiered_storage::{MemoryOptions, MemoryTier, TieredStorage};
    /// use tiered_storage::respond::Request;
    ///
    /// # let cold = Arc::new(MemoryTier::new(MemoryOptions::new())?);
    /// # let storage = TieredStorage::builder(cold).open().await?;
    /// storage.set("a.txt", "0123456789").await?;
    /// let request = Request::new("GET", |name| (name == "range").then(|| "bytes=2-4".into()));
    /// let (answer, body) = storage.answer(&request, "a.txt", Some("max-age=60")).await?;
    /// assert_eq!((answer.status, &body.whole().await?[..]), (206, &b"234"[..]));
    /// assert!(answer.headers.contains(&("content-range", "bytes 2-4/10".into())));
    /// # Ok::<(), tiered_storage::Error>(()) }).expect("the example works");
    /// ```
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`], also from the pieces. That there is no entry is none: it is a 404.
    pub async fn answer(
        &self,
        request: &Request,
        key: impl AsRef<str>,
        cache_control: Option<&str>,
    ) -> Result<(Answer, Body), Error> {
        let key = Key::new(key)?;
        let answer =
            |found: Option<&Metadata>| request.answer(found, self.inner.host.now(), cache_control);
        let nothing = || Body::Whole(Payload::default());
        let at_hand = match request.needs() {
            Needs::Nothing => return Ok((answer(None), nothing())),
            Needs::Metadata => None,
            _ => self.at_hand(&key),
        };
        if let Some(entry) = at_hand {
            let answer = answer(Some(&entry.metadata));
            let body = sent(&answer, &entry.metadata, entry.data)?;
            return Ok((answer, body));
        }
        if matches!(request.needs(), Needs::Metadata | Needs::Either) {
            let found = Box::pin(self.metadata(key.clone())).await?;
            let answer = answer(found.as_ref());
            let is_told = answer.status != 200 || found.as_ref().is_none_or(is_told);
            if answer.body.is_none() && is_told {
                return Ok((answer, nothing()));
            }
            if let (Some(range), Some(seen)) = (&answer.body, found)
                && range.start > 0
                && !seen.is_compressed()
                && let Some(body) = Box::pin(self.parts(&key, &seen, range.clone())).await?
            {
                return Ok((answer, body));
            }
        }
        // It may be another version than the one whose metadata was asked for: this one is answered with.
        let Some((metadata, _, given)) = self.read_as(&key, Want::Pieces).await? else {
            return Ok((answer(None), nothing()));
        };
        let answer = answer(Some(&metadata));
        let body = match (given, &answer.body) {
            (_, None) => nothing(),
            (Given::Pieces(reader), Some(range)) => {
                Body::Pieces(within(reader.pieces(), range.clone()))
            }
            (Given::Whole(body), _) => sent(&answer, &metadata, body)?,
            _ => return Err(without_body(&key)),
        };
        Ok((answer, body))
    }

    /// These bytes of one version, a few MiB at a time; `None` if it is another version by now.
    async fn parts(
        &self,
        key: &Key,
        seen: &Metadata,
        range: Range<u64>,
    ) -> Result<Option<Body>, Error> {
        let (storage, key, seen) = (self.clone(), key.clone(), seen.clone());
        let mut parts = Parts { storage, key, seen, range };
        let Some(first) = parts.next().await? else { return Ok(None) };
        if parts.range.is_empty() {
            return Ok(Some(Body::Whole(first)));
        }
        Ok(Some(Body::Pieces(given(Box::new(Rest { first: Some(first), parts })))))
    }

    /// The entry, where that takes no I/O.
    #[cfg(not(target_arch = "wasm32"))]
    fn at_hand(&self, key: &str) -> Option<Entry> {
        let crate::tier::Stored { metadata, body } = self.inner.peek(key)?;
        Some(Entry { data: body, metadata, source: tiered_storage_core::Tier::Hot })
    }

    /// The entry, where that takes no I/O. Here JavaScript has the hot tier.
    #[cfg(target_arch = "wasm32")]
    fn at_hand(&self, _key: &str) -> Option<Entry> {
        None
    }
}

/// What is still to be read of a range.
struct Parts {
    storage: TieredStorage,
    key: Key,
    seen: Metadata,
    range: Range<u64>,
}

impl Parts {
    /// The next bytes; `None` if they are of another version.
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        let end = self.range.end.min(self.range.start + PART_BYTES);
        let range = ByteRange::Between(self.range.start, end);
        let part = self.storage.part(&self.key, range).await?;
        let part = part.filter(|part| part.metadata.is_same_version(&self.seen));
        self.range.start = end;
        Ok(part.filter(|part| part.range.end == end).map(|part| part.data))
    }
}

/// A range, of which the first bytes are there.
struct Rest {
    first: Option<Payload>,
    parts: Parts,
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Give for Rest {
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        if self.first.is_some() || self.parts.range.is_empty() {
            return Ok(self.first.take());
        }
        let part = self.parts.next().await?;
        part.map(Some).ok_or_else(|| overtaken(&self.parts.key))
    }
}

/// The bytes of an answer.
fn sent(answer: &Answer, metadata: &Metadata, body: Payload) -> Result<Body, Error> {
    let Some(range) = &answer.body else { return Ok(Body::Whole(Payload::default())) };
    // The range is of the size that was written, and a tier of the user's may have lost some of it.
    seal::check_length(metadata, body.len() as u64)?;
    Ok(Body::Whole(slice(&body, range.start as usize..range.end as usize)))
}

/// Whether metadata alone says what a read would. `fetch` decodes what another program encoded, and only with the
/// bytes can it be told that it did.
fn is_told(metadata: &Metadata) -> bool {
    !cfg!(target_arch = "wasm32") || metadata.is_compressed() || metadata.encoding().is_none()
}
