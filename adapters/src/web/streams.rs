//! Hashing and gzip by means of the runtime.
//!
//! The runtime hashes three times as quickly, and beside this thread, but to ask it costs as much as to hash 4 KiB here.
//! From which size on that pays was measured (`tests/web/bench`).

use js_sys::{Promise, Reflect, Uint8Array};
use tiered_storage_core::{Error, ErrorKind};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::payload::Payload;
use crate::host::Task;

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

/// The bytes as gzip, where the runtime can make it.
pub(super) fn gzip(plain: Payload) -> Task<Option<Payload>> {
    let stream = CompressionStream::new("gzip");
    Box::pin(async move { pass(stream.ok()?.into(), plain, u32::MAX).await.ok().flatten() })
}

/// What gzip holds.
///
/// # Errors
///
/// `Corrupt` if it is not gzip, or holds more than `size_bytes`; `Unavailable` where the runtime cannot unpack.
pub(super) async fn gunzip(packed: Payload, size_bytes: u64) -> Result<Payload, Error> {
    let Ok(stream) = DecompressionStream::new("gzip") else {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "the entry is stored as gzip, and this runtime has no DecompressionStream",
        ));
    };
    let size_bytes = u32::try_from(size_bytes).unwrap_or(u32::MAX);
    match pass(stream.into(), packed, size_bytes).await {
        Ok(Some(plain)) => Ok(plain),
        Ok(None) => Err(corrupt("the stored body unpacks to more than was written")),
        Err(_) => Err(corrupt("the stored body is not the gzip that was written")),
    }
}

/// Sends bytes through a stream; `None` if more than `size_bytes_max` come out.
fn pass(
    stream: Transform,
    bytes: Payload,
    size_bytes_max: u32,
) -> Task<Result<Option<Payload>, JsValue>> {
    Box::pin(async move {
        let writer = stream.writable().writer();
        // What goes wrong in writing is told by the reader too.
        ignore(writer.write(bytes.as_js()));
        ignore(writer.close());
        let reader = stream.readable().reader();
        let (mut chunks, mut size) = (Vec::new(), 0_u32);
        loop {
            let step = JsFuture::from(reader.read()).await?;
            let get = |name: &str| Reflect::get(&step, &JsValue::from_str(name));
            if get("done")?.is_truthy() {
                break;
            }
            let chunk: Uint8Array = get("value")?.dyn_into()?;
            size = size.saturating_add(chunk.length());
            if size > size_bytes_max {
                ignore(reader.cancel());
                return Ok(None);
            }
            chunks.push(chunk);
        }
        if let [whole] = &chunks[..] {
            return Ok(Some(whole.clone().into()));
        }
        let joined = Uint8Array::new_with_length(size);
        let mut at = 0;
        for chunk in chunks {
            joined.set(&chunk, at);
            at += chunk.length();
        }
        Ok(Some(joined.into()))
    })
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
