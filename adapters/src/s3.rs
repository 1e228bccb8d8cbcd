//! The S3 tier: one object per entry, body and metadata in one request.
//!
//! Everything in here is requests, responses and decisions: it reads no clock, opens no connection and knows no
//! runtime. The host brings those as an [`Http`] and an [`Environment`].
//!
//! An entry's metadata is one header of its object, `x-amz-meta-tiered-storage`, in the same `PUT` as the body, so
//! the two cannot come apart. Objects that other programs wrote are entries too: what S3 says of them is their
//! metadata. How keys become names is told in `keys`.

use core::fmt;
use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use tiered_storage_core::{
    Condition, ETag, Error, ErrorKind, Key, Metadata, cost::Requests, range::ByteRange,
};

use crate::background::Background;
use crate::events::Watcher;
use crate::host::Task;
use crate::tier::{
    Contents, Listing, Opened, Page, Part, Patched, Presign, Read, Stage, StorageTier, Stored,
    Usage,
};

#[cfg(target_arch = "wasm32")]
mod ask;
mod client;
mod config;
mod credentials;
mod download;
mod failure;
#[cfg(test)]
mod fake;
mod host;
mod http;
mod keys;
mod limit;
mod list;
mod meter;
mod patch;
mod presign;
mod probe;
mod profile;
#[cfg(all(feature = "s3-credentials", not(target_arch = "wasm32")))]
pub mod providers;
mod read;
mod remove;
mod request;
mod response;
mod retry;
mod sign;
mod signing;
mod skew;
mod stage;
mod together;
mod upload;
mod write;
mod xml;

#[cfg(target_arch = "wasm32")]
pub use ask::{Answer, Ask};
pub use config::{Addressing, S3TierBuilder};
pub use credentials::{
    Anonymous, Credentials, CredentialsProvider, EnvironmentCredentials, StaticCredentials,
};
#[cfg(target_arch = "wasm32")]
pub(crate) use http::remove_header;
pub use http::{Environment, Http, HttpError, HttpErrorKind, Method, Opening, Request, Response};
pub use profile::{ConditionalWrites, Flags, Profile};
#[cfg(target_arch = "wasm32")]
pub(crate) use request::METADATA_HEADER;
#[cfg(not(target_arch = "wasm32"))]
pub use sign::aws::AwsSigner;
pub use sign::{Scope, Sign, SignRequest, UNSIGNED_PAYLOAD, Unsigned, compact::CompactSigner};

use client::Client;
use failure::Failure;
use keys::Names;
use probe::Probes;
use request::Call;
use stage::Staging;
use upload::PartLimits;

/// A tier that keeps its entries in a bucket of S3, or of any store that speaks its protocol.
///
/// Every request is signed, limited in time, and tried again where that can help; the number of requests at once is
/// bounded. A clone shares all of that. A read or write is one request; [`StorageTier::patch`] is one (the body stays in
/// S3, and headers that others gave their objects, such as `Cache-Control`, are lost), but over 5 GiB one for each 256 MiB,
/// and three more, of a store that completes uploads conditionally;
/// 1,000 removals are one; 1,000 listed keys are one, and one more at the end of a listing with a prefix.
///
/// Bodies over 16 MiB are written in parts of 8 MiB, and read so when they are read whole: one request for each, two more
/// for a write. A body that comes in pieces and breaks off goes on where it was, or ends with `Conflict` if the object
/// was changed meanwhile. What is staged in the bucket is a hidden object until it is stored, and then copied by the
/// server. What a process leaves there when it dies, two lifecycle rules remove: one that aborts incomplete uploads, and
/// one that expires objects whose names start with the tier's prefix and `~tiered-storage/~s` or `~tiered-storage/~p`.
///
/// A write on a condition takes effect in the same step as the condition is looked at. Not every server does that:
/// whether it does is tried first, once, on a small object of its own, in four requests (seven for bodies in parts). S3
/// names versions by their bytes alone, so that a version of the same bytes and other metadata is the same one to it.
///
/// Listing relies on the byte order of general purpose buckets; directory buckets (S3 Express) have none.
///
/// ```no_run
/// # fn main() -> Result<(), tiered_storage::Error> {
/// use tiered_storage::s3::{S3Tier, StaticCredentials};
///
/// let cold = S3Tier::builder("assets")
///     .endpoint("http://127.0.0.1:9000")
///     .region("eu-central-1")
///     .credentials(StaticCredentials::new("AKIAIOSFODNN7EXAMPLE", "the secret"))
///     .prefix("cache/")
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct S3Tier(Arc<Inner>);

struct Inner {
    client: Client,
    names: Names,
    /// Whether an answer has shown that the bucket exists: a `HEAD` cannot tell a missing bucket from a missing object.
    has_seen_bucket: AtomicBool,
    /// Whether the server has shown that it cannot remove many objects at once.
    removes_singly: AtomicBool,
    parts: PartLimits,
    probes: Probes,
    /// What is removed after calls that are over.
    background: Background,
}

