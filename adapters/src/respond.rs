//! Entries as answers to requests of HTTP: ranges, conditions and what caches need to know, by RFC 9110.
//!
//! With the feature `http` there is [`TieredStorage::respond`], which takes and gives the types of the crate `http`;
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
mod types;

use tiered_storage_core::{Error, Key, Metadata, seal};

pub use tiered_storage_core::respond::{Answer, Needs, Request};
#[cfg(all(feature = "http", not(target_arch = "wasm32")))]
pub use types::RespondOptions;

use crate::{
    entry::Entry,
    payload::{Payload, slice},
    store::TieredStorage,
};

impl TieredStorage {
    /// Answers a request with an entry: status, headers, and the bytes that go with them.
    ///
    /// An answer that may need no body (to `HEAD`, to a condition, to a range that may be behind the end) costs the
    /// metadata first, unless the entry is in the hot tier; every other one a read. `cache_control` is a header for 200,
    /// 206 and 304.
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
    /// assert_eq!((answer.status, &body[..]), (206, &b"234"[..]));
    /// assert!(answer.headers.contains(&("content-range", "bytes 2-4/10".into())));
    /// # Ok::<(), tiered_storage::Error>(()) }).expect("the example works");
    /// ```
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`]. That there is no entry is none: it is a 404.
    pub async fn answer(
        &self,
        request: &Request,
        key: impl AsRef<str>,
        cache_control: Option<&str>,
    ) -> Result<(Answer, Payload), Error> {
        let key = Key::new(key)?;
        let answer =
            |found: Option<&Metadata>| request.answer(found, self.inner.host.now(), cache_control);
        let at_hand = match request.needs() {
            Needs::Nothing => return Ok((answer(None), Payload::default())),
            Needs::Metadata => None,
            _ => self.at_hand(&key),
        };
        if at_hand.is_none() && matches!(request.needs(), Needs::Metadata | Needs::Either) {
            let found = Box::pin(self.metadata(key.clone())).await?;
            let answer = answer(found.as_ref());
            let is_told = answer.status != 200 || found.as_ref().is_none_or(is_told);
            if answer.body.is_none() && is_told {
                return Ok((answer, Payload::default()));
            }
        }
        let entry = match at_hand {
            Some(entry) => Some(entry),
            None => self.read(&key).await?,
        };
        // It may be another version than the one whose metadata was asked for: this one is answered with.
        let answer = answer(entry.as_ref().map(|entry| &entry.metadata));
        let body = entry.map(|entry| sent(&answer, &entry)).transpose()?;
        Ok((answer, body.unwrap_or_default()))
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

/// The bytes of an answer.
fn sent(answer: &Answer, entry: &Entry) -> Result<Payload, Error> {
    let Some(range) = &answer.body else { return Ok(Payload::default()) };
    // The range is of the size that was written, and a tier of the user's may have lost some of it.
    seal::check_length(&entry.metadata, entry.data.len() as u64)?;
    Ok(slice(&entry.data, range.start as usize..range.end as usize))
}

/// Whether metadata alone says what a read would. `fetch` decodes what another program encoded, and only with the
/// bytes can it be told that it did.
fn is_told(metadata: &Metadata) -> bool {
    !cfg!(target_arch = "wasm32") || metadata.is_compressed() || metadata.encoding().is_none()
}
