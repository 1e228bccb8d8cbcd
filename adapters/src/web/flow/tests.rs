use futures_util::TryStreamExt;
use tiered_storage_core::ErrorKind;
use wasm_bindgen::JsError;

use super::*;
use crate::web::testing::{Tested, check, failure, get, inside, js, same};

/// A body of JavaScript's that notes what is asked of it.
fn noting(methods: &str) -> Result<JsValue, JsError> {
    js(&format!("({{ asked: [], cancel() {{ this.asked.push('cancel') }}, {methods} }})"))
}

fn asked(flow: &JsValue) -> String {
    let asked: js_sys::Array = get(flow, "asked").unchecked_into();
    asked.join(" ").into()
}

const THREE: &str = "left: 3, next() {
    this.asked.push('next');
    const piece = this.left > 0 ? new Uint8Array(this.left) : undefined;
    this.left -= 1;
    return this.left === 1 ? piece : Promise.resolve(piece);
}";

#[wasm_bindgen]
pub async fn pieces_are_asked_for_one_by_one_and_given_back_once() -> Tested {
    let flow = noting(THREE)?;
    let sizes: Vec<usize> = pieces(flow.clone()).map_ok(|piece| piece.len()).try_collect().await?;
    same!(sizes, [3, 2, 1]);
    same!(asked(&flow), "next next next next cancel");
    let flow = noting(THREE)?;
    let mut some = pieces(flow.clone());
    check!(asked(&flow).is_empty());
    some.try_next().await?;
    drop(some);
    same!(asked(&flow), "next cancel");
    Ok(())
}

#[wasm_bindgen]
pub async fn pieces_that_fail_are_given_back() -> Tested {
    for (next, kind) in [
        ("next() { throw { kind: 'denied', message: 'no' } }", ErrorKind::Denied),
        ("next: () => Promise.reject(new Error('gone'))", ErrorKind::Unavailable),
        ("next: () => 'text'", ErrorKind::Corrupt),
        ("next: 5", ErrorKind::Unavailable),
    ] {
        let flow = noting(next)?;
        let all: Result<Vec<Payload>, Error> = pieces(flow.clone()).try_collect().await;
        same!((next, failure(all)?.kind()), (next, kind));
        same!(asked(&flow), "cancel");
    }
    let throws = js("({ next: () => undefined, cancel() { throw new Error('no') } })")?;
    let none: Vec<Payload> = pieces(throws).try_collect().await?;
    check!(none.is_empty());
    Ok(())
}

#[wasm_bindgen]
pub async fn what_is_staged_is_given_back_when_nobody_has_it() -> Tested {
    let flow = noting(
        "write(piece) { this.asked.push(`write${piece.length}`) },
        finish() {
            this.asked.push('finish');
            const { asked } = this;
            return {
                size: 5,
                read: async (start, end) => new Uint8Array(end - start),
                cancel: () => asked.push('discard'),
            };
        }",
    )?;
    let mut stage: Box<dyn Stage> = Box::new(PortStage::new(flow.clone()));
    stage.write(inside(&[1, 2])).await?;
    let ready = stage.finish().await?;
    same!(asked(&flow), "write2 finish cancel");
    same!((ready.size_bytes(), ready.read(1..4).await?.len()), (5, 3));
    same!(get(&object(&*ready), "size"), 5);
    drop(ready);
    same!(asked(&flow), "write2 finish cancel discard");
    let flow = noting("write: () => Promise.reject({ kind: 'full', message: 'no room' })")?;
    let mut stage = PortStage::new(flow.clone());
    same!(failure(stage.write(inside(&[1])).await)?.kind(), ErrorKind::Full);
    drop(stage);
    same!(asked(&flow), "cancel");
    Ok(())
}
