//! An order of eviction, for tiers that hold their entries in JavaScript.

use tiered_storage::{
    evict::{Policy as Order, PolicyKind, Standing},
    web::error::to_js,
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen]
#[derive(Debug)]
pub struct Policy {
    order: Order,
    /// Which slots are in use: the order may not be asked about others.
    used: Vec<bool>,
}

#[wasm_bindgen]
impl Policy {
    #[wasm_bindgen(constructor)]
    pub fn new(kind: &str) -> Result<Self, JsValue> {
        let kind = PolicyKind::parse(kind).map_err(|error| to_js(&error))?;
        Ok(Self { order: Order::new(kind), used: Vec::new() })
    }

    pub fn insert(&mut self, id: u32, weight: f64, fingerprint: u32) {
        let at = id as usize;
        if at >= self.used.len() {
            self.used.resize(at + 1, false);
        }
        let standing = if self.used[at] { self.order.remove(id) } else { Standing::default() };
        self.order.insert(id, weight as u64, fingerprint.into(), standing);
        self.used[at] = true;
    }

    pub fn reweigh(&mut self, id: u32, weight: f64) {
        if self.is_used(id) {
            self.order.reweigh(id, weight as u64);
        }
    }

    pub fn touch(&mut self, ids: &[u32]) {
        ids.iter().for_each(|id| self.order.touch(*id));
    }

    pub fn remove(&mut self, id: u32) {
        if self.is_used(id) {
            self.order.remove(id);
            self.used[id as usize] = false;
        }
    }

    pub fn evict(&mut self) -> Option<u32> {
        let id = self.order.evict()?;
        self.used[id as usize] = false;
        Some(id)
    }

    fn is_used(&self, id: u32) -> bool {
        self.used.get(id as usize).is_some_and(|used| *used)
    }
}
