//! The server, the tiers, and the storage over them.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tempfile::TempDir;
use tiered_storage::{
    Compression, Event, Promotion, TieredStorage,
    memory::{MemoryOptions, MemoryTier},
    native::disk::{DiskOptions, DiskTier},
    s3::{S3Tier, StaticCredentials},
};
use tiered_storage_tests::server::{Counts, Fault, Rule, Server};

use crate::{DemoError, assets::File, options::Options};

pub(crate) const BUCKET: &str = "bucket";
const HOT_BYTES: u64 = 8 << 20;

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) storage: TieredStorage,
    /// The warm tier by itself, for asking what it holds.
    pub(crate) warm: Arc<DiskTier>,
    pub(crate) events: Arc<Events>,
    pub(crate) hot_bytes_max: u64,
    pub(crate) warm_bytes_max: u64,
    disk: TempDir,
}

impl World {
    pub(crate) async fn open(options: &Options, files: &[File]) -> Result<Self, DemoError> {
        let server = Server::start(tiered_storage_tests::server::Options::default());
        let server = server.map_err(|error| DemoError::Io("127.0.0.1".into(), error))?;
        if !options.latency.is_zero() {
            server.faults().add(Rule::new(Fault::Latency(options.latency)).always());
        }
        let disk = temporary()?;
        // Room for most files but not for all, so that there is something to see in every tier.
        let total: u64 = files.iter().map(|file| file.size).sum();
        let warm_bytes_max = (total / 5).next_multiple_of(1 << 20).max(3 << 20);
        let hot_bytes_max = HOT_BYTES.min(warm_bytes_max * 2 / 3);
        let events = Arc::new(Events::default());
        let (storage, warm) =
            open(&server, disk.path(), (hot_bytes_max, warm_bytes_max), &events).await?;
        Ok(Self { server, storage, warm, events, hot_bytes_max, warm_bytes_max, disk })
    }

    /// Closes the storage and opens it again: over the same disk, with an empty memory.
    pub(crate) async fn restart(&mut self) -> Result<(), DemoError> {
        self.storage.close().await?;
        self.reopen().await
    }

    /// Closes the storage and opens one with an empty memory and an empty disk, as another machine would.
    pub(crate) async fn move_to_another_machine(&mut self) -> Result<(), DemoError> {
        self.storage.close().await?;
        self.disk = temporary()?;
        self.reopen().await
    }

    /// What S3 was asked since the last time.
    pub(crate) fn take_counts(&self) -> Counts {
        let counts = self.server.counts();
        self.server.reset_counts();
        counts
    }

    async fn reopen(&mut self) -> Result<(), DemoError> {
        let limits = (self.hot_bytes_max, self.warm_bytes_max);
        (self.storage, self.warm) =
            open(&self.server, self.disk.path(), limits, &self.events).await?;
        Ok(())
    }
}

async fn open(
    server: &Server,
    disk: &Path,
    (hot_bytes_max, warm_bytes_max): (u64, u64),
    events: &Arc<Events>,
) -> Result<(TieredStorage, Arc<DiskTier>), DemoError> {
    let keys = server.options();
    let cold = S3Tier::builder(BUCKET)
        .endpoint(server.endpoint())
        .region(&keys.region)
        .credentials(StaticCredentials::new(&keys.access_key, &keys.secret_key))
        .build()?;
    let warm = DiskTier::open(disk, DiskOptions::new().size_bytes_max(warm_bytes_max))?;
    let warm = Arc::new(warm);
    let hot = MemoryTier::new(MemoryOptions::new().size_bytes_max(hot_bytes_max))?;
    let events = Arc::clone(events);
    let storage = TieredStorage::builder(Arc::new(cold))
        .warm(Arc::clone(&warm) as _)
        .hot(Arc::new(hot))
        .compression(Compression::Gzip)
        .promotion(Promotion::Eager)
        .on_event(move |event| events.note(event))
        .open()
        .await?;
    Ok((storage, warm))
}

fn temporary() -> Result<TempDir, DemoError> {
    tempfile::tempdir().map_err(|error| DemoError::Io(std::env::temp_dir(), error))
}

/// What happened behind the calls' backs.
#[derive(Debug, Default)]
pub(crate) struct Events {
    promoted: AtomicU64,
    corrupt: AtomicU64,
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) promoted: u64,
    pub(crate) corrupt: u64,
}

impl Events {
    pub(crate) fn seen(&self) -> Seen {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Seen { promoted: of(&self.promoted), corrupt: of(&self.corrupt) }
    }

    fn note(&self, event: &Event) {
        let counter = match event {
            Event::Promoted { .. } => &self.promoted,
            Event::CopyCorrupt { .. } => &self.corrupt,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
