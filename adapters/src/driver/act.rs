//! Asking tiers that are objects of Rust's.

use std::sync::Arc;

use tiered_storage_core::{
    Condition, Error, Metadata,
    engine::{Action, Outcome},
};

use super::{Body, Inner, PAGE_KEYS, Want, perform::internal};
use crate::tier::{Contents, Page, Patched, Place, Stored};

impl Inner {
    /// Does what the engine wants, in a place of this host.
    pub(crate) async fn act(
        self: &Arc<Self>,
        place: &Place,
        action: &Action,
        body: Option<Body>,
        want: Want,
        found: &mut Option<Body>,
    ) -> Result<Outcome, Error> {
        let tier = action.tier();
        match action {
            Action::Read(_, key, unless) => {
                let unless = unless.as_ref();
                match want {
                    Want::Whole => {
                        let read = place.read(key, unless).await?;
                        self.receive(tier, key, read, found).await
                    }
                    Want::Pieces => {
                        let read = place.open(key, unless).await?;
                        self.receive_opened(tier, key, read, found).await
                    }
                    Want::Part(range) => self.receive_part(place, action, key, range, found).await,
                }
            }
            Action::Head(_, key) => {
                place.head(key).await.map(|head| head.map_or(Outcome::Missing, Outcome::Found))
            }
            Action::Write(_, metadata) => {
                let contents = self.contents(tier, metadata, body).await?;
                write(place, metadata, contents, None).await
            }
            Action::WriteIf(_, metadata, condition) => {
                let contents = self.contents(tier, metadata, body).await?;
                write(place, metadata, contents, Some(condition)).await
            }
            Action::WritePart(_, metadata) => {
                if let Some((start, part)) = self.chunks(metadata, body) {
                    place.write_part(metadata.key(), metadata, start, part).await?;
                }
                Ok(Outcome::Done(None))
            }
            Action::Patch(_, metadata) => {
                place.patch(metadata.key(), metadata).await.map(|patched| match patched {
                    Patched::Done(etag) => Outcome::Done(etag),
                    Patched::Missing => Outcome::Missing,
                })
            }
            Action::Remove(_, keys) => place.remove(keys).await.map(|()| Outcome::Done(None)),
            Action::RemoveVersion(_, seen) => {
                let is_removed = place.remove_version(seen.key(), seen).await?;
                Ok(self.note_removed(seen, is_removed))
            }
            Action::List(_, prefix, after) => {
                let page = Page { prefix, after: after.as_deref(), limit: PAGE_KEYS };
                place.list(page).await.map(|listing| Outcome::Keys(listing.keys, listing.next))
            }
            Action::Clear(_) => place.clear().await.map(|()| Outcome::Done(None)),
            Action::Announce(_, key) => place.announce(key).await.map(|()| Outcome::Done(None)),
            _ => Err(internal("an action that the driver does not know")),
        }
    }
}

/// Writes by the simplest way that does.
async fn write(
    place: &Place,
    metadata: &Metadata,
    contents: Contents,
    condition: Option<&Condition>,
) -> Result<Outcome, Error> {
    let key = metadata.key();
    let etag = match (contents, condition) {
        (Contents::Whole(body), None) => {
            place.write(key, Stored { metadata: metadata.clone(), body }).await?
        }
        (contents, condition) => place.store(key, metadata, contents, condition).await?,
    };
    Ok(Outcome::Done(etag))
}
