//! Cases about bodies in pieces, parts of bodies, and bodies on their way.

use std::{any::Any, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use tiered_storage_core::{Error, Key, range::ByteRange};

use super::{Subject, concurrency::poll_once, entry, key, text_entry};
use crate::tier::{Contents, Opened, Payload, Read, Source, Stage, StorageTier, Stored};

pub(super) const KIB: usize = 1 << 10;
pub(super) const MIB: usize = 1 << 20;

/// Where tiers and protocols change their ways, and a byte beside.
const SIZES: [usize; 13] = [
    0,
    1,
    64 * KIB - 1,
    64 * KIB,
    64 * KIB + 1,
    256 * KIB - 1,
    256 * KIB,
    256 * KIB + 1,
    MIB,
    MIB + 1,
    3 * MIB - 1,
    3 * MIB,
    3 * MIB + 1,
];

/// Bodies of many sizes that are written whole, staged in the tier, or lie ready elsewhere, come back whole and in
/// pieces.
pub async fn pieces(tier: &dyn StorageTier) {
    let subject = Subject::new("pieces", tier);
    let name = key("pieces");
    let missing = subject.ok(tier.open(&name, None).await, "opening what is not there");
    subject.check(matches!(missing, Read::Missing), "what is not there is not opened");
    for (size, write) in SIZES.into_iter().zip(1..).filter(|(size, _)| subject.has_room(*size)) {
        let written = entry(&name, 4 * write, body(write, size));
        subject.write(&written).await;
        subject.is_opened(&written).await;

        let written = entry(&name, 4 * write + 1, body(write + 1, size));
        let ready = Contents::Staged(Arc::new(Ready(written.body.clone())));
        subject.store(&written, ready).await;
        subject.is_opened(&written).await;
        subject.has(&written).await;

        let written = entry(&name, 4 * write + 2, body(write + 2, size));
        // No piece ends where a chunk or another piece does.
        let Some(source) = subject.staged(&written, 50_021).await else { continue };
        subject.store(&written, Contents::Staged(source)).await;
        subject.is_opened(&written).await;
        subject.has(&written).await;
    }
    let listed = subject.list("", 10).await;
    subject.check(listed == [name], "a key that was stored in several ways is listed once");
}

/// A staged body is in no listing and answers no call before it is stored, is read meanwhile, and leaves nothing when
/// it is dropped.
pub async fn staging(tier: &dyn StorageTier) {
    let subject = Subject::new("staging", tier);
    let (first, second) = (text_entry("staged", 1), entry(&key("staged"), 2, body(2, 600 * KIB)));
    let name = first.metadata.key();
    if !subject.has_room(1_200 * KIB) {
        return;
    }
    let Some(mut stage) = subject.stage(name).await else { return };
    subject.ok(stage.write(second.body.slice(..300 * KIB)).await, "staging");
    subject.lacks(name).await;
    subject.ok(stage.write(second.body.slice(300 * KIB..)).await, "staging");
    subject.lacks(name).await;
    drop(stage);

    let Some(source) = subject.staged(&second, 100_000).await else { return };
    subject.lacks(name).await;
    let usage = subject.ok(tier.usage().await, "asking for the usage");
    subject.check(usage.items == 0, "what is staged is no item");
    subject.check(subject.list("", 10).await.is_empty(), "what is staged is not listed");
    let size = second.body.len();
    subject
        .check(source.size_bytes() == size as u64, "a staged body has the size that was written");
    let reads =
        [0..1, 65_535..131_073, size - 1..size, 0..size].map(async |range: Range<usize>| {
            let read = source.read(range.start as u64..range.end as u64).await;
            let found = subject.ok(read, "reading what is staged");
            subject.check(
                found == second.body.slice(range),
                "a staged body is read as it was written",
            );
        });
    join_all(reads).await;

    subject.write(&first).await;
    let other = subject.staged(&entry(name, 3, body(3, 600 * KIB)), 100_000).await;
    subject.has(&first).await;
    subject.store(&second, Contents::Staged(source.clone())).await;
    subject.has(&second).await;
    drop((source, other));
    subject.has(&second).await;
    let listed = subject.list("", 10).await;
    subject.check(listed == [name.clone()], "dropped bodies leave nothing beside what was stored");
    let usage = subject.ok(tier.usage().await, "asking for the usage");
    subject.check(usage.items <= 1, "dropped bodies are no items");
}

/// Whatever is given up after its first step while a body is staged or stored, nothing is left but the older entry or
/// the new one, whole.
pub async fn dropped_pieces(tier: &dyn StorageTier) {
    let subject = Subject::new("dropped_pieces", tier);
    let (first, second) = (text_entry("given-up", 1), entry(&key("given-up"), 2, body(2, MIB / 2)));
    let name = first.metadata.key();
    if !subject.has_room(2 * MIB) {
        return;
    }
    for _ in 0..3 {
        subject.write(&first).await;
        poll_once(tier.open(name, None)).await;
        poll_once(tier.read_range(name, ByteRange::From(1), None)).await;
        poll_once(tier.stage(name)).await;
        if let Some(mut stage) = subject.stage(name).await {
            poll_once(stage.write(second.body.clone())).await;
        }
        if let Some(mut stage) = subject.stage(name).await {
            subject.ok(stage.write(second.body.clone()).await, "staging");
            poll_once(stage.finish()).await;
        }
        subject.has(&first).await;

        let mut bodies = vec![
            Contents::Whole(second.body.clone()),
            Contents::Staged(Arc::new(Ready(second.body.clone()))),
        ];
        bodies.extend(subject.staged(&second, 100_000).await.map(Contents::Staged));
        for contents in bodies {
            subject.write(&first).await;
            poll_once(tier.store(name, &second.metadata, contents, None)).await;
            match subject.read(name).await {
                Read::Found(found) if found.body == first.body || found.body == second.body => {}
                found => panic!(
                    "{}: after a dropped store the older entry or the new one is there, not {found:?}",
                    subject.case
                ),
            }
            let listed = subject.list("", 10).await;
            subject.check(listed == [name.clone()], "what is given up leaves no other entry");
            subject.store(&second, Contents::Whole(second.body.clone())).await;
            subject.has(&second).await;
        }
    }
}

/// A body in memory that looks like one that another tier staged.
#[derive(Debug)]
pub(super) struct Ready(pub(super) Bytes);

#[async_trait]
impl Source for Ready {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read(&self, range: Range<u64>) -> Result<Payload, Error> {
        Ok(self.0.slice(range.start as usize..range.end as usize))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Every byte value, and no period that the size of a chunk would divide; each write differs from others at each byte.
pub(super) fn body(write: u64, size: usize) -> Bytes {
    let period: Vec<u8> = (0..257).map(|at: u64| (at + 7 * write) as u8).collect();
    let mut body = period.repeat(size / period.len() + 1);
    body.truncate(size);
    body.into()
}

impl Subject<'_> {
    pub(super) fn has_room(&self, size: usize) -> bool {
        size as u64 + 4_096 <= self.tier.properties().entry_bytes_max.unwrap_or(u64::MAX)
    }

    async fn stage(&self, key: &Key) -> Option<Box<dyn Stage>> {
        self.ok(self.tier.stage(key).await, "beginning to stage")
    }

    /// Stages the body of `written`, in pieces of so many bytes; `None` if the tier has no place.
    pub(super) async fn staged(&self, written: &Stored, piece: usize) -> Option<Arc<dyn Source>> {
        let mut stage = self.stage(written.metadata.key()).await?;
        for start in (0..written.body.len()).step_by(piece) {
            let end = written.body.len().min(start + piece);
            self.ok(stage.write(written.body.slice(start..end)).await, "staging");
        }
        Some(self.ok(stage.finish().await, "staging the end"))
    }

    pub(super) async fn store(&self, written: &Stored, body: Contents) {
        let key = written.metadata.key();
        let stored = self.tier.store(key, &written.metadata, body, None).await;
        self.ok(stored, format_args!("storing {} bytes", written.body.len()));
    }

    pub(super) async fn opens(&self, key: &Key) -> Opened {
        match self.ok(self.tier.open(key, None).await, format_args!("opening {key:?}")) {
            Read::Found(opened) => opened,
            other => panic!("{}: opening {key:?} finds it; it answered {other:?}", self.case),
        }
    }

    async fn is_opened(&self, written: &Stored) {
        let opened = self.opens(written.metadata.key()).await;
        self.same(&opened.metadata, &written.metadata, "open");
        let body = self.ok(opened.body.whole().await, "reading all pieces");
        self.check(
            body == written.body,
            format_args!(
                "a body of {} bytes comes in pieces as it was written; {} came",
                written.body.len(),
                body.len()
            ),
        );
    }
}
