//! What the calls of the tier have in common: how they get to a thread that may block, and what they wait for.

use core::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::FixedState;
use tiered_storage_core::{Condition, Error, ErrorKind, Key, Metadata};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    DiskTier,
    files::Layout,
    inner::{Call, Inner},
    object::PIECE_BYTES,
    read::{Bad, Found, Spot},
    recover::Phase,
    stage::{DiskSource, DiskStage},
    store::Material,
    task::Task,
};
use crate::{
    pieces::pour,
    tier::{Contents, Read, Source, Stage},
};

impl DiskTier {
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.inner);
        Task::spawn(move || work(&inner)).end().await
    }

    /// Waits until recovery has come as far as `phase`.
    pub(super) async fn recovered(&self, phase: Phase) {
        let mut phases = self.inner.phase.subscribe();
        // The sender lives as long as `inner`, so this ends by the phase alone.
        let _ = phases.wait_for(|reached| *reached >= phase).await;
    }

    /// Reads of an entry what `read` reads, without waiting if `cached` can.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        key: &Key,
        cached: impl FnOnce(&Spot) -> Option<T>,
        read: impl Fn(&Spot, &Layout) -> Result<T, Bad> + Copy + Send + 'static,
    ) -> Result<Read<T>, Error> {
        match self.inner.find(key)? {
            Found::Missing => return Ok(Read::Missing),
            Found::Unknown => {
                let wanted = key.clone();
                let probed = self.blocking(move |inner| inner.probe(&wanted, read)).await?;
                if let Some(found) = probed {
                    return Ok(found);
                }
                self.recovered(Phase::Measuring).await;
            }
            Found::Spot(spot) => {
                if let Some(found) = cached(&spot) {
                    return Ok(spot.vouch(found));
                }
            }
        }
        let key = key.clone();
        Ok(self.blocking(move |inner| inner.look(&key, read)).await?.unwrap_or(Read::Missing))
    }

    /// Writes an entry, whose body is in memory or was staged here.
    pub(super) async fn put(
        &self,
        key: &Key,
        metadata: Metadata,
        body: Contents,
        condition: Option<Condition>,
    ) -> Result<(), Error> {
        // One after the other, so that none is overtaken by another whose condition does not hold.
        let turn = match condition {
            Some(_) => Some(Arc::clone(self.turn(key)).lock_owned().await),
            None => None,
        };
        let call = Call::begin(&self.inner, key)?;
        if condition.is_some() {
            self.recovered(Phase::Complete).await;
        } else if self.inner.settings.size_bytes_max.is_some() {
            self.recovered(Phase::ReadingObjects).await;
        }
        let permit = Arc::clone(&self.writes).acquire_owned().await;
        self.blocking(move |inner| {
            let _held = (permit, turn);
            let write = |material| inner.write(&call, &metadata, material, condition.as_ref());
            match &body {
                Contents::Whole(body) => write(Material::Bytes(body)),
                Contents::Staged(source) => match source.as_any().downcast_ref() {
                    Some(DiskSource::File(draft, object)) => {
                        draft.lend(|| write(Material::Draft(draft, object)))
                    }
                    _ => Err(Error::new(ErrorKind::Internal, "a body is not the disk tier's own")),
                },
            }
        })
        .await
    }

    /// A staged body in a form that this tier can store: in memory if it is small, else in a file of its own.
    pub(super) async fn own(&self, key: &Key, source: Arc<dyn Source>) -> Result<Contents, Error> {
        if let Some(DiskSource::File(draft, _)) = source.as_any().downcast_ref()
            && Arc::ptr_eq(&draft.inner, &self.inner)
            && draft.is_staged()
        {
            return Ok(Contents::Staged(source));
        }
        let size = source.size_bytes();
        if size <= PIECE_BYTES {
            return source.read(0..size).await.map(Contents::Whole);
        }
        let mut stage = Box::new(DiskStage::begin(&self.inner, key)?);
        pour(&*source, &mut *stage, PIECE_BYTES).await?;
        stage.finish().await.map(Contents::Staged)
    }

    fn turn(&self, key: &Key) -> &Arc<AsyncMutex<()>> {
        let hash = FixedState::default().hash_one(key.as_str());
        &self.turns[hash as usize % self.turns.len()]
    }
}
