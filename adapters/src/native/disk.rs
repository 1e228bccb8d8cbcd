//! The disk tier: entries in a directory that one process owns.
//!
//! Bodies to 32 KiB are appended to segments, larger ones are a file each; both describe themselves, with their key,
//! metadata and checksums. The index is in memory, ordered by key, and on disk as a snapshot with a journal; where
//! that is missing or torn it is rebuilt from the records, in the background, while reads are served.
//!
//! # Bodies in pieces
//!
//! A staged body is a file from the first 256 KiB on, with the checksums of its chunks in memory. Storing it appends what
//! else an object has and renames the file, so that the body is written once, however large it is. Until then it is in
//! no index; it counts against the limit when it is stored, takes its file with it when it is dropped, survives a clear
//! (it is no entry), and is swept after a crash. Bodies over 1 MiB are read in pieces of 256 KiB from one open file,
//! each chunk checked before it is given out; an object's file is never changed, so that a reader has one version.
//!
//! # Parts of bodies
//!
//! Parts lie in a sparse file for each entry, with the checksums of their chunks in memory. When all are there, the file gets
//! what else an object has and is renamed. They are a cache of a cache: which there are is known in memory alone, so that
//! they are gone when the tier is closed, and are swept after a crash. They count against all limits with the bytes that were
//! written, take at most a quarter of the size limit, and are given up before any whole entry, the longest unused
//! first. The parts of one entry never make room for each other: an entry of more than that quarter keeps the parts that
//! came first, and one that is larger than the limit keeps none. Each takes some hundred bytes of memory, and 20 for each
//! chunk. While the index is being rebuilt, no parts are taken.
//!
//! # Conditions
//!
//! A conditional write compares with what the index has, also with an entry that has expired, for the tier has no
//! clock, and with one that is suspect. It lands only if that is still there then, else it is a `Conflict`.
//!
//! # What is trusted after a crash
//!
//! A checksum tells torn bytes, but not old ones: after a power loss a file system was seen to bring back thousands of
//! old bodies with right checksums, where nothing had waited for the device. Names and records hold a generation,
//! so that an old body never answers for a newer index; but the index itself may be an old one too, and with it would
//! be lost any note that something was about to be overwritten. So with [`Durability::Checkpoint`], where nothing waits
//! for the device, *every* entry is [`Suspect`](Read::Suspect) after an unclean start, not only those newer than the
//! last checkpoint: it is compared with the cold tier once, when it is first read. The other levels make an
//! [announcement](StorageTier::announce) durable before the cold tier is told, so that there only what was announced and
//! then not overwritten is suspect.
//!
//! `head` answers `None` for a suspect entry, since it has no way to say so; `write` and `patch` clear the suspicion,
//! `patch` because the storage compared the version with the cold tier before. Patched metadata lies in the index
//! alone. Where the index is lost, the metadata of the last write is back, perhaps with a longer life than it was left
//! with: but then the entry is suspect, and the cold tier is asked.

use core::ops::Range;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering},
};

use async_trait::async_trait;
use tiered_storage_core::{Condition, ETag, Error, Key, Metadata, range::ByteRange};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use crate::events::EvictionWatcher;
use crate::tier::{
    Contents, Listing, Opened, Page, Part, Patched, Payload, Properties, Read, Stage, StorageTier,
    Stored, Usage,
};
use inner::{Call, Inner};
use object::Held;
use read::{Found, Spot};
use recover::Phase;
use stage::DiskStage;
use upkeep::Upkeep;

mod calls;
pub(crate) mod files;
mod index;
mod inner;
mod journal;
mod keep;
mod kept;
mod load;
mod log;
mod object;
mod options;
mod parts;
mod read;
mod reclaim;
mod record;
mod recover;
mod room;
mod segments;
mod stage;
mod state;
mod store;
pub(crate) mod task;
mod upkeep;
mod wire;
mod write;

pub use options::{DiskOptions, Durability};

/// How many writes run at once; more wait.
const WRITES_MAX: usize = 64;
/// How many conditional writes of different keys run at once, at most.
const TURNS: usize = 32;

