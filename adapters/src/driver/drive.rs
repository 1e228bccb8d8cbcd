//! Driving an operation to its end, whoever waits for it.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tiered_storage_core::{
    Error,
    engine::{Abandoned, Action, OpId, Outcome, Reply},
};

use super::{Caller, Given, Inner, Turn, Want};
use crate::{events::Event, host::Task};

/// Drives an operation to its reply.
pub(super) async fn drive(
    inner: Arc<Inner>,
    op: OpId,
    want: Want,
    caller: Caller,
) -> (Reply, Given) {
    let mut guard = Driving { inner, op, has_reply: false };
    loop {
        match poll_fn(|cx| guard.inner.poll_turn(op, cx)).await {
            Turn::Do(ticket, action, slot, body) => {
                let Some(ticket) = guard.inner.enter(op, ticket, slot, &action).await else {
                    continue;
                };
                let asked_us = guard.inner.asked(caller);
                let (outcome, found) = guard.inner.perform(&action, body, want).await;
                guard.inner.answered(op, &action, &outcome, asked_us);
                if let (Caller::None, Action::Write(tier, metadata), Outcome::Done(_)) =
                    (caller, &action, &outcome)
                {
                    let key = metadata.key().clone();
                    guard.inner.subscribers.tell(&Event::Promoted { tier: *tier, key });
                }
                guard.inner.finish(ticket, slot, outcome, found);
            }
            Turn::Reply(reply, given) => {
                guard.has_reply = true;
                return (reply, given);
            }
        }
    }
}

/// Tells the engine when its driver is dropped.
struct Driving {
    inner: Arc<Inner>,
    op: OpId,
    has_reply: bool,
}

impl Drop for Driving {
    fn drop(&mut self) {
        if !self.has_reply {
            let now = self.inner.host.now();
            self.inner.with(|state| {
                state.wakers.remove(&self.op);
                state.engine.lose(self.op, now);
            });
        }
    }
}

/// A change that outlives its caller once it has begun.
pub(crate) struct Lasting(Result<Running, Option<Error>>);

/// The change and who drives it; nobody any more once it has ended.
struct Running {
    inner: Arc<Inner>,
    op: OpId,
    task: Option<Drive>,
}

/// An operation on its way to its reply.
type Drive = Task<(Reply, Given)>;

impl Lasting {
    /// A change that was begun, or that was refused.
    pub(super) fn new(begun: Result<(Arc<Inner>, OpId, Drive), Error>) -> Self {
        let running = begun.map(|(inner, op, task)| Running { inner, op, task: Some(task) });
        Self(running.map_err(Some))
    }
}

impl Future for Lasting {
    type Output = Result<Reply, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Reply, Error>> {
        let ended = "a future is not polled after it ended";
        let running = match &mut self.0 {
            Ok(running) => running,
            Err(error) => return Poll::Ready(Err(error.take().expect(ended))),
        };
        let task = running.task.as_mut().expect(ended);
        let (reply, _) = std::task::ready!(task.as_mut().poll(cx));
        running.task = None;
        Poll::Ready(match reply {
            Reply::Failed(error) => Err(error),
            reply => Ok(reply),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        if self.inner.with(|state| state.engine.abandon(self.op)) == Abandoned::MustEnd {
            self.inner.spawn(Box::pin(async move {
                task.await;
            }));
        }
    }
}

/// Remembers an operation whose task is dropped before it begins, as a runtime that shuts down does.
pub(super) struct Stranded(Option<(Arc<Inner>, OpId)>);

impl Stranded {
    pub(super) fn new(inner: Arc<Inner>, op: OpId) -> Self {
        Self(Some((inner, op)))
    }

    /// The task runs.
    pub(super) fn rescue(mut self) {
        self.0 = None;
    }
}

impl Drop for Stranded {
    fn drop(&mut self) {
        if let Some((inner, op)) = self.0.take() {
            inner.lock().stranded.push(op);
        }
    }
}
