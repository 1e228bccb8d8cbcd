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

    async fn list_from(
        &self,
        cursor: Cursor,
        prefix: &str,
        limit: usize,
    ) -> Result<(Vec<Key>, Option<Cursor>), Error> {
        let root = self.names.prefix();
        let (base, wanted, after) = match &cursor {
            Cursor::Keys(after) => (root.to_owned(), format!("{root}{prefix}"), after),
            Cursor::Area(after) => (format!("{root}{AREA}"), format!("{root}{AREA}"), after),
        };
        let page = self.names_page(&wanted, &format!("{base}{after}"), limit).await?;
        // Without a prefix one run sees everything; with one, the area has a run of its own.
        let has_area_apart = matches!(cursor, Cursor::Keys(_)) && !prefix.is_empty();
        let next = match (page.next, cursor) {
            (Some(name), Cursor::Keys(_)) => Some(Cursor::Keys(name[base.len()..].to_owned())),
            (Some(name), Cursor::Area(_)) => Some(Cursor::Area(name[base.len()..].to_owned())),
            (None, _) => has_area_apart.then(|| Cursor::Area(String::new())),
        };
        let mut names: Vec<String> = page.objects.into_iter().map(|(name, _)| name).collect();
        if has_area_apart {
            names.retain(|name| !name[root.len()..].starts_with(AREA));
        }
        Ok((self.keys_of(names, prefix).await?, next))
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
