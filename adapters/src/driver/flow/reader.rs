//! One of those who read a body that is handed out piece by piece.

use core::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use tiered_storage_core::{
    Error, Tier, TierSet,
    engine::{OpId, SlotId},
};

use super::{
    Flow, Held,
    window::{ReaderId, Spot},
};
use crate::{
    pieces::{Give, given, overtaken},
    tier::{Payload, Pieces},
};

/// One of those who read a body that is handed out piece by piece.
pub(crate) struct Reader {
    flow: Arc<Flow>,
    held: Held,
    id: ReaderId,
    at: u64,
    /// What it reads by itself, and from which tier.
    own: Option<(Tier, Pieces)>,
}

impl Reader {
    pub(in crate::driver) fn new(
        flow: Arc<Flow>,
        slot: SlotId,
        held: Option<(OpId, TierSet)>,
    ) -> Self {
        let held = held.map(|(held, writes)| (slot, held, writes));
        let id = flow.window.lock().join();
        Self { flow, held, id, at: 0, own: None }
    }

    fn tell(&self, at: Option<u64>) {
        self.flow.change(|window| window.moved(self.id, at));
    }

    /// Reads on by itself: in `tier`, or in cold where that cannot give this version any more.
    async fn read_alone(&mut self, tier: Tier) -> Result<(), Error> {
        if tier != Tier::Cold {
            match self.flow.reopened(tier, self.at).await {
                Ok(Some(own)) => {
                    self.own = Some((tier, own));
                    return Ok(());
                }
                Ok(None) => {}
                Err(error) => self.flow.failed(&error, self.held),
            }
        }
        let own = self.flow.reopened(Tier::Cold, self.at).await;
        let own = own.and_then(|own| own.ok_or_else(|| overtaken(self.flow.metadata.key())));
        self.own = Some((Tier::Cold, own.map_err(|error| self.told(error, Tier::Cold))?));
        Ok(())
    }

    fn told(&self, error: Error, tier: Tier) -> Error {
        error.in_tier(tier).with_key(self.flow.metadata.key())
    }

    /// What is left to read.
    pub(crate) fn pieces(self) -> Pieces {
        given(Box::new(self))
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Give for Reader {
    /// The next piece. The end only comes if all were what was written.
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        loop {
            if let Some((tier, own)) = &mut self.own {
                let tier = *tier;
                let error = match own.try_next().await {
                    Ok(piece) => {
                        self.at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
                        return Ok(piece);
                    }
                    Err(error) => self.told(error, tier),
                };
                if tier == Tier::Cold {
                    return Err(error);
                }
                self.flow.failed(&error, self.held);
                self.read_alone(Tier::Cold).await?;
                continue;
            }
            let spot = self.flow.window.lock().spot(self.at);
            match spot {
                Spot::Piece(piece) => {
                    self.at += piece.len() as u64;
                    self.tell(Some(self.at));
                    return Ok(Some(piece));
                }
                Spot::NotYet => self.flow.advance(self.at, self.held).await,
                Spot::Gone => self.read_alone(self.flow.tier).await?,
                Spot::End(Ok(())) => return Ok(None),
                Spot::End(Err(error)) if self.flow.tier == Tier::Cold => {
                    return Err(self.told(error, Tier::Cold));
                }
                Spot::End(Err(_)) => self.read_alone(Tier::Cold).await?,
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.tell(None);
        if let Some((_, held, _)) = self.held {
            self.flow.inner.with(|state| state.engine.leave(held));
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("flow", &self.flow).field("at", &self.at).finish()
    }
}
