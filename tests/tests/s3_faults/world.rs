//! A storage over the embedded server, and what must hold of it whatever happened.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, pending, select};
use tempfile::TempDir;
use tiered_storage::{
    Entry, Error, Event, Requested, SetOptions, Tier, TierSet, TieredStorage, Timestamp, Written,
    host::Task,
    memory::{MemoryOptions, MemoryTier},
    native::disk::{DiskOptions, DiskTier},
    s3::{CredentialsProvider, Environment, S3Tier, S3TierBuilder, StaticCredentials},
};
use tiered_storage_tests::server::{Options, Server};
use tokio::sync::watch;

pub(crate) const BUCKET: &str = "bucket";
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
/// Long enough for a machine that is busy. What hangs does not wait for it.
pub(crate) const PATIENT_MS: u64 = 30_000;

/// Which tiers stand above the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// None.
    ColdOnly,
    /// Memory and disk.
    ThreeTiers,
}

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) storage: TieredStorage,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new(layout: Layout) -> Self {
        Self::with(layout, Options::default(), |builder| builder).await
    }

    pub(crate) async fn with(
        layout: Layout,
        options: Options,
        change: impl FnOnce(S3TierBuilder) -> S3TierBuilder,
    ) -> Self {
        let server = Server::start(options).expect("loopback can be listened on");
        let cold = change(tier(&server));
        Self::over(server, layout, cold).await
    }

    /// Over a server in which requests hang.
    pub(crate) async fn hanging(layout: Layout) -> Self {
        let server = Server::start(Options::default()).expect("loopback can be listened on");
        let cold = tier(&server).environment(Eager(Some(Alarms::over(&server))));
        Self::over(server, layout, cold).await
    }

    async fn over(server: Server, layout: Layout, cold: S3TierBuilder) -> Self {
        let cold = cold.build().expect("the settings are right");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let events = Arc::new(Mutex::new(Vec::new()));
        let mut builder = TieredStorage::builder(Arc::new(cold)).on_event({
            let events = events.clone();
            move |event| events.lock().expect("no subscriber panics").push(event.clone())
        });
        if layout == Layout::ThreeTiers {
            let hot = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
            let warm = DiskTier::open(folder.path(), DiskOptions::new()).expect("it is empty");
            builder = builder.hot(Arc::new(hot)).warm(Arc::new(warm));
        }
        let storage = builder.open().await.expect("the settings are right");
        Self { server, storage, events, _folder: folder }
    }

    /// A storage of cold alone, with nothing in between: what cold really has.
    pub(crate) async fn bare(&self) -> TieredStorage {
        let cold = tier(&self.server).build().expect("the settings are right");
        TieredStorage::builder(Arc::new(cold)).open().await.expect("the settings are right")
    }

    pub(crate) async fn set(&self, key: &str, version: u64) -> Result<Written, Error> {
        self.storage.set_with(key, body(version), options(version)).await
    }

    /// The version of `key` that is read, and its expiry. What is read is whole, and it is what cold has.
    pub(crate) async fn version(&self, key: &str) -> Option<(u64, Option<Timestamp>)> {
        let truth = whole(self.bare().await.get_with_metadata(key).await.expect("cold answers"));
        for _ in 0..2 {
            let read = self.storage.get_with_metadata(key).await.expect("the storage answers");
            assert_eq!(whole(read), truth, "{key}: what is read is not what cold has");
            self.storage.settled().await;
        }
        truth
    }

    pub(crate) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().expect("no subscriber panics"))
    }

    /// The requests among the events.
    pub(crate) fn take_requests(&self) -> Vec<Requested> {
        let request = |event| match event {
            Event::Requested { tier: Tier::Cold, request } => Some(request),
            _ => None,
        };
        self.take_events().into_iter().filter_map(request).collect()
    }
}

/// A tier over `server` that tries twice, and again at once.
pub(crate) fn tier(server: &Server) -> S3TierBuilder {
    let options = server.options();
    S3Tier::builder(BUCKET)
        .endpoint(server.endpoint())
        .credentials(StaticCredentials::new(&*options.access_key, &*options.secret_key))
        .environment(Eager::default())
        .attempts_max(2)
        .timeout_ms(PATIENT_MS)
}

