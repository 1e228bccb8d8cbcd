//! What the tier counts is what arrives at the server, whatever goes wrong.

use std::sync::{Arc, Mutex};

use fastrand::Rng;
use futures::TryStreamExt;
use tiered_storage::{
    Event, Requested, Tier,
    cost::{Class, Operation, Prices, Requests, Tally},
};
use tiered_storage_tests::server::{Counts, Fault, Kind, Options, Rule};

use super::world::{Layout, World, body, options, tier};

/// The server's word for an operation.
fn kind(operation: Operation) -> Kind {
    match operation {
        Operation::Get => Kind::Get,
        Operation::Head => Kind::Head,
        Operation::List => Kind::List,
        Operation::Put => Kind::Put,
        Operation::Copy => Kind::Copy,
        Operation::CreateUpload => Kind::CreateMultipart,
        Operation::UploadPart => Kind::UploadPart,
        Operation::CompleteUpload => Kind::Complete,
        Operation::AbortUpload => Kind::Abort,
        Operation::Delete => Kind::Delete,
        Operation::DeleteMany => Kind::DeleteObjects,
        _ => panic!("{operation:?} is not one that the server counts"),
    }
}

#[track_caller]
fn assert_same(requests: &Requests, counts: &Counts) {
    for operation in Operation::ALL {
        let sent = requests.operation(operation).sent;
        assert_eq!(sent, counts.of(kind(operation)), "{operation:?}: {requests:?} {counts:?}");
    }
    let total = requests.total();
    assert_eq!(total.sent, counts.requests());
    assert_eq!(total.bytes_sent, counts.body_bytes_in);
}

fn random_fault(rng: &mut Rng) -> Fault {
    match rng.u8(0..9) {
        0 => Fault::SLOW_DOWN,
        1 => Fault::INTERNAL_ERROR,
        2 => Fault::CONFLICT,
        3 => Fault::REQUEST_TIMEOUT,
        4 => Fault::ACCESS_DENIED,
        5 => Fault::ErrorIn200 { code: "InternalError" },
        6 => Fault::Truncate,
        7 => Fault::DropBefore,
        _ => Fault::DropAfter,
    }
}

