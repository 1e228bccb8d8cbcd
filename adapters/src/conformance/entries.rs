//! Cases about one entry at a time.

use bytes::Bytes;
use tiered_storage_core::{ETag, ErrorKind, Key, WriteId};

use super::{Subject, entry, full_metadata, key, now, text_entry};
use crate::tier::{Patched, Peeked, Read, StorageTier, Stored};

/// What was written is found, and what was not is missing.
pub async fn round_trip(tier: &dyn StorageTier) {
    let subject = Subject::new("round_trip", tier);
    let written = text_entry("a", 1);
    subject.lacks(&key("a")).await;
    subject.write(&written).await;
    subject.has(&written).await;
    subject.lacks(&key("b")).await;
}

/// Metadata comes back in full, Unicode included, and compressed bodies as they were given.
pub async fn every_field(tier: &dyn StorageTier) {
    let subject = Subject::new("every_field", tier);
    let body = Bytes::from_static(b"{\"a\":1}");
    let full = Stored { metadata: full_metadata(&key("full"), &body), body };
    let plain = text_entry("plain", 1);
    let compressed = Stored {
        metadata: full_metadata(&key("compressed"), b"what it was before").with_compressed(true),
        body: Bytes::from_static(&[0x1f, 0x8b, 8, 0, 0xff]),
    };
    let mut foreign = text_entry("foreign", 0);
    foreign.metadata = foreign.metadata.with_encoding("br");
    let entries = [full, plain, compressed, foreign];
    for written in &entries {
        subject.write(written).await;
    }
    for written in &entries {
        subject.has(written).await;
    }
}

/// An overwrite replaces body and metadata, longer by shorter and back, and leaves one entry.
pub async fn overwrites(tier: &dyn StorageTier) {
    let subject = Subject::new("overwrites", tier);
    let name = key("overwritten");
    let full = Bytes::from_static(b"[]");
    let versions = [
        entry(&name, 1, "short"),
        entry(&name, 2, vec![b'x'; 100_000]),
        Stored { metadata: full_metadata(&name, &full), body: full },
        entry(&name, 4, vec![b'y'; 5_000]),
    ];
    for version in &versions {
        subject.write(version).await;
        subject.has(version).await;
        if let Some(peeked) = tier.peek(&name, now()) {
            subject.check(peeked.body == version.body, "peek answers the newest body");
        }
    }
    let keys = subject.list("", 10).await;
    subject.check(keys == [name], "an overwritten key is listed once");
}

/// Keys that a file system, a URL or a careless encoding would take for one another are entries of their own.
pub async fn odd_keys(tier: &dyn StorageTier) {
    let subject = Subject::new("odd_keys", tier);
    let entries: Vec<Stored> =
        ODD_KEYS.iter().zip(1..).map(|(text, write)| text_entry(text, write)).collect();
    for written in &entries {
        subject.write(written).await;
    }
    for written in &entries {
        subject.has(written).await;
    }
    let mut listed = subject.list("", 7).await;
    listed.sort();
    let mut expected: Vec<Key> = ODD_KEYS.iter().map(key).collect();
    expected.sort();
    subject.check(
        listed == expected,
        format_args!("each key is listed once, as it was written: {listed:?}, not {expected:?}"),
    );
    for (removed, kept) in entries.iter().zip(entries.iter().skip(1)) {
        subject.remove(std::slice::from_ref(removed.metadata.key())).await;
        subject.lacks(removed.metadata.key()).await;
        subject.has(kept).await;
    }
}

