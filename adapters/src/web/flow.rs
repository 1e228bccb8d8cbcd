//! Bodies that are not in memory as a whole, on their way between Rust and JavaScript, as objects of JavaScript's.
//!
//! Pieces are `{ next(), cancel() }`, a place to stage is `{ write(piece), finish(), cancel() }`, and what lies ready is
//! `{ size, read(start, end), cancel() }` (`ts/port.ts`). `cancel` comes last and once, when nobody here has the object
//! any more, also after the end.

use core::{any::Any, ops::Range};
use std::sync::Arc;

use async_trait::async_trait;
use js_sys::Uint8Array;
use tiered_storage_core::Error;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use super::{
    js::{count, opaque},
    port::{is_nothing, settle, wrong},
};
use crate::{
    pieces::{Give, given},
    tier::{Payload, Pieces, Source, Stage},
};

#[wasm_bindgen]
extern "C" {
    /// A body of JavaScript's that is on its way.
    pub type JsFlow;

    #[wasm_bindgen(method, structural, catch)]
    fn next(this: &JsFlow) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn write(this: &JsFlow, piece: &Uint8Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn finish(this: &JsFlow) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn read(this: &JsFlow, start: f64, end: f64) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn cancel(this: &JsFlow) -> Result<JsValue, JsValue>;
}

/// What is to be cancelled when it is dropped.
struct Owned(JsFlow);

opaque!(JsFlow, PortStage, PortSource);

impl Drop for Owned {
    fn drop(&mut self) {
        drop(self.0.cancel());
    }
}

/// The pieces that JavaScript gives.
pub fn pieces(flow: JsValue) -> Pieces {
    given(Box::new(Owned(flow.unchecked_into())))
}

#[async_trait(?Send)]
impl Give for Owned {
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        let piece = settle(self.0.next()).await?;
        if is_nothing(&piece) { Ok(None) } else { bytes(piece).map(Some) }
    }
}

/// A place of JavaScript's to stage a body.
pub(super) struct PortStage(Owned);

impl PortStage {
    pub(super) fn new(flow: JsValue) -> Self {
        Self(Owned(flow.unchecked_into()))
    }
}

#[async_trait(?Send)]
impl Stage for PortStage {
    async fn write(&mut self, piece: Payload) -> Result<(), Error> {
        settle(self.0.0.write(piece.as_js())).await.map(drop)
    }

    async fn finish(self: Box<Self>) -> Result<Arc<dyn Source>, Error> {
        Ok(source(settle(self.0.0.finish()).await?))
    }
}

/// What lies ready in a place of JavaScript's.
struct PortSource(Owned);

/// What lies ready in a place of JavaScript's.
pub fn source(flow: JsValue) -> Arc<dyn Source> {
    Arc::new(PortSource(Owned(flow.unchecked_into())))
}

/// The object that [`source`] was given.
pub(super) fn object(source: &dyn Source) -> JsValue {
    let source = source.as_any().downcast_ref::<PortSource>();
    source.map_or(JsValue::NULL, |source| (*source.0.0).clone())
}

#[async_trait(?Send)]
impl Source for PortSource {
    fn size_bytes(&self) -> u64 {
        count(&self.0.0, "size").unwrap_or_default()
    }

    async fn read(&self, range: Range<u64>) -> Result<Payload, Error> {
        bytes(settle(self.0.0.read(range.start as f64, range.end as f64)).await?)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn bytes(value: JsValue) -> Result<Payload, Error> {
    value.dyn_into::<Uint8Array>().map(Payload::from).map_err(|_| wrong("bytes"))
}

#[cfg(web_tests)]
mod tests;
