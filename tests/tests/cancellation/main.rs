//! A call that is dropped, wherever it stands, locks nothing, tears nothing, and never brings an older value back.

mod real;
mod stepping;
mod tiers;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Only what is locked for ever waits so long.
const FOR_EVER: Duration = Duration::from_secs(120);

/// Runs a call that nothing may hold up.
async fn promptly<T>(what: &str, call: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(FOR_EVER, call).await;
    outcome.unwrap_or_else(|_| panic!("{what} is held up"))
}

/// Polls a future, whenever it is woken, at most so often; what it gives, if it ends by then, else the future.
fn after_polls<F: Future + Unpin>(polls: usize, future: F) -> AfterPolls<F> {
    AfterPolls { future: Some(future), left: polls }
}

struct AfterPolls<F> {
    future: Option<F>,
    left: usize,
}

impl<F: Future + Unpin> Future for AfterPolls<F> {
    type Output = Result<F::Output, F>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left > 0 {
            self.left -= 1;
            let future = self.future.as_mut().expect("it is not polled after it ended");
            if let Poll::Ready(output) = Pin::new(future).poll(cx) {
                return Poll::Ready(Ok(output));
            }
        }
        if self.left == 0 {
            return Poll::Ready(Err(self.future.take().expect("it is not polled after it ended")));
        }
        Poll::Pending
    }
}