const ODD_KEYS: &[&str] = &[
    "a",
    "A",
    "a/b",
    "a/b/c",
    "a//b",
    "a/",
    "/a",
    "/",
    "//",
    ".",
    "..",
    "a/.",
    "a/..",
    "a/../b",
    "./a",
    "../a",
    "a.meta",
    "a.tmp",
    "a b",
    " a",
    "a ",
    "  ",
    "a+b",
    "a%20b",
    "a%2Fb",
    "%",
    "%25",
    "a#b",
    "a?b",
    "a&b=c",
    "a\\b",
    "C:\\a",
    "con",
    "NUL.txt",
    "a:b",
    "a*b",
    "a|b",
    "<a>",
    "\"a\"",
    "'a'",
    "a\nb",
    "a\tb",
    "\u{0}",
    "a\u{7f}",
    "~a",
    "~",
    "=",
    ";",
    "caf\u{e9}",
    "cafe\u{301}",
    "\u{1f600}",
    "\u{feff}",
    "\u{fffd}",
    "\u{10ffff}",
    "\u{131}",
    "__proto__",
    "constructor",
    "a\u{2028}b",
];

/// Keys of 1,024 bytes work, without a slash and of several bytes to a character, beside one that is one byte shorter.
pub async fn longest_keys(tier: &dyn StorageTier) {
    let subject = Subject::new("longest_keys", tier);
    let keys = [
        "k".repeat(1_024),
        "k".repeat(1_023),
        "\u{1f600}".repeat(256),
        "%".repeat(1_024),
        "/".repeat(1_024),
        format!("{}/", "s".repeat(1_023)),
    ];
    let entries: Vec<Stored> = keys.iter().zip(1..).map(|(key, n)| text_entry(key, n)).collect();
    for written in &entries {
        subject.write(written).await;
    }
    for written in &entries {
        subject.has(written).await;
    }
    let listed = subject.list("", 1_000).await.len();
    subject.check(listed == keys.len(), "each of the longest keys is listed");
}

/// Bodies of no bytes, of one, of 1 MiB and of sizes between come back whole.
pub async fn body_sizes(tier: &dyn StorageTier) {
    let subject = Subject::new("body_sizes", tier);
    let room = tier.properties().entry_bytes_max.unwrap_or(u64::MAX);
    for (size, write) in [0, 1, 255, 4_096, 32_768, 32_769, 65_537, 1 << 20].into_iter().zip(1..) {
        if size as u64 + 4_096 > room {
            continue;
        }
        // Every byte value, and no period that a chunk size would divide.
        let body: Vec<u8> = (0..size).map(|at: usize| (at % 257 % 256) as u8).collect();
        let written = entry(&key(format!("{size}-bytes")), write, body);
        subject.write(&written).await;
        subject.has(&written).await;
    }
}

/// A patch replaces metadata of the same version, leaves the body, and makes no entry.
pub async fn patches(tier: &dyn StorageTier) {
    let subject = Subject::new("patches", tier);
    let mut stored = text_entry("patched", 1);
    let name = stored.metadata.key().clone();

    let missing =
        subject.ok(tier.patch(&name, &stored.metadata).await, "patching what is not there");
    subject.check(missing == Patched::Missing, "a patch of what is not there answers `Missing`");
    subject.lacks(&name).await;

    subject.write(&stored).await;
    stored.metadata = subject.head(&name).await.expect("head finds what was written");
    stored.metadata.expires_at = Some(now().plus_millis(60_000));
    stored.metadata.access_count = 3;
    stored.metadata.last_accessed = now().plus_millis(9);
    let done = subject.ok(tier.patch(&name, &stored.metadata).await, "patching");
    subject.check(matches!(done, Patched::Done(_)), "a patch of the same version is done");
    subject.has(&stored).await;

    stored.metadata = subject.head(&name).await.expect("head finds what was patched");
    stored.metadata.expires_at = None;
    subject.ok(tier.patch(&name, &stored.metadata).await, "patching again");
    subject.has(&stored).await;

    let other = text_entry("patched", 2).metadata;
    let kind = tier.patch(&name, &other).await.map_err(|error| error.kind());
    subject.check(
        kind == Err(ErrorKind::Conflict),
        format_args!("a patch with metadata of another version is a `Conflict`, not {kind:?}"),
    );
    subject.has(&stored).await;
}

