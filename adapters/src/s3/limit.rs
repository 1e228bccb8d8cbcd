//! How many requests run at once.

use core::{
    pin::Pin,
    task::{Context, Poll, Waker},
};
use std::sync::{Mutex, MutexGuard};

/// Lets a fixed number in at a time, in the order in which they came. It needs no runtime.
#[derive(Debug)]
pub(super) struct Limit(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    next: u64,
    /// In the order in which they came, with whom to wake; nobody where it is their turn, and they have not noticed yet.
    queue: Vec<(u64, Option<Waker>)>,
}

impl Limit {
    pub(super) fn new(max: usize) -> Self {
        Self(Mutex::new(State { free: max, next: 0, queue: Vec::new() }))
    }

    /// Waits for a turn, which lasts until the permit is dropped. Dropping the future gives up the place in the queue.
    pub(super) fn enter(&self) -> Enter<'_> {
        Enter { limit: self, place: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of this lock panics")
    }

    fn leave(&self) {
        let waker = {
            let mut state = self.state();
            let waker = state.queue.iter_mut().find_map(|(_, waker)| waker.take());
            if waker.is_none() {
                state.free += 1;
            }
            waker
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    /// Where in the queue a place is.
    fn at(&self, place: Option<u64>) -> Option<usize> {
        let place = place?;
        self.queue.iter().position(|(known, _)| *known == place)
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
        match state.at(self.place) {
            Some(at) if state.queue[at].1.is_none() => {
                state.queue.remove(at);
                self.place = None;
            }
            Some(at) => {
                state.queue[at].1 = Some(context.waker().clone());
                return Poll::Pending;
            }
            None if state.free > 0 => state.free -= 1,
            None => {
                state.next += 1;
                let place = state.next;
                self.place = Some(place);
                state.queue.push((place, Some(context.waker().clone())));
                return Poll::Pending;
            }
        }
        Poll::Ready(Permit(limit))
    }
}

impl Drop for Enter<'_> {
    fn drop(&mut self) {
        let had_turn = {
            let mut state = self.limit.state();
            let at = state.at(self.place);
            at.is_some_and(|at| state.queue.remove(at).1.is_none())
        };
        if had_turn {
            self.limit.leave();
        }
    }
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
