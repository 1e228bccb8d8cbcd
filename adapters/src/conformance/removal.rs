//! Cases about what goes, and about what is left.

use tiered_storage_core::Key;

use super::{Subject, entry, key, text_entry};
use crate::tier::{StorageTier, Stored};

/// Removals take what they name and nothing else: absent keys, no keys, 1,000 keys at once.
pub async fn removal(tier: &dyn StorageTier) {
    let subject = Subject::new("removal", tier);
    subject.remove(&[]).await;
    subject.remove(&[key("absent")]).await;

    let kept = text_entry("kept", 1);
    subject.write(&kept).await;
    let keys: Vec<Key> = (0..1_000).map(|number| key(format!("removed/{number}"))).collect();
    // Every other one is absent.
    for name in keys.iter().step_by(2) {
        subject.write(&text_entry(name, 1)).await;
    }
    subject.remove(&keys).await;
    subject.has(&kept).await;
    let listed = subject.list("", 1_000).await;
    subject.check(
        listed == [kept.metadata.key().clone()],
        format_args!("1,000 keys are removed at once; {} are left", listed.len()),
    );
    subject.lacks(&keys[0]).await;

    // A key that was removed can be written again.
    let again = text_entry(&keys[0], 2);
    subject.write(&again).await;
    subject.has(&again).await;
}

/// A version is removed only while it is the one that is there.
pub async fn removal_of_versions(tier: &dyn StorageTier) {
    let subject = Subject::new("removal_of_versions", tier);
    let (first, second) = (text_entry("versions", 1), text_entry("versions", 2));
    let name = first.metadata.key();
    let remove = async |seen: &Stored| {
        let removed = tier.remove_version(name, &seen.metadata).await;
        subject.ok(removed, "removing a version")
    };
    subject.check(!remove(&first).await, "a version of what is not there was not removed");
    subject.write(&first).await;
    let seen = Stored {
        metadata: subject.head(name).await.expect("head finds what was written"),
        ..first.clone()
    };
    subject.write(&second).await;
    subject.check(!remove(&seen).await, "an overwritten version was not removed");
    subject.has(&second).await;
    let seen = Stored {
        metadata: subject.head(name).await.expect("head finds what was written"),
        ..second
    };
    subject.check(remove(&seen).await, "the version that is there is removed");
    subject.lacks(name).await;
}

/// Clearing removes everything, an empty tier included, and the tier can be used afterwards.
pub async fn clearing(tier: &dyn StorageTier) {
    let subject = Subject::new("clearing", tier);
    subject.ok(tier.clear().await, "clearing an empty tier");
    let entries = [text_entry("a", 1), text_entry("a/b", 2), entry(&key("b"), 3, vec![7; 100_000])];
    for written in &entries {
        subject.write(written).await;
    }
    subject.ok(tier.clear().await, "clearing");
    for written in &entries {
        subject.lacks(written.metadata.key()).await;
    }
    subject.check(subject.list("", 10).await.is_empty(), "a cleared tier lists nothing");
    subject.write(&entries[0]).await;
    subject.has(&entries[0]).await;
}

/// Usage is the sum of the stored bodies and the number of entries, after writes, overwrites and removals.
pub async fn usage(tier: &dyn StorageTier) {
    let subject = Subject::new("usage", tier);
    let is = async |items: u64, bytes: u64| {
        let usage = subject.ok(tier.usage().await, "asking for the usage");
        subject.check(
            (usage.items, usage.bytes) == (items, bytes),
            format_args!("{items} entries of {bytes} bytes are in use, not {usage:?}"),
        );
    };
    is(0, 0).await;
    let (a, b) = (key("a"), key("b"));
    subject.write(&entry(&a, 1, vec![1; 1_000])).await;
    is(1, 1_000).await;
    subject.write(&entry(&b, 2, vec![2; 50_000])).await;
    is(2, 51_000).await;
    let mut written = entry(&a, 3, vec![3; 10]);
    subject.write(&written).await;
    is(2, 50_010).await;
    written.metadata = subject.head(&a).await.expect("head finds what was written");
    written.metadata.access_count = 5;
    subject.ok(tier.patch(&a, &written.metadata).await, "patching");
    is(2, 50_010).await;
    subject.remove(&[b.clone(), b]).await;
    is(1, 10).await;
    subject.ok(tier.clear().await, "clearing");
    is(0, 0).await;
}
