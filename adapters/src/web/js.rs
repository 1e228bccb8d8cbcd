//! Small things about JavaScript values.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// A property; undefined where there is none, or where it cannot be had.
pub(super) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// A property that is a number, in whole.
pub(super) fn count(object: &JsValue, name: &str) -> Option<u64> {
    get(object, name).as_f64().map(|count| count as u64)
}