impl S3Tier {
    /// Starts the configuration of a tier in `bucket`.
    pub fn builder(bucket: impl Into<String>) -> S3TierBuilder {
        S3TierBuilder::new(bucket.into())
    }

    fn new(client: Client, names: Names, parts: PartLimits) -> Self {
        Self(Arc::new(Inner {
            names,
            has_seen_bucket: AtomicBool::new(false),
            removes_singly: AtomicBool::new(!client.profile.removes_many),
            probes: Probes::new(client.profile.conditional_writes),
            parts,
            background: Background::default(),
            client,
        }))
    }
}

impl fmt::Debug for S3Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = &self.0.client;
        let region = client.learnt().region.clone();
        f.debug_struct("S3Tier")
            .field("bucket", &client.address.bucket)
            .field("host", &client.address.host(&region))
            .field("region", &region)
            .field("prefix", &self.0.names.prefix())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn error(&self, failure: &Failure) -> Error {
        self.client.error(failure)
    }

    /// Runs a task that tidies up after a call; [`StorageTier::settled`] waits for it.
    fn tidy_later(&self, task: Task) {
        self.client.environment.spawn(self.background.counted(task));
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        let name = self.names.name(key);
        let mut failure = match self.client.send(Call::head(name.as_str())).await {
            Ok(response) => return self.headed(key, &response).map(Some),
            Err(failure) => failure,
        };
        if self.needs_reason(&failure) {
            // The answer to a HEAD has no body, so nothing says why; the answer to a GET does, and the client mends
            // what can be mended.
            failure = match self.client.send(Call::get_start(name.as_str(), 1)).await {
                Err(reason) if reason.status() != 416 => {
                    if reason.is_missing() {
                        self.has_seen_bucket.store(true, Ordering::Relaxed);
                    }
                    reason
                }
                _ => match self.client.send(Call::head(name.as_str())).await {
                    Ok(response) => return self.headed(key, &response).map(Some),
                    Err(failure) => failure,
                },
            };
        }
        if failure.is_missing() { Ok(None) } else { Err(self.error(&failure)) }
    }

    fn headed(&self, key: &Key, response: &Response) -> Result<Metadata, Error> {
        self.has_seen_bucket.store(true, Ordering::Relaxed);
        response::metadata(key, response, self.client.environment.now())
    }

    fn needs_reason(&self, failure: &Failure) -> bool {
        let is_unclear = matches!(failure.status(), 301 | 307 | 400 | 401 | 403)
            || (failure.status() == 404 && !self.has_seen_bucket.load(Ordering::Relaxed));
        is_unclear && failure.code().is_empty()
    }
}

fn changed() -> Error {
    Error::new(ErrorKind::Conflict, "the object was changed meanwhile; read it again")
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl StorageTier for S3Tier {
    async fn read(&self, key: &Key, unless: Option<&ETag>) -> Result<Read, Error> {
        self.0.read(key, unless).await.map_err(|error| error.with_key(key))
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        self.0.head(key).await.map_err(|error| error.with_key(key))
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        let Stored { metadata, body } = entry;
        self.store(key, &metadata, Contents::Whole(body), None).await
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        self.0.patch(key, metadata).await.map_err(|error| error.with_key(key))
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        self.0.remove(keys).await
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        self.0.list(page).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.0.usage().await
    }

    async fn open(&self, key: &Key, unless: Option<&ETag>) -> Result<Read<Opened>, Error> {
        self.0.open(key, unless).await.map_err(|error| error.with_key(key))
    }

    async fn read_range(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Result<Option<Read<Part>>, Error> {
        let part = self.0.read_range(key, range, unless).await;
        part.map(Some).map_err(|error| error.with_key(key))
    }

    async fn stage(&self, key: &Key) -> Result<Option<Box<dyn Stage>>, Error> {
        Ok(Some(Box::new(Staging::new(&self.0, key))))
    }

    async fn store(
        &self,
        key: &Key,
        metadata: &Metadata,
        body: Contents,
        condition: Option<&Condition>,
    ) -> Result<Option<ETag>, Error> {
        let stored = self.0.store(key, metadata, &body, condition).await;
        stored.map_err(|error| error.with_key(key))
    }

    async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        self.0.remove_version(key, seen).await.map_err(|error| error.with_key(key))
    }

    async fn clear(&self) -> Result<(), Error> {
        self.0.clear().await
    }

    fn requests(&self) -> Option<Requests> {
        Some(self.0.client.meter.requests())
    }

    fn watch(&self, watcher: Weak<Watcher>) {
        self.0.client.meter.watch(watcher);
    }

    async fn presign(&self, key: &Key, presign: Presign) -> Result<String, Error> {
        self.0.presign(key, presign).await.map_err(|error| error.with_key(key))
    }

    async fn settled(&self) {
        self.0.background.quiet().await;
    }

    async fn close(&self) -> Result<(), Error> {
        self.settled().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
