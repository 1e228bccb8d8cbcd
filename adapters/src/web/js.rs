//! Small things about JavaScript values.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// `Debug` by the name alone: nobody reads it here, and what writes all of it would be part of every page.
macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

pub(crate) use opaque;

/// A property; undefined where there is none, or where it cannot be had.
pub(super) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// A property that is a number, in whole.
pub(super) fn count(object: &JsValue, name: &str) -> Option<u64> {
    get(object, name).as_f64().map(|count| count as u64)
}
