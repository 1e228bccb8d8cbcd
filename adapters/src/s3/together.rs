//! Waiting for a few futures, which run at once.

use core::{future::poll_fn, pin::Pin, task::Poll};

/// A future that runs beside others, and what it gave once it was done.
type Running<F> = (Pin<Box<F>>, Option<<F as Future>::Output>);

/// Waits for all.
pub(super) async fn together<F: Future>(
    futures: impl IntoIterator<Item = F>,
) -> impl Iterator<Item = F::Output> {
    until(futures, |_| false).await
}

/// Waits for all, or until one fails: then it drops the others.
pub(super) async fn all<T, E, F: Future<Output = Result<T, E>>>(
    futures: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, E> {
    until(futures, Result::is_err).await.collect()
}

/// Waits for all, or until one gives what ends the waiting.
async fn until<F: Future>(
    futures: impl IntoIterator<Item = F>,
    is_end: impl Fn(&F::Output) -> bool,
) -> impl Iterator<Item = F::Output> {
    let futures = futures.into_iter().map(|future| (Box::pin(future), None));
    let mut running: Vec<Running<F>> = futures.collect();
    poll_fn(|context| {
        let mut is_over = true;
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(done) if is_end(&done) => {
                    *output = Some(done);
                    return Poll::Ready(());
                }
                Poll::Ready(done) => *output = Some(done),
                Poll::Pending => is_over = false,
            }
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output)
}
