//! Cases about entries of which there are only parts. Tiers that keep none are excused.

use bytes::Bytes;
use tiered_storage_core::{ErrorKind, Key, Timestamp, range::ByteRange};

use super::{
    Subject, entry, key, now,
    pieces::{KIB, body},
};
use crate::tier::{Patched, Read, StorageTier, Stored};

/// The chunks of the cases.
const CHUNK: usize = 64 * KIB;
/// Not all of its chunks are of the same size.
const SIZE: usize = 4 * CHUNK + 5_000;

/// A key with parts is an entry whose body is not all there: it has metadata, is listed and counted, and its ranges are read
/// where they are there. With the last part it is an entry as any other.
pub async fn parts(tier: &dyn StorageTier) {
    let subject = Subject::new("parts", tier);
    let written = version("parts", 1);
    let name = written.metadata.key();
    // The second comes once more, and the others are not in order.
    for (round, chunks) in [2..3, 0..1, 2..4, 4..5].into_iter().enumerate() {
        if !subject.keeps(&written, chunks).await {
            return;
        }
        subject.has_parts(&written).await;
        let is_there = subject
            .kept_range(&written, ByteRange::Between(2 * CHUNK as u64, 9 + 2 * CHUNK as u64))
            .await;
        subject.check(is_there, "a range of a part that was written is read");
        let is_there = subject
            .kept_range(&written, ByteRange::Between(CHUNK as u64 - 1, CHUNK as u64 + 1))
            .await;
        subject.check(!is_there, "a range is not read of which a part is not there");
        let is_there = subject.kept_range(&written, ByteRange::Last(5_001)).await;
        subject
            .check(is_there == (round == 3), "a range over two parts is read when both are there");
    }
    subject.part_written(&written, 1..2).await;
    subject.has(&written).await;
    for range in [ByteRange::From(0), ByteRange::Between(CHUNK as u64 - 1, 3 * CHUNK as u64)] {
        let is_there = subject.kept_range(&written, range).await;
        subject.check(is_there, "ranges are read of what its parts made whole");
    }
    subject.part_written(&written, 0..1).await;
    subject.has(&written).await;
    let usage = subject.ok(tier.usage().await, "asking for the usage");
    subject.check(usage.items <= 1, "what its parts made whole is one item");
    let listed = subject.list("", 10).await;
    subject.check(listed == [name.clone()], "what its parts made whole is listed once");
}

/// A whole entry replaces parts, parts of another version replace what is there, and what is removed is gone with its
/// parts.
pub async fn parts_replaced(tier: &dyn StorageTier) {
    let subject = Subject::new("parts_replaced", tier);
    let (first, second) = (version("replaced", 1), version("replaced", 2));
    let name = first.metadata.key();
    let reset = async || {
        subject.remove(std::slice::from_ref(name)).await;
        subject.keeps(&first, 0..2).await
    };
    if !reset().await {
        return;
    }
    subject.write(&second).await;
    subject.has(&second).await;
    if subject.keeps(&first, 0..1).await {
        subject.has_parts(&first).await;
        let is_there = subject.kept_range(&first, ByteRange::Between(0, 9)).await;
        subject.check(is_there, "a part replaces a whole entry of another version");
    }
    reset().await;
    if subject.keeps(&second, 1..2).await {
        subject.has_parts(&second).await;
        let is_there = subject.kept_range(&second, ByteRange::Between(0, 9)).await;
        subject.check(!is_there, "a part replaces those of another version");
    }
    reset().await;
    let removed = tier.remove_version(name, &second.metadata).await;
    subject.check(removed == Ok(false), "parts of another version are not removed");
    subject.has_parts(&first).await;
    let removed = tier.remove_version(name, &first.metadata).await;
    subject.check(removed == Ok(true), "parts of that version are removed");
    subject.is_gone(name).await;
    reset().await;
    subject.remove(std::slice::from_ref(name)).await;
    subject.is_gone(name).await;
    reset().await;
    subject.ok(tier.clear().await, "clearing");
    subject.is_gone(name).await;
    // Nothing of them comes back with what is written next.
    subject.keeps(&first, 1..5).await;
    let found = subject.read(name).await;
    subject.check(found == Read::Missing, "parts that were removed do not count");
}

