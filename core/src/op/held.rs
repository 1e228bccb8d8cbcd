//! An entry whose body is handed out piece by piece after the read of it has ended.
//!
//! ```text
//! [in the epoch of its read] -> shared with reads that begin meanwhile -> its end came: promote what was kept of it
//!                                                                    '-> given up: nothing is left of it
//! ```

use super::{Promote, Reply};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    /// What those who share it are told.
    pub(crate) reply: Reply,
    /// What is to be done once all of it is there.
    pub(crate) promotion: Option<Promote>,
    /// How many were told, and have not left.
    pub(crate) readers: usize,
    /// The epoch of its lane when its read began.
    pub(crate) epoch: u64,
}