/// Waits that end when so much time has passed, or at once when all that waits is for requests that hang. So what hangs runs
/// into its timeout without delay, and nothing else does, however slow the machine is. Nobody else may give a request up.
#[derive(Clone, Debug)]
pub(crate) struct Alarms {
    /// How many requests have hung.
    hung: watch::Receiver<u64>,
    rings: watch::Sender<Rings>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rings {
    /// How many wait, and how many have been ended because of a request that hung: one for each.
    waiting: u64,
    ended: u64,
}

impl Alarms {
    pub(crate) fn over(server: &Server) -> Self {
        Self { hung: server.faults().hung(), rings: watch::Sender::default() }
    }

    pub(crate) async fn sleep(&self, ms: u64) {
        if ms == 0 {
            return;
        }
        self.rings.send_modify(|rings| rings.waiting += 1);
        let _waiting = Waiting(&self.rings);
        let (mut hung, mut rings) = (self.hung.clone(), self.rings.subscribe());
        let all_hang = async {
            loop {
                let so_far = *hung.borrow_and_update();
                let is_ours = self.rings.send_if_modified(|rings| {
                    let is_ours = so_far >= rings.ended + rings.waiting;
                    rings.ended += u64::from(is_ours);
                    is_ours
                });
                if is_ours {
                    return;
                }
                let is_gone = match select(pin!(hung.changed()), pin!(rings.changed())).await {
                    Either::Left((news, _)) => news.is_err(),
                    Either::Right(_) => false,
                };
                if is_gone {
                    // With the server went all that hung.
                    return pending().await;
                }
            }
        };
        let late = tokio::time::sleep(Duration::from_millis(ms));
        select(pin!(all_hang), pin!(late)).await;
    }
}

struct Waiting<'a>(&'a watch::Sender<Rings>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|rings| rings.waiting -= 1);
    }
}

/// The real clock, or alarms, and dice that make no call wait before it is tried again.
#[derive(Debug, Default)]
pub(crate) struct Eager(pub(crate) Option<Alarms>);

#[async_trait]
impl Environment for Eager {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn sleep(&self, ms: u64) {
        match &self.0 {
            Some(alarms) => alarms.sleep(ms).await,
            None => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    }

    fn random(&self) -> u64 {
        0
    }

    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}

/// Credentials that another call replaces.
#[derive(Clone, Debug)]
pub(crate) struct Rotating(pub(crate) Arc<Mutex<Vec<tiered_storage::s3::Credentials>>>);

#[async_trait]
impl CredentialsProvider for Rotating {
    async fn credentials(&self, _now: Timestamp) -> Result<tiered_storage::s3::Credentials, Error> {
        let mut left = self.0.lock().expect("no holder panics");
        let next = left.first().cloned().expect("no more credentials are asked for than there are");
        left.remove(0);
        Ok(next)
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    Timestamp::from_millis(u64::try_from(since.as_millis()).expect("it is not that late"))
}

/// The bytes of a version: every one tells it.
pub(crate) fn body(version: u64) -> Bytes {
    version.to_le_bytes().repeat(300).into()
}

pub(crate) fn options(version: u64) -> SetOptions {
    SetOptions::default().ttl(HOUR).field("version", version.to_string())
}

/// The version and the expiry of an entry whose body and metadata belong together.
pub(crate) fn whole(entry: Option<Entry>) -> Option<(u64, Option<Timestamp>)> {
    let entry = entry?;
    let version: &BTreeMap<String, String> = entry.metadata.custom();
    let version = version["version"].parse().expect("a version is a number");
    assert_eq!(entry.data, body(version), "a body and the metadata of another");
    assert_eq!(entry.metadata.size(), entry.data.len() as u64);
    Some((version, entry.metadata.expires_at))
}

/// All the tiers that a layout has.
pub(crate) fn tiers(layout: Layout) -> TierSet {
    match layout {
        Layout::ColdOnly => TierSet::from(Tier::Cold),
        Layout::ThreeTiers => TierSet::ALL,
    }
}