/// A tier that keeps its entries in a directory, and finds them again after a restart.
///
/// Small entries that are in the page cache are read at once; everything else runs on the runtime's blocking threads
/// (on the caller's own thread where there is no tokio runtime). A write waits where 64 others run.
///
/// ```
/// use tiered_storage::native::disk::{DiskOptions, DiskTier};
/// use tiered_storage::tier::{Read, StorageTier, Stored};
/// use tiered_storage::{Key, Metadata, Timestamp};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tiered_storage::Error> {
/// # let directory = tempfile::tempdir().expect("a temporary directory");
/// # let path = directory.path();
/// let disk = DiskTier::open(path, DiskOptions::new().size_bytes_max(1 << 30))?;
/// let key = Key::new("greeting")?;
/// let metadata = Metadata::new(key.clone(), 5, Timestamp::from_millis(0));
/// disk.write(&key, Stored { metadata, body: "hello".into() }).await?;
/// assert!(matches!(disk.read(&key, None).await?, Read::Found(stored) if stored.body == "hello"));
/// disk.close().await
/// # }
/// ```
#[derive(Debug)]
pub struct DiskTier {
    inner: Arc<Inner>,
    upkeep: Arc<Mutex<Upkeep>>,
    writes: Arc<Semaphore>,
    /// Conditional writes of a key hold the one that its hash falls to.
    turns: [Arc<AsyncMutex<()>>; TURNS],
}

/// Where the body of an entry lies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The file.
    pub path: PathBuf,
    /// The bytes of the body in it.
    pub body: Range<u64>,
}

impl DiskTier {
    /// Opens a directory, which is made if it is not there. It takes time in proportion to the entries if the index is
    /// whole (about 0.3 ms per 1,000); otherwise it returns at once, and the index is rebuilt behind.
    ///
    /// # Errors
    ///
    /// `Invalid` for options out of range or a path that is not a directory, `Denied` where it cannot be written,
    /// `Unavailable` if it is open already, in this process or another.
    pub fn open(path: impl AsRef<Path>, options: DiskOptions) -> Result<Self, Error> {
        let settings = options.settle()?;
        let opened = load::open(path.as_ref(), &settings)?;
        let load::Opened { layout, lock, state, log } = opened;
        let inner = Arc::new(Inner::new(layout, settings, state, log, lock));
        let upkeep = Upkeep::spawn(&inner)
            .map_err(|error| files::failure(error, "starting the upkeep of the disk tier"))?;
        Ok(Self {
            inner,
            upkeep: Arc::new(Mutex::new(upkeep)),
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
            turns: Default::default(),
        })
    }

    /// Where the body of an entry lies at this moment; `None` if it is not in the index, or not all there. For inspection: a later
    /// write, and reclaiming, moves it.
    pub fn locate(&self, key: &Key) -> Option<Location> {
        self.inner.locate(key).map(|(path, body)| Location { path, body })
    }

    /// How many reads met an entry that was not what was written, since the tier was opened.
    pub fn corrupt_reads(&self) -> u64 {
        self.inner.corrupt_reads.load(Ordering::Relaxed)
    }

    /// How many bytes all entries and parts take on disk, with keys, metadata, framing, and space that is not reclaimed yet:
    /// what [`DiskOptions::size_bytes_max`] limits.
    pub fn disk_bytes(&self) -> u64 {
        self.inner.lock().disk_bytes
    }
}

impl Drop for DiskTier {
    fn drop(&mut self) {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner).stop(&self.inner);
        self.inner.phase.send_replace(Phase::Stopped);
    }
}

#[async_trait]
impl StorageTier for DiskTier {
    fn properties(&self) -> Properties {
        let settings = &self.inner.settings;
        Properties {
            is_volatile: false,
            is_guarded: true,
            wants_announcements: settings.durability != Durability::Checkpoint,
            entry_bytes_max: settings.entry_bytes_max(),
            items_max: settings.items_max,
        }
    }

    async fn read(&self, key: &Key, _unless: Option<&ETag>) -> Result<Read, Error> {
        self.look(key, Spot::read_cached, Spot::read).await
    }

    async fn open(&self, key: &Key, _unless: Option<&ETag>) -> Result<Read<Opened>, Error> {
        let cached = |spot: &Spot| spot.read_cached().map(Held::Whole);
        let found = self.look(key, cached, Spot::hold).await?;
        Ok(found.map(|held| held.opened(&self.inner, key)))
    }

