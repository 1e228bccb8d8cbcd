//! Whether hot hits may be served without asking the engine, where JavaScript can see it.

use js_sys::Uint8Array;

/// Two bytes on the JavaScript heap: 1 while hot hits may be served without asking, and 1 while somebody is told what
/// tiers answer, which JavaScript sets.
#[derive(Debug)]
pub(crate) struct Gate(Uint8Array);

impl Gate {
    pub(crate) fn new(is_open: bool) -> Self {
        let gate = Self(Uint8Array::new_with_length(2));
        gate.set(is_open);
        gate
    }

    pub(crate) fn set(&self, is_open: bool) {
        self.0.set_index(0, u8::from(is_open));
    }

    pub(crate) fn hears_answers(&self) -> bool {
        self.0.get_index(1) == 1
    }

    pub(crate) fn bytes(&self) -> Uint8Array {
        self.0.clone()
    }
}
