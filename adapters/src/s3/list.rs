//! Listing keys, and what a full listing adds up to.
//!
//! A page starts after a name, not at a server's token, so that a listing goes on where it was whatever is removed
//! meanwhile, and [`Listing::next`] outlives the process. With a prefix there are two runs: the names that are
//! keys, and the area of those that are not (see `keys`), which a prefix cannot narrow.

use tiered_storage_core::{Error, ErrorKind, Key};

use super::{
    Inner,
    keys::{self, AREA, Listed},
    request::Call,
    response,
    together::{OnFailure, Running, together},
};
use crate::tier::{Listing, Page, Usage};

const PAGE_MAX: usize = 1_000;
/// How many objects are asked for their keys at once, at most, per call.
const ASKED_AT_ONCE: usize = 16;

/// What [`Listing::next`] starts with: which run it is in. The rest is a name, relative to where that run is.
const IN_KEYS: &str = "k";
const IN_AREA: &str = "a";

/// A page of objects.
pub(super) struct Objects {
    pub(super) objects: Vec<(String, u64)>,
    /// The name after which the next page starts; `None` on the last one.
    pub(super) next: Option<String>,
}

impl Inner {
    pub(super) async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        let (root, limit) = (self.names.prefix(), page.limit.clamp(1, PAGE_MAX));
        let mut after = page.after.unwrap_or(IN_KEYS).to_owned();
        loop {
            let (base, wanted) = match after.get(..1) {
                Some(IN_KEYS) => (root.to_owned(), [root, page.prefix].concat()),
                Some(IN_AREA) => ([root, AREA].concat(), [root, AREA].concat()),
                _ => {
                    let message =
                        "the listing cannot go on from there; give what the page before gave";
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
            };
            let (run, name) = after.split_at(1);
            // Without a prefix one run sees everything; with one, the area has a run of its own.
            let has_area_apart = run == IN_KEYS && !page.prefix.is_empty();
            let found = self.names_page(&wanted, &[&base, name].concat(), limit).await?;
            let next = match found.next {
                Some(name) => Some([run, &name[base.len()..]].concat()),
                None => has_area_apart.then(|| IN_AREA.to_owned()),
            };
            let mut names: Vec<String> = found.objects.into_iter().map(|(name, _)| name).collect();
            if has_area_apart {
                names.retain(|name| !name[root.len()..].starts_with(AREA));
            }
            let keys = self.keys_of(names, page.prefix).await?;
            match next {
                // An empty page in the middle would look like the end.
                Some(next) if keys.is_empty() => after = next,
                next => return Ok(Listing { keys, next }),
            }
        }
    }

    pub(super) async fn usage(&self) -> Result<Usage, Error> {
        let mut usage = Usage::default();
        let mut after = Some(String::new());
        while let Some(name) = after {
            let page = self.entries_page(&name).await?;
            usage.items += page.objects.len() as u64;
            usage.bytes += page.objects.iter().map(|(_, bytes)| bytes).sum::<u64>();
            after = page.next;
        }
        Ok(usage)
    }

    /// The objects of entries, after that name.
    pub(super) async fn entries_page(&self, after: &str) -> Result<Objects, Error> {
        let mut page = self.names_page(self.names.prefix(), after, PAGE_MAX).await?;
        page.objects.retain(|(name, _)| self.names.listed(name) != Listed::Foreign);
        Ok(page)
    }

    /// The names that start with `prefix` and come after `after`; at least one, unless there are none.
    pub(super) async fn names_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Objects, Error> {
        let after = if after < prefix { "" } else { after };
        let mut token: Option<String> = None;
        loop {
            let call = Call::list(prefix, after, token.as_deref(), limit);
            let response = self.client.send(call).await.map_err(|failure| self.error(&failure))?;
            let page = response::names_page(&response.text())
                .expect("an answer that is not a whole listing is a failure");
            if page.objects.iter().any(|(name, _)| !name.starts_with(prefix)) {
                return Err(unusable("lists names that do not have the prefix"));
            }
            let next =
                page.objects.last().map(|(name, _)| name.clone()).filter(|_| page.is_truncated);
            match next {
                Some(next) if next.as_str() <= after => {
                    return Err(unusable("repeats itself in a listing"));
                }
                None if page.is_truncated => {
                    // Nothing on it, and more to come: only the server knows from where.
                    if page.token.is_none() || page.token == token {
                        return Err(unusable("repeats itself in a listing"));
                    }
                    token = page.token;
                }
                next => return Ok(Objects { objects: page.objects, next }),
            }
        }
    }

    /// The keys of objects, those that start with `prefix`; hashed names are asked for theirs.
    async fn keys_of(&self, names: Vec<String>, prefix: &str) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::new();
        for names in names.chunks(ASKED_AT_ONCE) {
            let mut found = vec![None; names.len()];
            let mut asked: Vec<Running<'_, _>> = Vec::new();
            for (name, key) in names.iter().zip(&mut found) {
                match self.names.listed(name) {
                    Listed::Key(listed) => *key = Some(listed),
                    Listed::Hashed => asked.push(Box::pin(self.find_key(name, key))),
                    Listed::Foreign => {}
                }
            }
            together(asked, OnFailure::GoOn).await?;
            keys.extend(found.into_iter().flatten().filter(|key| key.starts_with(prefix)));
        }
        Ok(keys)
    }

    /// Finds the key that the object of a hashed name starts with; none if it is not an entry, or is gone.
    async fn find_key(&self, name: &str, found: &mut Option<Key>) -> Result<(), Error> {
        match self.client.send(Call::get_start(name, keys::SEAL_BYTES_MAX)).await {
            Ok(response) => {
                let key = keys::open(&response.body).map(|(key, _)| key);
                *found = key.filter(|key| self.names.name(key).as_str() == name);
                Ok(())
            }
            Err(failure) if failure.is_missing() || failure.status() == 416 => Ok(()),
            Err(failure) => Err(self.error(&failure)),
        }
    }
}

fn unusable(does: &str) -> Error {
    let message = format!("the server {does}; use an endpoint that lists as S3 does");
    Error::new(ErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests;
