//! Bodies of any size: in pieces, and in part.

use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

#[cfg(not(target_arch = "wasm32"))]
use futures_util::TryStreamExt;
use futures_util::{Stream, StreamExt};
#[cfg(not(target_arch = "wasm32"))]
use tiered_storage_core::ErrorKind;
use tiered_storage_core::{Error, Key, Metadata, Tier, range::ByteRange};

use super::{TieredStorage, without_body};
use crate::{
    driver::{Given, Want},
    entry::{EntryPart, SetOptions, Written},
    payload,
    pieces::once,
    tier::{Payload, Pieces, Stored},
};

/// An entry whose body comes piece by piece: a [`Stream`] of its bytes.
///
/// All pieces are of one version. The last one comes only when all were found to be what was written; else the stream
/// ends with an error. What is not asked for is not read; dropped, it is read no further.
pub struct EntryStream {
    /// What is known of the body.
    pub metadata: Metadata,
    /// The tier that it comes from.
    pub source: Tier,
    pub(crate) body: Pieces,
}

impl Stream for EntryStream {
    type Item = Result<Payload, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.body.poll_next_unpin(cx)
    }
}

impl fmt::Debug for EntryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryStream")
            .field("metadata", &self.metadata)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl TieredStorage {
    /// Reads an entry whose body may be too large for memory; `None` if there is no live entry.
    ///
    /// Bodies up to 1 MiB, and those in hot, come as one piece. Larger ones take about 8 MiB of memory, however large they
    /// are and however many read them at the same time: all who begin while the first of them is within the first 4 MiB
    /// share one read. Where promotion is on and the warm tier takes bodies in pieces, it gets its copy from what is read,
    /// once that has come to its end.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`]; and from the stream, `Corrupt` if cold's bytes are not what was written, `Unavailable`
    /// if the tier stops answering, `Conflict` if the entry was overwritten and can be read no further.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
    /// # use std::sync::Arc;
    /// # use tiered_storage::{TieredStorage, memory::{MemoryOptions, MemoryTier}};
    /// use futures::TryStreamExt;
    ///
    /// # let cold = Arc::new(MemoryTier::new(MemoryOptions::new())?);
    /// let storage = TieredStorage::builder(cold).open().await?;
    /// storage.set("film.mp4", vec![7; 3_000_000]).await?;
    /// let Some(mut film) = storage.get_stream("film.mp4").await? else { return Ok(()) };
    /// let mut bytes = 0;
    /// while let Some(piece) = film.try_next().await? {
    ///     bytes += piece.len();
    /// }
    /// assert_eq!(bytes, 3_000_000);
    /// # Ok::<(), tiered_storage::Error>(()) }).expect("the example works");
    /// ```
    pub async fn get_stream(&self, key: impl AsRef<str>) -> Result<Option<EntryStream>, Error> {
        let key = key.as_ref();
        if let Some(Stored { body, metadata }) = self.inner.peek(key) {
            return Ok(Some(EntryStream { metadata, source: Tier::Hot, body: once(body) }));
        }
        let key = Key::new(key)?;
        let Some((metadata, source, given)) = self.read_as(&key, Want::Pieces).await? else {
            return Ok(None);
        };
        let body: Pieces = match given {
            Given::Whole(body) => once(body),
            Given::Pieces(reader) => reader.pieces(),
            _ => return Err(without_body(&key)),
        };
        Ok(Some(EntryStream { metadata, source, body }))
    }

    /// Reads a part of an entry; `None` if there is no live entry. Of a range that reaches past the end comes what there
    /// is, which may be nothing.
    ///
    /// One part is of one version. Hot, warm and cold are asked in turn; a tier that can is asked for these bytes alone,
    /// one request of S3. Entries that are stored as gzip are read from their start. What cold gives of an entry that is
    /// stored as it is cannot be held against the checksum of the whole: it is as sound as the connection. With
    /// [`Builder::range_caching`](crate::Builder::range_caching) warm keeps what cold was asked for; without, no tier takes
    /// over what is read so.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`].
    pub async fn get_range(
        &self,
        key: impl AsRef<str>,
        range: impl Into<ByteRange>,
    ) -> Result<Option<EntryPart>, Error> {
        let (key, range) = (key.as_ref(), range.into());
        if let Some(Stored { body, metadata }) = self.inner.peek(key) {
            return Ok(Some(part(metadata, Tier::Hot, &body, range)));
        }
        self.part(&Key::new(key)?, range).await
    }

    /// Reads a part by way of the engine.
    pub(crate) async fn part(
        &self,
        key: &Key,
        range: ByteRange,
    ) -> Result<Option<EntryPart>, Error> {
        let found = self.read_as(key, Want::Part(range)).await?;
        found
            .map(|(metadata, source, given)| match given {
                // More may have been read than was asked for.
                Given::Part(start, found) => {
                    let range = range.of(metadata.size()).unwrap_or_default();
                    let at = range.start.saturating_sub(start) as usize;
                    let data = payload::slice(&found, at..at + (range.end - range.start) as usize);
                    Ok(EntryPart { data, range, metadata, source })
                }
                Given::Whole(body) => Ok(part(metadata, source, &body, range)),
                _ => Err(without_body(key)),
            })
            .transpose()
    }

    /// Writes an entry whose body comes piece by piece. See [`TieredStorage::set`] for what holds once it returns.
    ///
    /// The body is first brought to where nobody sees it: to the warm tier if that takes bodies in pieces and is to have
    /// the entry, else to the cold one. Only when all of it is there is the entry written, cold first; until then
    /// other calls of this key go on as if this one had not begun. A stream that fails, or a call that is dropped before,
    /// leaves nothing. A body that outgrows warm's limit is brought to cold from there. About 3 MiB of memory are taken, and
    /// what the tiers take. Bodies up to 1 MiB are treated as if they had come whole.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::set_with`]; `Unavailable` if the stream fails; `Unsupported` if no tier takes bodies in pieces;
    /// what the tier said that failed while it took the body, where what it had taken was lost with it.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn set_stream<E>(
        &self,
        key: impl AsRef<str>,
        body: impl Stream<Item = Result<Payload, E>> + Send + 'static,
        options: SetOptions,
    ) -> Result<Written, Error>
    where
        E: Into<Box<dyn core::error::Error + Send + Sync>>,
    {
        let key = Key::new(key)?;
        let broken = {
            let key = key.clone();
            move |error: E| {
                let message = "the stream that was to be stored failed; nothing was written";
                Error::new(ErrorKind::Unavailable, message).with_key(&key).with_source(error)
            }
        };
        self.write_pieces(key, Box::pin(body.map_err(broken)), options).await
    }

    /// [`TieredStorage::set_stream`], of what fails with errors of ours.
    pub(crate) async fn write_pieces(
        &self,
        key: Key,
        body: Pieces,
        options: SetOptions,
    ) -> Result<Written, Error> {
        self.open_or_closed()?;
        let (draft, targets, condition) = self.draft(key, options);
        let (metadata, body) = self.inner.seal_pieces(draft, targets, body).await?;
        self.write_sealed(metadata, body, targets, condition).await
    }
}

fn part(metadata: Metadata, source: Tier, body: &Payload, range: ByteRange) -> EntryPart {
    let range = range.of(body.len() as u64).unwrap_or_default();
    let data = payload::slice(body, range.start as usize..range.end as usize);
    EntryPart { data, range, metadata, source }
}