    async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        _unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        if let Some(kept) = self.read_kept(key, range).await? {
            return Ok(Some(kept));
        }
        let cached = move |spot: &Spot| spot.read_cached().map(|stored| Part::of(stored, range));
        self.look(key, cached, move |spot, layout| spot.part(layout, range)).await.map(Some)
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        // Before the index is asked, so that parts that become an entry in between are found there.
        if let Some(metadata) = self.inner.kept_metadata(key) {
            return Ok(Some(metadata));
        }
        let Found::Spot(spot) = self.inner.find(key)? else { return Ok(None) };
        if spot.entry.is_suspect {
            return Ok(None);
        }
        if let Some(metadata) = spot.head_cached() {
            return Ok(Some(metadata));
        }
        let key = key.clone();
        let found = self.blocking(move |inner| inner.head(&key)).await?;
        Ok(found.filter(|(spot, _)| !spot.entry.is_suspect).map(|(_, metadata)| metadata))
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        let Stored { metadata, body } = entry;
        self.put(key, metadata, Contents::Whole(body), None).await.map(|()| None)
    }

    async fn stage(&self, key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        Ok(Some(Box::new(DiskStage::begin(&self.inner, key)?)))
    }

    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        let body = match body {
            Contents::Whole(_) => body,
            Contents::Staged(source) => self.own(key, source).await?,
        };
        self.put(key, metadata.clone(), body, condition.cloned()).await.map(|()| None)
    }

    async fn write_part(
        &self,
        key: &Key,
        metadata: &Metadata,
        start: u64,
        part: Payload,
    ) -> Result<(), Error> {
        let call = Call::begin(&self.inner, key)?;
        let metadata = metadata.clone();
        let permit = Arc::clone(&self.writes).acquire_owned().await;
        self.blocking(move |inner| {
            let _held = permit;
            inner.write_part(&call, &metadata, start, &part)
        })
        .await
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        let call = Call::begin(&self.inner, key)?;
        let patch = metadata.clone();
        if let Some(patched) = self.blocking(move |inner| inner.patch(&call, &patch)).await? {
            return Ok(patched);
        }
        // More than the index keeps is to change (an import may): the record is written anew.
        match self.read(key, None).await? {
            Read::Found(Stored { body, .. }) | Read::Suspect(Stored { body, .. }) => self
                .write(key, Stored { metadata: metadata.clone(), body })
                .await
                .map(Patched::Done),
            _ => Ok(Patched::Missing),
        }
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        let begin = |key| Call::begin(&self.inner, key);
        let calls = keys.iter().map(begin).collect::<Result<Vec<_>, Error>>()?;
        self.blocking(move |inner| inner.remove(&calls)).await
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        self.recovered(Phase::Complete).await;
        let state = self.inner.lock();
        state.check_open()?;
        let limit = page.limit.max(1);
        let whole = state.index.matching(page.prefix, page.after).map(|entry| &entry.key);
        let parts = state.parts.matching(page.prefix, page.after);
        let mut keys: Vec<Key> =
            whole.take(limit + 1).chain(parts.take(limit + 1)).cloned().collect();
        keys.sort_unstable();
        let has_more = keys.len() > limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| has_more).map(|key| key.as_str().into());
        Ok(Listing { keys, next })
    }

    async fn usage(&self) -> Result<Usage, Error> {
        let state = self.inner.lock();
        state.check_open()?;
        Ok(Usage {
            bytes: state.body_bytes(),
            items: state.items(),
            evictions: Some(state.evictions.count()),
        })
    }

    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        let call = Call::begin(&self.inner, key)?;
        let seen = seen.clone();
        self.blocking(move |inner| inner.remove_version(&call, &seen)).await
    }

    async fn clear(&self) -> Result<(), Error> {
        // It lives as long as this future, so that a clearing that was given up does not begin any more.
        let caller = Arc::new(());
        let is_wanted = Arc::downgrade(&caller);
        self.blocking(move |inner| inner.clear(&is_wanted)).await
    }

    async fn announce(&self, key: &Key) -> Result<(), Error> {
        if self.inner.settings.durability == Durability::Checkpoint {
            return Ok(());
        }
        let key = key.clone();
        self.blocking(move |inner| inner.announce(&key)).await
    }

    fn watch_evictions(&self, watcher: Weak<EvictionWatcher>) {
        self.inner.evictions.watch(watcher);
    }

    async fn close(&self) -> Result<(), Error> {
        let upkeep = Arc::clone(&self.upkeep);
        self.blocking(move |inner| {
            upkeep.lock().unwrap_or_else(PoisonError::into_inner).stop(inner);
            inner.close()
        })
        .await
    }
}

#[cfg(test)]
mod tests;