/// A read of a version that the tier no longer has, or never had, finds what is there.
pub async fn conditional_reads(tier: &dyn StorageTier) {
    let subject = Subject::new("conditional_reads", tier);
    let first = text_entry("versioned", 1);
    let name = first.metadata.key().clone();
    let unknown = ETag::new("\"00000000000000000000000000000000\"");

    let read = subject.ok(tier.read(&name, Some(&unknown)).await, "reading what is not there");
    subject.check(read == Read::Missing, "what is not there is missing, whatever version is known");

    let version = subject.ok(tier.write(&name, first.clone()).await, "writing");
    let read = subject.ok(tier.read(&name, Some(&unknown)).await, "reading");
    subject.check(
        matches!(&read, Read::Found(found) if found.body == first.body),
        "an entry of another version than the known one is found",
    );
    let Some(version) = version else { return };

    let read = subject.ok(tier.read(&name, Some(&version)).await, "reading the known version");
    subject.check(
        matches!(&read, Read::Unchanged)
            || matches!(&read, Read::Found(found) if found.body == first.body),
        "the known version is unchanged, or found again",
    );
    let second = text_entry("versioned", 2);
    subject.write(&second).await;
    let read = subject.ok(tier.read(&name, Some(&version)).await, "reading after an overwrite");
    subject.check(
        matches!(&read, Read::Found(found) if found.body == second.body),
        "after an overwrite the new version is found",
    );
}

/// Where a tier can peek, it shows live entries alone, and gives out each access once.
pub async fn peeks(tier: &dyn StorageTier) {
    let subject = Subject::new("peeks", tier);
    tier.accesses(usize::MAX);
    let mut stored = text_entry("peeked", 1);
    stored.metadata.expires_at = Some(now().plus_millis(10));
    let name = stored.metadata.key().clone();
    subject.write(&stored).await;

    let times = [now(), now().plus_millis(10), now().plus_millis(4)];
    let seen: Vec<Stored> = times.iter().filter_map(|&time| tier.peek(&name, time)).collect();
    for found in &seen {
        let is_same = found.metadata.write_id() == Some(WriteId(1)) && found.body == stored.body;
        subject.check(is_same, "peek answers the entry");
    }
    let body = tier.peek_body(&name, now());
    subject.check(body.is_some() != seen.is_empty(), "peek_body answers if peek does");
    if let Some(Peeked { body, expires_at, fresh_at }) = &body {
        let Stored { metadata, body: stored } = &stored;
        let is_same =
            (body, *expires_at, *fresh_at) == (stored, metadata.expires_at, metadata.fresh_at);
        subject.check(is_same, "peek_body answers the same entry");
    }
    let late = now().plus_millis(11);
    let is_expired_shown =
        tier.peek(&name, late).is_some() || tier.peek_body(&name, late).is_some();
    subject.check(!is_expired_shown, "peek and peek_body do not show an expired entry");

    let hits = seen.len() + usize::from(body.is_some());
    let accesses = tier.accesses(1);
    let count = accesses.iter().map(|access| access.count).sum::<u64>();
    subject.check(
        count == hits as u64,
        format_args!("each of {hits} hits is counted as an access; {count} were"),
    );
    for access in &accesses {
        subject.check(access.key == name, "an access names its key");
        subject
            .check(access.last == now().plus_millis(10), "an access has the time of the last hit");
    }
    subject.check(tier.accesses(1).is_empty(), "an access is given out once");
    subject.has(&stored).await;
}

/// What was announced and then written is the new entry; announcing what is not there is no error.
pub async fn announcements(tier: &dyn StorageTier) {
    let subject = Subject::new("announcements", tier);
    let (first, second) = (text_entry("announced", 1), text_entry("announced", 2));
    let name = first.metadata.key();
    subject.ok(tier.announce(name).await, "announcing what is not there");
    subject.lacks(name).await;
    subject.write(&first).await;
    subject.ok(tier.announce(name).await, "announcing");
    subject.write(&second).await;
    subject.has(&second).await;
}
