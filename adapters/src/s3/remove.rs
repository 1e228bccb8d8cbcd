//! Removing objects: one, many, one version, all.

use std::sync::atomic::Ordering;

use tiered_storage_core::{Error, Key, Metadata};

use super::{
    Inner,
    failure::{Cause, Failure},
    keys::Listed,
    request::Call,
    response::{self, Fault, NotDeleted},
    together::{OnFailure, Running, together},
};

/// S3 removes no more at once.
const BATCH_MAX: usize = 1_000;
/// How many single removals are under way at once, at most, per call.
const SINGLES_AT_ONCE: usize = 16;

impl Inner {
    pub(super) async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        for keys in keys.chunks(BATCH_MAX) {
            let names = keys.iter().map(|key| self.names.name(key).as_str().to_owned());
            self.remove_names(names.collect()).await?;
        }
        Ok(())
    }

    pub(super) async fn remove_version(&self, key: &Key, seen: &Metadata) -> Result<bool, Error> {
        let Some(found) = self.head(key).await? else { return Ok(false) };
        if !found.is_same_version(seen) {
            return Ok(false);
        }
        let name = self.names.name(key);
        let call = match &found.etag {
            Some(etag) if self.client.profile.removes_versions => {
                Call::delete_version(name.as_str(), etag)
            }
            _ => Call::delete(name.as_str()),
        };
        match self.client.send(call).await {
            Ok(_) => Ok(true),
            // Gone after an attempt of unknown end: it was that attempt.
            Err(failure) if failure.is_missing() => Ok(failure.retries > 0),
            Err(failure) if failure.is_conflict() => Ok(false),
            Err(failure) => Err(self.error(&failure)),
        }
    }

    /// Removes what is under the prefix, and nothing that no key leads to.
    pub(super) async fn clear(&self) -> Result<(), Error> {
        let mut after = Some(String::new());
        while let Some(name) = after {
            let page = self.entries_page(&name).await?;
            let names = page.objects.into_iter().map(|(name, _)| name);
            self.remove_names(names.collect()).await?;
            after = page.next;
        }
        Ok(())
    }

    async fn remove_names(&self, names: Vec<String>) -> Result<(), Error> {
        if names.len() > 1 && !self.removes_singly.load(Ordering::Relaxed) {
            match self.client.send(Call::delete_many(&names)).await {
                Ok(response) => return self.check_removed(&response.text()),
                Err(failure) if failure.is_unsupported() => {
                    tracing::debug!(
                        target: "tiered_storage::s3",
                        code = failure.code(),
                        "the server cannot remove many objects at once; they are removed singly from now on"
                    );
                    self.removes_singly.store(true, Ordering::Relaxed);
                }
                Err(failure) => return Err(self.error(&failure)),
            }
        }
        // All are tried; the first error is the one that is told.
        let mut outcome = Ok(());
        for names in names.chunks(SINGLES_AT_ONCE) {
            let removals =
                names.iter().map(|name| -> Running<'_, _> { Box::pin(self.remove_one(name)) });
            let removed = together(removals.collect(), OnFailure::GoOn).await;
            outcome = outcome.and(removed);
        }
        outcome
    }

    fn check_removed(&self, body: &[u8]) -> Result<(), Error> {
        let left = response::not_deleted(body).unwrap_or_default();
        let is_left = |one: &NotDeleted| one.code != "NoSuchKey";
        let Some(one) = left.into_iter().find(is_left) else { return Ok(()) };
        let mut failure = Failure::bare(Cause::Status(200));
        failure.fault = Fault { code: one.code, message: one.message, ..Fault::default() };
        let error = self.error(&failure);
        Err(self.said_of(&one.name, error))
    }

    /// The error, with the key of the object if its name tells it.
    fn said_of(&self, name: &str, error: Error) -> Error {
        match self.names.listed(name) {
            Listed::Key(key) => error.with_key(&key),
            Listed::Hashed | Listed::Foreign => error,
        }
    }

    async fn remove_one(&self, name: &str) -> Result<(), Error> {
        match self.client.send(Call::delete(name)).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_missing() => Ok(()),
            Err(failure) => Err(self.said_of(name, self.error(&failure))),
        }
    }
}
