//! What only native hosts have.

pub(crate) mod clock;
