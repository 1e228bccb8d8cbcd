use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
};

use core::{pin::pin, task::Poll};

use tiered_storage_core::{ETag, Key, Metadata, cost::Class};

use super::*;
use crate::{
    s3::{
        HttpErrorKind,
        fake::{Reply, START, World, answer, fault, response},
    },
    tier::{Page, StorageTier, Stored},
};

fn key() -> Key {
    Key::new("k").expect("a key")
}

fn tally(sent: u64, failed: u64, bytes_sent: u64, bytes_received: u64) -> Tally {
    let mut tally = Tally::default();
    (tally.sent, tally.failed) = (sent, failed);
    (tally.bytes_sent, tally.bytes_received) = (bytes_sent, bytes_received);
    tally
}

fn found() -> Reply {
    answer(200, &[("etag", "\"e\""), ("content-length", "4")], "body")
}

/// Keeps what it is told.
fn listener() -> (Arc<Mutex<Vec<Requested>>>, Arc<Watcher>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let watcher: Arc<Watcher> = Arc::new({
        let told = Arc::clone(&told);
        move |request: &Requested| told.lock().expect("no panic").push(*request)
    });
    (told, watcher)
}

#[test]
fn each_attempt_is_counted_with_its_bytes() {
    let world = World::new([
        Reply::Fails(HttpErrorKind::Broken),
        answer(503, &[], "busy"),
        answer(200, &[("etag", "\"e\"")], ""),
        found(),
        fault(404, "NoSuchKey"),
        answer(304, &[], ""),
        answer(204, &[], ""),
    ]);
    let tier = world.tier();
    let metadata = Metadata::new(key(), 5, START);
    world.run(async {
        let entry = Stored { metadata, body: "12345".into() };
        tier.write(&key(), entry).await.expect("the third attempt succeeds");
        for unless in [None, None, Some(ETag::new("\"e\""))] {
            tier.read(&key(), unless.as_ref()).await.expect("it is answered");
        }
        tier.remove(&[key()]).await.expect("it is removed");
    });
    let requests = tier.requests().expect("S3 counts");
    assert_eq!(requests.operation(Operation::Put), tally(3, 2, 15, 4));
    // That nothing is there, or nothing new, is no failure.
    let error = fault(404, "NoSuchKey");
    let Reply::Answer(error) = error else { panic!("a fault is an answer") };
    assert_eq!(requests.operation(Operation::Get), tally(3, 0, 0, 4 + error.body.len() as u64));
    assert_eq!(requests.class(Class::Delete), tally(1, 0, 0, 0));
    assert_eq!(requests.total().sent, 7);
    world.log();
}

#[test]
fn watchers_are_told_of_each_request_at_its_end() {
    let world = World::new([answer(503, &[], "busy"), Reply::Late(20, response(204, &[], ""))]);
    let tier = world.tier();
    let (told, watcher) = listener();
    let (none, gone) = listener();
    tier.watch(Arc::downgrade(&watcher));
    tier.watch(Arc::downgrade(&gone));
    drop(gone);
    world.run(tier.remove(&[key()])).expect("the second attempt succeeds");
    let expected = Requested {
        operation: Operation::Delete,
        status: 204,
        attempts: 2,
        bytes_sent: 0,
        bytes_received: 4,
        // The wait before the second attempt, and the answer's.
        elapsed_ms: 50 + 20,
    };
    assert_eq!(*told.lock().expect("no panic"), [expected]);
    assert!(none.lock().expect("no panic").is_empty());
}

#[test]
fn a_request_that_was_given_up_is_counted_and_told_of() {
    let world = World::new([Reply::Silence]);
    let tier = world.tier();
    let (told, watcher) = listener();
    tier.watch(Arc::downgrade(&watcher));
    world.run(async {
        let key = key();
        let mut read = pin!(tier.read(&key, None));
        poll_fn(|context| {
            assert!(read.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    });
    let requests = tier.requests().expect("S3 counts");
    assert_eq!(requests.operation(Operation::Get), tally(1, 0, 0, 0));
    let told = told.lock().expect("no panic");
    assert_eq!((told.len(), told[0].status, told[0].attempts), (1, 0, 1));
}

#[test]
fn nobody_looks_at_the_clock_where_nobody_watches() {
    let world = World::new([answer(204, &[], "")]);
    let tier = world.tier();
    let (_, watcher) = listener();
    let call = Call::delete("k");
    let metered = |tier: &crate::s3::S3Tier| {
        tier.0.client.meter.begin(&call, &*tier.0.client.environment).begun.is_some()
    };
    assert!(!metered(&tier));
    tier.watch(Arc::downgrade(&watcher));
    assert!(metered(&tier));
    drop(watcher);
    // Found out when the next request is told of.
    world.run(tier.remove(&[key()])).expect("it is removed");
    assert!(!metered(&tier));
}

#[test]
fn a_call_that_sends_nothing_is_not_told_of() {
    let world = World::new([]);
    let tier = world.tier();
    let (told, watcher) = listener();
    tier.watch(Arc::downgrade(&watcher));
    world.run(tier.remove(&[])).expect("there is nothing to do");
    drop(tier.0.client.meter.begin(&Call::delete("k"), &*tier.0.client.environment));
    assert!(told.lock().expect("no panic").is_empty());
    assert_eq!(tier.requests().expect("S3 counts"), Requests::default());
    let page = Page { prefix: "", after: Some("x"), limit: 1 };
    world.run(tier.list(page)).expect_err("no page gave it");
    assert_eq!(tier.requests().expect("S3 counts"), Requests::default());
}
