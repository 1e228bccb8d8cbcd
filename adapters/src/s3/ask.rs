//! The tier as JavaScript calls it: one future runs any of its operations. Those of
//! [`StorageTier`](crate::tier::StorageTier) are futures each by itself, with a box around, which takes more code.

use std::sync::Arc;

use tiered_storage_core::{Condition, ETag, Error, Key, Metadata, range::ByteRange};

use super::{Inner, S3Tier, stage::Staging};
use crate::{
    host::Task,
    tier::{Body, Contents, Listing, Opened, Page, Part, Patched, Presign, Read, Stage, Usage},
};

/// What JavaScript asks of the tier: the methods of [`StorageTier`](crate::tier::StorageTier) by their names.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ask {
    /// `read`
    Read(Key, Option<ETag>),
    /// `open`
    Open(Key, Option<ETag>),
    /// `read_range`
    ReadRange(Key, ByteRange, Option<ETag>),
    /// `head`
    Head(Key),
    /// `store`
    Store(Metadata, Contents, Option<Condition>),
    /// `patch`
    Patch(Metadata),
    /// `remove`
    Remove(Vec<Key>),
    /// `remove_version`
    RemoveVersion(Metadata),
    /// `clear`
    Clear,
    /// `list`, with the fields of [`Page`].
    List(String, Option<String>, usize),
    /// `usage`
    Usage,
    /// `presign`
    Presign(Key, Presign),
    /// `settled`
    Settled,
}

/// What comes of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// To `read`, `open` and `read_range`: the entry, and where its body starts.
    Entry(Read<Opened>, u64),
    /// To `head`.
    Metadata(Option<Metadata>),
    /// To `store` and `patch`: the version, where there are versions.
    Version(Option<ETag>),
    /// To `patch`: there is no such entry.
    Missing,
    /// To `remove_version`: whether it was removed.
    Removed(bool),
    /// To `remove`, `clear` and `settled`.
    Done,
    /// To `list`.
    Keys(Listing),
    /// To `usage`.
    Usage(Usage),
    /// To `presign`.
    Url(String),
}

impl S3Tier {
    /// Does what is asked.
    ///
    /// # Errors
    ///
    /// As the method of [`StorageTier`](crate::tier::StorageTier) that does the same.
    pub fn ask(&self, ask: Ask) -> Task<Result<Answer, Error>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let answer = inner.answer(&ask).await;
            answer.map_err(|error| ask.key().into_iter().fold(error, Error::with_key))
        })
    }

    /// A place for a body that is on its way.
    pub fn staging(&self, key: &Key) -> Box<dyn Stage> {
        Box::new(Staging::new(&self.0, key))
    }
}

impl Ask {
    /// The key that it is about.
    fn key(&self) -> Option<&Key> {
        match self {
            Self::Read(key, _)
            | Self::Open(key, _)
            | Self::ReadRange(key, ..)
            | Self::Head(key)
            | Self::Presign(key, _) => Some(key),
            Self::Store(metadata, ..) | Self::Patch(metadata) | Self::RemoveVersion(metadata) => {
                Some(metadata.key())
            }
            Self::Remove(_) | Self::Clear | Self::List(..) | Self::Usage | Self::Settled => None,
        }
    }
}

impl Inner {
    async fn answer(self: &Arc<Self>, ask: &Ask) -> Result<Answer, Error> {
        Ok(match ask {
            Ask::Read(key, unless) => {
                let read = self.read(key, unless.as_ref()).await?;
                Answer::Entry(read.map(Opened::from), 0)
            }
            Ask::Open(key, unless) => Answer::Entry(self.open(key, unless.as_ref()).await?, 0),
            Ask::ReadRange(key, range, unless) => {
                let mut start = 0;
                let read = self.read_range(key, *range, unless.as_ref()).await?;
                let read = read.map(|Part { metadata, range, body }| {
                    start = range.start;
                    Opened { metadata, body: Body::Whole(body) }
                });
                Answer::Entry(read, start)
            }
            Ask::Head(key) => Answer::Metadata(self.head(key).await?),
            Ask::Store(metadata, body, condition) => {
                let key = metadata.key();
                Answer::Version(self.store(key, metadata, body, condition.as_ref()).await?)
            }
            Ask::Patch(metadata) => match self.patch(metadata.key(), metadata).await? {
                Patched::Done(version) => Answer::Version(version),
                Patched::Missing => Answer::Missing,
            },
            Ask::Remove(keys) => {
                self.remove(keys).await?;
                Answer::Done
            }
            Ask::RemoveVersion(seen) => {
                Answer::Removed(self.remove_version(seen.key(), seen).await?)
            }
            Ask::Clear => {
                self.clear().await?;
                Answer::Done
            }
            Ask::List(prefix, after, limit) => {
                let page = Page { prefix, after: after.as_deref(), limit: *limit };
                Answer::Keys(self.list(page).await?)
            }
            Ask::Usage => Answer::Usage(self.usage().await?),
            Ask::Settled => {
                self.background.quiet().await;
                Answer::Done
            }
            Ask::Presign(key, presign) => Answer::Url(self.presign(key, *presign).await?),
        })
    }
}
