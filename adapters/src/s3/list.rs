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
    together::together,
};
use crate::tier::{Listing, Page, Usage};

const PAGE_MAX: usize = 1_000;
/// How many objects are asked for their keys at once, at most, per call.
const ASKED_AT_ONCE: usize = 16;

/// Where a listing is; its text is [`Listing::next`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cursor {
    /// After a name, relative to the tier's prefix, of those that are keys.
    Keys(String),
    /// After a name, relative to the area, of those that are not.
    Area(String),
}

impl Cursor {
    fn parse(text: Option<&str>) -> Result<Self, Error> {
        let Some(text) = text else { return Ok(Self::Keys(String::new())) };
        match text.split_at_checked(1) {
            Some(("k", name)) => Ok(Self::Keys(name.to_owned())),
            Some(("a", name)) => Ok(Self::Area(name.to_owned())),
            _ => Err(Error::new(
                ErrorKind::Invalid,
                "the listing cannot go on from there; give what the page before gave",
            )),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Keys(name) => format!("k{name}"),
            Self::Area(name) => format!("a{name}"),
        }
    }
}

/// A page of objects.
pub(super) struct Objects {
    pub(super) objects: Vec<(String, u64)>,
    /// The name after which the next page starts; `None` on the last one.
    pub(super) next: Option<String>,
}

impl Inner {
    pub(super) async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        let limit = page.limit.clamp(1, PAGE_MAX);
        let mut cursor = Some(Cursor::parse(page.after)?);
        // An empty page in the middle would look like the end.
        while let Some(at) = cursor.take() {
            let (keys, next) = self.list_from(at, page.prefix, limit).await?;
            if !keys.is_empty() || next.is_none() {
                return Ok(Listing { keys, next: next.map(Cursor::into_text) });
            }
            cursor = next;
        }
        unreachable!("a page without a next one was returned")
    }

    pub(super) async fn usage(&self) -> Result<Usage, Error> {
        let mut usage = Usage::default();
        let mut after = String::new();
        loop {
            let page = self.names_page(self.names.prefix(), &after, PAGE_MAX).await?;
            for (name, size) in &page.objects {
                if self.names.listed(name) != Listed::Foreign {
                    usage.items += 1;
                    usage.bytes += size;
                }
            }
            match page.next {
                Some(next) => after = next,
                None => return Ok(usage),
            }
        }
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
            let response = self.client.send(&call).await.map_err(|failure| self.error(&failure))?;
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

    async fn list_from(
        &self,
        cursor: Cursor,
        prefix: &str,
        limit: usize,
    ) -> Result<(Vec<Key>, Option<Cursor>), Error> {
        let root = self.names.prefix();
        match cursor {
            Cursor::Keys(after) => {
                let after = format!("{root}{after}");
                let page = self.names_page(&format!("{root}{prefix}"), &after, limit).await?;
                let next = match page.next {
                    Some(name) => Some(Cursor::Keys(name[root.len()..].to_owned())),
                    None if prefix.is_empty() => None,
                    None => Some(Cursor::Area(String::new())),
                };
                // Without a prefix one run sees everything; with one, the area has a run of its own.
                let is_wanted =
                    |name: &str| prefix.is_empty() || !name[root.len()..].starts_with(AREA);
                let names = page.objects.into_iter().map(|(name, _)| name);
                let names = names.filter(|name| name.starts_with(root) && is_wanted(name));
                Ok((self.keys_of(names.collect(), prefix).await?, next))
            }
            Cursor::Area(after) => {
                let area = format!("{root}{AREA}");
                let page = self.names_page(&area, &format!("{area}{after}"), limit).await?;
                let next = page.next.map(|name| Cursor::Area(name[area.len()..].to_owned()));
                let names = page.objects.into_iter().map(|(name, _)| name).collect();
                Ok((self.keys_of(names, prefix).await?, next))
            }
        }
    }

    /// The keys of objects, those that start with `prefix`; hashed names are asked for theirs.
    async fn keys_of(&self, names: Vec<String>, prefix: &str) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::new();
        for names in names.chunks(ASKED_AT_ONCE) {
            let asked = names.iter().map(async |name| match self.names.listed(name) {
                Listed::Key(key) => Ok(Some(key)),
                Listed::Hashed => self.hashed_key(name).await,
                Listed::Foreign => Ok(None),
            });
            for key in together(asked).await {
                keys.extend(key?.filter(|key| key.starts_with(prefix)));
            }
        }
        Ok(keys)
    }

    /// The key that the object of a hashed name starts with; none if it is not an entry, or is gone.
    async fn hashed_key(&self, name: &str) -> Result<Option<Key>, Error> {
        match self.client.send(&Call::get_start(name, keys::SEAL_BYTES_MAX)).await {
            Ok(response) => Ok(keys::open(&response.body)
                .map(|(key, _)| key)
                .filter(|key| self.names.name(key).as_str() == name)),
            Err(failure) if failure.is_missing() || failure.status() == 416 => Ok(None),
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
