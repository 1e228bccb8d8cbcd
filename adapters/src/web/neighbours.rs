//! Other tabs and workers, as JavaScript knows them.

use std::sync::Arc;

use js_sys::{Array, JsString, Promise};
use tiered_storage_core::{Scope, engine::Claim};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

use super::js::opaque;
use crate::{
    host::Task,
    neighbours::{Granted, Neighbours},
    tier::Access,
};

#[wasm_bindgen]
extern "C" {
    /// The `Neighbours` of `neighbours.ts`.
    #[derive(Clone)]
    pub type JsNeighbours;

    #[wasm_bindgen(method, structural)]
    fn claim(this: &JsNeighbours, kind: u8, name: &str) -> JsClaim;

    #[wasm_bindgen(method, structural, getter, js_name = keepsUp)]
    fn keeps_up(this: &JsNeighbours) -> bool;

    #[wasm_bindgen(method, structural, js_name = passOn)]
    fn pass_on(this: &JsNeighbours, accesses: Array);

    type JsClaim;

    /// 0 if nobody had it, 1 if somebody did, 2 if it is not to be had.
    #[wasm_bindgen(method, structural, getter)]
    fn granted(this: &JsClaim) -> Promise;

    #[wasm_bindgen(method, structural)]
    fn release(this: &JsClaim);
}

/// Released when it is dropped, granted or not.
struct Claimed(JsClaim);

opaque!(JsNeighbours, Claimed);

impl Drop for Claimed {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Neighbours for JsNeighbours {
    fn claim(&self, claim: &Claim) -> Task<Granted> {
        let (kind, name) = match claim {
            Claim::Tend(key) => (1, key.as_str()),
            Claim::Change(scope @ Scope::Key(_)) => (2, scope.as_str()),
            Claim::Change(scope) => (3, scope.as_str()),
            Claim::Copy(key) => (0, key.as_str()),
            _ => (0, ""),
        };
        let claimed = Claimed(self.claim(kind, name));
        Box::pin(async move {
            let granted = JsFuture::from(claimed.0.granted()).await;
            match granted.ok().and_then(|granted| granted.as_f64()) {
                Some(0.0) => Granted::AtOnce(Arc::new(claimed)),
                Some(1.0) => Granted::AfterWait(Arc::new(claimed)),
                _ => Granted::No,
            }
        })
    }

    fn keeps_up(&self) -> bool {
        self.keeps_up()
    }

    fn pass_on(&self, accesses: &[Access]) {
        let flat = Array::new();
        for Access { key, count, last } in accesses {
            flat.push(&JsString::from(key.as_str()));
            flat.push(&(*count as f64).into());
            flat.push(&(last.as_millis() as f64).into());
        }
        self.pass_on(flat);
    }
}
