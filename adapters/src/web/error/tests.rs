use tiered_storage_core::Tier;
use wasm_bindgen::prelude::wasm_bindgen;

use super::*;
use crate::web::testing::{Tested, check, get, js, same, text};

fn held() -> usize {
    CAUSES.with_borrow(|causes| causes.values.len())
}

#[wasm_bindgen]
pub fn errors_of_every_kind_go_out_and_come_back() -> Tested {
    for kind in KINDS {
        let error = Error::new(kind, "it went wrong").in_tier(Tier::Warm);
        let error = error.with_key(&Key::new("a key")?);
        let told = to_js(&error);
        same!(text(&told, "0"), kind.as_str());
        same!(text(&told, "1"), "it went wrong");
        same!(text(&told, "2"), "warm");
        same!(text(&told, "3"), "a key");
        check!(get(&told, "4") == false && get(&told, "5").is_undefined());
        let back = from_js(told);
        same!((back.kind(), back.message()), (kind, "it went wrong"));
        same!(back.key().map(Key::as_str), Some("a key"));
        check!(!back.is_timeout() && core::error::Error::source(&back).is_none());
    }
    Ok(())
}

#[wasm_bindgen]
pub fn errors_say_that_time_ran_out() -> Tested {
    let told = to_js(&Error::timed_out("too late"));
    check!(get(&told, "4") == true && get(&told, "2").is_undefined());
    check!(from_js(told).is_timeout());
    let thrown = js("({ kind: 'unavailable', message: 'too late', isTimeout: true })")?;
    check!(from_js(thrown).is_timeout());
    // Only what is unavailable can be late.
    let thrown = js("({ kind: 'full', message: 'no room', isTimeout: true })")?;
    let error = from_js(thrown);
    check!(!error.is_timeout());
    same!(error.kind(), ErrorKind::Full);
    Ok(())
}

#[wasm_bindgen]
pub fn errors_keep_what_was_thrown_and_let_it_go() -> Tested {
    let before = held();
    let thrown = js("new RangeError('out of it')")?;
    let error = from_js(thrown.clone());
    same!(held(), before + 1);
    same!(error.kind(), ErrorKind::Unavailable);
    same!(error.message(), "the tier failed: out of it");
    let source = core::error::Error::source(&error).map(ToString::to_string);
    same!(source.as_deref(), Some("out of it"));
    check!(get(&to_js(&error), "5") == thrown);
    drop(error);
    same!(held(), before);
    Ok(())
}

#[wasm_bindgen]
pub fn errors_of_a_known_kind_keep_their_own_cause() -> Tested {
    let before = held();
    let thrown = js("({ kind: 'denied', message: 'no', cause: new Error('the reason') })")?;
    let error = from_js(thrown.clone());
    same!((error.kind(), error.message()), (ErrorKind::Denied, "no"));
    check!(get(&to_js(&error), "5") == get(&thrown, "cause"));
    // An error goes round through JavaScript more than once.
    let again = from_js(to_js(&error));
    check!(get(&to_js(&again), "5") == get(&thrown, "cause"));
    same!(held(), before + 2);
    drop((error, again));
    same!(held(), before);
    Ok(())
}

#[wasm_bindgen]
pub fn errors_of_rust_become_errors_of_javascript() -> Tested {
    let source = std::io::Error::other("the disk is gone");
    let told = to_js(&Error::new(ErrorKind::Unavailable, "no").with_source(source));
    check!(get(&told, "5").is_instance_of::<js_sys::Error>());
    same!(text(&told, "5.message"), "the disk is gone");
    Ok(())
}

#[wasm_bindgen]
pub fn errors_can_be_made_of_anything() -> Tested {
    for (expression, message) in [
        ("'just text'", "the tier failed: just text"),
        ("undefined", "the tier failed: "),
        ("null", "the tier failed: "),
        ("17", "the tier failed: "),
        ("Symbol('s')", "the tier failed: "),
        ("[]", "the tier failed: "),
        ("({ kind: 'strange', message: 'm' })", "the tier failed: m"),
        ("({ kind: 'full' })", "the tier failed: "),
        ("({ kind: 'full', message: 5 })", "the tier failed: "),
        ("({ kind: 'full', message: 'm', key: '' })", "m"),
        ("({ get kind() { throw 1 }, get message() { throw 2 } })", "the tier failed: "),
        ("new Proxy({}, { get() { throw new Error('no') } })", "the tier failed: "),
        ("[5, 6, 7]", "the tier failed: "),
    ] {
        let error = from_js(js(expression)?);
        same!((expression, error.message()), (expression, message));
        let kind =
            if expression.contains("full") { ErrorKind::Full } else { ErrorKind::Unavailable };
        same!((expression, error.kind()), (expression, kind));
        check!(to_js(&error).is_object());
    }
    Ok(())
}
