//! Work that may block, away from the threads that run futures.

use tiered_storage_core::{Error, ErrorKind};
use tokio::{runtime::Handle, task::JoinHandle};

/// Work on one of the runtime's blocking threads, or its end where there is no runtime: then it ran on this thread.
/// Dropped, it goes on to its end.
#[derive(Debug)]
pub(crate) enum Task<T> {
    Running(JoinHandle<Result<T, Error>>),
    Done(Result<T, Error>),
}

impl<T: Send + 'static> Task<T> {
    pub(crate) fn spawn(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Self {
        match Handle::try_current() {
            Ok(runtime) => Self::Running(runtime.spawn_blocking(work)),
            Err(_) => Self::Done(work()),
        }
    }

    pub(crate) async fn end(self) -> Result<T, Error> {
        let running = match self {
            Self::Running(running) => running,
            Self::Done(result) => return result,
        };
        match running.await {
            Ok(result) => result,
            Err(error) if error.is_cancelled() => {
                Err(Error::new(ErrorKind::Unavailable, "the runtime is shutting down"))
            }
            Err(error) => {
                Err(Error::new(ErrorKind::Internal, "work on files panicked").with_source(error))
            }
        }
    }
}