/// One call of a storage. What comes of it is of no account here.
async fn random_call(world: &World, rng: &mut Rng) {
    // Some of the keys are not ones that S3 takes as they are.
    let long = "x".repeat(1_000);
    let key = *rng.choice(&["a", "a/b", "b/../c", "d e+f", &long]).expect("there are some");
    let storage = &world.storage;
    let version = rng.u64(1..100);
    match rng.u8(0..9) {
        0..3 => drop(storage.get(key).await),
        3..5 => drop(storage.set_with(key, body(version), options(version)).await),
        5 => drop(storage.metadata(key).await),
        6 => drop(storage.touch(key, Some(super::world::HOUR)).await),
        7 if rng.bool() => drop(storage.delete(key).await),
        7 => drop(storage.invalidate("a").await),
        _ => drop(storage.keys("").try_collect::<Vec<_>>().await),
    }
    storage.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_the_servers_over_a_random_mix_of_calls_and_faults() {
    for seed in 0..8 {
        let mut rng = Rng::with_seed(seed);
        let world = World::new(Layout::ColdOnly).await;
        for _ in 0..60 {
            if rng.bool() {
                let fault = random_fault(&mut rng);
                world.server.faults().add(Rule::new(fault).times(rng.u32(1..3)));
            }
            random_call(&world, &mut rng).await;
        }
        world.server.faults().clear();
        let stats = world.storage.stats().await.expect("nothing is wrong any more");
        let requests = stats.cold.requests.expect("S3 counts its requests");
        assert_same(&requests, &world.server.counts());
        assert!(requests.total().failed > 0, "no fault was met: {requests:?}");
        assert!(requests.class(Class::Put).sent > 0 && requests.class(Class::Delete).sent > 0);

        // What the subscriber heard of adds up to the same.
        let mut heard = [Tally::default(); Operation::ALL.len()];
        for request in world.take_requests() {
            let tally = &mut heard[request.operation as usize];
            tally.sent += u64::from(request.attempts);
            tally.bytes_sent += request.bytes_sent;
            tally.bytes_received += request.bytes_received;
        }
        for operation in Operation::ALL {
            let tally = requests.operation(operation);
            let heard = heard[operation as usize];
            assert_eq!((heard.sent, heard.bytes_sent), (tally.sent, tally.bytes_sent));
            assert_eq!(heard.bytes_received, tally.bytes_received);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_faults_every_byte_is_counted_once() {
    let world = World::new(Layout::ThreeTiers).await;
    for version in 0..20 {
        world.set(&format!("k/{version}"), version).await.expect("it is written");
    }
    world.bare().await.invalidate("k/1").await.expect("another writer may");
    let own = world.server.counts();
    world.server.reset_counts();
    let cold = tier(&world.server).build().expect("the settings are right");
    let storage = tiered_storage::TieredStorage::builder(Arc::new(cold)).open().await;
    let storage = storage.expect("the settings are right");
    for version in 0..20 {
        storage.get(format!("k/{version}")).await.expect("it is answered");
    }
    let stats = storage.stats().await.expect("it is answered");
    let requests = stats.cold.requests.expect("S3 counts its requests");
    let counts = world.server.counts();
    assert_same(&requests, &counts);
    assert_eq!(requests.total().bytes_received, counts.body_bytes_out);
    assert_eq!((requests.class(Class::Get).sent, requests.class(Class::Put).sent), (20, 1));
    assert_eq!(requests.total().failed, 0, "that nothing is there is no failure");
    assert!((stats.hot, stats.warm) == (None, None));
    let dollars = Prices::AWS.estimate(&requests);
    let transfer = counts.body_bytes_out as f64 / (1_u64 << 30) as f64 * 0.09;
    assert!((dollars - transfer - 20.0 * 0.000_000_4 - 0.000_005).abs() < 1e-12, "{dollars}");

    // Tiers that send no requests count none.
    let stats = world.storage.stats().await.expect("it is answered");
    let requests = |stats: Option<tiered_storage::stats::TierStats>| stats.map(|one| one.requests);
    assert_eq!((requests(stats.hot), requests(stats.warm)), (Some(None), Some(None)));
    let cold = stats.cold.requests.expect("S3 counts its requests");
    assert_eq!(cold.operation(Operation::Put).sent, own.put);
}

/// Two storages over one tier hear of the same requests, and a storage that is gone of none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_told_to_every_storage_over_the_tier() {
    let server = tiered_storage_tests::server::Server::start(Options::default());
    let server = server.expect("loopback can be listened on");
    let cold = Arc::new(tier(&server).build().expect("the settings are right"));
    let open = async || {
        let heard = Arc::new(Mutex::new(Vec::<Requested>::new()));
        let storage = tiered_storage::TieredStorage::builder(cold.clone())
            .on_event({
                let heard = Arc::clone(&heard);
                move |event| {
                    if let Event::Requested { tier: Tier::Cold, request } = event {
                        heard.lock().expect("no subscriber panics").push(*request);
                    }
                }
            })
            .open()
            .await
            .expect("the settings are right");
        (storage, heard)
    };
    let count = |heard: &Mutex<Vec<Requested>>| heard.lock().expect("no subscriber panics").len();
    let (first, heard_first) = open().await;
    let (second, heard_second) = open().await;
    first.set("k", "v").await.expect("it is written");
    assert_eq!((count(&heard_first), count(&heard_second)), (1, 1));
    first.close().await.expect("it is closed");
    drop(first);
    assert_eq!(second.get("k").await.expect("it is read").as_deref(), Some(&b"v"[..]));
    assert_eq!((count(&heard_first), count(&heard_second)), (1, 2));
    let last = heard_second.lock().expect("no subscriber panics")[1];
    assert_eq!((last.operation, last.status, last.attempts), (Operation::Get, 200, 1));
    assert_eq!((last.bytes_sent, last.bytes_received), (0, 1));
}
