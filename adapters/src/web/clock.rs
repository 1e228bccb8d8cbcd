//! JavaScript's clock, dice and event loop.

use std::sync::Arc;

use js_sys::{Date, Function, Math, Promise, Reflect};
use tiered_storage_core::{Error, Timestamp};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::js::opaque;
use crate::host::{Host, Task};

#[wasm_bindgen]
extern "C" {
    /// A clock that JavaScript gave.
    #[derive(Clone)]
    pub type JsClock;

    #[wasm_bindgen(method, structural, catch)]
    fn now(this: &JsClock) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    fn sleep(this: &JsClock, ms: f64) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn elapsed_ms() -> f64;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &Function, ms: f64) -> JsValue;
}

/// The event loop that this module was loaded in.
#[derive(Clone)]
pub struct WebHost(Option<JsClock>);

opaque!(JsClock, WebHost);

impl WebHost {
    /// By another clock than the system's.
    pub fn new(clock: JsClock) -> Self {
        Self(Some(clock))
    }

    fn sleep_by(&self, ms: u64, with_timer: fn(&JsValue)) -> Task {
        let sleeping = self.0.as_ref().and_then(|clock| clock.sleep(ms as f64).ok());
        match sleeping {
            Some(sleeping) => Box::pin(async move { drop(JsFuture::from(sleeping).await) }),
            None => sleep(ms, with_timer),
        }
    }
}

/// The host of the realm that this is called in.
pub(crate) fn default_host() -> Result<Arc<dyn Host>, Error> {
    Ok(Arc::new(WebHost(None)))
}

impl Host for WebHost {
    fn now(&self) -> Timestamp {
        let ms = self.0.as_ref().and_then(|clock| clock.now().ok());
        timestamp(ms.unwrap_or_else(Date::now))
    }

    fn ticks_us(&self) -> u64 {
        (elapsed_ms() * 1_000.0) as u64
    }

    fn random(&self) -> u64 {
        random()
    }

    fn spawn(&self, task: Task) {
        spawn_local(task);
    }

    fn sleep(&self, ms: u64) -> Task {
        self.sleep_by(ms, |_| {})
    }

    fn idle(&self, ms: u64) -> Task {
        self.sleep_by(ms, |timer| {
            let unref = Reflect::get(timer, &JsValue::from_str("unref")).ok();
            if let Some(unref) = unref.and_then(|unref| unref.dyn_into::<Function>().ok()) {
                drop(unref.call0(timer));
            }
        })
    }
}

/// What time the system clock says it is.
pub(crate) fn system_time() -> Timestamp {
    timestamp(Date::now())
}

/// A number of which every value is as likely; good for telling things apart.
pub(crate) fn random() -> u64 {
    let half = || (Math::random() * 4_294_967_296.0) as u64;
    (half() << 32) | half()
}

/// Ends after `ms` milliseconds, and gives the timer away when it is set.
pub(crate) fn sleep(ms: u64, with_timer: impl FnOnce(&JsValue)) -> Task {
    // A timer takes 31 bits; longer ones would ring at once.
    let ms = ms.min(i32::MAX as u64) as f64;
    let mut timer = JsValue::UNDEFINED;
    let promise = Promise::new(&mut |resolve, _| timer = set_timeout(&resolve, ms));
    with_timer(&timer);
    Box::pin(async move { drop(JsFuture::from(promise).await) })
}

fn timestamp(ms: f64) -> Timestamp {
    Timestamp::from_millis(ms.max(0.0) as u64)
}

#[cfg(web_tests)]
mod tests;
