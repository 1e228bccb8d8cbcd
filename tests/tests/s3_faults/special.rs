//! What has its own story: clocks, sessions, rights, removals in part, and objects of others.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use expect_test::expect;
use futures::TryStreamExt;
use tiered_storage::{
    ErrorKind, Event, Key, SetOptions, Tier, TierSet, TieredStorage,
    s3::{Credentials, Flags, Profile, S3TierBuilder},
};
use tiered_storage_tests::server::{Damage, Fault, Kind, Object, Options, Rule, Server};

use super::world::{self, BUCKET, HOUR, Layout, Rotating, World, body};

const METADATA: &str = "tiered-storage";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_costs_one_request_once() {
    for skew_ms in [20 * 60_000, -20 * 60_000] {
        let world = World::new(Layout::ThreeTiers).await;
        world.server.faults().set_skew_ms(skew_ms);
        world.set("k", 1).await.expect("the clock is put right");
        assert_eq!(world.server.counts().requests(), 2, "{skew_ms}");
        assert_eq!(world.version("k").await.map(|(version, _)| version), Some(1));
        world.server.reset_counts();
        world.set("k", 2).await.expect("the clock is right");
        world.storage.invalidate_upper_caches("").await.expect("the upper tiers answer");
        assert_eq!(world.storage.get("k").await, Ok(Some(body(2))));
        assert_eq!(world.server.counts().requests(), 2, "{skew_ms}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_keys_are_listed_each_once() {
    const KEYS: usize = 10_000;
    let world = World::new(Layout::ColdOnly).await;
    let names: Vec<String> = (0..KEYS).map(|number| format!("k/{number:05}")).collect();
    for name in &names {
        world.server.put_object_raw(BUCKET, name, Object::new("x"));
    }
    // A page in the middle fails once, and is asked for again.
    world.server.faults().add(Rule::new(Fault::SLOW_DOWN).on(Kind::List));
    let keys: Vec<Key> = world.storage.keys("k/").try_collect().await.expect("they are listed");
    assert!(keys.iter().map(Key::as_str).eq(names.iter().map(String::as_str)));
    let requests = world.server.counts().requests();
    assert!((10..=13).contains(&requests), "{requests}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ended_is_replaced_by_the_provider() {
    let options = Options { session_token: Some("fresh".into()), ..Options::default() };
    let session =
        |token: &str| Credentials::new("access-key", "secret-key").with_session_token(token);
    let sessions = Arc::new(Mutex::new(vec![session("stale"), session("fresh")]));
    let provider = Rotating(sessions.clone());
    let world = World::with(Layout::ThreeTiers, options, |tier| tier.credentials(provider)).await;
    world.set("k", 1).await.expect("new credentials are asked for");
    assert_eq!(world.server.counts().requests(), 2);
    assert!(sessions.lock().expect("no panic").is_empty());

    // Refused although they are good: asked for once more, and no more than that.
    sessions.lock().expect("no panic").push(session("fresh"));
    world.server.faults().add(Rule::new(Fault::EXPIRED_TOKEN));
    world.set("k", 2).await.expect("new credentials are asked for");
    assert!(sessions.lock().expect("no panic").is_empty());
    world.storage.invalidate_upper_caches("").await.expect("the upper tiers answer");
    assert_eq!(world.storage.get("k").await, Ok(Some(body(2))));
    assert_eq!(world.server.counts().requests(), 5);
}

/// Trap 22: read-only credentials made an expired read throw.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_credentials_read_all_and_lose_nothing() {
    for layout in [Layout::ColdOnly, Layout::ThreeTiers] {
        let world = World::new(layout).await;
        world.set("k", 1).await.expect("it may be written");
        let brief = SetOptions::default().ttl(Duration::from_millis(1));
        world.storage.set_with("brief", "x", brief).await.expect("it may be written");
        tokio::time::sleep(Duration::from_millis(5)).await;
        world.server.faults().add(Rule::new(Fault::ACCESS_DENIED).on_writes().always());

        assert_eq!(world.storage.get("brief").await, Ok(None));
        world.storage.settled().await;
        assert_eq!(world.storage.get("brief").await, Ok(None));
        assert_eq!(world.storage.exists("brief").await, Ok(false));
        world.storage.settled().await;
        assert!(world.server.object(BUCKET, "brief").is_some());
        let is_told = |event: &Event| match event {
            Event::TierFailed { tier, action, key: Some(key), error } => {
                (*tier, *action, key.as_str(), error.kind())
                    == (Tier::Cold, "remove", "brief", ErrorKind::Denied)
            }
            _ => false,
        };
        assert!(world.take_events().iter().any(is_told));

        let storage = &world.storage;
        assert_eq!(storage.keys("").try_collect::<Vec<_>>().await.expect("it may").len(), 2);
        assert_eq!(storage.stats().await.expect("it may").cold.items, 2);
        let kind = |error: tiered_storage::Error| (error.kind(), error.tier());
        let denied = (ErrorKind::Denied, Some(Tier::Cold));
        assert_eq!(world.set("k", 2).await.map_err(kind).map(drop), Err(denied));
        assert_eq!(storage.touch("k", Some(HOUR)).await.map_err(kind), Err(denied));
        assert_eq!(storage.delete("k").await.map_err(kind), Err(denied));
        assert_eq!(storage.invalidate("").await.map_err(kind), Err(denied));
        assert_eq!(storage.clear().await.map_err(kind), Err(denied));
        assert_eq!(world.version("k").await.map(|(version, _)| version), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_fails_in_part_names_the_key_and_hides_nothing() {
    let world = World::new(Layout::ThreeTiers).await;
    let keys = ["k/1", "k/2", "k/3"];
    for key in keys {
        world.set(key, 1).await.expect("it is written");
    }
    let fault = Fault::KeyError { code: "AccessDenied" };
    world.server.faults().add(Rule::new(fault).on(Kind::DeleteObjects).naming("k/2").always());
    let error = world.storage.invalidate("k/").await.expect_err("one key is not removed");
    assert_eq!((error.kind(), error.tier()), (ErrorKind::Denied, Some(Tier::Cold)));
    assert_eq!(error.key().map(|key| key.as_str()), Some("k/2"));
    let mut left = Vec::new();
    for key in keys {
        left.push(world.version(key).await.map(|(version, _)| version));
    }
    assert_eq!(left, [None, Some(1), None]);

    // What the server was too busy for is tried again.
    world.server.faults().clear();
    world.set("k/1", 2).await.expect("it is written");
    let busy = Fault::KeyError { code: "SlowDown" };
    world.server.faults().add(Rule::new(busy).on(Kind::DeleteObjects).naming("k/2"));
    world.server.reset_counts();
    assert_eq!(world.storage.invalidate("k/").await, Ok(2));
    assert_eq!(world.server.counts().delete_objects, 2);
    assert!(world.server.objects(BUCKET).is_empty());
}

/// What a profile says need not be found out by failing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_knows_what_the_server_cannot_do() {
    let options = Options { region: "auto".to_owned(), ..Options::default() };
    let gcs = |builder: S3TierBuilder| builder.profile(Profile::Gcs);
    let world = World::with(Layout::ThreeTiers, options, gcs).await;
    world.server.faults().add(Rule::new(Fault::NOT_IMPLEMENTED).on(Kind::DeleteObjects).always());
    for key in ["k/1", "k/2", "k/3"] {
        world.set(key, 1).await.expect("it is written");
    }
    assert_eq!(world.storage.invalidate("k/").await, Ok(3));
    assert!(world.server.objects(BUCKET).is_empty());
    let counts = world.server.counts();
    assert_eq!((counts.delete_objects, counts.delete), (0, 3));
    let refused: Vec<u16> = world.take_requests().iter().map(|request| request.status).collect();
    assert!(refused.iter().all(|status| *status < 300), "{refused:?}");
}

/// Every profile does what the embedded server can be asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_lives_and_expires_under_every_profile() {
    let custom = Profile::Custom(Flags::default());
    let all = [Profile::Aws, Profile::R2, Profile::MinIo, Profile::Gcs, Profile::Garage];
    for profile in [&all[..], &[Profile::Ceph, Profile::B2, custom]].concat() {
        // Whatever region the profile signs for, it learns the server's.
        let world = World::with(Layout::ColdOnly, Options::default(), |builder| {
            let builder = builder.profile(profile);
            if profile == Profile::B2 { builder.region("us-west-004") } else { builder }
        })
        .await;
        world.set("k", 1).await.expect("it is written");
        assert_eq!(world.version("k").await.map(|(version, _)| version), Some(1), "{profile:?}");
        world.storage.touch("k", Some(HOUR)).await.expect("it is changed");
        let brief = SetOptions::default().ttl(Duration::from_millis(1));
        world.storage.set_with("brief", "x", brief).await.expect("it is written");
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(world.storage.get("brief").await, Ok(None), "{profile:?}");
        world.storage.settled().await;
        assert!(world.server.object(BUCKET, "brief").is_none(), "{profile:?}: it is not removed");
        world.storage.clear().await.expect("it is cleared");
        assert!(world.server.objects(BUCKET).is_empty(), "{profile:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_is_learnt_once_over_many_calls() {
    const AT_ONCE: u64 = 8;
    let options = Options { region: "eu-west-3".to_owned(), ..Options::default() };
    let world = World::with(Layout::ColdOnly, options, |builder| {
        builder.concurrency_max(usize::try_from(AT_ONCE).expect("it is small"))
    })
    .await;
    let read_all = async || {
        world.server.reset_counts();
        // Different keys: reads of one key are one read.
        let reads = (0..50).map(|at| {
            let storage = world.storage.clone();
            tokio::spawn(async move { storage.get(format!("k/{at}")).await })
        });
        for read in futures::future::join_all(reads).await {
            assert_eq!(read.expect("no read panics"), Ok(None));
        }
        world.server.counts().get
    };
    let first = read_all().await;
    assert!((51..=50 + AT_ONCE).contains(&first), "{first} requests for 50 reads");
    assert_eq!(read_all().await, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_remove_many_is_asked_for_that_once() {
    let world = World::new(Layout::ThreeTiers).await;
    world.server.faults().add(Rule::new(Fault::NOT_IMPLEMENTED).on(Kind::DeleteObjects).always());
    for round in 0..2 {
        for number in 0..20 {
            world.set(&format!("k/{number}"), 1).await.expect("it is written");
        }
        world.server.reset_counts();
        assert_eq!(world.storage.invalidate("k/").await, Ok(20));
        let counts = world.server.counts();
        assert_eq!((counts.delete_objects, counts.delete), (1 - round, 20));
        assert!(world.server.objects(BUCKET).is_empty());
    }
}

/// What another program wrote is an entry, described by what S3 says of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_of_others_are_read_with_what_the_server_says_of_them() {
    let world = World::new(Layout::ThreeTiers).await;
    let mut object = Object::new("theirs");
    object.content_type = Some("text/x-theirs".into());
    object.metadata = BTreeMap::from([("owner".into(), "them".into())]);
    object.last_modified = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    world.server.put_object_raw(BUCKET, "k", object);
    let entry = world.storage.get_with_metadata("k").await.expect("cold answers").expect("found");
    assert_eq!((entry.data, entry.source), (Bytes::from("theirs"), Tier::Cold));
    let metadata = entry.metadata;
    assert_eq!((metadata.mime_type(), metadata.size()), (Some("text/x-theirs"), 6));
    assert_eq!(metadata.custom().get("owner").map(String::as_str), Some("them"));
    assert_eq!(metadata.created_at().as_millis(), 1_000_000_000_000);
    assert_eq!((metadata.write_id(), metadata.checksum()), (None, None));

    // Ours replaces it, and theirs replaces ours where no upper tier has it.
    world.set("k", 2).await.expect("it is written");
    assert_eq!(world.version("k").await.map(|(version, _)| version), Some(2));
    world.server.put_object_raw(BUCKET, "k", Object::new("theirs again"));
    world.storage.invalidate_upper_caches("").await.expect("the upper tiers answer");
    assert_eq!(world.storage.get("k").await, Ok(Some("theirs again".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_of_a_later_version_is_no_data() {
    let world = World::new(Layout::ThreeTiers).await;
    for line in ["2;s=6;c=1", "nonsense", "1;s=six;c=1"] {
        let mut object = Object::new("theirs");
        object.metadata = BTreeMap::from([(METADATA.into(), line.into())]);
        world.server.put_object_raw(BUCKET, "k", object.clone());
        let errors = [
            world.storage.get("k").await.map(drop),
            world.storage.metadata("k").await.map(drop),
            world.storage.touch("k", Some(HOUR)).await,
        ];
        for error in errors {
            let error = error.expect_err("it cannot be read");
            assert_eq!((error.kind(), error.tier()), (ErrorKind::Corrupt, Some(Tier::Cold)));
        }
        world.storage.settled().await;
        assert_eq!(world.server.object(BUCKET, "k"), Some(object), "it was changed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_cold_is_an_error_and_stays_where_it_is() {
    let world = World::new(Layout::ThreeTiers).await;
    for damage in [
        Damage::FlipBit(7),
        Damage::Truncate(2_399),
        Damage::Truncate(0),
        Damage::Replace(body(9)),
        Damage::Replace([body(1), body(1)].concat().into()),
    ] {
        world.set("k", 1).await.expect("it is written");
        world.server.damage(BUCKET, "k", damage.clone());
        let damaged = world.server.object(BUCKET, "k");
        assert_eq!(world.storage.get("k").await, Ok(Some(body(1))), "the copies are good");
        world.storage.invalidate_upper_caches("").await.expect("the upper tiers answer");
        for _ in 0..2 {
            let error = world.storage.get("k").await.expect_err("it is damaged");
            assert_eq!((error.kind(), error.tier()), (ErrorKind::Corrupt, Some(Tier::Cold)));
            world.storage.settled().await;
        }
        assert_eq!(world.server.object(BUCKET, "k"), damaged, "{damage:?}");
    }
}

/// An outage is not a miss: what upper tiers have is served, what they have not is an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_told_and_passes() {
    let world = World::new(Layout::ThreeTiers).await;
    world.set("above", 1).await.expect("it is written");
    let only_cold = world::options(1).only_tiers(TierSet::EMPTY);
    world.storage.set_with("below", body(1), only_cold).await.expect("it is written");
    world.server.stop();
    assert_eq!(world.storage.get("above").await, Ok(Some(body(1))));
    for key in ["below", "nowhere"] {
        let error = world.storage.get(key).await.expect_err("cold does not answer");
        assert_eq!((error.kind(), error.tier()), (ErrorKind::Unavailable, Some(Tier::Cold)));
        assert!(!error.is_timeout());
    }
    let error = world.set("above", 2).await.expect_err("cold does not answer");
    assert_eq!((error.kind(), error.tier()), (ErrorKind::Unavailable, Some(Tier::Cold)));
    // The end of that write is not known, so that cold must be asked.
    world.storage.get("above").await.expect_err("cold does not answer");
    world.server.restart().expect("the port is free");
    assert_eq!(world.version("above").await.map(|(version, _)| version), Some(1));
    assert_eq!(world.storage.get("below").await, Ok(Some(body(1))));
    assert_eq!(world.storage.get("nowhere").await, Ok(None));
}

/// Another process overwrote an entry with the same bytes and a shorter life: their ETags are the same, since S3 makes
/// them of the bytes alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_with_cold_sees_that_only_metadata_changed() {
    let server = Server::start(Options::default()).expect("loopback can be listened on");
    let open = async || {
        let cold = world::tier(&server).build().expect("the settings are right");
        let hot = tiered_storage::memory::MemoryTier::new(Default::default()).expect("right");
        let builder = TieredStorage::builder(Arc::new(cold)).hot(Arc::new(hot));
        builder.revalidate_after(Duration::from_millis(1)).open().await.expect("right")
    };
    let (ours, theirs) = (open().await, open().await);
    ours.set_with("k", body(1), SetOptions::default().field("owner", "us")).await.expect("set");
    let owner = async || {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let entry = ours.get_with_metadata("k").await.expect("cold answers").expect("found");
        ours.settled().await;
        entry.metadata.custom()["owner"].clone()
    };
    assert_eq!(owner().await, "us");
    theirs.set_with("k", body(1), SetOptions::default().field("owner", "them")).await.expect("set");
    assert_eq!(owner().await, "them");
    let brief = SetOptions::default().field("owner", "them").ttl(Duration::from_millis(1));
    theirs.set_with("k", body(1), brief).await.expect("set");
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(ours.get("k").await, Ok(None));
}

/// What the errors say, in one sentence that says what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_say_what_to_do() {
    let world = World::new(Layout::ColdOnly).await;
    world.set("k", 1).await.expect("it is written");
    let mut said = String::new();
    for fault in [
        Fault::SLOW_DOWN,
        Fault::INTERNAL_ERROR,
        Fault::ErrorIn200 { code: "InternalError" },
        Fault::Truncate,
        Fault::DropBefore,
        Fault::CONFLICT,
        Fault::EXPIRED_TOKEN,
        Fault::ACCESS_DENIED,
        Fault::Redirect("http://127.0.0.1:1/".into()),
    ] {
        world.server.faults().add(Rule::new(fault).on(Kind::Get).always());
        let error = world.storage.get("k").await.expect_err("it fails");
        said.push_str(&error.to_string());
        said.push('\n');
        world.server.faults().clear();
    }
    let port = world.server.endpoint().replace("http://", "");
    let said = said.replace(&port, "HOST");
    let said: Vec<&str> =
        said.lines().map(|line| line.split_once(", request id").map_or(line, |it| it.0)).collect();
    expect![[r#"
        unavailable (cold tier): HOST cannot answer now; try again later (SlowDown, status 503
        unavailable (cold tier): HOST cannot answer now; try again later (InternalError, status 500
        unavailable (cold tier): HOST answered with what is not S3's, or with half of it; check that it is an S3 endpoint and try again [key "k"]
        unavailable (cold tier): the connection to HOST broke before the answer was whole; try again [key "k"]
        unavailable (cold tier): the connection to HOST broke before the answer was whole; try again [key "k"]
        conflict (cold tier): the object was changed meanwhile; read it again (ConditionalRequestConflict, status 409
        denied (cold tier): S3 refused the session token; give the tier new credentials (ExpiredToken, status 400
        denied (cold tier): S3 does not allow it; check what the credentials may do with the bucket "bucket" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 403
        invalid (cold tier): the bucket "bucket" is in another place; correct region and endpoint (TemporaryRedirect, status 307"#]].assert_eq(&said.join("\n"));
}
