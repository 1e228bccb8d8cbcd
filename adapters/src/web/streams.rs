//! Hashing and gzip by means of the runtime.
//!
//! The runtime hashes three times as quickly, and beside this thread, but to ask it costs as much as to hash 4 KiB here.
//! From which size on that pays was measured (`tests/web/bench`).

use async_trait::async_trait;
use futures_util::{
    StreamExt, TryStreamExt,
    future::{Either, select},
    stream,
};
use js_sys::{Promise, Uint8Array};
use tiered_storage_core::{Error, ErrorKind};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{js::get, payload::Payload};
use crate::{
    host::Task,
    pieces::{Give, given},
    tier::{Body, Pieces},
};

/// From which size on a body is hashed by the runtime: it is even at 4 KiB, in Node and in Chromium.
pub(super) const DIGEST_BYTES_MIN: usize = 8 * 1024;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = digest)]
    fn digest(algorithm: &str, data: &Uint8Array) -> Result<Promise, JsValue>;

    type Transform;
    #[wasm_bindgen(method, structural, getter)]
    fn writable(this: &Transform) -> Writable;
    #[wasm_bindgen(method, structural, getter)]
    fn readable(this: &Transform) -> Readable;

    #[wasm_bindgen(extends = Transform)]
    type CompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<CompressionStream, JsValue>;

    #[wasm_bindgen(extends = Transform)]
    type DecompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<DecompressionStream, JsValue>;

    type Writable;
    #[wasm_bindgen(method, structural, js_name = getWriter)]
    fn writer(this: &Writable) -> Writer;

    type Writer;
    #[wasm_bindgen(method, structural)]
    fn write(this: &Writer, chunk: &Uint8Array) -> Promise;
    #[wasm_bindgen(method, structural)]
    fn close(this: &Writer) -> Promise;

    pub(super) type Readable;
    #[wasm_bindgen(method, structural, js_name = getReader)]
    pub(super) fn reader(this: &Readable) -> Reader;

    pub(super) type Reader;
    #[wasm_bindgen(method, structural)]
    pub(super) fn read(this: &Reader) -> Promise;
    #[wasm_bindgen(method, structural)]
    fn cancel(this: &Reader) -> Promise;
}

/// The SHA-256, where the runtime can tell it and that pays.
pub(super) async fn sha256(payload: &Payload) -> Option<[u8; 32]> {
    if payload.len() < DIGEST_BYTES_MIN {
        return None;
    }
    let digest = JsFuture::from(digest("SHA-256", payload.as_js()).ok()?).await.ok()?;
    Uint8Array::new(&digest).to_vec().try_into().ok()
}

/// Packs a body. It fails as `Unavailable` where the runtime cannot.
pub(crate) fn packed(pieces: Pieces) -> Pieces {
    const MISSING: &str = "this runtime has no CompressionStream";
    match CompressionStream::new("gzip") {
        Ok(stream) => through(stream.into(), pieces, Error::new(ErrorKind::Unavailable, MISSING)),
        Err(_) => once(Err(Error::new(ErrorKind::Unavailable, MISSING))),
    }
}

/// Unpacks gzip that must hold `size_bytes`. It fails as `Corrupt` if it is not gzip, or holds more; as `Unavailable`
/// where the runtime cannot unpack.
pub(crate) fn unpacked(pieces: Pieces, size_bytes: u64) -> Pieces {
    let Ok(stream) = DecompressionStream::new("gzip") else {
        return once(Err(Error::new(
            ErrorKind::Unavailable,
            "the entry is stored as gzip, and this runtime has no DecompressionStream",
        )));
    };
    let mut left = size_bytes;
    let broken = corrupt("the stored body is not the gzip that was written");
    Box::pin(through(stream.into(), pieces, broken).map(move |piece| {
        let piece = piece?;
        let rest = left.checked_sub(piece.len() as u64);
        left = rest.ok_or_else(|| corrupt("the stored body unpacks to more than was written"))?;
        Ok(piece)
    }))
}

/// The bytes as gzip.
///
/// # Errors
///
/// `Unavailable` where the runtime cannot make it.
pub(super) fn gzip(plain: Payload) -> Task<Result<Payload, Error>> {
    Box::pin(Body::Pieces(packed(once(Ok(plain)))).whole())
}

/// What gzip holds.
///
/// # Errors
///
/// As [`unpacked`].
pub(super) fn gunzip(packed: Payload, size_bytes: u64) -> Task<Result<Payload, Error>> {
    Box::pin(Body::Pieces(unpacked(once(Ok(packed)), size_bytes)).whole())
}

/// Sends pieces through a stream, which is fed as it is read.
fn through(stream: Transform, mut pieces: Pieces, broken: Error) -> Pieces {
    let (writer, reader) = (stream.writable().writer(), stream.readable().reader());
    let feed = async move {
        while let Some(piece) = pieces.try_next().await? {
            // What goes wrong in writing is told by the reader too.
            if JsFuture::from(writer.write(piece.as_js())).await.is_err() {
                return Ok(());
            }
        }
        ignore(writer.close());
        Ok(())
    };
    let passage = Passage { reader, feed: Some(Box::pin(feed)), broken };
    given(Box::new(passage))
}

/// Pieces on their way through a stream.
struct Passage {
    reader: Reader,
    /// What still goes in.
    feed: Option<Task<Result<(), Error>>>,
    /// What it means that the stream refuses what went in.
    broken: Error,
}

#[async_trait(?Send)]
impl Give for Passage {
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        let mut reading = JsFuture::from(self.reader.read());
        let step = loop {
            let Some(feed) = &mut self.feed else { break reading.await };
            match select(feed, reading).await {
                Either::Left((fed, still)) => {
                    self.feed = None;
                    fed?;
                    reading = still;
                }
                Either::Right((step, _)) => break step,
            }
        };
        let step = step.map_err(|_| self.broken.clone())?;
        if get(&step, "done").is_truthy() {
            return Ok(None);
        }
        let piece: Uint8Array = get(&step, "value").dyn_into().map_err(|_| self.broken.clone())?;
        Ok(Some(piece.into()))
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        ignore(self.reader.cancel());
    }
}

fn once(piece: Result<Payload, Error>) -> Pieces {
    Box::pin(stream::iter([piece]))
}

/// Takes what comes of a promise that nobody waits for: the runtime would report a rejection without a handler.
fn ignore(promise: Promise) {
    spawn_local(async move { drop(JsFuture::from(promise).await) });
}

fn corrupt(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

#[cfg(web_tests)]
mod tests;
