use std::{future::ready, pin::pin, sync::Mutex};

use futures::{
    channel::oneshot::{self, Sender},
    executor::block_on,
    task::noop_waker_ref,
};
use tiered_storage_core::{ErrorKind, Key, Timestamp};

use super::*;

fn named(name: usize) -> Metadata {
    Metadata::new(Key::new(name.to_string()).expect("a legal key"), 0, Timestamp::default())
}

fn name(found: &Option<Metadata>) -> Option<String> {
    found.as_ref().map(|found| found.key().to_string())
}

/// Tasks that wait until they are told what they found, and how they are told.
struct Waiting {
    senders: Arc<Mutex<Vec<Sender<Finding>>>>,
    polls: Arc<Mutex<Vec<usize>>>,
}

impl Waiting {
    fn new(count: usize) -> (Self, Gather) {
        let (senders, polls) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let waiting = Self { senders: senders.clone(), polls: polls.clone() };
        let mut tasks = (0..count).map(move |at| -> Task<Finding> {
            let (sender, mut receiver) = oneshot::channel();
            senders.lock().expect("no panic").push(sender);
            let polls = polls.clone();
            Box::pin(std::future::poll_fn(move |cx| {
                polls.lock().expect("no panic").push(at);
                Pin::new(&mut receiver).poll(cx).map(|found| found.expect("nobody hangs up"))
            }))
        });
        (waiting, Gather::new(Box::new(move || tasks.next())))
    }

    fn begun(&self) -> usize {
        self.senders.lock().expect("no panic").len()
    }

    fn end(&self, at: usize, finding: Finding) {
        let (closed, _) = oneshot::channel();
        let sender = std::mem::replace(&mut self.senders.lock().expect("no panic")[at], closed);
        sender.send(finding).expect("the task still waits");
    }

    fn polled(&self) -> Vec<usize> {
        std::mem::take(&mut self.polls.lock().expect("no panic"))
    }
}

#[test]
fn nothing_is_gathered_at_once() {
    let none = Gather::new(Box::new(|| None));
    assert_eq!(block_on(none), Ok(Vec::new()));
}

#[test]
fn what_is_ready_is_gathered_in_order() {
    let mut tasks = (0..100)
        .map(|at| -> Task<Finding> { Box::pin(ready(Ok((at % 3 != 0).then(|| named(at))))) });
    let found = block_on(Gather::new(Box::new(move || tasks.next()))).expect("no task fails");
    let expected: Vec<_> = (0..100).map(|at| (at % 3 != 0).then(|| at.to_string())).collect();
    assert_eq!(found.iter().map(name).collect::<Vec<_>>(), expected);
}

#[test]
fn sixteen_run_and_only_those_that_can_go_on_are_asked() {
    let (waiting, gather) = Waiting::new(18);
    let mut gather = pin!(gather);
    let cx = &mut Context::from_waker(noop_waker_ref());
    assert!(gather.as_mut().poll(cx).is_pending());
    assert_eq!((waiting.begun(), waiting.polled()), (16, (0..16).collect()));
    assert!(gather.as_mut().poll(cx).is_pending());
    assert!(waiting.polled().is_empty());
    waiting.end(3, Ok(Some(named(3))));
    assert!(gather.as_mut().poll(cx).is_pending());
    assert_eq!((waiting.begun(), waiting.polled()), (17, vec![3, 16]));
    waiting.end(16, Ok(None));
    assert!(gather.as_mut().poll(cx).is_pending());
    for at in (0..18).rev().filter(|at| ![3, 16].contains(at)) {
        waiting.end(at, Ok(Some(named(at))));
    }
    let Poll::Ready(found) = gather.as_mut().poll(cx) else { panic!("all tasks have ended") };
    let expected: Vec<_> = (0..18).map(|at| (at != 16).then(|| at.to_string())).collect();
    assert_eq!(found.expect("no task fails").iter().map(name).collect::<Vec<_>>(), expected);
}

#[test]
fn whoever_asks_last_is_woken() {
    let (waiting, gather) = Waiting::new(1);
    let mut gather = pin!(gather);
    assert!(gather.as_mut().poll(&mut Context::from_waker(noop_waker_ref())).is_pending());
    let bell = Bell::new(Waker::noop());
    bell.rang.store(false, Ordering::Release);
    let waker = Waker::from(bell.clone());
    assert!(gather.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    waiting.end(0, Ok(None));
    assert!(bell.rang.load(Ordering::Acquire));
    assert!(gather.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn the_first_failure_ends_it() {
    let (waiting, gather) = Waiting::new(40);
    let mut gather = pin!(gather);
    let cx = &mut Context::from_waker(noop_waker_ref());
    assert!(gather.as_mut().poll(cx).is_pending());
    let error = Error::new(ErrorKind::Unavailable, "down");
    waiting.end(7, Err(error.clone()));
    assert_eq!(gather.as_mut().poll(cx), Poll::Ready(Err(error)));
    assert_eq!(waiting.begun(), 16);
}
