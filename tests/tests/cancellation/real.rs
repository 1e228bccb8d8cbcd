//! The same over the disk and the embedded S3 server, and a runtime that goes away in mid-write.

use std::{path::Path, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tiered_storage::{
    Error, Promotion, TieredStorage,
    conformance::{Call, FaultTier},
    memory::{MemoryOptions, MemoryTier},
    native::disk::{DiskOptions, DiskTier, Durability},
    s3::S3Tier,
};
use tiered_storage_tests::{
    server::{Fault, Options, Rule, Server},
    versions::{body, options, version},
};

use super::{after_polls, promptly};

const POLLS_MAX: usize = 60;
const LEN: usize = 40_000;

fn cold(server: &Server) -> S3Tier {
    server.options().tier(server.endpoint()).build().expect("the settings are right")
}

async fn open(server: &Server, folder: &Path) -> TieredStorage {
    let disk = DiskOptions::new().durability(Durability::Object);
    let warm = DiskTier::open(folder, disk).expect("the folder can be opened");
    let hot = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
    TieredStorage::builder(Arc::new(cold(server)))
        .warm(Arc::new(warm))
        .hot(Arc::new(hot))
        .promotion(Promotion::Eager)
        .open()
        .await
        .expect("the settings are right")
}

async fn read(storage: &TieredStorage, key: &str) -> u64 {
    let read = promptly("a read", storage.get_with_metadata(key)).await.expect("nothing fails");
    read.as_ref().map_or(0, version)
}

type Dropped = fn(TieredStorage, String) -> BoxFuture<'static, Result<(), Error>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_on_disk_and_s3_can_be_dropped_anywhere() {
    let server = Server::start(Options::default()).expect("loopback can be listened on");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let storage = open(&server, folder.path()).await;
    let bare = TieredStorage::builder(Arc::new(cold(&server))).open().await.expect("right");
    let calls: [(&[u64], Dropped); 6] = [
        (&[1], |storage, key| Box::pin(async move { storage.get(key).await.map(drop) })),
        (&[1, 2], |storage, key| {
            Box::pin(async move { storage.set_with(key, body(2, LEN), options(2)).await.map(drop) })
        }),
        (&[1, 0], |storage, key| Box::pin(async move { storage.delete(key).await })),
        (&[1, 0], |storage, key| Box::pin(async move { storage.invalidate(key).await.map(drop) })),
        (&[1], |storage, key| {
            let ttl = Duration::from_secs(9_999);
            Box::pin(async move { storage.touch(key, Some(ttl)).await })
        }),
        (&[1, 0], |storage, _| Box::pin(async move { storage.clear().await })),
    ];
    for (at, (allowed, call)) in calls.into_iter().enumerate() {
        let mut points = 0;
        for polls in 0..POLLS_MAX {
            let key = format!("{at}/{polls}");
            let ours = options(1).ttl(Duration::from_secs(3_600));
            storage.set_with(&key, body(1, LEN), ours).await.expect("nothing fails");
            if at == 0 {
                storage.invalidate_upper_caches(&key).await.expect("nothing fails");
            }
            let dropped = after_polls(polls, call(storage.clone(), key.clone())).await;
            let has_ended = dropped.is_ok();
            drop(dropped);
            points += usize::from(!has_ended);
            let first = read(&storage, &key).await;
            promptly("settling", storage.settled()).await;
            let truth = read(&bare, &key).await;
            let last = read(&storage, &key).await;
            assert_eq!(last, truth, "call {at} after {polls} polls");
            let order = [first, last].map(|version| allowed.iter().position(|it| *it == version));
            assert!(order[0].is_some() && order[0] <= order[1], "call {at}: {first}, then {last}");
            let write = storage.set_with(&key, body(3, LEN), options(3));
            promptly("a write", write).await.expect("nothing fails");
            assert_eq!(read(&storage, &key).await, 3);
            if has_ended {
                break;
            }
        }
        // How often it is polled depends on how quickly the server answers.
        assert!(points > 0, "call {at} was never dropped before its end");
    }
    promptly("closing", storage.close()).await.expect("the tiers can be closed");
    // What was half-written would be found now.
    let storage = open(&server, folder.path()).await;
    for (key, _) in server.objects("bucket") {
        assert_eq!(read(&storage, &key).await, read(&bare, &key).await);
    }
}

/// A write that hangs in cold, and a runtime that is dropped with it: the folder can be opened again at once, and what
/// was acknowledged is there.
#[test]
fn a_runtime_that_goes_away_in_mid_write_leaves_all_in_order() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("a runtime can be made")
    };
    let server = Server::start(Options::default()).expect("loopback can be listened on");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for round in 0..4 {
        let (old, new) = (2 * round + 1, 2 * round + 2);
        let first = runtime();
        first.block_on(async {
            let storage = open(&server, folder.path()).await;
            for key in ["a", "b", "c"] {
                let written = storage.set_with(key, body(old, LEN), options(old)).await;
                written.expect("nothing fails");
            }
            let hanging = if round % 2 == 0 { Fault::Hang } else { Fault::DropAfter };
            let fired = server.faults().fired();
            server.faults().add(Rule::new(hanging).on_writes().naming("b"));
            for key in ["b", "c"] {
                let storage = storage.clone();
                tokio::spawn(async move {
                    storage.set_with(key, body(new, LEN), options(new)).await.map(drop)
                });
            }
            server.faults().until_fired(fired + 1).await;
        });
        drop(first);
        server.faults().clear();
        runtime().block_on(async {
            let storage = open(&server, folder.path()).await;
            let bare = TieredStorage::builder(Arc::new(cold(&server))).open().await;
            let bare = bare.expect("the settings are right");
            for key in ["a", "b", "c"] {
                let found = read(&storage, key).await;
                assert_eq!(found, read(&bare, key).await, "{key} in round {round}");
                assert!(found == old || (key != "a" && found == new), "{key} has {found}");
                let write = storage.set_with(key, body(new, LEN), options(new));
                promptly("a write", write).await.expect("nothing fails");
                assert_eq!(read(&storage, key).await, new);
            }
            storage.close().await.expect("the tiers can be closed");
        });
    }
}

/// A storage that outlives its runtime used to wait for ever on keys that the runtime was writing.
#[test]
fn a_storage_goes_on_in_another_runtime() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime can be made")
    };
    let memory = || MemoryTier::new(MemoryOptions::new()).expect("the settings are right");
    let cold = Arc::new(FaultTier::new(Arc::new(memory())));
    let first = runtime();
    let storage = first.block_on(async {
        let builder = TieredStorage::builder(cold.clone()).hot(Arc::new(memory()));
        let storage = builder.open().await.expect("the settings are right");
        storage.set("k", "old").await.expect("nothing fails");
        cold.hold(Call::Write);
        let writing = storage.clone();
        tokio::spawn(async move { writing.set("k", "new").await.map(drop) });
        while cold.stopped(Call::Write) == 0 {
            tokio::task::yield_now().await;
        }
        storage
    });
    drop(first);
    cold.release(Call::Write);
    runtime().block_on(async {
        let found = promptly("a read", storage.get("k")).await.expect("nothing fails");
        assert_eq!(found.as_deref(), Some(&b"old"[..]), "the write was dropped before its effect");
        promptly("a write", storage.set("k", "newer")).await.expect("nothing fails");
        let found = promptly("a read", storage.get("k")).await.expect("nothing fails");
        assert_eq!(found.as_deref(), Some(&b"newer"[..]));
        promptly("settling", storage.settled()).await;
    });
}
