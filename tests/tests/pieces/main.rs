//! Bodies of any size: in pieces, in part, and written depending on what is there.

mod answers;
mod conditions;
mod disk;
mod dropped;
mod ranges;
mod reads;
mod tier;
mod walk;
mod writes;

use std::sync::{Arc, Mutex, atomic::Ordering};

use bytes::Bytes;
use tiered_storage::{
    Compression, Event, Promotion, TieredStorage,
    memory::{MemoryOptions, MemoryTier},
};

use tier::{Pace, PieceTier};

/// The chunks in which warm keeps parts.
const CHUNK_BYTES: u64 = 64 << 10;

/// Hot, and warm and cold that take and give bodies in pieces.
struct World {
    storage: TieredStorage,
    warm: Arc<PieceTier>,
    cold: Arc<PieceTier>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    /// Another instance over the same cold tier.
    async fn elsewhere(&self) -> TieredStorage {
        TieredStorage::builder(self.cold.clone()).open().await.expect("it opens")
    }

    async fn open(promotion: Promotion, compression: Compression) -> Self {
        Self::over(Pace::Ready, promotion, compression).await
    }

    async fn over(pace: Pace, promotion: Promotion, compression: Compression) -> Self {
        let (warm, cold) = (Arc::new(PieceTier::new(pace)), Arc::new(PieceTier::new(pace)));
        let hot = MemoryTier::new(MemoryOptions::new().size_bytes_max(1 << 20));
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = events.clone();
        let builder = TieredStorage::builder(cold.clone())
            .hot(Arc::new(hot.expect("the limits are right")))
            .warm(warm.clone())
            .promotion(promotion)
            .compression(compression)
            .on_event(move |event| heard.lock().expect("no holder panics").push(event.clone()));
        let builder = builder.range_caching(CHUNK_BYTES);
        let storage = builder.open().await.expect("the storage opens");
        Self { storage, warm, cold, events }
    }

    async fn plain() -> Self {
        Self::open(Promotion::Eager, Compression::Off).await
    }

    /// Cold alone has `body` under `key`.
    async fn held(&self, key: &str, body: &Bytes) {
        self.storage.set(key, body.clone()).await.expect("the body is stored");
        self.storage.invalidate_upper_caches("").await.expect("the tiers answer");
        for tier in [&self.warm, &self.cold] {
            for count in [&tier.opens, &tier.reads, &tier.ranges, &tier.writes] {
                count.store(0, Ordering::SeqCst);
            }
            tier.pieces.store(0, Ordering::SeqCst);
        }
    }

    /// Nothing is left of what was not stored.
    fn has_no_trace(&self) -> bool {
        [&self.warm, &self.cold].iter().all(|tier| tier.staged.load(Ordering::SeqCst) == 0)
    }

    fn heard(&self, is: impl Fn(&Event) -> bool) -> bool {
        self.events.lock().expect("no holder panics").iter().any(is)
    }
}

/// Bytes of which no two KiB are alike.
fn long(bytes: usize) -> Bytes {
    let mut state = 1_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(bytes).collect()
}
