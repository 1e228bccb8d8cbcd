//! Writing what comes in pieces.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tiered_storage::{
    Checksum, Compression, ErrorKind, Promotion, SetOptions, Tier, TierSet, TieredStorage,
    memory::{MemoryOptions, MemoryTier},
};

use super::{World, long, tier::WholeTier};

const LEN: usize = 6_000_000;

pub(crate) fn pieces(
    body: &Bytes,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + use<> {
    let chunks: Vec<_> = body.chunks(100_000).map(Bytes::copy_from_slice).map(Ok).collect();
    stream::iter(chunks)
}

#[tokio::test]
async fn a_stream_reaches_cold_and_warm_without_being_read_back() {
    let world = World::plain().await;
    let body = long(LEN);
    let written = world.storage.set_stream("film", pieces(&body), SetOptions::default()).await;
    let written = written.expect("the body is stored");
    assert_eq!(written.tiers_written, TierSet::from(Tier::Warm).with(Tier::Cold));
    let whole = tiered_storage_core::digest::checksum(&body);
    assert_eq!(written.metadata.checksum(), Some(whole));
    assert_eq!(written.metadata.size(), LEN as u64);
    assert_eq!(world.cold.opens.load(Ordering::SeqCst), 0);
    assert_eq!(
        world.warm.writes.load(Ordering::SeqCst),
        0,
        "what was staged was not written again"
    );
    assert!(world.has_no_trace());
    assert!(
        world.storage.get("film").await.expect("the tiers answer").is_some_and(|it| it == body)
    );
}

#[tokio::test]
async fn a_stream_that_skips_warm_leaves_nothing_there() {
    let world = World::plain().await;
    world.storage.set("film", "older").await.expect("the body is stored");
    let body = long(LEN);
    let options = SetOptions::default().only_tiers(Tier::Cold);
    let written = world.storage.set_stream("film", pieces(&body), options).await;
    assert_eq!(written.expect("the body is stored").tiers_written, TierSet::from(Tier::Cold));
    assert!(world.has_no_trace());
    let entry = world.storage.get_with_metadata("film").await.expect("the tiers answer");
    let entry = entry.expect("it is there");
    assert!((entry.source, entry.data) == (Tier::Cold, body));
}

#[tokio::test]
async fn a_stream_that_fails_leaves_what_was_there() {
    let world = World::plain().await;
    world.storage.set("film", "older").await.expect("the body is stored");
    let broken = pieces(&long(LEN)).chain(stream::iter([Err(std::io::Error::other("cut off"))]));
    let failed = world.storage.set_stream("film", broken, SetOptions::default()).await;
    let error = failed.expect_err("the stream failed");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let source = std::error::Error::source(&error).expect("the stream's own error is told");
    assert_eq!(source.to_string(), "cut off");
    assert!(world.has_no_trace());
    let left = world.storage.get("film").await.expect("the tiers answer");
    assert_eq!(left.as_deref(), Some(&b"older"[..]));
}

#[tokio::test]
async fn a_stream_that_is_given_up_leaves_what_was_there_and_holds_nobody_up() {
    let world = World::plain().await;
    let endless = pieces(&long(LEN)).chain(stream::pending());
    let mut writing = Box::pin(world.storage.set_stream("film", endless, SetOptions::default()));
    assert!(futures::poll!(&mut writing).is_pending());
    assert!(!world.has_no_trace(), "it is on its way");
    world.storage.set("film", "meanwhile").await.expect("the key is not held up");
    drop(writing);
    world.storage.settled().await;
    assert!(world.has_no_trace());
    let left = world.storage.get("film").await.expect("the tiers answer");
    assert_eq!(left.as_deref(), Some(&b"meanwhile"[..]));
}

#[tokio::test]
async fn short_streams_are_written_as_if_they_had_come_whole() {
    let world = World::plain().await;
    let body = long(1 << 20);
    for body in [Bytes::new(), body] {
        let written = world.storage.set_stream("note", pieces(&body), SetOptions::default()).await;
        assert_eq!(written.expect("the body is stored").metadata.size(), body.len() as u64);
        let read = world.storage.get("note").await.expect("the tiers answer");
        assert!(read.expect("it is there") == body);
    }
    assert_eq!(world.warm.writes.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_stream_is_packed_on_the_way_where_that_pays() {
    let world = World::open(Promotion::Lazy, Compression::Gzip).await;
    let text: Bytes = b"to be or not to be, ".repeat(200_000).into();
    for (body, packs) in [(text, true), (long(LEN), false)] {
        let options = SetOptions::default().mime_type("text/plain");
        let written = world.storage.set_stream("text", pieces(&body), options).await;
        let metadata = written.expect("the body is stored").metadata;
        assert_eq!(metadata.is_compressed(), packs);
        let Checksum(sum) = tiered_storage_core::digest::checksum(&body);
        assert_eq!(metadata.checksum(), Some(Checksum(sum)));
        world.storage.invalidate_upper_caches("").await.expect("the tiers answer");
        assert!(world.storage.get("text").await.expect("it is sound").is_some_and(|it| it == body));
    }
}

#[tokio::test]
async fn tiers_that_take_no_pieces_refuse_long_streams_and_take_short_ones() {
    let memory = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
    let storage = TieredStorage::builder(Arc::new(WholeTier(memory))).open().await;
    let storage = storage.expect("it opens");
    let refused = storage.set_stream("film", pieces(&long(LEN)), SetOptions::default()).await;
    assert_eq!(refused.expect_err("it cannot").kind(), ErrorKind::Unsupported);
    let short = storage.set_stream("note", pieces(&long(9)), SetOptions::default()).await;
    assert!(short.is_ok());
}

#[tokio::test]
async fn what_no_write_may_have_is_refused_before_the_stream_is_asked() {
    let world = World::plain().await;
    let untouched =
        stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> {
            panic!("the stream was asked")
        });
    let options = SetOptions::default().field("long", "x".repeat(4_000));
    let failed = world.storage.set_stream("film", untouched, options).await;
    assert_eq!(failed.expect_err("it is too much").kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_stream_for_which_neither_tier_has_room_leaves_nothing() {
    let world = World::plain().await;
    for tier in [&world.warm, &world.cold] {
        *tier.room_bytes.lock().expect("no holder panics") = 2_000_000;
    }
    let failed = world.storage.set_stream("film", pieces(&long(LEN)), SetOptions::default()).await;
    assert_eq!(failed.expect_err("there is no room").kind(), ErrorKind::Full);
    assert!(world.has_no_trace());
    assert!(world.storage.get("film").await.expect("the tiers answer").is_none());
}
