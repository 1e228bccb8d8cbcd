//! What every tier must do, as tests that run on any [`StorageTier`]; and a tier that fails on demand.
//!
//! For a tier of your own, enable the feature `conformance` in the dev-dependencies:
//!
//! ```
//! use tiered_storage::{conformance, memory::{MemoryOptions, MemoryTier}};
//!
//! # futures::executor::block_on(async {
//! let tier = MemoryTier::new(MemoryOptions::new())?;
//! conformance::run_all(&tier).await;
//! # Ok::<(), tiered_storage::Error>(())
//! # }).expect("the example holds");
//! ```
//!
//! Each case is also a function of its own. A case panics when the tier breaks a promise of the trait, with a message
//! that names the case, the key and the promise. It expects an empty tier that nobody else uses and that holds at least
//! 1,100 entries and 4 MiB without evicting any; it leaves its entries behind. Bodies that are larger than the tier
//! says it holds are left out, and so is what a tier says it cannot do: to stage, to read parts, to keep parts, to write conditionally. A
//! tier that deadlocks makes a case hang: run it with a time limit.
//!
//! The cases need no runtime of their own and no clock.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use tiered_storage_core::{Content, Error, Key, Metadata, Timestamp, WriteId, digest};

use crate::tier::{Page, Read, StorageTier, Stored};

mod concurrency;
mod conditions;
mod entries;
mod fault;
mod kept;
mod listing;
mod parts;
mod pieces;
mod removal;

pub use self::{
    concurrency::{dropped_futures, torn_reads},
    conditions::{conditions, one_winner},
    entries::{
        announcements, body_sizes, conditional_reads, every_field, longest_keys, odd_keys,
        overwrites, patches, peeks, round_trip,
    },
    fault::{Call, FaultTier, When},
    kept::{parts, parts_patched, parts_replaced},
    listing::{listing_pages, listing_prefixes, listing_while_removing},
    parts::{one_version, ranges, torn_pieces},
    pieces::{dropped_pieces, pieces, staging},
    removal::{clearing, removal, removal_of_versions, usage},
};

/// Runs every case, each on the cleared tier, and clears the tier at the end.
///
/// # Panics
///
/// If the tier breaks a promise; the message starts with the name of the case.
pub async fn run_all(tier: &dyn StorageTier) {
    macro_rules! run {
        ($($case:ident)*) => {$(
            clear(tier, stringify!($case)).await;
            $case(tier).await;
        )*};
    }
    run! {
        round_trip every_field overwrites odd_keys longest_keys body_sizes patches conditional_reads peeks announcements
        listing_pages listing_prefixes listing_while_removing
        removal removal_of_versions clearing usage
        torn_reads dropped_futures
        pieces staging ranges one_version torn_pieces dropped_pieces
        parts parts_replaced parts_patched
        conditions one_winner
    }
    clear(tier, "run_all").await;
}

async fn clear(tier: &dyn StorageTier, case: &'static str) {
    let subject = Subject::new(case, tier);
    subject.ok(tier.clear().await, "clearing the tier beforehand");
    let left = subject.list("", 10).await;
    subject.check(left.is_empty(), format_args!("the tier was cleared and still has {left:?}"));
}

/// A tier under test, with calls that panic in the name of a case.
struct Subject<'a> {
    case: &'static str,
    tier: &'a dyn StorageTier,
}

impl<'a> Subject<'a> {
    fn new(case: &'static str, tier: &'a dyn StorageTier) -> Self {
        Self { case, tier }
    }

    #[track_caller]
    fn check(&self, holds: bool, promise: impl fmt::Display) {
        assert!(holds, "{}: {promise}", self.case);
    }

    #[track_caller]
    fn ok<T>(&self, result: Result<T, Error>, what: impl fmt::Display) -> T {
        result.unwrap_or_else(|error| panic!("{}: {what} failed: {error}", self.case))
    }

    async fn write(&self, entry: &Stored) {
        let key = entry.metadata.key();
        self.ok(self.tier.write(key, entry.clone()).await, format_args!("writing {key:?}"));
    }

    async fn read(&self, key: &Key) -> Read {
        self.ok(self.tier.read(key, None).await, format_args!("reading {key:?}"))
    }

    async fn head(&self, key: &Key) -> Option<Metadata> {
        self.ok(self.tier.head(key).await, format_args!("asking for the metadata of {key:?}"))
    }

    async fn remove(&self, keys: &[Key]) {
        self.ok(self.tier.remove(keys).await, format_args!("removing {} keys", keys.len()));
    }

