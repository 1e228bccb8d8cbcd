//! What a place for entries must be able to do. Any object that implements [`StorageTier`] can stand in any of the
//! three places.

use core::time::Duration;
use std::sync::Weak;

use async_trait::async_trait;
use tiered_storage_core::{
    Condition, ETag, Error, ErrorKind, Key, Metadata, Timestamp, cost::Requests, range::ByteRange,
};

use crate::events::{EvictionWatcher, Watcher};
pub use crate::payload::Payload;
pub use crate::pieces::{Body, Contents, GATHERED_BYTES_MAX, Opened, Part, Pieces, Source, Stage};

/// `Send + Sync` natively; nothing on wasm, where there is one thread and JavaScript objects cannot leave it.
#[cfg(not(target_arch = "wasm32"))]
pub trait Shareable: Send + Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + Sync + ?Sized> Shareable for T {}

/// `Send + Sync` natively; nothing on wasm, where there is one thread and JavaScript objects cannot leave it.
#[cfg(target_arch = "wasm32")]
pub trait Shareable {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> Shareable for T {}

/// What can stand in one of the three places.
#[cfg(not(target_arch = "wasm32"))]
pub type Place = dyn StorageTier;
/// What can stand in one of the three places: an object of JavaScript's.
#[cfg(target_arch = "wasm32")]
pub type Place = crate::web::port::PortTier;

/// An entry as a tier holds it: a body and the metadata of the same write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What is known of the body.
    pub metadata: Metadata,
    /// The body: gzip where `metadata.is_compressed()` and the tier is not volatile, else as the caller gave it.
    pub body: Payload,
}

/// The body of an entry that was peeked at, and how long it may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// The body.
    pub body: Payload,
    /// [`Metadata::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// [`Metadata::fresh_at`].
    pub fresh_at: Timestamp,
}

/// What a tier answered to a read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Read<T = Stored> {
    /// The tier has the entry.
    Found(T),
    /// The tier has the entry, whole, but cannot vouch that it is not older than what was last written (after a
    /// power loss, say). It is served only after it was compared with the cold tier's version.
    Suspect(T),
    /// The tier's version is the one that the caller knows already.
    Unchanged,
    /// The tier does not have the entry.
    Missing,
}

impl<T> Read<T> {
    /// The same answer, with another form of the entry.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Self::Found(entry) => Read::Found(form(entry)),
            Self::Suspect(entry) => Read::Suspect(form(entry)),
            Self::Unchanged => Read::Unchanged,
            Self::Missing => Read::Missing,
        }
    }
}

/// What became of a [`StorageTier::patch`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Patched {
    /// The metadata was replaced; the version that the tier now gives the entry, where it gives versions.
    Done(Option<ETag>),
    /// The tier does not have the entry.
    Missing,
}

/// Which keys to list.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Only keys that start with this.
    pub prefix: &'a str,
    /// Where the page before ended: its [`Listing::next`].
    pub after: Option<&'a str>,
    /// How many keys at most; a tier may give fewer.
    pub limit: usize,
}

/// One page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The keys, in the tier's order.
    pub keys: Vec<Key>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<String>,
}

/// How full a tier is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The stored bytes of all bodies.
    pub bytes: u64,
    /// The number of entries.
    pub items: u64,
    /// How many entries the tier gave up to keep its limits since it was opened.
    pub evictions: Option<u64>,
}

/// What the storage must know of a tier before it uses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// What it holds is gone with the process. A volatile tier is given bodies uncompressed, and they are not
    /// verified when they come back.
    pub is_volatile: bool,
    /// It checks each body with a checksum of its own when it is read, and answers `Corrupt` for a bad one.
    pub is_guarded: bool,
    /// It wants [`StorageTier::announce`] before the cold tier is told of an overwrite. (Removals are not announced:
    /// once one has returned, no crash may undo it.)
    pub wants_announcements: bool,
    /// The largest entry it could ever hold: body, key and stored metadata, in bytes.
    pub entry_bytes_max: Option<u64>,
    /// The most entries it could ever hold.
    pub items_max: Option<u64>,
}

