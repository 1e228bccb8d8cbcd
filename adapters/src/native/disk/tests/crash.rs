//! What is trusted after a start that no clean close came before.

use super::*;

/// The state of the directory while it is open, opened elsewhere.
fn reopened(tier: &DiskTier, from: &Path, to: &Path, options: DiskOptions) -> DiskTier {
    tier.inner.checkpoint().expect("a checkpoint is made");
    copy(from, to);
    DiskTier::open(to, options).expect("the copy opens")
}

/// Power loss was seen to bring old values back with valid checksums, and with them the index that fits: nothing in
/// the directory can tell, so nothing is vouched for.
#[tokio::test]
async fn everything_is_suspect_after_a_crash() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "small", 1, SMALL).await;
    put(&tier, "large", 2, LARGE).await;
    tier.close().await.expect("it closes");
    drop(tier);
    let tier = open(directory.path());
    put(&tier, "new", 3, SMALL).await;
    let copy = reopened(&tier, directory.path(), elsewhere.path(), options());
    assert_eq!(read(&copy, "small").await, Read::Suspect(entry("small", 1, SMALL)));
    assert_eq!(read(&copy, "large").await, Read::Suspect(entry("large", 2, LARGE)));
    assert_eq!(read(&copy, "new").await, Read::Suspect(entry("new", 3, SMALL)));
    assert_eq!(copy.head(&key("small")).await, Ok(None));
    put(&copy, "small", 4, SMALL).await;
    assert_eq!(read(&copy, "small").await, Read::Found(entry("small", 4, SMALL)));
    list(&copy, "").await;
    copy.close().await.expect("it closes");
    drop(copy);
    // A clean close keeps the suspicion that nobody has lifted.
    let copy = open(elsewhere.path());
    assert_eq!(read(&copy, "small").await, Read::Found(entry("small", 4, SMALL)));
    assert_eq!(read(&copy, "large").await, Read::Suspect(entry("large", 2, LARGE)));
}

/// A run that started after a crash and crashed too must not make the first one forgotten.
#[tokio::test]
async fn suspicion_outlives_a_second_crash_in_a_durable_mode() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "k", 1, SMALL).await;
    drop(tier);
    for _ in 0..2 {
        let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
        assert_eq!(read(&tier, "k").await, Read::Suspect(entry("k", 1, SMALL)));
        drop(tier);
    }
}

#[tokio::test]
async fn what_was_not_announced_stays_trusted_in_a_durable_mode() {
    for bytes in [SMALL, LARGE] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
        assert!(tier.properties().wants_announcements);
        for (version, name) in (1..).zip(["kept", "announced", "overwritten", "removed", "patched"])
        {
            put(&tier, name, version, bytes).await;
        }
        for name in ["announced", "overwritten", "removed", "patched", "absent"] {
            tier.announce(&key(name)).await.expect("it is announced");
        }
        put(&tier, "overwritten", 6, bytes).await;
        remove(&tier, "removed").await;
        let mut patched = entry("patched", 5, bytes);
        patched.metadata.expires_at = Some(Timestamp::from_millis(9));
        tier.patch(&key("patched"), &patched.metadata).await.expect("it is patched");
        put(&tier, "absent", 7, bytes).await;
        let generation = tier.inner.lock().generation;
        drop(tier);
        for _ in 0..2 {
            let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
            assert!(tier.inner.lock().generation > generation);
            list(&tier, "").await;
            assert_eq!(read(&tier, "kept").await, Read::Found(entry("kept", 1, bytes)));
            let announced = Read::Suspect(entry("announced", 2, bytes));
            assert_eq!(read(&tier, "announced").await, announced);
            let overwritten = Read::Found(entry("overwritten", 6, bytes));
            assert_eq!(read(&tier, "overwritten").await, overwritten);
            assert!(!matches!(read(&tier, "removed").await, Read::Found(_)));
            assert_eq!(read(&tier, "patched").await, Read::Found(patched.clone()));
            assert_eq!(read(&tier, "absent").await, Read::Found(entry("absent", 7, bytes)));
            drop(tier);
        }
    }
}

/// A snapshot makes the journal with the announcement needless; the announcement must be in the snapshot then.
#[tokio::test]
async fn an_announcement_outlives_a_snapshot() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    put(&tier, "k", 1, SMALL).await;
    tier.announce(&key("k")).await.expect("it is announced");
    assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 1, SMALL)));
    tier.inner.log.snapshot(&tier.inner).expect("a snapshot is made");
    drop(tier);
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    assert_eq!(read(&tier, "k").await, Read::Suspect(entry("k", 1, SMALL)));
}

/// An entry that was given up leaves its record in a segment. When that comes back because the journal's end was lost,
/// it may be older than what the cold tier was told of since.
#[tokio::test]
async fn what_was_removed_before_an_announcement_stays_removed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    put(&tier, "k", 1, SMALL).await;
    put(&tier, "other", 2, SMALL).await;
    remove(&tier, "k").await;
    tier.announce(&key("k")).await.expect("it is announced");
    drop(tier);
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    assert_eq!(list(&tier, "").await, ["other"]);
    assert_eq!(read(&tier, "k").await, Read::Missing);
    assert_eq!(read(&tier, "other").await, Read::Found(entry("other", 2, SMALL)));
}

