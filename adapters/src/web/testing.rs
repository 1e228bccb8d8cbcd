//! What the tests that run in JavaScript hosts share: `cargo verify wasm-tests` compiles them with `--cfg web_tests`.
//!
//! Each test is an exported function whose promise is rejected if something is not as it should be: where a panic is a
//! trap, it would not say what.

use js_sys::{Function, Reflect, Uint8Array};
use wasm_bindgen::{JsError, JsValue};

use super::payload::Payload;

pub(crate) type Tested = Result<(), JsError>;

/// Fails the test unless the condition holds.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            let said = concat!(file!(), ":", line!(), ": not ", stringify!($condition));
            return Err(wasm_bindgen::JsError::new(said));
        }
    };
}

/// Fails the test unless both are equal.
macro_rules! same {
    ($left:expr, $right:expr) => {{
        let (left, right) = (&$left, &$right);
        if left != right {
            let said = format!(
                "{}:{}: {} is {left:?}, not {right:?}",
                file!(),
                line!(),
                stringify!($left)
            );
            return Err(wasm_bindgen::JsError::new(&said));
        }
    }};
}

pub(crate) use {check, same};

/// The value of a JavaScript expression.
pub(crate) fn js(expression: &str) -> Result<JsValue, JsError> {
    let function = Function::new_no_args(&format!("return {expression}"));
    function.call0(&JsValue::UNDEFINED).map_err(thrown)
}

/// A property, by the path of its names.
pub(crate) fn get(object: &JsValue, path: &str) -> JsValue {
    path.split('.').fold(object.clone(), |object, name| {
        Reflect::get(&object, &name.into()).unwrap_or(JsValue::UNDEFINED)
    })
}

/// A property that is text, or as text.
pub(crate) fn text(object: &JsValue, path: &str) -> String {
    let value = get(object, path);
    value.as_string().unwrap_or_else(|| format!("{value:?}"))
}

/// What was thrown, as the failure of a test.
pub(crate) fn thrown(value: JsValue) -> JsError {
    JsError::new(&format!("{value:?}"))
}

/// The failure of something that should have failed.
pub(crate) fn failure<T, E>(result: Result<T, E>) -> Result<E, JsError> {
    match result {
        Ok(_) => Err(JsError::new("it should have failed")),
        Err(error) => Ok(error),
    }
}

/// Bytes that look like nothing in particular, and are the same each time.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A payload in the middle of a larger buffer.
pub(crate) fn inside(bytes: &[u8]) -> Payload {
    let around = Uint8Array::new_with_length(bytes.len() as u32 + 10);
    around.fill(0xee, 0, around.length());
    around.set(&Uint8Array::from(bytes), 3);
    around.subarray(3, 3 + bytes.len() as u32).into()
}
