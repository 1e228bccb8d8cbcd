//! Several storages over one warm and one cold tier: what one changes, the others see at once; what one brings, no other
//! reads again; and no copy of an older version lands.

mod clique;

use std::sync::{Arc, atomic::Ordering};

use futures::TryStreamExt;
use tiered_storage::{
    Promotion, SetOptions, Tier, TieredStorage,
    conformance::Call,
    neighbours::Scope,
    tier::{Read, StorageTier},
};
use tiered_storage_tests::server::{Options, Server};
use tokio::task::{JoinHandle, yield_now};

use self::clique::{Clique, key, until};

const EAGER: Promotion = Promotion::Eager;

/// Two storages, and `key` in cold.
async fn pair() -> (Arc<Clique>, [TieredStorage; 2]) {
    let clique = Clique::in_memory();
    let pair = [clique.member(EAGER).await, clique.member(EAGER).await];
    let options = SetOptions::default().only_tiers(Tier::Cold);
    pair[0].set_with("key", "old", options).await.expect("memory takes it");
    clique.cold.reset_calls();
    (clique, pair)
}

fn get(storage: &TieredStorage) -> JoinHandle<Option<bytes::Bytes>> {
    let storage = storage.clone();
    tokio::spawn(async move { storage.get("key").await.expect("nothing fails") })
}

fn set(storage: &TieredStorage) -> JoinHandle<()> {
    let storage = storage.clone();
    tokio::spawn(async move { storage.set("key", "new").await.map(drop).expect("nothing fails") })
}

async fn in_warm(clique: &Clique) -> Option<bytes::Bytes> {
    match clique.warm.read(&key("key"), None).await.expect("the disk works") {
        Read::Found(stored) => Some(stored.body),
        _ => None,
    }
}

/// Begins a read that is stopped in cold.
async fn stopped_read(
    clique: &Clique,
    storage: &TieredStorage,
) -> JoinHandle<Option<bytes::Bytes>> {
    clique.cold.hold(Call::Read);
    let reading = get(storage);
    until(|| clique.cold.stopped(Call::Read) == 1).await;
    reading
}

/// Gives everybody the time to do what must not be done.
async fn linger() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_write_waits_until_the_copy_of_an_older_read_has_landed() {
    let (clique, [writer, reader]) = pair().await;
    let reading = stopped_read(&clique, &reader).await;
    let writing = set(&writer);
    linger().await;
    assert_eq!(clique.cold.calls(Call::Write), 0, "the reader has the key");
    assert!(clique.cold.release(Call::Read));
    assert_eq!(reading.await.expect("it ends"), Some("old".into()));
    writing.await.expect("it ends");
    reader.settled().await;
    assert_eq!(in_warm(&clique).await, Some("new".into()));
    assert_eq!(reader.get("key").await, Ok(Some("new".into())));
    assert_eq!(clique.held(), []);
}

#[tokio::test]
async fn who_has_no_neighbours_is_told_nothing() {
    let (clique, [writer, _]) = pair().await;
    let loner = clique.loner().await;
    loner.get("key").await.expect("nothing fails");
    loner.settled().await;
    writer.set("key", "new").await.expect("memory takes it");
    assert_eq!(loner.get("key").await, Ok(Some("old".into())));
    loner.changed_elsewhere(Scope::Key(key("key")));
    assert_eq!(loner.get("key").await, Ok(Some("new".into())), "already before the copy is gone");
}

#[tokio::test]
async fn misses_at_the_same_time_cost_one_read_of_cold() {
    let (clique, [first, second]) = pair().await;
    let third = clique.member(EAGER).await;
    let reading = stopped_read(&clique, &first).await;
    let others = [get(&second), get(&third)];
    linger().await;
    assert!(clique.cold.release(Call::Read));
    for read in others.into_iter().chain([reading]) {
        assert_eq!(read.await.expect("it ends"), Some("old".into()));
    }
    assert_eq!(clique.cold.calls(Call::Read), 1);
    for storage in [first, second, third] {
        storage.settled().await;
    }
    assert_eq!(clique.held(), []);
}

