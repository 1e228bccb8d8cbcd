//! Changing an entry depending on what it is.

use core::future::Future;

#[cfg(not(target_arch = "wasm32"))]
use tiered_storage_core::{ETag, engine::Call};
use tiered_storage_core::{Error, ErrorKind, Key};

use super::TieredStorage;
use crate::{
    entry::{Entry, SetOptions, Written},
    tier::Payload,
};

/// How often a change is tried while others change the same entry.
const ATTEMPTS_MAX: u32 = 32;
/// The longest wait before the second attempt, in milliseconds; it doubles from attempt to attempt.
const DELAY_MS: u64 = 5;
/// The longest wait before any attempt, in milliseconds.
const DELAY_MS_MAX: u64 = 1_000;

impl TieredStorage {
    /// Reads an entry, asks `change` what is to become of it, and writes that if the entry is still what was read; else
    /// it starts again, so that no change of others is lost. `change` is given `None` where there is no live entry, and
    /// answers `None` to leave things as they are; it may be asked several times.
    ///
    /// # Errors
    ///
    /// As [`TieredStorage::get`] and [`TieredStorage::set_with`]; `Unsupported` if cold cannot write conditionally;
    /// `Conflict` if others were quicker 32 times.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
    /// # use std::sync::Arc;
    /// # use tiered_storage::{TieredStorage, memory::{MemoryOptions, MemoryTier}};
    /// use tiered_storage::SetOptions;
    ///
    /// # let cold = Arc::new(MemoryTier::new(MemoryOptions::new())?);
    /// let storage = TieredStorage::builder(cold).open().await?;
    /// let count = |entry: Option<tiered_storage::Entry>| async move {
    ///     let count = entry.map_or(0, |entry| entry.data[0]);
    ///     Ok(Some((vec![count + 1].into(), SetOptions::default())))
    /// };
    /// storage.update("visits", count).await?;
    /// storage.update("visits", count).await?;
    /// assert_eq!(storage.get("visits").await?.as_deref(), Some(&[2][..]));
    /// # Ok::<(), tiered_storage::Error>(()) }).expect("the example works");
    /// ```
    pub async fn update<F, C>(
        &self,
        key: impl AsRef<str>,
        mut change: F,
    ) -> Result<Option<Written>, Error>
    where
        F: FnMut(Option<Entry>) -> C,
        C: Future<Output = Result<Option<(Payload, SetOptions)>, Error>>,
    {
        let key = Key::new(key)?;
        let mut attempt = 0;
        loop {
            let entry = self.get_with_metadata(&key).await?;
            let version = entry.as_ref().map(|entry| entry.metadata.version());
            let Some((body, options)) = change(entry).await? else { return Ok(None) };
            let options = match version {
                Some(version) => options.if_version(version),
                None => options.if_absent(),
            };
            attempt += 1;
            match self.write(key.clone(), body, options).await {
                Err(error) if error.kind() == ErrorKind::Conflict && attempt < ATTEMPTS_MAX => {
                    let longest = DELAY_MS.saturating_mul(1 << attempt.min(16)).min(DELAY_MS_MAX);
                    self.inner.host.sleep(self.inner.host.random() % longest).await;
                }
                written => return written.map(Some),
            }
        }
    }

    /// Removes an entry from every tier if it is still this version: what [`Metadata::version`](crate::Metadata::version)
    /// said of it. That there is no live entry is no error.
    ///
    /// Cold is asked for its version first; where it can compare and remove in one step (S3 that heeds `If-Match` on
    /// `DELETE`, memory, disk), nothing of another writer's is ever removed. Elsewhere a write of another instance that
    /// lands within the time of one request may be.
    ///
    /// # Errors
    ///
    /// A `Conflict` that [tells](Error::current) what is there instead, which stays; and as [`TieredStorage::delete`].
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn delete_if_version(
        &self,
        key: impl AsRef<str>,
        version: ETag,
    ) -> Result<(), Error> {
        self.inner.change(Call::RemoveIf(Key::new(key)?, version), None).await.map(drop)
    }
}
