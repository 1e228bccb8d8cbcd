//! Calls that are given up, at every point where they wait.

use std::{
    future::Future,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{TryStreamExt, future::BoxFuture, stream};
use tiered_storage::{Compression, Error, ErrorKind, Promotion, SetOptions, TieredStorage};

use super::{World, long, tier::Pace};

/// More polls than any call needs.
const POLLS_MAX: usize = 400;
const LEN: usize = 1_060_000;

/// Polls `call` so often; `None` if it has not ended then, and is dropped.
async fn after_polls<T>(polls: usize, mut call: BoxFuture<'_, T>) -> Option<T> {
    for _ in 0..polls {
        let polled =
            std::future::poll_fn(|cx: &mut Context<'_>| Poll::Ready(Pin::new(&mut call).poll(cx)));
        if let Poll::Ready(value) = polled.await {
            return Some(value);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Made once: that takes longer than any of the calls.
static BODY: LazyLock<Bytes> = LazyLock::new(|| long(LEN + 20_000));

fn old() -> Bytes {
    BODY.slice(..LEN)
}

fn new() -> Bytes {
    BODY.slice(20_000..)
}

async fn read(storage: TieredStorage) -> Result<(), Error> {
    let Some(stream) = storage.get_stream("film").await? else { return Ok(()) };
    stream.try_for_each(|_| async { Ok(()) }).await
}

async fn write(storage: TieredStorage, options: SetOptions) -> Result<(), Error> {
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        new().chunks(600_000).map(Bytes::copy_from_slice).map(Ok).collect();
    storage.set_stream("film", stream::iter(pieces), options).await.map(drop)
}

type Call = fn(TieredStorage) -> BoxFuture<'static, Result<(), Error>>;

const CALLS: [(&str, Call); 5] = [
    ("get_stream", |storage| Box::pin(read(storage))),
    ("get_range", |storage| {
        Box::pin(async move { storage.get_range("film", 5..9).await.map(drop) })
    }),
    ("set_stream", |storage| Box::pin(write(storage, SetOptions::default()))),
    ("set_stream if absent", |storage| {
        Box::pin(async move {
            match write(storage, SetOptions::default().if_absent()).await {
                Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
                other => other,
            }
        })
    }),
    ("update", |storage| {
        Box::pin(async move {
            let change = |_| async { Ok(Some((new(), SetOptions::default()))) };
            storage.update("film", change).await.map(drop)
        })
    }),
];

/// What must hold once a call was dropped that may have replaced the old body by the new one.
async fn check(world: &World, name: &str) {
    let body = world.storage.get("film").await.expect("nothing fails").expect("it is there");
    assert!(body == old() || body == new(), "{name}: neither the old body nor the new one");
    world.storage.settled().await;
    let settled = world.storage.get("film").await.expect("nothing fails").expect("it is there");
    assert!(settled == body || settled == new(), "{name}: back in time");
    assert!(world.has_no_trace(), "{name} left something behind");
    let next = world.storage.set_stream(
        "film",
        stream::iter([Ok::<_, Error>(old())]),
        SetOptions::default(),
    );
    let next = tokio::time::timeout(Duration::from_secs(120), next).await;
    next.expect("nobody holds the key").expect("nothing fails");
    assert!(world.storage.get("film").await.expect("nothing fails") == Some(old()));
}

#[tokio::test]
async fn every_call_with_pieces_can_be_dropped_at_every_point() {
    for (name, call) in CALLS {
        let mut points = 0;
        for polls in 0..POLLS_MAX {
            let world = World::over(Pace::Stepping, Promotion::Eager, Compression::Off).await;
            world.held("film", &old()).await;
            let ended = after_polls(polls, call(world.storage.clone())).await;
            if let Some(result) = ended {
                result.expect("nothing fails");
                points = polls;
                check(&world, name).await;
                break;
            }
            check(&world, name).await;
        }
        assert!(points > 1, "{name} has {points} points");
    }
}

/// Another reader goes on where the first one of them is given up.
#[tokio::test]
async fn whoever_shares_a_body_goes_on_when_another_is_given_up() {
    for polls in 0..POLLS_MAX {
        let world = World::over(Pace::Stepping, Promotion::Eager, Compression::Off).await;
        world.held("film", &old()).await;
        let storage = world.storage.clone();
        let other = tokio::spawn(async move {
            let stream = storage.get_stream("film").await?.expect("it is there");
            let pieces: Vec<Bytes> = stream.try_collect().await?;
            Ok::<_, Error>(pieces.concat())
        });
        let ended = after_polls(polls, Box::pin(read(world.storage.clone()))).await;
        let body = other.await.expect("it does not panic").expect("nothing fails");
        assert!(body == old(), "after {polls} polls");
        world.storage.settled().await;
        assert!(world.has_no_trace());
        if ended.is_some() {
            return;
        }
    }
    panic!("the read has too many points");
}

/// Whoever is the first to read leaves it to the others, wherever it is given up.
#[tokio::test]
async fn whoever_shares_a_body_goes_on_when_the_first_is_given_up() {
    for polls in 0..POLLS_MAX {
        let world = World::over(Pace::Stepping, Promotion::Eager, Compression::Off).await;
        world.held("film", &old()).await;
        let open = || async {
            let stream = world.storage.get_stream("film").await.expect("nothing fails");
            stream.expect("it is there")
        };
        let (first, second) = (open().await, open().await);
        let first = first.try_for_each(|_| async { Ok(()) });
        let ended = after_polls(polls, Box::pin(first)).await;
        let body: Vec<Bytes> = second.try_collect().await.expect("nothing fails");
        assert!(body.concat() == old(), "after {polls} polls");
        world.storage.settled().await;
        assert!(world.has_no_trace());
        if ended.is_some() {
            return;
        }
    }
    panic!("the read has too many points");
}