#[tokio::test]
async fn a_miss_that_is_copied_nowhere_claims_nothing() {
    let (clique, _) = pair().await;
    let lazy = [clique.member(Promotion::Lazy).await, clique.member(Promotion::Lazy).await];
    let reading = stopped_read(&clique, &lazy[0]).await;
    assert_eq!(clique.held(), []);
    assert_eq!(lazy[1].get("key").await, Ok(Some("old".into())));
    assert!(clique.cold.release(Call::Read));
    reading.await.expect("it ends");
}

#[tokio::test]
async fn what_one_changes_is_gone_from_the_others_memory() {
    let (clique, [writer, reader]) = pair().await;
    let source = async || {
        let found = reader.get_with_metadata("key").await.expect("nothing fails");
        found.map(|entry| (entry.data, entry.source))
    };
    let fill = async || {
        reader.settled().await;
        reader.get("key").await.expect("nothing fails");
        reader.settled().await;
        assert_eq!(source().await.map(|(_, tier)| tier), Some(Tier::Hot));
    };
    fill().await;
    writer.set("key", "new").await.expect("memory takes it");
    assert_eq!(source().await, Some(("new".into(), Tier::Warm)));
    fill().await;
    writer.touch("key", Some(std::time::Duration::from_secs(60))).await.expect("nothing fails");
    assert_eq!(source().await.map(|(_, tier)| tier), Some(Tier::Warm));
    fill().await;
    writer.invalidate_upper_caches("k").await.expect("nothing fails");
    assert_eq!(source().await, Some(("new".into(), Tier::Cold)));
    fill().await;
    writer.delete("key").await.expect("nothing fails");
    assert_eq!(source().await, None);
    assert_eq!(clique.held(), []);
}

#[tokio::test]
async fn an_invalidation_waits_for_the_copies_of_older_reads_and_leaves_none() {
    let (clique, [writer, reader]) = pair().await;
    let reading = stopped_read(&clique, &reader).await;
    let storage = writer.clone();
    let invalidating = tokio::spawn(async move { storage.invalidate("k").await });
    linger().await;
    assert_eq!(clique.cold.calls(Call::Remove), 0, "the reader has the key");
    assert!(clique.cold.release(Call::Read));
    assert_eq!(reading.await.expect("it ends"), Some("old".into()));
    assert_eq!(invalidating.await.expect("it ends"), Ok(1));
    reader.settled().await;
    assert_eq!(in_warm(&clique).await, None);
    assert_eq!(reader.get("key").await, Ok(None));
}

#[tokio::test]
async fn a_read_under_a_prefix_that_is_being_removed_is_not_copied() {
    let (clique, [writer, reader]) = pair().await;
    clique.is_mute.store(true, Ordering::SeqCst);
    clique.cold.hold(Call::Remove);
    let storage = writer.clone();
    let invalidating = tokio::spawn(async move { storage.invalidate("").await });
    until(|| clique.cold.stopped(Call::Remove) == 1).await;
    assert_eq!(reader.get("key").await, Ok(Some("old".into())), "it is still there");
    reader.settled().await;
    assert!(clique.cold.release(Call::Remove));
    assert_eq!(invalidating.await.expect("it ends"), Ok(1));
    assert_eq!(reader.get("key").await, Ok(None));
}

#[tokio::test]
async fn who_gives_up_while_waiting_leaves_nothing_behind() {
    let (clique, [first, second]) = pair().await;
    let reading = stopped_read(&clique, &first).await;
    let waiting = get(&second);
    linger().await;
    waiting.abort();
    assert!(waiting.await.expect_err("it was given up").is_cancelled());
    assert_eq!(clique.held(), [Scope::Key(key("key"))]);
    reading.abort();
    assert!(reading.await.expect_err("it was given up").is_cancelled());
    assert_eq!(clique.held(), []);
    second.set("key", "new").await.expect("nobody has the key");
}

#[tokio::test]
async fn a_write_does_not_wait_for_reads_of_its_own_storage() {
    let (clique, [storage, _]) = pair().await;
    let reading = stopped_read(&clique, &storage).await;
    storage.set("key", "new").await.expect("memory takes it");
    assert_eq!(clique.held(), []);
    assert!(clique.cold.release(Call::Read));
    reading.await.expect("it ends");
    storage.settled().await;
    assert_eq!(in_warm(&clique).await, Some("new".into()));
}

