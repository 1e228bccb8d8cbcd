//! The storage, as TypeScript calls it.

use std::sync::Arc;

use js_sys::{Array, Function, Promise, Uint8Array};
use tiered_storage::{
    Event, TieredStorage,
    web::{
        clock::{JsClock, WebHost},
        error::to_js,
        neighbours::JsNeighbours,
        port::{JsPort, PortTier},
    },
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use crate::{
    args::{Args, invalid, number, optional},
    calls::run,
    config::configure,
    promise::promise,
};

#[wasm_bindgen]
#[derive(Debug)]
pub struct Storage(TieredStorage);

#[wasm_bindgen]
impl Storage {
    /// `ports`: hot, warm and cold, `undefined` where there is no such tier.
    pub fn open(
        config: Array,
        ports: &Array,
        clock: Option<JsClock>,
        on_event: Function,
        neighbours: Option<JsNeighbours>,
    ) -> Result<Self, JsValue> {
        let place = |at: u32| {
            let port = ports.get(at);
            let port = (!port.is_undefined()).then(|| port.unchecked_into::<JsPort>());
            port.map(|port| Arc::new(PortTier::new(port)))
        };
        let cold = place(2).ok_or_else(|| to_js(&invalid("there is no cold tier")))?;
        let mut builder = TieredStorage::builder(cold);
        if let Some(hot) = place(0) {
            builder = builder.hot(hot);
        }
        if let Some(warm) = place(1) {
            builder = builder.warm(warm);
        }
        if let Some(clock) = clock {
            builder = builder.host(Arc::new(WebHost::new(clock)));
        }
        if let Some(neighbours) = neighbours {
            builder = builder.neighbours(Arc::new(neighbours));
        }
        let builder = configure(builder, &Args(config)).map_err(|error| to_js(&error))?;
        let builder = builder.on_event(move |event| {
            // A subscriber that throws harms nobody; TypeScript reports what it threw.
            drop(on_event.call1(&JsValue::UNDEFINED, &event_array(event)));
        });
        builder.open_at_once().map(Self).map_err(|error| to_js(&error))
    }

    /// Two bytes: 1 while hot hits may be served without asking; and, set by TypeScript, 1 while answers are listened for.
    #[wasm_bindgen(getter)]
    pub fn gate(&self) -> Uint8Array {
        self.0.gate()
    }

    #[wasm_bindgen(js_name = countHotHits)]
    pub fn count_hot_hits(&self, hits: f64) {
        self.0.count_hot_hits(hits as u64);
    }

    /// Runs the call of that number. If `abort` rejects before, so does the promise, and the call is given up.
    pub fn call(&self, call: u8, args: Array, abort: Option<Promise>) -> Promise {
        promise(abort, run(self.0.clone(), call, Args(args)))
    }
}

/// The event's name, tier, key, action, error and count; of an answer its verdict, read, size and time in place of the
/// error and what follows.
fn event_array(event: &Event) -> JsValue {
    let (name, tier, key) = match event {
        Event::Answered { tier, key, answer } => {
            return Array::of(&[
                "answered".into(),
                tier.as_str().into(),
                key.as_str().into(),
                answer.action.into(),
                answer.verdict.as_str().into(),
                number(answer.read),
                answer.size_bytes.map_or(JsValue::UNDEFINED, number),
                number(answer.elapsed_us),
            ])
            .into();
        }
        Event::TierFailed { tier, key, .. } => ("tierFailed", Some(tier), key.as_ref()),
        Event::CopyCorrupt { tier, key } => ("copyCorrupt", Some(tier), Some(key)),
        Event::Promoted { tier, key } => ("promoted", Some(tier), Some(key)),
        Event::ExpiredRemoved { key } => ("expiredRemoved", None, Some(key)),
        Event::AccessesDropped { .. } => ("accessesDropped", None, None),
        _ => ("other", None, None),
    };
    let (action, error) = match event {
        Event::TierFailed { action, error, .. } => (JsValue::from_str(action), to_js(error)),
        _ => (JsValue::UNDEFINED, JsValue::UNDEFINED),
    };
    let count = match event {
        Event::AccessesDropped { count } => number(*count),
        _ => JsValue::UNDEFINED,
    };
    Array::of(&[
        name.into(),
        optional(tier.map(|tier| tier.as_str())),
        optional(key.map(|key| key.as_str())),
        action,
        error,
        count,
    ])
    .into()
}