/// The metadata of parts is patched as any other, and what they make whole has it.
pub async fn parts_patched(tier: &dyn StorageTier) {
    let subject = Subject::new("parts_patched", tier);
    let (mut written, other) = (version("patched", 1), version("patched", 2));
    let name = written.metadata.key().clone();
    if !subject.keeps(&written, 0..3).await {
        return;
    }
    let patched = tier.patch(&name, &other.metadata).await;
    subject.check(
        patched.map_err(|error| error.kind()) == Err(ErrorKind::Conflict),
        "parts of another version are not patched",
    );
    let plain = written.clone();
    written.metadata.expires_at = Some(now().plus_millis(60_000));
    written.metadata.access_count = 7;
    written.metadata.last_accessed = Timestamp::from_millis(9);
    let patched = subject.ok(tier.patch(&name, &written.metadata).await, "patching parts");
    subject.check(matches!(patched, Patched::Done(_)), "the metadata of parts is patched");
    subject.has_parts(&written).await;
    subject.part_written(&plain, 3..5).await;
    subject.has(&written).await;
}

fn version(name: &str, write: u64) -> Stored {
    entry(&key(name), write, body(write, SIZE))
}

impl Subject<'_> {
    /// Writes these chunks of an entry.
    async fn part_written(&self, whole: &Stored, chunks: std::ops::Range<usize>) {
        let range = chunks.start * CHUNK..whole.body.len().min(chunks.end * CHUNK);
        // A copy, as of bytes that have just come from elsewhere.
        let part = Bytes::copy_from_slice(&whole.body[range.clone()]);
        let key = whole.metadata.key();
        let start = range.start as u64;
        let written = self.tier.write_part(key, &whole.metadata, start, part).await;
        self.ok(written, format_args!("writing bytes {range:?} of {key:?}"));
    }

    /// As `part_written`, and says whether the tier has kept it.
    async fn keeps(&self, whole: &Stored, chunks: std::ops::Range<usize>) -> bool {
        self.part_written(whole, chunks).await;
        let head = self.head(whole.metadata.key()).await;
        head.is_some_and(|head| head.is_same_version(&whole.metadata))
    }

    /// Checks that a key is there by every way of asking, but without its body.
    async fn has_parts(&self, whole: &Stored) {
        let key = whole.metadata.key();
        match self.head(key).await {
            Some(found) => self.same(&found, &whole.metadata, "head"),
            None => panic!("{}: head finds {key:?}, of which there are parts", self.case),
        }
        let found = self.read(key).await;
        self.check(found == Read::Missing, "what is there in part is not read as a whole");
        let opened = self.ok(self.tier.open(key, None).await, "opening");
        self.check(matches!(opened, Read::Missing), "what is there in part is not opened");
        let peek = self.tier.peek(key, now());
        self.check(peek.is_none(), "what is there in part is not peeked");
        let listed = self.list("", 10).await;
        self.check(listed == [key.clone()], "a key with parts is listed once");
        let usage = self.ok(self.tier.usage().await, "asking for the usage");
        self.check(usage.items == 1, "an entry with parts is one item");
        self.check(usage.bytes <= whole.body.len() as u64, "parts are counted once");
    }

    /// Checks what is read of a range, and says whether something was.
    async fn kept_range(&self, whole: &Stored, range: ByteRange) -> bool {
        match self.part(whole.metadata.key(), range, None).await {
            Some(Read::Found(part)) => {
                self.is_part(&part, whole, range);
                true
            }
            Some(Read::Missing) => false,
            other => panic!("{}: {range:?} is found or not, but it is {other:?}", self.case),
        }
    }

    async fn is_gone(&self, key: &Key) {
        self.lacks(key).await;
        let part = self.part(key, ByteRange::Between(0, 9), None).await;
        self.check(part == Some(Read::Missing), "no range is read of what was removed");
        let listed = self.list("", 10).await;
        self.check(listed.is_empty(), "parts that were removed are not listed");
        let usage = self.ok(self.tier.usage().await, "asking for the usage");
        self.check((usage.items, usage.bytes) == (0, 0), "parts that were removed are not counted");
    }
}