#[tokio::test]
async fn an_invalidation_does_not_wait_for_reads_of_its_own_storage() {
    let (clique, [storage, _]) = pair().await;
    let reading = stopped_read(&clique, &storage).await;
    assert_eq!(storage.invalidate("k").await, Ok(1));
    assert!(clique.cold.release(Call::Read));
    reading.await.expect("it ends");
    storage.settled().await;
    assert_eq!(in_warm(&clique).await, None);
    assert_eq!(clique.held(), []);
}

#[tokio::test]
async fn warming_up_passes_over_what_others_are_at() {
    let (clique, [warming, reader]) = pair().await;
    let reading = stopped_read(&clique, &reader).await;
    assert_eq!(warming.bootstrap_warm(None, None).await, Ok(0), "it waits for nobody");
    assert!(clique.cold.release(Call::Read));
    reading.await.expect("it ends");
    reader.settled().await;
    assert_eq!(warming.bootstrap_warm(None, None).await, Ok(1));
    assert_eq!(clique.held(), []);
}

#[tokio::test]
async fn who_is_refused_everything_goes_on_and_copies_nothing() {
    let clique = Clique::in_memory();
    let storage = clique.outcast().await;
    let options = SetOptions::default().only_tiers(Tier::Cold);
    storage.set_with("key", "value", options).await.expect("a change goes on");
    assert_eq!(storage.get("key").await, Ok(Some("value".into())));
    storage.settled().await;
    assert_eq!(in_warm(&clique).await, None);
    assert_eq!(storage.bootstrap_warm(None, None).await, Ok(0));
    assert_eq!(storage.invalidate("").await, Ok(1));
}

#[tokio::test]
async fn one_of_them_writes_statistics_to_what_is_shared() {
    let (clique, [keeper, other]) = pair().await;
    for storage in [&keeper, &other] {
        storage.get("key").await.expect("nothing fails");
        storage.settled().await;
    }
    assert_eq!(clique.passed(), [("key".to_owned(), 1)]);
    let count = async || {
        let found = clique.warm.head(&key("key")).await.expect("the disk works");
        found.expect("it was copied").access_count
    };
    assert_eq!(count().await, 1);
    let own = other.get_with_metadata("key").await.expect("nothing fails");
    assert_eq!(own.map(|entry| (entry.source, entry.metadata.access_count)), Some((Tier::Hot, 3)));
}

/// The body of a stream is not held while it is read; whoever writes need not wait for it.
#[tokio::test]
async fn what_was_read_piece_by_piece_is_copied_only_if_cold_still_has_it() {
    const SIZE: usize = 3 << 20;
    let server = Server::start(Options::default()).expect("loopback can be listened on");
    let cold = server.options().tier(server.endpoint()).build().expect("the settings are right");
    let clique = Clique::new(Arc::new(cold));
    let [writer, reader] = [clique.member(EAGER).await, clique.member(EAGER).await];
    for is_overtaken in [false, true] {
        let options = SetOptions::default().only_tiers(Tier::Cold);
        writer.set_with("key", vec![7; SIZE], options).await.expect("the server takes it");
        reader.settled().await;
        let found = reader.get_stream("key").await.expect("nothing fails").expect("it is there");
        let mut pieces = found;
        assert!(pieces.try_next().await.expect("nothing fails").is_some());
        assert_eq!(clique.held(), []);
        if is_overtaken {
            // Nobody is told, so that only cold can say that it is another one.
            clique.is_mute.store(true, Ordering::SeqCst);
            let options = SetOptions::default().only_tiers(Tier::Cold);
            writer.set_with("key", "new", options).await.expect("nobody holds the key");
        }
        while pieces.try_next().await.expect("nothing fails").is_some() {}
        drop(pieces);
        reader.settled().await;
        let copied = in_warm(&clique).await.map(|body| body.len());
        assert_eq!(copied, (!is_overtaken).then_some(SIZE));
        assert_eq!(clique.held(), []);
    }
}
