//! The tiers of a host.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tempfile::TempDir;
use tiered_storage::{
    DiskOptions, DiskTier, Error, ErrorKind, Key, MemoryOptions, MemoryTier, S3Tier,
    StaticCredentials, Tier, conformance::FaultTier, memory::Volatility, tier::StorageTier,
};

use super::{
    args::Host,
    config::{Config, Limits},
    damage,
    form::How,
    seat::{Owner, Seat},
};
use crate::server::{Options, Server};

/// What all scenarios of a run share.
pub(super) enum Site {
    Memory,
    /// A server, and the buckets that no scenario had yet.
    DiskS3(Box<Server>, Vec<String>),
}

impl Site {
    /// For at most `scenarios` scenarios.
    pub(super) fn new(host: Host, scenarios: usize) -> io::Result<Self> {
        Ok(match host {
            Host::Memory => Self::Memory,
            Host::DiskS3 => {
                let buckets: Vec<String> =
                    (0..scenarios).map(|at| format!("scenario-{at}")).collect();
                let options = Options { buckets: buckets.clone(), ..Options::default() };
                Self::DiskS3(Box::new(Server::start(options)?), buckets)
            }
        })
    }

    pub(super) fn host(&self) -> Host {
        match self {
            Self::Memory => Host::Memory,
            Self::DiskS3(..) => Host::DiskS3,
        }
    }
}

/// A tier in its place, and the wrapper through which a storage sees it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) seat: Arc<Seat>,
    pub(super) fault: Arc<FaultTier>,
}

impl Place {
    fn new(tier: Arc<dyn StorageTier>, owner: Owner) -> Self {
        let seat = Arc::new(Seat::new(tier, owner));
        Self { fault: Arc::new(FaultTier::new(seat.clone())), seat }
    }
}

/// Makes the tiers of one scenario. Cold is one for all instances.
pub(super) struct Stage<'a> {
    limits: [Limits; 3],
    has_tier: [bool; 3],
    cold: Place,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Memory,
    DiskS3 {
        server: &'a Server,
        bucket: String,
        folder: TempDir,
        /// By instance.
        disks: Mutex<BTreeMap<String, Arc<DiskTier>>>,
    },
}

impl<'a> Stage<'a> {
    pub(super) fn new(site: &'a mut Site, config: &Config) -> Result<Self, Error> {
        let limits = config.limits;
        let (cold, kind): (Arc<dyn StorageTier>, _) = match site {
            Site::Memory => {
                (memory_tier(limits[Tier::Cold as usize], Volatility::Durable)?, Kind::Memory)
            }
            Site::DiskS3(server, buckets) => {
                let bucket = buckets.pop().expect("there is a bucket for every scenario");
                let options = server.options();
                let keys = StaticCredentials::new(&*options.access_key, &*options.secret_key);
                let cold = S3Tier::builder(&*bucket)
                    .endpoint(server.endpoint())
                    .region(&*options.region)
                    .credentials(keys)
                    .build()?;
                let folder = tempfile::tempdir().map_err(not_made)?;
                (Arc::new(cold), Kind::DiskS3 { server, bucket, folder, disks: Mutex::default() })
            }
        };
        let has_tier = Tier::ALL.map(|tier| config.tiers.contains(tier));
        Ok(Self { limits, has_tier, cold: Place::new(cold, Owner::Several), kind })
    }

    /// The tiers of a new instance.
    pub(super) fn places(&self, instance: &str) -> Result<[Option<Place>; 3], Error> {
        let place = |tier| Place::new(tier, Owner::One);
        let [has_hot, has_warm, _] = self.has_tier;
        let hot = has_hot.then(|| self.hot()).transpose()?.map(place);
        let warm = has_warm.then(|| self.warm(instance)).transpose()?.map(place);
        Ok([hot, warm, Some(self.cold.clone())])
    }

    /// What a restart does to the tiers of an instance that was closed: hot is lost.
    pub(super) fn reopen(&self, instance: &str, places: &[Option<Place>; 3]) -> Result<(), Error> {
        if let Some(hot) = &places[Tier::Hot as usize] {
            hot.seat.exchange(self.hot()?);
        }
        if let (Some(warm), Kind::DiskS3 { disks, .. }) = (&places[Tier::Warm as usize], &self.kind)
        {
            // The folder is free only when the tier that had it is gone.
            warm.seat.exchange(self.hot()?);
            drop(lock(disks).remove(instance));
            warm.seat.exchange(self.warm(instance)?);
        }
        Ok(())
    }

    /// Changes a body where it is stored. `false` if there is none.
    pub(super) async fn damage(
        &self,
        (tier, instance): (Tier, &str),
        place: &Place,
        key: &Key,
        how: How,
    ) -> Result<bool, Error> {
        match (tier, &self.kind) {
            (Tier::Warm, Kind::DiskS3 { disks, .. }) => {
                let disk = lock(disks).get(instance).cloned();
                let located = disk.and_then(|disk| disk.locate(key));
                located.map_or(Ok(false), |at| damage::in_file(&at, how).map_err(not_made))
            }
            (Tier::Cold, Kind::DiskS3 { server, bucket, .. }) => {
                let found = place.seat.tier().head(key).await?;
                Ok(found.is_some_and(|found| damage::in_bucket(server, bucket, &found, how)))
            }
            _ => damage::through(&*place.seat.tier(), key, how).await,
        }
    }

    fn hot(&self) -> Result<Arc<dyn StorageTier>, Error> {
        memory_tier(self.limits[Tier::Hot as usize], Volatility::Volatile)
    }

    fn warm(&self, instance: &str) -> Result<Arc<dyn StorageTier>, Error> {
        let limits = self.limits[Tier::Warm as usize];
        let Kind::DiskS3 { folder, disks, .. } = &self.kind else {
            return memory_tier(limits, Volatility::Durable);
        };
        let mut options = DiskOptions::new();
        if let Some(bytes) = limits.size_bytes_max {
            options = options.size_bytes_max(bytes);
        }
        if let Some(items) = limits.items_max {
            options = options.items_max(items);
        }
        // Instances may have any name, folders may not.
        let name: String = instance.bytes().map(|byte| format!("{byte:02x}")).collect();
        let path: PathBuf = folder.path().join(format!("i{name}"));
        let disk = Arc::new(DiskTier::open(path, options)?);
        lock(disks).insert(instance.to_owned(), disk.clone());
        Ok(disk)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_made(error: io::Error) -> Error {
    Error::new(ErrorKind::Internal, "the runner cannot reach its temporary folder")
        .with_source(error)
}

fn memory_tier(limits: Limits, volatility: Volatility) -> Result<Arc<dyn StorageTier>, Error> {
    let mut options = MemoryOptions::new().volatility(volatility).items_max(limits.items_max);
    if volatility == Volatility::Durable {
        // What stands in for a disk or S3 has no limit of its own.
        options = options.size_bytes_max(1 << 40);
    }
    if let Some(bytes) = limits.size_bytes_max {
        options = options.size_bytes_max(bytes);
    }
    if let Some(policy) = limits.policy {
        options = options.policy(policy);
    }
    Ok(Arc::new(MemoryTier::new(options)?))
}
