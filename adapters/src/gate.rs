//! Whether hot hits may be served without asking the engine.

#[cfg(not(target_arch = "wasm32"))]
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that every hot hit looks at.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
pub(crate) struct Gate(AtomicBool);

#[cfg(not(target_arch = "wasm32"))]
impl Gate {
    pub(crate) fn new(is_open: bool) -> Self {
        Self(AtomicBool::new(is_open))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, is_open: bool) {
        self.0.store(is_open, Ordering::Release);
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::web::gate::Gate;
