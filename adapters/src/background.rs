//! Work that no call waits for, and who waits for its end.

use core::{future::poll_fn, mem, task::Poll};
use std::{sync::Arc, task::Waker};

use crate::{host::Task, lock::Lock};

/// Counts tasks until they end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Background(Arc<Lock<State>>);

#[derive(Debug, Default)]
struct State {
    running: usize,
    settlers: Vec<Waker>,
}

impl Background {
    /// The same task, counted from now on until it has ended or is dropped.
    pub(crate) fn counted(&self, task: Task) -> Task {
        self.0.lock().running += 1;
        let guard = Counted(self.clone());
        Box::pin(async move {
            let _guard = guard;
            task.await;
        })
    }

    /// Waits until none is left.
    pub(crate) async fn quiet(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if state.running == 0 {
                return Poll::Ready(());
            }
            if !state.settlers.iter().any(|known| known.will_wake(cx.waker())) {
                state.settlers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

/// A task that runs.
struct Counted(Background);

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.running -= 1;
        let settlers = if state.running == 0 { mem::take(&mut state.settlers) } else { Vec::new() };
        drop(state);
        settlers.into_iter().for_each(Waker::wake);
    }
}