/// How often an entry was read since that was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The entry's key.
    pub key: Key,
    /// The number of reads.
    pub count: u64,
    /// The time of the last of them.
    pub last: Timestamp,
}

/// What a tier says to a condition that it cannot tell.
pub(crate) fn unconditional() -> Error {
    let message = "this tier cannot write conditionally; use one that can as the cold tier";
    Error::new(ErrorKind::Unsupported, message)
}

/// What a presigned URL is for, and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presign {
    /// What its holder may do.
    pub method: PresignMethod,
    /// How long it may be used from now on: 1 second to 7 days; a fraction of a second is left out.
    pub expires: Duration,
}

impl Presign {
    /// A URL for `method` that lasts for `expires`.
    pub const fn new(method: PresignMethod, expires: Duration) -> Self {
        Self { method, expires }
    }
}

/// What the holder of a presigned URL may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PresignMethod {
    /// Read the object.
    Get,
    /// Ask what is known of the object.
    Head,
    /// Write the object, with any body.
    Put,
    /// Remove the object.
    Delete,
}

/// A place for entries.
///
/// The storage orders the calls: for one key it never runs two of `write`, `store`, `write_part`, `patch`, `remove` and
/// `remove_version` at once, and it may run any number of `read` and `head` beside them. Calls for different keys run at once.
///
/// A tier keeps body and metadata together: a read gives both of the same write, or nothing, also while a write of
/// that key runs. It keeps every byte of the key: `a`, `a/b` and `A` are three entries. A write or removal that
/// failed may or may not have taken effect; the storage reckons with both. A future that is dropped leaves nothing
/// locked and nothing half-written.
///
/// Errors say what to do by their kind: `Unavailable` for what may work later, `Denied` for missing rights,
/// `Full` for a lack of room, `Corrupt` for bytes that are not what was written. That something is not there is not
/// an error. The storage adds the tier's place and the key.
///
/// `examples/custom_tier.rs` implements it; the `conformance` module holds the tests that every tier passes.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait StorageTier: core::fmt::Debug + Shareable {
    /// What the storage must know of this tier; asked once, when the storage is opened.
    fn properties(&self) -> Properties {
        Properties::default()
    }

    /// Reads an entry. With `unless`, a tier that gives versions may answer `Unchanged` where its version is that.
    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error>;

    /// Reads the metadata of an entry, without moving its body.
    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error>;

    /// Stores an entry, in place of any older one: readers see the older one or the new one, whole. Answers the
    /// version, where this tier gives versions.
    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error>;

    /// Replaces the metadata of an entry and leaves its body.
    ///
    /// # Errors
    ///
    /// `Conflict` if the tier has another version than `metadata` is of ([`Metadata::is_same_version`]).
    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error>;

    /// Removes entries, as few requests as the tier can; those it does not have are no error. The storage gives at
    /// most 1,000 keys at once.
    async fn remove(&self, keys: &[Key]) -> Result<(), Error>;

    /// Lists keys, each once, so that following [`Listing::next`] visits every key that was there all the time, also
    /// while listed keys are removed.
    async fn list(&self, page: Page<'_>) -> Result<Listing, Error>;

    /// How full the tier is.
    async fn usage(&self) -> Result<Usage, Error>;

    /// Reads an entry as [`read`](StorageTier::read) does; of a large one the body may come in pieces. What follows must
    /// be of the version that was begun, also when the entry is overwritten or removed meanwhile, or end with an error.
    async fn open(&self, key: &Key, unless: Option<&ETag>) -> Result<Read<Opened>, Error> {
        Ok(self.read(key, unless).await?.map(Opened::from))
    }

    /// Reads a part of an entry's stored body; `None` if the tier can only read it whole. A tier that is
    /// [guarded](Properties::is_guarded) has checked what it gives.
    async fn read_range(
        &self,
        _key: &Key,
        _range: ByteRange,
        _unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        Ok(None)
    }

    /// Begins a place for a body that comes in pieces, which will be that of `key` if it gets there; `None` if the tier
    /// has none.
    async fn stage(&self, _key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        Ok(None)
    }

    /// Stores an entry as [`write`](StorageTier::write) does: with a body that lies ready somewhere, perhaps
    /// [staged](StorageTier::stage) here, and perhaps only if the tier holds what `condition` says.
    ///
    /// # Errors
    ///
    /// `Conflict` if the condition does not hold, and `Unsupported` if the tier cannot tell, which this default cannot.
    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        if condition.is_some() {
            return Err(unconditional());
        }
        let body = body.whole().await?;
        self.write(key, Stored { metadata: metadata.clone(), body }).await
    }

    /// Keeps a part of the stored body of an entry, beside those of the same version that are kept already; parts of
    /// another version go, and so does a whole entry of another one. `part` starts at `start`, both are in whole chunks of
    /// one size, at least 64 KiB (but for the end of the body).
    ///
    /// A key with parts is listed, has metadata that is read and patched, and is removed as any other;
    /// [`read_range`](StorageTier::read_range) finds ranges that are kept whole. [`read`](StorageTier::read) and
    /// [`open`](StorageTier::open) find nothing until all parts are there: then it is an entry as any other. A tier may
    /// drop parts at any time, and this default keeps none.
    async fn write_part(
        &self,
        _key: &Key,
        _metadata: &Metadata,
        _start: u64,
        _part: Payload,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Removes an entry if it is still the version that `seen` is of, and says whether it was. A tier that can do
    /// both at once should; this default asks first.
    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        match self.head(key).await? {
            Some(found) if found.is_same_version(seen) => {
                self.remove(core::slice::from_ref(key)).await.map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Removes every entry. A tier that can do better than one page after the other should.
    async fn clear(&self) -> Result<(), Error> {
        loop {
            let listing = self.list(Page { prefix: "", after: None, limit: 1_000 }).await?;
            if listing.keys.is_empty() {
                return Ok(());
            }
            self.remove(&listing.keys).await?;
        }
    }

    /// Tells a tier that [wants it](Properties::wants_announcements) that its copy of `key` is about to be
    /// overtaken by a write in the cold tier. Once this returned, the tier must not answer `Found` with
    /// that copy after any crash; `Suspect` is allowed.
    async fn announce(&self, _key: &Key) -> Result<(), Error> {
        Ok(())
    }

    /// A live entry, if the tier can give it at once, without I/O. The tier counts the access; `None` says nothing.
    fn peek(&self, _key: &str, _now: Timestamp) -> Option<Stored> {
        None
    }

    /// What `peek` gives, without most of the metadata: for callers who want the body alone. This default peeks.
    fn peek_body(&self, key: &str, now: Timestamp) -> Option<Peeked> {
        let Stored { metadata, body } = self.peek(key, now)?;
        Some(Peeked { body, expires_at: metadata.expires_at, fresh_at: metadata.fresh_at })
    }

    /// The accesses that `peek` and `peek_body` counted since the last call, at most `limit` keys.
    fn accesses(&self, _limit: usize) -> Vec<Access> {
        Vec::new()
    }

    /// What the tier asked of a store that bills requests, since the tier was made. Sends none itself.
    fn requests(&self) -> Option<Requests> {
        None
    }

    /// Tells `watcher` of every such request when it ends, for as long as somebody holds it.
    fn watch(&self, _watcher: Weak<Watcher>) {}

    /// Tells `watcher` of every entry that is given up to keep the tier's limits, once it is gone, for as long as somebody holds
    /// it. This default tells nothing.
    fn watch_evictions(&self, _watcher: Weak<EvictionWatcher>) {}

    /// A URL that lets its holder do one thing with the entry of `key`, without credentials.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the tier's entries have no URLs, which is this default.
    async fn presign(&self, _key: &Key, _presign: Presign) -> Result<String, Error> {
        let message = "this tier gives no URLs; use S3 as the cold tier";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    /// Waits for what the tier does by itself after calls have returned. This default does nothing of the kind.
    async fn settled(&self) {}

    /// Writes out what is pending and releases what is held. The storage calls nothing afterwards.
    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}