    /// All keys with `prefix`, in pages of `limit`, in the order in which they came.
    async fn list(&self, prefix: &str, limit: usize) -> Vec<Key> {
        let mut keys = Vec::new();
        let mut after = None;
        loop {
            let page = Page { prefix, after: after.as_deref(), limit };
            let listing = self.ok(self.tier.list(page).await, format_args!("listing {prefix:?}"));
            self.check(listing.keys.len() <= limit, "a page is no longer than its limit");
            keys.extend(listing.keys);
            self.check(keys.len() <= 100_000, "a listing ends");
            match listing.next {
                Some(next) => after = Some(next),
                None => return keys,
            }
        }
    }

    /// Checks that the tier has `entry`, by every way of asking.
    async fn has(&self, entry: &Stored) {
        let key = entry.metadata.key();
        match self.read(key).await {
            Read::Found(found) => {
                self.check(
                    found.body == entry.body,
                    format_args!(
                        "{key:?} comes back with the body that was written ({} bytes, not {})",
                        entry.body.len(),
                        found.body.len()
                    ),
                );
                self.same(&found.metadata, &entry.metadata, "read");
            }
            other => panic!("{}: reading {key:?} finds it; it answered {other:?}", self.case),
        }
        match self.head(key).await {
            Some(found) => self.same(&found, &entry.metadata, "head"),
            None => panic!("{}: head finds {key:?}", self.case),
        }
    }

    /// Checks that the tier has no entry for `key`, by every way of asking.
    async fn lacks(&self, key: &Key) {
        let read = self.read(key).await;
        self.check(read == Read::Missing, format_args!("{key:?} is not read when it is not there"));
        let head = self.head(key).await;
        self.check(head.is_none(), format_args!("{key:?} has no metadata when it is not there"));
        let peek = self.tier.peek(key, now());
        self.check(peek.is_none(), format_args!("{key:?} is not peeked when it is not there"));
    }

    /// Checks metadata in full, but for the two fields that are a tier's to change.
    fn same(&self, found: &Metadata, written: &Metadata, way: &str) {
        let mut found = found.clone();
        found.etag.clone_from(&written.etag);
        found.fresh_at = written.fresh_at;
        self.check(
            found == *written,
            format_args!(
                "{way} answers the metadata that was written: found {}, wrote {}",
                Fields(&found),
                Fields(written)
            ),
        );
    }
}

/// Metadata with all its fields, for messages.
struct Fields<'a>(&'a Metadata);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(metadata) = self;
        write!(
            f,
            "{metadata:?} (accessed {} times, last {}, {:?}, {:?}, encoded {:?}, checksum {:?}, custom {:?})",
            metadata.access_count,
            metadata.last_accessed,
            metadata.content(),
            metadata.mime_type(),
            metadata.encoding(),
            metadata.checksum(),
            metadata.custom(),
        )
    }
}

/// 2026-01-01T00:00:00Z: when the entries of the cases were written.
fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

fn key(text: impl AsRef<str>) -> Key {
    Key::new(text).expect("the keys of the cases are valid")
}

/// The `write`th version of an entry, with a body that depends on both.
fn entry(key: &Key, write: u64, body: impl Into<Bytes>) -> Stored {
    let body = body.into();
    let metadata = Metadata::new(key.clone(), body.len() as u64, now().plus_millis(write))
        .with_checksum(digest::checksum(&body))
        .with_write_id(WriteId(write));
    Stored { metadata, body }
}

fn text_entry(text: &str, write: u64) -> Stored {
    entry(&key(text), write, format!("body {write} of {text}"))
}

/// Metadata with every field that a tier is to keep.
fn full_metadata(key: &Key, body: &[u8]) -> Metadata {
    let custom = [
        ("owner", "ada"),
        ("empty", ""),
        ("caf\u{e9} \u{2615}", "\u{1f600}; a=b: 100% ~ \u{0}\r\n "),
    ];
    let custom: BTreeMap<_, _> =
        custom.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut metadata = Metadata::new(key.clone(), body.len() as u64, now())
        .with_checksum(digest::checksum(body))
        .with_content(Content::Json)
        .with_mime_type("application/json; charset=utf-8")
        .with_custom(custom)
        .with_write_id(WriteId(u64::MAX));
    metadata.expires_at = Some(now().plus_millis(3_600_000));
    metadata.last_accessed = now().plus_millis(77);
    metadata.access_count = 12_345;
    metadata
}

#[cfg(test)]
use self::concurrency::yield_once;
#[cfg(test)]
mod tests;
