//! An entry whose body is handed out piece by piece after the read of it has ended.
//!
//! ```text
//! [in the epoch of its read] -> shared with reads that begin meanwhile -> its end came: promote what was kept of it
//!                                                                    '-> given up: nothing is left of it
//! ```
//!
//! However long that takes: who begins when the entry has expired, or when a copy of that age would be compared with cold,
//! reads by itself.

use super::{Promote, Reply};
use crate::{config::Config, time::Timestamp};

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

impl Held {
    /// Whether a read that begins now may be answered so.
    pub(crate) fn is_good(&self, config: &Config, now: Timestamp) -> bool {
        match &self.reply {
            Reply::Found(metadata, _) => metadata.is_live(now) && !config.is_due(metadata, now),
            _ => false,
        }
    }
}
