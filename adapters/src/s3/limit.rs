//! How many requests run at once.

use core::{
    pin::Pin,
    task::{Context, Poll, Waker},
};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

/// Lets a fixed number in at a time, in the order in which they came. It needs no runtime.
#[derive(Debug)]
pub(super) struct Limit(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    next: u64,
    /// In the order in which they came.
    waiting: VecDeque<(u64, Waker)>,
    /// Those whose turn it is, and who have not noticed yet.
    called: Vec<u64>,
}

impl Limit {
    pub(super) fn new(max: usize) -> Self {
        let (waiting, called) = (VecDeque::new(), Vec::new());
        Self(Mutex::new(State { free: max, next: 0, waiting, called }))
    }

    /// Waits for a turn, which lasts until the permit is dropped. Dropping the future gives up the place in the queue.
    pub(super) fn enter(&self) -> Enter<'_> {
        Enter { limit: self, place: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of this lock panics")
    }

    fn leave(&self) {
        let mut state = self.state();
        let Some((place, waker)) = state.waiting.pop_front() else {
            state.free += 1;
            return;
        };
        state.called.push(place);
        drop(state);
        waker.wake();
    }
}

#[derive(Debug)]
pub(super) struct Enter<'a> {
    limit: &'a Limit,
    place: Option<u64>,
}

impl<'a> Future for Enter<'a> {
    type Output = Permit<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit<'a>> {
        let limit = self.limit;
        let mut state = limit.state();
        let is_in = match self.place {
            Some(place) => take(&mut state.called, place),
            None if state.free > 0 => {
                state.free -= 1;
                true
            }
            None => false,
        };
        if is_in {
            self.place = None;
            return Poll::Ready(Permit(limit));
        }
        let waker = context.waker().clone();
        match state.waiting.iter_mut().find(|(place, _)| Some(*place) == self.place) {
            Some((_, last)) => *last = waker,
            None => {
                state.next += 1;
                self.place = Some(state.next);
                let place = state.next;
                state.waiting.push_back((place, waker));
            }
        }
        Poll::Pending
    }
}

impl Drop for Enter<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut state = self.limit.state();
        if let Some(at) = state.waiting.iter().position(|(waiting, _)| *waiting == place) {
            state.waiting.remove(at);
        } else if take(&mut state.called, place) {
            drop(state);
            self.limit.leave();
        }
    }
}

/// Takes `place` out; says whether it was there. Few are called at once.
fn take(called: &mut Vec<u64>, place: u64) -> bool {
    let at = called.iter().position(|called| *called == place);
    at.is_some_and(|at| called.swap_remove(at) == place)
}

/// A turn.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a Limit);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests;
