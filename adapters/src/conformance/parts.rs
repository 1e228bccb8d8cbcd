//! Cases about parts of bodies, and about bodies that are read while their entry changes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use futures_util::{TryStreamExt, future::join};
use tiered_storage_core::{ETag, Key, WriteId, range::ByteRange};

use super::{
    Subject,
    concurrency::yield_once,
    entry, key,
    pieces::{KIB, MIB, Ready, body},
};
use crate::tier::{Body, Contents, Part, Pieces, Read, StorageTier, Stored};

/// Parts of a body are what the whole has there, in every form of range; past the end there is nothing.
pub async fn ranges(tier: &dyn StorageTier) {
    let subject = Subject::new("ranges", tier);
    let name = key("ranged");
    let Some(missing) = subject.part(&name, ByteRange::From(0), None).await else { return };
    subject.check(missing == Read::Missing, "no part of what is not there is found");
    for (size, write) in [0, 1, 1_000, 200_003, 2 * MIB + 5].into_iter().zip(1..) {
        if !subject.has_room(size) {
            continue;
        }
        let written = entry(&name, write, body(write, size));
        subject.write(&written).await;
        for range in ranges_of(size as u64) {
            let found = subject.part(&name, range, None).await;
            let Some(Read::Found(found)) = found else {
                panic!("{}: {range:?} of what is there is found, not {found:?}", subject.case);
            };
            subject.is_part(&found, &written, range);
        }
    }
    let last = entry(&name, 5, body(5, 2 * MIB + 5));
    let unknown = ETag::new("\"00000000000000000000000000000000\"");
    let read = subject.part(&name, ByteRange::Between(1, 9), Some(&unknown)).await;
    let is_found = matches!(&read, Some(Read::Found(_)));
    subject.check(is_found, "a part of another version than the known one is found");
    if !subject.has_room(last.body.len()) {
        return;
    }
    if let Some(version) = subject.ok(tier.write(&name, last.clone()).await, "writing") {
        match subject.part(&name, ByteRange::Between(1, 9), Some(&version)).await {
            Some(Read::Unchanged) => {}
            Some(Read::Found(part)) => subject.is_part(&part, &last, ByteRange::Between(1, 9)),
            other => panic!("{}: the known version is unchanged, not {other:?}", subject.case),
        }
    }
}

fn ranges_of(size: u64) -> Vec<ByteRange> {
    use ByteRange::{Between, From, Last};
    let mut ranges = vec![
        From(0),
        From(size),
        From(size + 1),
        From(u64::MAX),
        Last(0),
        Last(1),
        Last(u64::MAX),
        Between(0, 0),
        Between(0, 1),
        Between(0, u64::MAX),
        Between(7, 3),
        Between(size, size + 10),
        Between(size / 2, size / 2),
        Between(size / 2, size / 2 + 1),
        Between(size / 3, size),
    ];
    for edge in [64 * KIB as u64, 128 * KIB as u64, MIB as u64] {
        ranges.extend([
            Between(edge - 1, edge),
            Between(edge - 1, edge + 1),
            Between(edge, edge + 64 * KIB as u64),
            Between(edge + 1, u64::MAX),
            From(edge),
            Last(edge),
        ]);
    }
    ranges
}

