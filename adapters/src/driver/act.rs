//! Asking tiers that are objects of Rust's.

use tiered_storage_core::{
    Error,
    engine::{Action, Outcome},
};

use super::{Body, Inner, PAGE_KEYS, perform::internal};
use crate::tier::{Page, Patched, Place};

impl Inner {
    /// Does what the engine wants, in a place of this host.
    pub(crate) async fn act(
        &self,
        place: &Place,
        action: &Action,
        body: Option<Body>,
        found: &mut Option<Body>,
    ) -> Result<Outcome, Error> {
        let tier = action.tier();
        match action {
            Action::Read(_, key, unless) => {
                let read = place.read(key, unless.as_ref()).await?;
                self.receive(tier, key, read, found).await
            }
            Action::Head(_, key) => {
                place.head(key).await.map(|head| head.map_or(Outcome::Missing, Outcome::Found))
            }
            Action::Write(_, metadata) => {
                let entry = self.stored(tier, metadata, body).await?;
                place.write(metadata.key(), entry).await.map(Outcome::Done)
            }
            Action::Patch(_, metadata) => {
                place.patch(metadata.key(), metadata).await.map(|patched| match patched {
                    Patched::Done(etag) => Outcome::Done(etag),
                    Patched::Missing => Outcome::Missing,
                })
            }
            Action::Remove(_, keys) => place.remove(keys).await.map(|()| Outcome::Done(None)),
            Action::RemoveVersion(_, seen) => {
                place.remove_version(seen.key(), seen).await.map(|is_removed| {
                    if is_removed {
                        self.note_expired(seen.key());
                    }
                    Outcome::Done(None)
                })
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
