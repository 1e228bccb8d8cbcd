//! Work that no call waits for, and who waits for its end.

use core::{future::poll_fn, task::Poll};
use std::sync::Arc;

use crate::{host::Task, lock::Lock, waiting::Waiting};

/// Counts tasks until they end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Background(Arc<State>);

#[derive(Debug, Default)]
struct State {
    running: Lock<usize>,
    settlers: Waiting,
}

impl Background {
    /// The same task, counted from now on until it has ended or is dropped.
    pub(crate) fn counted(&self, task: Task) -> Task {
        *self.0.running.lock() += 1;
        let guard = Counted(self.clone());
        Box::pin(async move {
            let _guard = guard;
            task.await;
        })
    }

    /// Waits until none is left.
    pub(crate) async fn quiet(&self) {
        poll_fn(|cx| {
            let running = self.0.running.lock();
            if *running == 0 {
                return Poll::Ready(());
            }
            self.0.settlers.add(cx.waker());
            Poll::Pending
        })
        .await;
    }
}

/// A task that runs.
struct Counted(Background);

impl Drop for Counted {
    fn drop(&mut self) {
        let State { running, settlers } = &*self.0.0;
        let left = {
            let mut running = running.lock();
            *running -= 1;
            *running
        };
        if left == 0 {
            settlers.wake_all();
        }
    }
}
