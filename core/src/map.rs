//! Maps that are iterated in the order of their keys.
//!
//! WebAssembly has a map of its own: each kind of `BTreeMap` brings 3 to 6 KiB of code, and there are a dozen of them.

#[cfg(not(target_arch = "wasm32"))]
pub use alloc::collections::BTreeMap as Map;

#[cfg(any(test, target_arch = "wasm32"))]
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(unnameable_types, reason = "only tests see it here")
)]
mod flat;
#[cfg(target_arch = "wasm32")]
pub use flat::{Entry, Map};
