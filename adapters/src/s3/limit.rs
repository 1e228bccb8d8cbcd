//! How many requests run at once.

use core::{
    pin::Pin,
    task::{Context, Poll, Waker},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

/// Lets a fixed number in at a time, in the order in which they came. It needs no runtime.
#[derive(Debug)]
pub(super) struct Limit(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    next: u64,
    waiting: BTreeMap<u64, Waker>,
    /// Those whose turn it is, and who have not noticed yet.
    called: BTreeSet<u64>,
}

impl Limit {
    pub(super) fn new(max: usize) -> Self {
        let (waiting, called) = (BTreeMap::new(), BTreeSet::new());
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
        let Some((place, waker)) = state.waiting.pop_first() else {
            state.free += 1;
            return;
        };
        state.called.insert(place);
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
            Some(place) => state.called.remove(&place),
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
        let place = self.place.unwrap_or_else(|| {
            state.next += 1;
            state.next
        });
        self.place = Some(place);
        state.waiting.insert(place, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Enter<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut state = self.limit.state();
        if state.waiting.remove(&place).is_none() && state.called.remove(&place) {
            drop(state);
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
