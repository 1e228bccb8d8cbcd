//! Answers to requests of HTTP, of bodies of any size.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::TryStreamExt;
use tiered_storage::{ErrorKind, respond::Request, tier::Body};

use super::{World, long};

const LEN: usize = 12_000_000;

fn request(range: Option<&str>) -> Request {
    Request::new("GET", |name| range.filter(|_| name == "range").map(str::to_owned))
}

async fn answer(world: &World, range: Option<&str>) -> (u16, Body) {
    let answered = world.storage.answer(&request(range), "film", None).await;
    let (answer, body) = answered.expect("the tiers answer");
    (answer.status, body)
}

#[tokio::test]
async fn a_range_costs_its_bytes_alone_and_comes_in_pieces() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    for (range, from, to) in [
        ("bytes=1000-1999", 1_000, 2_000),
        ("bytes=2000000-", 2_000_000, LEN),
        ("bytes=-5000000", LEN - 5_000_000, LEN),
    ] {
        let (status, found) = answer(&world, Some(range)).await;
        assert_eq!(status, 206, "{range}");
        assert!(found.whole().await.expect("it is whole") == body.slice(from..to), "{range}");
    }
    assert_eq!(world.cold.opens.load(Ordering::SeqCst), 0, "no body was read from its start");
}

#[tokio::test]
async fn a_whole_body_and_its_beginning_come_in_pieces() {
    let world = World::plain().await;
    let body = long(LEN);
    world.held("film", &body).await;
    let (status, found) = answer(&world, None).await;
    assert_eq!(status, 200);
    let Body::Pieces(pieces) = found else { panic!("it is too large for one piece") };
    let pieces: Vec<Bytes> = pieces.try_collect().await.expect("it is whole");
    assert!(pieces.len() > 10 && pieces.concat() == body);
    world.storage.invalidate_upper_caches("").await.expect("the tiers answer");
    world.cold.pieces.store(0, Ordering::SeqCst);
    let (status, found) = answer(&world, Some("bytes=0-99")).await;
    assert_eq!(status, 206);
    assert!(found.whole().await.expect("it is whole") == body.slice(..100));
    assert!(world.cold.pieces.load(Ordering::SeqCst) < 4, "what is behind was not read");
}

#[tokio::test]
async fn a_range_never_mixes_versions() {
    let world = World::plain().await;
    world.held("film", &long(LEN)).await;
    let (status, found) = answer(&world, Some("bytes=1000-")).await;
    assert_eq!(status, 206);
    world.storage.set("film", long(LEN + 1)).await.expect("the body is stored");
    assert_eq!(found.whole().await.expect_err("it was overtaken").kind(), ErrorKind::Conflict);
}
