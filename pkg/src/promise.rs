//! Work of Rust's as promises of JavaScript's.

use core::{future::poll_fn, pin::Pin, task::Poll};

use js_sys::Promise;
use tiered_storage::{Error, host::Task, web::error::to_js};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

/// A promise of what `work` gives. If `abort` rejects before, so does the promise, and `work` is dropped.
pub(crate) fn promise(abort: Option<Promise>, mut work: Task<Result<JsValue, Error>>) -> Promise {
    let mut abort = abort.map(JsFuture::from);
    future_to_promise(poll_fn(move |cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done.map_err(|error| to_js(&error)));
        }
        match abort.as_mut().map(|abort| Pin::new(abort).poll(cx)) {
            Some(Poll::Ready(Err(reason) | Ok(reason))) => Poll::Ready(Err(reason)),
            _ => Poll::Pending,
        }
    }))
}
