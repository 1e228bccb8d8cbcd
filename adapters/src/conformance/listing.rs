//! Cases about listings.

use std::collections::BTreeSet;

use tiered_storage_core::Key;

use super::{Subject, key, text_entry};
use crate::tier::{Page, StorageTier};

/// Following the pages visits every key once, whatever the limit.
pub async fn listing_pages(tier: &dyn StorageTier) {
    let subject = Subject::new("listing_pages", tier);
    let empty = subject.list("", 10).await;
    subject.check(empty.is_empty(), "an empty tier lists nothing");
    let expected = write_numbered(&subject, 25).await;
    for limit in [1, 5, 24, 25, 26, 1_000] {
        let listed = subject.list("", limit).await;
        let distinct: BTreeSet<Key> = listed.iter().cloned().collect();
        subject.check(
            listed.len() == distinct.len() && distinct == expected,
            format_args!("pages of {limit} visit each key once; they gave {listed:?}"),
        );
    }
}

/// A listing with a prefix gives the keys that start with it, byte for byte, and no others.
pub async fn listing_prefixes(tier: &dyn StorageTier) {
    let subject = Subject::new("listing_prefixes", tier);
    let keys = [
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "ab",
        "A/b",
        "b",
        "a%2Fb",
        "%",
        "%a",
        "a*",
        "[a]",
        "caf\u{e9}/x",
        "caf\u{e8}/x",
        "/a",
        "//a",
        "\u{10ffff}",
    ];
    for (text, write) in keys.iter().zip(1..) {
        subject.write(&text_entry(text, write)).await;
    }
    let prefixes = [
        "",
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a/b/c/d",
        "A",
        "%",
        "a%",
        "a*",
        "*",
        "[a",
        "caf\u{e9}",
        "caf",
        "/",
        "//",
        "z",
        "\u{10ffff}",
    ];
    for prefix in prefixes {
        for limit in [2, 100] {
            let listed: BTreeSet<Key> = subject.list(prefix, limit).await.into_iter().collect();
            let expected: BTreeSet<Key> =
                keys.iter().filter(|text| text.starts_with(prefix)).map(key).collect();
            subject.check(
                listed == expected,
                format_args!("the prefix {prefix:?} lists {expected:?}, not {listed:?}"),
            );
        }
    }
}

/// Keys that are removed between two pages do not hide others.
pub async fn listing_while_removing(tier: &dyn StorageTier) {
    let subject = Subject::new("listing_while_removing", tier);
    let expected = write_numbered(&subject, 30).await;
    let mut visited = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let page = Page { prefix: "", after: after.as_deref(), limit: 7 };
        let listing = subject.ok(tier.list(page).await, "listing");
        subject.remove(&listing.keys).await;
        for key in listing.keys {
            subject.check(visited.insert(key), "no key is listed twice");
        }
        match listing.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    subject.check(
        visited == expected,
        format_args!("each key is visited though those before it were removed; {visited:?} were"),
    );
    let left = subject.list("", 100).await;
    subject.check(left.is_empty(), "what was listed and removed is gone");
}

async fn write_numbered(subject: &Subject<'_>, count: u64) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for number in 0..count {
        // Not in byte order, and not all in one folder.
        let written = text_entry(&format!("{}/{number}", number * 7 % 5), number);
        subject.write(&written).await;
        keys.insert(written.metadata.key().clone());
    }
    keys
}
