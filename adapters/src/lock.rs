//! A lock for state that is touched briefly.

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// State that one thread at a time may touch. Nothing that is done with it panics halfway.
    #[derive(Debug, Default)]
    pub(crate) struct Lock<T>(Mutex<T>);

    impl<T> Lock<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod web {
    use std::cell::{RefCell, RefMut};

    /// State that is touched in one place at a time; there is one thread.
    #[derive(Debug, Default)]
    pub(crate) struct Lock<T>(RefCell<T>);

    impl<T> Lock<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(RefCell::new(value))
        }

        pub(crate) fn lock(&self) -> RefMut<'_, T> {
            self.0.borrow_mut()
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::Lock;
#[cfg(target_arch = "wasm32")]
pub(crate) use web::Lock;
