//! Reading in pieces.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{TryStreamExt, future::join_all};
use tiered_storage::{
    Compression, EntryStream, ErrorKind, Event, Key, Promotion, SetOptions, Tier, TieredStorage,
    tier::StorageTier,
};

use super::{World, long, tier::Pace};

const LEN: usize = 6_000_000;

async fn begin(world: &World, key: &str) -> EntryStream {
    let found = world.storage.get_stream(key).await.expect("the tiers answer");
    found.expect("the entry is there")
}

async fn rest(stream: EntryStream) -> Bytes {
    let all = stream.try_fold(BytesMut::new(), |mut all, piece| async move {
        all.extend_from_slice(&piece);
        Ok(all)
    });
    all.await.expect("the body is whole").freeze()
}

#[tokio::test]
async fn a_body_comes_in_pieces_and_warm_gets_its_copy_on_the_way() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    let stream = begin(&world, "film").await;
    assert_eq!((stream.source, stream.metadata.size()), (Tier::Cold, LEN as u64));
    assert!(rest(stream).await == body);
    world.storage.settled().await;
    assert!(world.heard(|event| matches!(event, Event::Promoted { tier: Tier::Warm, .. })));
    let again = begin(&world, "film").await;
    assert_eq!(again.source, Tier::Warm);
    assert!(rest(again).await == body);
    assert_eq!(world.cold.opens.load(Ordering::SeqCst), 1, "cold was read once");
    assert_eq!(world.warm.writes.load(Ordering::SeqCst), 0, "what was kept was not written again");
    assert!(world.has_no_trace());
}

#[tokio::test]
async fn small_bodies_and_hot_ones_come_as_one_piece() {
    let world = World::plain().await;
    world.held("note", &long(1_000)).await;
    for source in [Tier::Cold, Tier::Hot] {
        let pieces: Vec<Bytes> = {
            let stream = begin(&world, "note").await;
            assert_eq!(stream.source, source);
            stream.try_collect().await.expect("the body is whole")
        };
        assert_eq!(pieces, [long(1_000)]);
        world.storage.settled().await;
    }
    assert!(world.storage.get_stream("nothing").await.expect("the tiers answer").is_none());
}

#[tokio::test]
async fn those_who_read_at_the_same_time_cost_one_read() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    let streams = join_all((0..8).map(|_| begin(&world, "film"))).await;
    let late = begin(&world, "film").await;
    let whole = world.storage.get("film");
    let (whole, bodies, late) =
        futures::join!(whole, join_all(streams.into_iter().map(rest)), rest(late));
    assert!(bodies.iter().all(|read| *read == body) && late == body);
    assert!(whole.expect("the tiers answer").expect("the entry is there") == body);
    assert_eq!(world.cold.opens.load(Ordering::SeqCst), 1);
    assert_eq!(world.cold.reads.load(Ordering::SeqCst), 0);
}

/// A reader that was quicker took the feed again and again, so that another one got nothing until it was 4 MiB behind, and
/// both then waited for each other until the one had waited long enough.
#[tokio::test]
async fn a_quick_reader_keeps_nobody_out() {
    let world = World::over(Pace::Stepping, Promotion::Eager, Compression::Off).await;
    let body = long(LEN);
    world.held("film", &body).await;
    let (one, two) = (begin(&world, "film").await, begin(&world, "film").await);
    let (one, two) = futures::join!(rest(one), rest(two));
    assert!(one == body && two == body);
    assert_eq!(world.cold.opens.load(Ordering::SeqCst), 1, "neither had to read on by itself");
}

