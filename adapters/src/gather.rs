//! Waiting for many tasks, some at once.
//!
//! In place of `buffered` of futures-util, whose machinery is in a module of WebAssembly once for each kind of task.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use tiered_storage_core::{Error, Metadata};

use crate::host::Task;

/// How many tasks run at once.
const CONCURRENCY: usize = 16;

/// What a task found out about an entry.
pub(crate) type Finding = Result<Option<Metadata>, Error>;

/// Runs tasks, 16 at once, and gives what they found, in the order of the tasks. It ends at the first failure: tasks
/// that run then are dropped, and those that wait are not begun.
pub(crate) struct Gather {
    left: Tasks,
    running: Vec<Running>,
    found: Vec<Option<Metadata>>,
    /// Who waits.
    waker: Waker,
}

struct Running {
    at: usize,
    task: Task<Finding>,
    bell: Arc<Bell>,
}

/// Rings when a task can go on.
struct Bell {
    rang: AtomicBool,
    waker: Waker,
}

/// Tasks that are made when their turn comes.
#[cfg(not(target_arch = "wasm32"))]
type Tasks = Box<dyn FnMut() -> Option<Task<Finding>> + Send>;
/// Tasks that are made when their turn comes.
#[cfg(target_arch = "wasm32")]
type Tasks = Box<dyn FnMut() -> Option<Task<Finding>>>;

impl Gather {
    pub(crate) fn new(tasks: Tasks) -> Self {
        let (running, found) = (Vec::new(), Vec::new());
        Self { left: tasks, running, found, waker: Waker::noop().clone() }
    }

    /// Begins as many tasks as may run.
    fn begin(&mut self) {
        while self.running.len() < CONCURRENCY {
            let Some(task) = (self.left)() else { return };
            let bell = Bell::new(&self.waker);
            self.running.push(Running { at: self.found.len(), task, bell });
            self.found.push(None);
        }
    }
}

impl Future for Gather {
    type Output = Result<Vec<Option<Metadata>>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.waker.will_wake(cx.waker()) {
            self.waker = cx.waker().clone();
            self.running.iter_mut().for_each(|running| running.bell = Bell::new(cx.waker()));
        }
        loop {
            self.begin();
            if self.running.is_empty() {
                return Poll::Ready(Ok(std::mem::take(&mut self.found)));
            }
            let Self { running, found, .. } = &mut *self;
            let before = running.len();
            if let Err(error) = advance(running, found) {
                return Poll::Ready(Err(error));
            }
            if running.len() == before {
                return Poll::Pending;
            }
        }
    }
}

/// Goes on with the tasks that can, and takes out those that end.
fn advance(running: &mut Vec<Running>, found: &mut [Option<Metadata>]) -> Result<(), Error> {
    let mut at = 0;
    while let Some(next) = running.get_mut(at) {
        if next.bell.rang.swap(false, Ordering::AcqRel)
            && let Poll::Ready(finding) = next.poll()
        {
            found[next.at] = finding?;
            running.swap_remove(at);
        } else {
            at += 1;
        }
    }
    Ok(())
}

impl Running {
    fn poll(&mut self) -> Poll<Finding> {
        let waker = Waker::from(self.bell.clone());
        self.task.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

impl Bell {
    /// A bell that has rung: its task was not asked yet.
    fn new(waker: &Waker) -> Arc<Self> {
        Arc::new(Self { rang: AtomicBool::new(true), waker: waker.clone() })
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }
}

#[cfg(test)]
mod tests;
