//! Writes that others are being queued behind.

use std::sync::{Arc, Weak};

use tiered_storage_core::condition::Condition;

use crate::lock::Lock;

/// The write before one that is being queued, and what it left if it was sent meanwhile: that is what its writer saw, then.
#[derive(Debug)]
pub(super) struct Lead {
    id: u64,
    left: Lock<Option<Condition>>,
}

impl Lead {
    pub(super) fn left(&self) -> Option<Condition> {
        self.left.lock().clone()
    }
}

/// All that somebody watches.
#[derive(Debug, Default)]
pub(super) struct Leads(Lock<Vec<Weak<Lead>>>);

impl Leads {
    /// Watches a write, until what this gives is dropped.
    pub(super) fn watch(&self, id: u64) -> Arc<Lead> {
        let lead = Arc::new(Lead { id, left: Lock::default() });
        let mut leads = self.0.lock();
        leads.retain(|one| one.strong_count() > 0);
        leads.push(Arc::downgrade(&lead));
        lead
    }

    /// A write was sent, and left this.
    pub(super) fn leave(&self, id: u64, left: &Condition) {
        let leads = self.0.lock();
        for lead in leads.iter().filter_map(Weak::upgrade).filter(|lead| lead.id == id) {
            *lead.left.lock() = Some(left.clone());
        }
    }
}
