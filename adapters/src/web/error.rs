//! Errors on their way between Rust and JavaScript.
//!
//! From Rust an error is an array: kind, sentence, tier, key, whether a time limit ran out, cause, the line of the
//! entry that stood in the way, and whether that is what was to be written. From JavaScript it is such an array or any object; one with a `kind` that is known says
//! what to do, any other is `Unavailable`.

use core::{cell::RefCell, fmt};

use js_sys::{Array, Reflect};
use tiered_storage_core::{Error, ErrorKind, Key, map::Map};
use wasm_bindgen::{JsCast, JsValue};

use super::{js::opaque, port::line};

const KINDS: [ErrorKind; 9] = [
    ErrorKind::Invalid,
    ErrorKind::Denied,
    ErrorKind::Unavailable,
    ErrorKind::Conflict,
    ErrorKind::Corrupt,
    ErrorKind::Full,
    ErrorKind::Closed,
    ErrorKind::Unsupported,
    ErrorKind::Internal,
];

thread_local! {
    /// What JavaScript threw, by number: an error may go to another thread, a JavaScript value may not.
    static CAUSES: RefCell<Causes> = RefCell::default();
}

#[derive(Default)]
struct Causes {
    last: u32,
    values: Map<u32, JsValue>,
}

/// What JavaScript threw.
struct Cause {
    number: u32,
    message: String,
}

opaque!(Cause);

impl Cause {
    fn new(value: JsValue, message: String) -> Self {
        let number = CAUSES.with_borrow_mut(|causes| {
            causes.last = causes.last.wrapping_add(1);
            causes.values.insert(causes.last, value);
            causes.last
        });
        Self { number, message }
    }

    fn value(&self) -> JsValue {
        let value = CAUSES.with_borrow(|causes| causes.values.get(&self.number).cloned());
        value.unwrap_or(JsValue::UNDEFINED)
    }
}

impl Drop for Cause {
    fn drop(&mut self) {
        // Dropped when the borrow is over: a value's own end could come back here.
        drop(CAUSES.try_with(|causes| causes.borrow_mut().values.remove(&self.number)));
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Cause {}

/// The kind of that name.
pub fn kind(name: &str) -> Option<ErrorKind> {
    KINDS.into_iter().find(|known| name == known.as_str())
}

/// The error as JavaScript is told it.
pub fn to_js(error: &Error) -> JsValue {
    let text = |text: Option<&str>| text.map_or(JsValue::UNDEFINED, JsValue::from_str);
    let cause = core::error::Error::source(error).map_or(JsValue::UNDEFINED, |source| match source
        .downcast_ref::<Cause>(
    ) {
        Some(cause) => cause.value(),
        None => js_sys::Error::new(&source.to_string()).into(),
    });
    Array::of(&[
        JsValue::from_str(error.kind().as_str()),
        JsValue::from_str(error.message()),
        text(error.tier().map(|tier| tier.as_str())),
        text(error.key().map(Key::as_str)),
        JsValue::from_bool(error.is_timeout()),
        cause,
        error.current().map_or(JsValue::UNDEFINED, line),
        JsValue::from_bool(error.is_same()),
    ])
    .into()
}

/// What JavaScript threw, as an error.
pub fn from_js(thrown: JsValue) -> Error {
    let get = |name: &str, at: u32| match thrown.dyn_ref::<Array>() {
        Some(array) => array.get(at),
        None => Reflect::get(&thrown, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED),
    };
    let kind = get("kind", 0).as_string().and_then(|name| kind(&name));
    let message = get("message", 1).as_string();
    let message = match (kind, message) {
        (Some(_), Some(message)) => message,
        (_, message) => {
            let said = message.or_else(|| thrown.as_string()).unwrap_or_default();
            format!("the tier failed: {said}")
        }
    };
    let error = match kind {
        Some(ErrorKind::Unavailable) if get("isTimeout", 4).is_truthy() => {
            Error::timed_out(message)
        }
        kind => Error::new(kind.unwrap_or(ErrorKind::Unavailable), message),
    };
    // Which of several keys it is about, only the tier knows.
    let key = kind.and_then(|_| Key::new(get("key", 3).as_string()?).ok());
    let error = key.iter().fold(error, Error::with_key);
    let cause = if kind.is_some() { get("cause", 5) } else { thrown };
    if cause.is_undefined() {
        return error;
    }
    let said = Reflect::get(&cause, &JsValue::from_str("message")).ok();
    let said = said.and_then(|said| said.as_string()).unwrap_or_default();
    error.with_source(Cause::new(cause, said))
}

#[cfg(web_tests)]
mod tests;
