//! Those who wait for something, woken together.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Wake, Waker},
};

/// Wakers of those who wait. As a waker itself it wakes them all, so that what they share goes on with whichever of them is
/// polled.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    /// Remembers whom to wake; once, however often it is polled.
    pub(crate) fn add(&self, waker: &Waker) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    pub(crate) fn wake_all(&self) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

#[cfg(test)]
mod tests;
