//! Reading in part.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use tiered_storage::{ByteRange, Compression, Promotion, SetOptions, Tier};

use super::{World, long};

const LEN: usize = 3_000_000;

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
    for range in ranges {
        let part = world.storage.get_range("film", range).await.expect("the tiers answer");
        let part = part.expect("the entry is there");
        let wanted = range.of(len).unwrap_or_default();
        assert_eq!((part.source, part.metadata.size()), (source, len), "{range:?}");
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
    assert_eq!(world.warm.writes.load(Ordering::SeqCst), 0, "no tier takes a part over");
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