/// A body that is being read stays that of one write, or ends with an error, whatever becomes of the entry.
pub async fn one_version(tier: &dyn StorageTier) {
    let subject = Subject::new("one_version", tier);
    let name = key("changing");
    let size = 3 * MIB + 1;
    if !subject.has_room(2 * size) {
        return;
    }
    let (first, second) = (entry(&name, 1, body(1, size)), entry(&name, 2, body(2, size)));
    for change in [Change::Write, Change::Store, Change::Remove, Change::Clear] {
        subject.write(&first).await;
        let opened = subject.opens(&name).await;
        subject.same(&opened.metadata, &first.metadata, "open");
        let Body::Pieces(mut rest) = opened.body else { return };
        let start = rest.try_next().await;
        let start = subject.ok(start, "reading the first piece").unwrap_or_default();
        match change {
            Change::Write => subject.write(&second).await,
            Change::Store => {
                let ready = Contents::Staged(Arc::new(Ready(second.body.clone())));
                subject.store(&second, ready).await;
            }
            Change::Remove => subject.remove(std::slice::from_ref(&name)).await,
            Change::Clear => subject.ok(tier.clear().await, "clearing"),
        }
        subject.ends_as(start, rest, &first.body, &format!("{change:?}")).await;
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Write,
    Store,
    Remove,
    Clear,
}

/// While a key is overwritten, every body that is read in pieces is that of one write, or ends with an error, and every
/// part is of the write whose metadata comes with it.
pub async fn torn_pieces(tier: &dyn StorageTier) {
    let subject = Subject::new("torn_pieces", tier);
    let name = key("torn");
    if !subject.has_room(3 * MIB) {
        return;
    }
    let version =
        |write: u64| entry(&name, write, body(write, [70_000, 1_200 * KIB][write as usize % 2]));
    subject.write(&version(1)).await;
    let is_done = AtomicBool::new(false);
    let writes = async {
        for write in 2..=13 {
            let written = version(write);
            match write % 3 {
                0 => subject.store(&written, Contents::Whole(written.body.clone())).await,
                1 => subject.write(&written).await,
                _ => match subject.staged(&written, 300_000).await {
                    Some(source) => subject.store(&written, Contents::Staged(source)).await,
                    None => subject.write(&written).await,
                },
            }
            yield_once().await;
        }
        is_done.store(true, Ordering::Relaxed);
    };
    let reads = async {
        for round in (0..900).cycle() {
            if is_done.load(Ordering::Relaxed) {
                break;
            }
            yield_once().await;
            let opened = subject.opens(&name).await;
            let WriteId(write) = opened.metadata.write_id().unwrap_or(WriteId(0));
            let written = version(write).body;
            match opened.body {
                Body::Whole(whole) => {
                    subject.check(whole == written, "a body comes with its own metadata");
                }
                Body::Pieces(pieces) => {
                    subject.ends_as(Bytes::new(), pieces, &written, "being overwritten").await;
                }
            }
            let range = ByteRange::Between(65_000 + round, 66_000);
            match subject.part(&name, range, None).await {
                Some(Read::Found(part)) => {
                    let WriteId(write) = part.metadata.write_id().unwrap_or(WriteId(0));
                    subject.is_part(&part, &version(write), range);
                }
                Some(other) => panic!("{}: a part is found, not {other:?}", subject.case),
                None => {}
            }
        }
    };
    join(writes, reads).await;
    subject.has(&version(13)).await;
}

impl Subject<'_> {
    /// Checks that what was read and what is left make `body`, or end with an error before its end.
    async fn ends_as(&self, start: Bytes, mut rest: Pieces, body: &Bytes, change: &str) {
        let mut read = start.to_vec();
        loop {
            match rest.try_next().await {
                Ok(Some(piece)) => read.extend_from_slice(&piece),
                Ok(None) => break self.check(read == *body, one_version_of(change)),
                Err(_) => break self.check(body.starts_with(&read), one_version_of(change)),
            }
        }
    }

    pub(super) async fn part(
        &self,
        key: &Key,
        range: ByteRange,
        unless: Option<&ETag>,
    ) -> Option<Read<Part>> {
        let part = self.tier.read_range(key, range, unless).await;
        self.ok(part, format_args!("reading {range:?} of {key:?}"))
    }

    pub(super) fn is_part(&self, part: &Part, whole: &Stored, range: ByteRange) {
        self.same(&part.metadata, &whole.metadata, "read_range");
        let size = whole.body.len();
        let expected = range.of(size as u64).unwrap_or(0..0);
        let slice = whole.body.slice(expected.start as usize..expected.end as usize);
        self.check(
            part.body == slice,
            format_args!(
                "{range:?} of {size} bytes is what the body has there; {} bytes came",
                part.body.len()
            ),
        );
        self.check(
            part.range == expected || (expected.is_empty() && part.range.is_empty()),
            format_args!("{range:?} of {size} bytes is {expected:?}, not {:?}", part.range),
        );
    }
}

fn one_version_of(change: &str) -> String {
    format!("a body is of one write, or ends with an error, while the entry changes ({change})")
}