#[tokio::test]
async fn a_torn_end_of_the_journal_loses_no_more_than_that() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    put(&tier, "k", 1, SMALL).await;
    put(&tier, "l", 2, LARGE).await;
    tier.inner.checkpoint().expect("a checkpoint is made");
    drop(tier);
    let data = directory.path().join("v1");
    let journals = fs::read_dir(&data).expect("the folder is read").flatten();
    let newest =
        journals.map(|it| it.path()).filter(|it| it.to_string_lossy().contains("journal-"));
    let newest = newest.max().expect("there is a journal");
    let bytes = fs::read(&newest).expect("it is read");
    for cut in [1, 30, 60] {
        fs::write(&newest, &bytes[..bytes.len() - cut]).expect("it is written");
        let elsewhere = tempfile::tempdir().expect("a temporary directory");
        copy(directory.path(), elsewhere.path());
        let tier = DiskTier::open(elsewhere.path(), durable()).expect("it opens");
        assert_eq!(list(&tier, "").await, ["k", "l"], "{cut}");
        assert_eq!(read(&tier, "k").await, Read::Found(entry("k", 1, SMALL)), "{cut}");
        assert_eq!(read(&tier, "l").await, Read::Found(entry("l", 2, LARGE)), "{cut}");
    }
}

/// Damage in the middle is no tear: an announcement may be lost with it.
#[tokio::test]
async fn damage_in_the_journal_makes_everything_suspect() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    for version in 1..=4 {
        put(&tier, "k", version, SMALL).await;
    }
    tier.inner.checkpoint().expect("a checkpoint is made");
    drop(tier);
    let data = directory.path().join("v1");
    let journals = fs::read_dir(&data).expect("the folder is read").flatten();
    let newest =
        journals.map(|it| it.path()).filter(|it| it.to_string_lossy().contains("journal-"));
    let newest = newest.max().expect("there is a journal");
    let mut bytes = fs::read(&newest).expect("it is read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, &bytes).expect("it is written");
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    assert_eq!(read(&tier, "k").await, Read::Suspect(entry("k", 4, SMALL)));
}

/// Files that a power loss took are found out, and no longer counted.
#[tokio::test]
async fn lost_objects_are_dropped_and_found_ones_adopted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "lost", 1, LARGE).await;
    tier.inner.checkpoint().expect("a checkpoint is made");
    put(&tier, "found", 2, LARGE).await;
    let lost = tier.locate(&key("lost")).expect("it is there").path;
    drop(tier);
    fs::remove_file(lost).expect("it is removed");
    let tier = open(directory.path());
    assert_eq!(list(&tier, "").await, ["found"]);
    assert_eq!(read(&tier, "found").await, Read::Suspect(entry("found", 2, LARGE)));
    assert_eq!(read(&tier, "lost").await, Read::Missing);
    assert_eq!(tier.disk_bytes(), entry_bytes_below(directory.path()));
}

/// What was removed or written while the index was being rebuilt is not undone by a record that is found later.
#[tokio::test]
async fn calls_during_recovery_win_over_what_it_finds() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    for number in 0..200 {
        put(&tier, &format!("{number:03}"), 1, if number % 2 == 0 { SMALL } else { 40_000 }).await;
    }
    tier.close().await.expect("it closes");
    drop(tier);
    fs::remove_file(directory.path().join("v1/snapshot")).expect("it is removed");
    let tier = open(directory.path());
    remove(&tier, "198").await;
    remove(&tier, "199").await;
    put(&tier, "196", 2, SMALL).await;
    put(&tier, "197", 2, 40_000).await;
    assert_eq!(read(&tier, "198").await, Read::Missing);
    assert_eq!(list(&tier, "").await.len(), 198);
    assert_eq!(read(&tier, "199").await, Read::Missing);
    assert_eq!(read(&tier, "196").await, Read::Found(entry("196", 2, SMALL)));
    assert_eq!(read(&tier, "197").await, Read::Found(entry("197", 2, 40_000)));
    assert_eq!(read(&tier, "001").await, Read::Suspect(entry("001", 1, 40_000)));
    assert_eq!(tier.disk_bytes(), entry_bytes_below(directory.path()));
}

/// What is missing in the journal may be a note that something is about to be overwritten.
#[tokio::test]
async fn a_journal_that_failed_is_not_closed_cleanly() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = open(directory.path());
    put(&tier, "k", 1, SMALL).await;
    tier.inner.log.give_up();
    tier.close().await.expect("it closes");
    drop(tier);
    let tier = open(directory.path());
    assert_eq!(read(&tier, "k").await, Read::Suspect(entry("k", 1, SMALL)));
}

/// A clear that failed half-way may leave everything where it was; none of it is trusted then.
#[tokio::test]
async fn what_a_failed_clear_leaves_is_suspect() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    put(&tier, "small", 1, SMALL).await;
    put(&tier, "large", 2, LARGE).await;
    let next = tier.inner.lock().generation + 1;
    let in_the_way = directory.path().join(format!("trash-{next:016x}"));
    fs::create_dir_all(in_the_way.join("something")).expect("a folder is made");
    tier.clear().await.expect_err("it cannot be renamed");
    assert_eq!(read(&tier, "small").await, Read::Missing);
    put(&tier, "new", 3, SMALL).await;
    assert_eq!(read(&tier, "new").await, Read::Found(entry("new", 3, SMALL)));
    drop(tier);
    let tier = DiskTier::open(directory.path(), durable()).expect("it opens");
    assert_eq!(list(&tier, "").await, ["large", "new", "small"]);
    assert_eq!(read(&tier, "small").await, Read::Suspect(entry("small", 1, SMALL)));
    assert_eq!(read(&tier, "large").await, Read::Suspect(entry("large", 2, LARGE)));
}