#[tokio::test]
async fn a_reader_that_falls_behind_reads_on_by_itself() {
    let world = World::plain().await;
    let body = long(3 * LEN);
    world.held("film", &body).await;
    let mut slow = begin(&world, "film").await;
    let quick = begin(&world, "film").await;
    let first = slow.try_next().await.expect("the body goes on").expect("it has not ended");
    assert!(rest(quick).await == body);
    assert!([&first[..], &rest(slow).await].concat() == body);
    assert_eq!(world.cold.opens.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_reader_that_fell_behind_never_mixes_versions() {
    let world = World::plain().await;
    world.held("film", &long(3 * LEN)).await;
    let mut slow = begin(&world, "film").await;
    let quick = begin(&world, "film").await;
    slow.try_next().await.expect("the body goes on");
    rest(quick).await;
    world.storage.set("film", long(2 * LEN)).await.expect("the body is stored");
    let ended = slow.try_for_each(|_| async { Ok(()) }).await;
    assert_eq!(ended.expect_err("it is gone").kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn what_is_not_read_to_its_end_leaves_nothing() {
    let world = World::plain().await;
    world.held("film", &long(LEN)).await;
    let mut stream = begin(&world, "film").await;
    stream.try_next().await.expect("the body goes on");
    assert!(!world.has_no_trace(), "it is kept on the way");
    drop(stream);
    world.storage.settled().await;
    assert!(world.has_no_trace());
    assert!(world.cold.pieces.load(Ordering::SeqCst) < 4, "nothing was read ahead");
    assert_eq!(begin(&world, "film").await.source, Tier::Cold);
    drop(world.storage.get_stream("film"));
}

#[tokio::test]
async fn damage_in_cold_is_an_error_before_the_end() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    *world.cold.damages.lock().expect("no holder panics") = true;
    let mut stream = begin(&world, "film").await;
    let mut read = 0;
    let error = loop {
        match stream.try_next().await {
            Ok(Some(piece)) => read += piece.len(),
            Ok(None) => panic!("a damaged body came to its end"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.tier()), (ErrorKind::Corrupt, Some(Tier::Cold)));
    assert!(read < LEN, "the last piece is kept back");
    world.storage.settled().await;
    assert!(world.has_no_trace());
    assert!(rest(begin(&world, "film").await).await == body, "nothing was deleted");
}

#[tokio::test]
async fn damage_in_warm_is_read_over_from_cold_and_dropped() {
    let world = World::plain().await;
    let body = long(LEN);
    world.storage.set("film", body.clone()).await.expect("the body is stored");
    *world.warm.damages.lock().expect("no holder panics") = true;
    let stream = begin(&world, "film").await;
    assert_eq!(stream.source, Tier::Warm);
    assert!(rest(stream).await == body);
    world.storage.settled().await;
    assert!(world.heard(|event| matches!(event, Event::CopyCorrupt { tier: Tier::Warm, .. })));
    assert_eq!(begin(&world, "film").await.source, Tier::Cold);
}

#[tokio::test]
async fn a_write_overtakes_what_is_being_read() {
    let world = World::plain().await;
    let (old, new) = (long(LEN), long(2 * LEN));
    world.held("film", &old).await;
    let mut stream = begin(&world, "film").await;
    let first = stream.try_next().await.expect("the body goes on").expect("it has not ended");
    let skip_warm = SetOptions::default().only_tiers(Tier::Cold);
    world.storage.set_with("film", new.clone(), skip_warm).await.expect("the body is stored");
    assert!(rest(begin(&world, "film").await).await == new, "who begins now reads the new one");
    assert!([&first[..], &rest(stream).await].concat() == old);
    world.storage.settled().await;
    let read = begin(&world, "film").await;
    assert!(rest(read).await == new, "the old one did not land");
}

#[tokio::test]
async fn a_tier_that_fails_midway_fails_the_read_and_leaves_nothing() {
    let world = World::plain().await;
    world.held("film", &long(LEN)).await;
    *world.cold.breaks.lock().expect("no holder panics") = Some((3, ErrorKind::Unavailable));
    let ended = begin(&world, "film").await.try_for_each(|_| async { Ok(()) }).await;
    let error = ended.expect_err("it broke off");
    assert_eq!((error.kind(), error.tier()), (ErrorKind::Unavailable, Some(Tier::Cold)));
    world.storage.settled().await;
    assert!(world.has_no_trace());
}

#[tokio::test]
async fn a_warm_tier_without_room_is_no_failure_of_the_read() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    *world.warm.room_bytes.lock().expect("no holder panics") = 2_000_000;
    assert!(rest(begin(&world, "film").await).await == body);
    world.storage.settled().await;
    assert!(world.has_no_trace());
    assert!(world.heard(|event| matches!(event, Event::TierFailed { tier: Tier::Warm, .. })));
}

#[tokio::test]
async fn what_is_stored_as_gzip_is_unpacked_on_the_way_and_kept_packed() {
    let world = World::open(Promotion::Eager, Compression::Gzip).await;
    let body: Bytes = long(64).repeat(60_000).into();
    let packs = SetOptions::default().mime_type("text/plain");
    // What is packed has to be long as well to come in pieces.
    let noisy: Bytes =
        [body, long(3_000_000).iter().map(|byte| byte & 63).collect()].concat().into();
    world.storage.set_with("text", noisy.clone(), packs).await.expect("the body is stored");
    world.storage.invalidate_upper_caches("").await.expect("the tiers answer");
    for source in [Tier::Cold, Tier::Warm] {
        let stream = begin(&world, "text").await;
        assert_eq!(stream.source, source);
        assert!(stream.metadata.is_compressed());
        assert!(rest(stream).await == noisy);
        world.storage.settled().await;
    }
}

#[tokio::test]
async fn lazy_reads_keep_nothing() {
    let world = World::open(Promotion::Lazy, Compression::Off).await;
    let body = long(LEN);
    world.held("film", &body).await;
    for _ in 0..2 {
        let stream = begin(&world, "film").await;
        assert_eq!(stream.source, Tier::Cold);
        assert!(rest(stream).await == body);
        world.storage.settled().await;
    }
}

#[tokio::test]
async fn a_copy_of_some_age_is_compared_with_cold_before_its_body_is_handed_out() {
    let world = World::plain().await;
    let (old, new) = (long(LEN), long(2 * LEN));
    let careful = TieredStorage::builder(world.cold.clone())
        .warm(world.warm.clone())
        .promotion(Promotion::Eager)
        .revalidate_after(Duration::from_millis(1))
        .open()
        .await
        .expect("the storage opens");
    let read = async || {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let stream = careful.get_stream("film").await.expect("the tiers answer");
        let stream = stream.expect("the entry is there");
        let source = stream.source;
        let body = rest(stream).await;
        careful.settled().await;
        (source, body)
    };
    careful.set("film", old.clone()).await.expect("the body is stored");
    assert!(read().await == (Tier::Warm, old));
    assert_eq!(world.cold.opens.load(Ordering::SeqCst), 0, "a comparison moves no body");
    let other = world.elsewhere().await;
    other.set("film", new.clone()).await.expect("the body is stored");
    assert!(read().await == (Tier::Cold, new.clone()));
    assert!(read().await == (Tier::Warm, new), "the new one took the old one's place");
    assert!(world.has_no_trace());
}

/// While somebody still had a stream of a read that failed, all who read after that were given the same failure.
#[tokio::test]
async fn a_read_that_failed_is_not_shared_with_the_next() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    *world.cold.breaks.lock().expect("no holder panics") = Some((3, ErrorKind::Unavailable));
    let (idle, broken) = (begin(&world, "film").await, begin(&world, "film").await);
    let ended = broken.try_for_each(|_| async { Ok(()) }).await;
    assert_eq!(ended.expect_err("it broke off").kind(), ErrorKind::Unavailable);
    assert!(rest(begin(&world, "film").await).await == body);
    drop(idle);
    world.storage.settled().await;
    assert!(world.has_no_trace());
}

/// Whoever began while a slow reader was past the start was given a body that he had to read by himself, of a version that
/// another instance had replaced: a conflict, however often he tried.
#[tokio::test]
async fn what_can_no_longer_be_shared_is_read_anew() {
    let world = World::plain().await;
    let (old, new) = (long(3 * LEN), long(2 * LEN));
    world.held("film", &old).await;
    let mut slow = begin(&world, "film").await;
    for _ in 0..12 {
        slow.try_next().await.expect("the body goes on");
    }
    let other = world.elsewhere().await;
    other.set("film", new.clone()).await.expect("the body is stored");
    assert!(rest(begin(&world, "film").await).await == new);
    drop(slow);
}

/// What was read to its end was kept for all who came as long as one of its readers was there.
#[tokio::test]
async fn what_was_read_to_its_end_is_not_shared() {
    let world = World::open(Promotion::Lazy, Compression::Off).await;
    let (old, new) = (long(2_000_000), long(3_000_000));
    world.held("film", &old).await;
    let (idle, quick) = (begin(&world, "film").await, begin(&world, "film").await);
    assert!(rest(quick).await == old);
    let other = world.elsewhere().await;
    other.set("film", new.clone()).await.expect("the body is stored");
    assert!(rest(begin(&world, "film").await).await == new);
    drop(idle);
}

/// A reader that was left behind was told that the entry had changed when it had only been given up by warm, and that it
/// was corrupt when only warm's copy was.
#[tokio::test]
async fn a_reader_that_falls_behind_goes_on_in_cold_where_warm_fails() {
    for is_damaged in [false, true] {
        let world = World::plain().await;
        let body = long(3 * LEN);
        world.storage.set("film", body.clone()).await.expect("the body is stored");
        let (mut slow, quick) = (begin(&world, "film").await, begin(&world, "film").await);
        assert_eq!(slow.source, Tier::Warm);
        let first = slow.try_next().await.expect("the body goes on").expect("it has not ended");
        assert!(rest(quick).await == body);
        if is_damaged {
            *world.warm.damages.lock().expect("no holder panics") = true;
        } else {
            let film = Key::new("film").expect("it is a key");
            world.warm.remove(&[film]).await.expect("nothing fails");
        }
        assert!([&first[..], &rest(slow).await].concat() == body, "{is_damaged}");
        let told = |event: &Event| matches!(event, Event::CopyCorrupt { tier: Tier::Warm, .. });
        assert_eq!(world.heard(told), is_damaged);
    }
}

/// What a tier cannot give any more is read on in the next, as the rest of it.
#[tokio::test]
async fn a_warm_tier_that_fails_midway_is_no_failure_of_the_read() {
    let world = World::plain().await;
    let body = long(LEN);
    world.storage.set("film", body.clone()).await.expect("the body is stored");
    *world.warm.breaks.lock().expect("no holder panics") = Some((3, ErrorKind::Unavailable));
    let stream = begin(&world, "film").await;
    assert_eq!(stream.source, Tier::Warm);
    assert!(rest(stream).await == body);
    assert!(world.heard(|event| matches!(event, Event::TierFailed { tier: Tier::Warm, .. })));
}

/// A reader that asked for a piece, and then neither went on nor was dropped, kept it from all the others for ever.
#[tokio::test]
async fn a_reader_that_is_not_polled_any_more_holds_nobody_up() {
    let world = World::over(Pace::Stepping, Promotion::Eager, Compression::Off).await;
    let body = long(LEN);
    world.held("film", &body).await;
    for polls in 1..6 {
        let (mut idle, other) = (begin(&world, "film").await, begin(&world, "film").await);
        let mut asks = Box::pin(idle.try_next());
        for _ in 0..polls {
            let _ = futures::poll!(&mut asks);
        }
        let read = tokio::time::timeout(Duration::from_secs(60), rest(other)).await;
        assert!(read.expect("nobody holds the body") == body, "after {polls} polls");
        drop(asks);
        assert!(rest(idle).await.len() <= LEN);
        world.storage.invalidate_upper_caches("").await.expect("the tiers answer");
    }
}
