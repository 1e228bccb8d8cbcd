//! Reading in part.

use std::{ops::Range, sync::atomic::Ordering};

use bytes::Bytes;
use tiered_storage::{ByteRange, Compression, Promotion, SetOptions, Tier};

use super::{World, long};

const LEN: usize = 3_000_000;

/// Reads a part, and says where it came from.
async fn part(world: &World, range: Range<u64>) -> (Tier, Bytes) {
    let part = world.storage.get_range("film", range).await.expect("the tiers answer");
    let part = part.expect("the entry is there");
    world.storage.settled().await;
    (part.source, part.data)
}

#[tokio::test]
async fn warm_keeps_whole_chunks_of_what_cold_was_asked_for() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    let of = |range: Range<usize>| body.slice(range);
    assert!(part(&world, 70_000..70_010).await == (Tier::Cold, of(70_000..70_010)));
    assert!(part(&world, 65_536..131_072).await == (Tier::Warm, of(65_536..131_072)));
    assert!(part(&world, 65_535..65_537).await == (Tier::Cold, of(65_535..65_537)));
    assert!(part(&world, 65_535..65_537).await == (Tier::Warm, of(65_535..65_537)));
    let end = LEN as u64;
    assert!(part(&world, end - 10..end + 10).await == (Tier::Cold, of(LEN - 10..LEN)));
    assert!(part(&world, end - 10..end + 10).await == (Tier::Warm, of(LEN - 10..LEN)));
    world.storage.set("film", long(100_000)).await.expect("the body is stored");
    assert!(part(&world, 70_000..70_010).await.1 == long(100_000).slice(70_000..70_010));
}

#[tokio::test]
async fn a_part_that_was_overtaken_is_not_kept() {
    let world = World::plain().await;
    world.held("film", &long(LEN)).await;
    let storage = world.storage.clone();
    let (read, written) = futures::join!(storage.get_range("film", 0..9), async {
        let cold = SetOptions::default().only_tiers(Tier::Cold);
        world.storage.set_with("film", long(LEN / 2), cold).await
    });
    read.expect("the tiers answer");
    written.expect("the body is stored");
    world.storage.settled().await;
    let parts = world.warm.parts.lock().expect("no holder panics").clone();
    assert!(parts.is_none_or(|(metadata, _)| metadata.size() == LEN as u64 / 2));
}

async fn check(world: &World, source: Tier, body: &Bytes) {
    let len = body.len() as u64;
    let ranges = [
        ByteRange::from(0..10),
        ByteRange::from(1_000_000..1_000_001),
        ByteRange::from(len - 5..len + 5),
        ByteRange::from(len - 3..),
        ByteRange::Last(7),
        ByteRange::Last(len * 2),
        ByteRange::from(0..len),
        ByteRange::from(len..len + 1),
        ByteRange::from(9..9),
    ];
    // What was kept of one part must not answer for the next.
    let upper = if source == Tier::Cold { "" } else { "nothing" };
    for range in ranges {
        world.storage.settled().await;
        world.storage.invalidate_upper_caches(upper).await.expect("the tiers answer");
        let part = world.storage.get_range("film", range).await.expect("the tiers answer");
        let part = part.expect("the entry is there");
        let wanted = range.of(len).unwrap_or_default();
        assert_eq!((part.source, part.metadata.size()), (source, len), "{range:?}");
        world.storage.invalidate_upper_caches(upper).await.expect("the tiers answer");
        assert!(part.data == body.slice(wanted.start as usize..wanted.end as usize), "{range:?}");
        assert_eq!(part.range, wanted, "{range:?}");
    }
    assert!(world.storage.get_range("none", 0..1).await.expect("the tiers answer").is_none());
}

#[tokio::test]
async fn a_tier_is_asked_for_the_part_alone() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    check(&world, Tier::Cold, &body).await;
    world.storage.settled().await;
    for tier in [&world.warm, &world.cold] {
        let whole = tier.reads.load(Ordering::SeqCst) + tier.opens.load(Ordering::SeqCst);
        assert_eq!(whole, 0, "no body was read whole");
    }
    assert_eq!(world.warm.writes.load(Ordering::SeqCst), 0, "no tier takes a part for the whole");
    world.storage.set("film", body.clone()).await.expect("the body is stored");
    check(&world, Tier::Warm, &body).await;
}

#[tokio::test]
async fn parts_of_what_is_hot_and_of_what_is_packed_are_of_the_body_as_it_was_given() {
    let world = World::open(Promotion::Lazy, Compression::Gzip).await;
    let body: Bytes = b"to be or not to be, ".repeat(100_000).into();
    let options = || SetOptions::default().mime_type("text/plain");
    let cold_only = options().only_tiers(Tier::Cold);
    world.storage.set_with("film", body.clone(), cold_only).await.expect("the body is stored");
    check(&world, Tier::Cold, &body).await;
    world.storage.set_with("film", body.clone(), options()).await.expect("the body is stored");
    check(&world, Tier::Warm, &body).await;
    let small = body.slice(..900_000);
    world.storage.set_with("film", small.clone(), options()).await.expect("the body is stored");
    let part = world.storage.get_range("film", 5..8).await.expect("the tiers answer");
    let part = part.expect("the entry is there");
    assert_eq!((part.source, &part.data[..]), (Tier::Hot, &small[5..8]));
}
