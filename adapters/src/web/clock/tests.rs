use super::*;
use crate::web::testing::{Tested, check, get, js, same, thrown};

/// Has the timers that are set from now on noted, until the function that this gives is called.
fn watched() -> Result<(JsValue, Function), wasm_bindgen::JsError> {
    let both = js("(() => {
        const original = globalThis.setTimeout;
        const set = [];
        globalThis.setTimeout = (call, ms) => {
            const timer = original(call, Math.min(ms, 1));
            set.push({ ms, isRefed: () => timer.hasRef?.() });
            return timer;
        };
        return [set, () => (globalThis.setTimeout = original)];
    })()")?;
    Ok((get(&both, "0"), get(&both, "1").unchecked_into()))
}

#[wasm_bindgen]
pub async fn sleeping_takes_its_time() -> Tested {
    let host = WebHost(None);
    let before = Date::now();
    host.sleep(40).await;
    let took = Date::now() - before;
    check!((38.0..5_000.0).contains(&took));
    Ok(())
}

#[wasm_bindgen]
pub async fn idling_keeps_no_process_alive_and_sleeping_is_never_cut_short() -> Tested {
    let (set, give) = watched()?;
    let host = WebHost(None);
    let short = host.idle(5);
    let long = host.sleep(u64::MAX);
    give.call0(&JsValue::UNDEFINED).map_err(thrown)?;
    same!(get(&set, "0.ms"), 5);
    // A timer that is set for longer than it can count would ring at once.
    same!(get(&set, "1.ms"), i32::MAX);
    let is_refed: Function = get(&set, "0.isRefed").unchecked_into();
    check!(is_refed.call0(&JsValue::UNDEFINED).map_err(thrown)?.is_falsy());
    let is_refed: Function = get(&set, "1.isRefed").unchecked_into();
    check!(is_refed.call0(&JsValue::UNDEFINED).map_err(thrown)? != false);
    short.await;
    long.await;
    Ok(())
}

#[wasm_bindgen]
pub async fn a_clock_of_the_users_is_asked() -> Tested {
    let clock = js(
        "({ asked: [], now: () => 1234.9, sleep(ms) { this.asked.push(ms); return Promise.resolve() } })",
    )?;
    let host = WebHost::new(clock.clone().unchecked_into());
    same!(host.now().as_millis(), 1234);
    host.sleep(7_000_000).await;
    same!(get(&clock, "asked.0"), 7_000_000);
    Ok(())
}

#[wasm_bindgen]
pub async fn a_clock_that_fails_is_not_asked_again_for_that() -> Tested {
    for clock in ["({})", "({ now() { throw 1 }, sleep() { throw 2 } })"] {
        let host = WebHost::new(js(clock)?.unchecked_into());
        let now = host.now().as_millis() as f64;
        check!((now - Date::now()).abs() < 5_000.0);
        host.sleep(1).await;
    }
    let host =
        WebHost::new(js("({ now: () => -5, sleep: () => Promise.reject(3) })")?.unchecked_into());
    same!(host.now().as_millis(), 0);
    host.sleep(1).await;
    Ok(())
}

#[wasm_bindgen]
pub fn dice_have_64_bits() -> Tested {
    let all =
        (0..64).map(|_| random()).fold((0, u64::MAX), |(any, every), one| (any | one, every & one));
    same!(all, (u64::MAX, 0));
    Ok(())
}
