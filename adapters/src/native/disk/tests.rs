use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
};

/// Errors that are given in the place of a write.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) out_of_room: AtomicU32,
}

impl Faults {
    pub(super) fn check(&self) -> io::Result<()> {
        let take = |count: u32| count.checked_sub(1);
        match self.out_of_room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Err(io::ErrorKind::StorageFull.into()),
            Err(_) => Ok(()),
        }
    }
}
