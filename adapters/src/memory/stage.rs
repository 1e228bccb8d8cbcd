//! Bodies on their way into a memory tier: they are gathered.

use std::{any::Any, ops::Range, sync::Arc};

use async_trait::async_trait;
use tiered_storage_core::{Error, ErrorKind};

use crate::tier::{Payload, Source, Stage};

/// A body that is being gathered.
#[derive(Debug)]
pub(super) struct MemoryStage {
    gathered: Vec<u8>,
    /// How many more bytes the tier could hold.
    room: u64,
}

impl MemoryStage {
    pub(super) fn new(room: u64) -> Self {
        Self { gathered: Vec::new(), room }
    }
}

#[async_trait]
impl Stage for MemoryStage {
    async fn write(&mut self, piece: Payload) -> Result<(), Error> {
        let left = self.room.checked_sub(piece.len() as u64);
        self.room = left.ok_or_else(|| {
            Error::new(ErrorKind::Full, "the body is larger than the memory tier's limit")
        })?;
        self.gathered.extend_from_slice(&piece);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Arc<dyn Source>, Error> {
        // Without the room that it could still have grown into.
        Ok(Arc::new(MemorySource(self.gathered.into_boxed_slice().into())))
    }
}

/// A body that was gathered.
#[derive(Debug)]
struct MemorySource(Payload);

#[async_trait]
impl Source for MemorySource {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read(&self, range: Range<u64>) -> Result<Payload, Error> {
        Ok(self.0.slice(range.start as usize..range.end as usize))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
