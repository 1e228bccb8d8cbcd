//! Parts of bodies on a disk, over a cold tier that is asked for each of them once.

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering, mpsc},
};

use bytes::Bytes;
use tiered_storage::{
    ErrorKind, Event, SetOptions, Tier, TierSet, TieredStorage,
    conformance::{Call, FaultTier},
    memory::{MemoryOptions, MemoryTier, Volatility},
    native::disk::{DiskOptions, DiskTier},
    tier::StorageTier,
};

use super::{
    CHUNK_BYTES, long,
    tier::{Pace, PieceTier},
    writes::pieces,
};

const LEN: usize = 500_000;

struct World {
    storage: TieredStorage,
    disk: Arc<DiskTier>,
    cold: Arc<FaultTier>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn open(options: DiskOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let disk = Arc::new(DiskTier::open(folder.path(), options).expect("it is empty"));
        let options = MemoryOptions::new().volatility(Volatility::Durable);
        let cold = MemoryTier::new(options).expect("the limits are right");
        let cold = Arc::new(FaultTier::new(Arc::new(cold)));
        let builder = TieredStorage::builder(cold.clone()).warm(disk.clone());
        let builder = builder.range_caching(CHUNK_BYTES);
        let storage = builder.open().await.expect("the storage opens");
        Self { storage, disk, cold, _folder: folder }
    }

    /// Cold alone has `body`.
    async fn hold(&self, body: &Bytes) {
        let options = SetOptions::default().only_tiers(Tier::Cold);
        let set = self.storage.set_with("film", body.clone(), options).await;
        set.expect("the body is stored");
        self.settle().await;
    }

    async fn settle(&self) {
        self.storage.settled().await;
        self.cold.reset_calls();
    }

    /// Reads a part, and says where it came from.
    async fn part(&self, range: Range<u64>) -> (Tier, Bytes) {
        let part = self.storage.get_range("film", range).await.expect("the tiers answer");
        let part = part.expect("the entry is there");
        self.storage.settled().await;
        (part.source, part.data)
    }
}

#[tokio::test]
async fn ranges_come_from_disk_the_second_time_and_all_of_them_make_a_whole() {
    let world = World::open(DiskOptions::new()).await;
    let body = long(LEN);
    world.hold(&body).await;
    let of = |range: &Range<u64>| body.slice(range.start as usize..LEN.min(range.end as usize));
    let ranges = [70_000..70_010, 490_000..500_010, 0..1, 131_072..330_000, 340_000..480_000];
    for range in &ranges {
        assert!(world.part(range.clone()).await == (Tier::Cold, of(range)), "{range:?}");
        assert!(world.part(range.clone()).await == (Tier::Warm, of(range)), "{range:?}");
    }
    assert_eq!(world.cold.take_calls(Call::Read), ranges.len() as u64);
    world.storage.settled().await;

    let found = world.storage.get("film").await.expect("the tiers answer");
    assert!(found.as_ref() == Some(&body));
    assert!(world.part(10..490_000).await == (Tier::Warm, of(&(10..490_000))));
    assert_eq!(world.cold.take_calls(Call::Read), 0, "cold is not asked for what is all there");
    world.storage.close().await.expect("it closes");
}

#[tokio::test]
async fn parts_of_what_was_overwritten_or_deleted_are_gone() {
    let world = World::open(DiskOptions::new()).await;
    let (body, next) = (long(LEN), long(LEN + 1).slice(1..));
    world.hold(&body).await;
    assert!(world.part(0..9).await == (Tier::Cold, body.slice(..9)));
    assert!(world.disk.disk_bytes() > 0);
    world.hold(&next).await;
    assert!(world.part(0..9).await == (Tier::Cold, next.slice(..9)));
    assert!(world.part(0..9).await == (Tier::Warm, next.slice(..9)));
    world.storage.delete("film").await.expect("it is deleted");
    let part = world.storage.get_range("film", 0..9).await.expect("the tiers answer");
    assert!(part.is_none());
    assert_eq!(world.disk.disk_bytes(), 0);

    world.hold(&body).await;
    world.part(0..9).await;
    world.storage.invalidate_upper_caches("fi").await.expect("the tiers answer");
    assert_eq!(world.disk.usage().await.expect("usage").items, 0, "a key with parts is listed");
}

#[tokio::test]
async fn more_than_there_is_room_for_comes_from_cold() {
    let share = 2 * CHUNK_BYTES;
    let world = World::open(DiskOptions::new().size_bytes_max(4 * share)).await;
    let body = long(LEN);
    world.hold(&body).await;
    for start in (0..LEN as u64).step_by(CHUNK_BYTES as usize) {
        let expected = body.slice(start as usize..start as usize + 9);
        let source = if start < share { Tier::Warm } else { Tier::Cold };
        assert!(world.part(start..start + 9).await == (Tier::Cold, expected.clone()));
        assert!(world.part(start..start + 9).await == (source, expected));
        assert!(world.disk.disk_bytes() <= share);
    }
}

/// A disk that could never hold the body failed the whole write, after it had taken as much as it could.
#[tokio::test]
async fn a_stream_that_outgrows_the_disk_goes_on_in_cold() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let options = DiskOptions::new().size_bytes_max(3 << 20);
    let disk = Arc::new(DiskTier::open(folder.path(), options).expect("it is empty"));
    let cold = Arc::new(PieceTier::new(Pace::Ready));
    let (heard, hear) = mpsc::channel();
    let builder = TieredStorage::builder(cold.clone()).warm(disk.clone());
    let builder = builder.on_event(move |event| drop(heard.send(event.clone())));
    let storage = builder.open().await.expect("the storage opens");
    storage.set("film", "older").await.expect("the body is stored");

    let body = long(6_000_000);
    let written = storage.set_stream("film", pieces(&body), SetOptions::default()).await;
    let written = written.expect("cold has room");
    assert_eq!(written.tiers_written, TierSet::from(Tier::Cold));
    let told: Vec<_> = hear.try_iter().collect();
    let is_full = |event: &Event| matches!(event, Event::TierFailed { tier: Tier::Warm, error, .. } if error.kind() == ErrorKind::Full);
    assert!(!told.is_empty() && told.iter().all(is_full), "{told:?}");
    assert_eq!(cold.staged.load(Ordering::SeqCst), 0);
    storage.settled().await;
    assert_eq!(disk.usage().await.expect("usage").items, 0, "no older copy is left above");
    assert!(storage.get("film").await.expect("the tiers answer").is_some_and(|it| it == body));
}
