//! Where a call that was stopped waits.

use std::{
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// Where one call waits.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<GateState>);

#[derive(Debug, Default)]
struct GateState {
    is_open: bool,
    waiting: Option<Waker>,
}

impl Gate {
    pub(super) fn open(&self) {
        let waiting = {
            let mut state = lock(&self.0);
            state.is_open = true;
            state.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    pub(super) async fn passed(&self) {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            if state.is_open {
                return Poll::Ready(());
            }
            state.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Nothing that is done with what is locked panics halfway.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
