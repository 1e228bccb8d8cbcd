//! Waiting for a few futures, which run at once.

use core::{future::poll_fn, pin::Pin, task::Poll};

use tiered_storage_core::Error;

/// A future that somebody waits for.
#[cfg(not(target_arch = "wasm32"))]
pub(super) type Running<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A future that somebody waits for.
#[cfg(target_arch = "wasm32")]
pub(super) type Running<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What to do when one fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    /// Wait for the others all the same.
    GoOn,
    /// Drop the others.
    Stop,
}

/// Waits for all, and gives the error of the first in line that failed.
pub(super) async fn together(
    futures: Vec<Running<'_, Result<(), Error>>>,
    on_failure: OnFailure,
) -> Result<(), Error> {
    let mut running: Vec<_> = futures.into_iter().map(Some).collect();
    let mut failed: Option<(usize, Error)> = None;
    poll_fn(|context| {
        let mut is_over = true;
        for (at, place) in running.iter_mut().enumerate() {
            let Some(future) = place else { continue };
            let Poll::Ready(done) = future.as_mut().poll(context) else {
                is_over = false;
                continue;
            };
            *place = None;
            if let Err(error) = done {
                if failed.as_ref().is_none_or(|(first, _)| at < *first) {
                    failed = Some((at, error));
                }
                if on_failure == OnFailure::Stop {
                    return Poll::Ready(());
                }
            }
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    failed.map_or(Ok(()), |(_, error)| Err(error))
}
