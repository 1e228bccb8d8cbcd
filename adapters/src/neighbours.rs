//! Other instances over the same tiers: what they are to leave alone for a while, and who keeps up what is shared.

use core::fmt::Debug;
use std::sync::Arc;

pub use tiered_storage_core::{Scope, engine::Claim};

use crate::{
    host::Task,
    tier::{Access, Shareable},
};

/// The other instances of a storage over the same tiers, where there may be some: tabs of one origin, for one.
///
/// Whoever implements this keeps claims apart: of all instances, one at a time has a key, and while one changes a prefix,
/// nobody else has a key under it. A claim for [`Claim::Change`] is also how others get to know of a change, once when it is
/// granted and once when its hold is dropped; each of them then calls
/// [`TieredStorage::changed_elsewhere`](crate::TieredStorage::changed_elsewhere).
///
/// A hit in hot or warm claims nothing. A miss claims its key if it may be copied to a tier that others see.
pub trait Neighbours: Debug + Shareable {
    /// Waits until `claim` can be granted, but not for ever. Dropped before, it leaves nothing behind.
    fn claim(&self, claim: &Claim) -> Task<Granted>;

    /// Whether this instance is the one that keeps up what is shared: writes statistics there, for one. Default: yes.
    fn keeps_up(&self) -> bool {
        true
    }

    /// Gives counted reads to the instance that does. What does not get there is lost.
    fn pass_on(&self, accesses: &[Access]) {
        let _ = accesses;
    }
}

/// Keeps others away until it is dropped, which must not call the storage.
pub type Hold = Arc<dyn Held>;

/// What keeps others away until it is dropped.
pub trait Held: Debug + Shareable {}

impl<T: Debug + Shareable + ?Sized> Held for T {}

/// What became of a claim.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever grants claims says one of these")]
pub enum Granted {
    /// Nobody had it.
    AtOnce(Hold),
    /// Somebody had it before, so that what was read of it may be out of date.
    AfterWait(Hold),
    /// Others keep it, or change what it is under. A read goes on, and copies nothing; a change goes on.
    No,
}
