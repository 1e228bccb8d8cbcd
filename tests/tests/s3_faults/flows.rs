//! Large bodies, parts of bodies and conditional writes: what has its own story.

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    ops::Range,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{TryStreamExt, future::join_all, stream};
use tiered_storage::{
    Condition, ErrorKind, Key, Metadata, SetOptions, Timestamp, WriteId,
    s3::{Credentials, S3Tier, StaticCredentials},
    tier::{Body, Contents, Page, Read, StorageTier, Stored},
};
use tiered_storage_core::range::ByteRange;
use tiered_storage_tests::server::{Fault, Kind, Object, Options, Rule, Server};

use super::{
    large::{LEN, Large, body, found, key, metadata, theirs},
    world::{self, BUCKET, Layout, Rotating, World},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_pieces_never_sees_two_versions() {
    let Large { server, tier, .. } = Large::new(Options::default());
    let write = async |seed| {
        tier.store(&key(), &metadata(seed), Contents::Whole(body(seed)), None).await.expect("set")
    };
    write(1).await;
    for is_removed in [false, true] {
        server.faults().add(Rule::new(Fault::Truncate).on(Kind::Get));
        let Ok(Read::Found(opened)) = tier.open(&key(), None).await else { panic!("not found") };
        if is_removed {
            tier.remove(&[key()]).await.expect("removed");
        } else {
            write(2).await;
        }
        let Body::Pieces(mut pieces) = opened.body else { panic!("it is large") };
        let seed = if is_removed { 2 } else { 1 };
        let mut len = 0;
        let error = loop {
            match pieces.try_next().await {
                Ok(piece) => {
                    let piece = piece.expect("it does not end well");
                    assert!(piece.iter().all(|byte| *byte == seed));
                    len += piece.len();
                }
                Err(error) => break error,
            }
        };
        assert_eq!((error.kind(), len), (ErrorKind::Conflict, LEN / 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_may_end_in_the_middle_of_an_upload() {
    let options = Options { session_token: Some("fresh".into()), ..Options::default() };
    let server = Server::start(options).expect("loopback can be listened on");
    let session = || Credentials::new("access-key", "secret-key").with_session_token("fresh");
    let sessions = Arc::new(Mutex::new(vec![session(), session()]));
    let builder = world::tier(&server).credentials(Rotating(sessions.clone()));
    let builder = builder.multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
    let tier = builder.parts_in_flight_max(1).build().expect("the settings are right");
    server.faults().add(Rule::new(Fault::EXPIRED_TOKEN).on(Kind::UploadPart));
    tier.store(&key(), &metadata(1), Contents::Whole(body(1)), None).await.expect("it is written");
    assert!(sessions.lock().expect("no panic").is_empty(), "new ones are asked for");
    assert_eq!(server.counts().requests(), 5);
    assert_eq!(found(&tier).await, Some(1));
}

/// A stream without a warm tier is staged in the bucket, and removed from there beside the call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_that_has_settled_leaves_nothing_that_was_staged() {
    let world = World::with(Layout::ColdOnly, Options::default(), |builder| {
        builder.multipart_threshold_bytes(5 << 20).part_bytes(5 << 20)
    });
    let World { server, storage, .. } = &world.await;
    let slow = Fault::Latency(Duration::from_millis(100));
    server.faults().add(Rule::new(slow).on(Kind::Delete));
    let pieces = stream::iter([Ok::<_, Infallible>(body(1))]);
    storage.set_stream("k", pieces, SetOptions::default()).await.expect("it is written");
    storage.settled().await;
    let names: Vec<String> = server.objects(BUCKET).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["k"]);
}

/// Many large writes while the server wants fewer requests: it does not get several times as many instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_throttling_is_not_answered_with_one_of_requests() {
    const WRITES: u64 = 60;
    let world = Large::new(Options::default());
    let builder = world::tier(&world.server).environment(world.tasks.clone()).attempts_max(4);
    let builder = builder.multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
    let tier = builder.build().expect("the settings are right");
    world.server.faults().add(Rule::new(Fault::SLOW_DOWN).on(Kind::UploadPart).always());
    let body = body(1);
    let writes = (0..WRITES).map(|number| {
        let (key, body) = (Key::new(format!("k{number}")).expect("a key"), body.clone());
        let metadata = Metadata::new(key.clone(), LEN as u64, Timestamp::from_millis(1));
        let tier = &tier;
        async move { tier.store(&key, &metadata, Contents::Whole(body), None).await }
    });
    for outcome in join_all(writes).await {
        assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    }
    world.tasks.settled().await;
    let counts = world.server.counts();
    // 500 tokens are 100 retries; what succeeds in between gives one back each.
    let first = 3 * WRITES;
    let given_back = (counts.create_multipart + counts.abort) / 5;
    assert!(counts.upload_part <= first + 100 + given_back, "{counts:?}");
    assert_eq!((counts.create_multipart, world.server.uploads(BUCKET)), (WRITES, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_given_up_is_aborted() {
    let world = Large::new(Options::default());
    let Large { server, tier, tasks } = &world;
    for kind in [Kind::UploadPart, Kind::Complete] {
        let fired = server.faults().fired();
        server.faults().add(Rule::new(Fault::Hang).on(kind));
        let (tier, contents) = (tier.clone(), Contents::Whole(body(1)));
        let writing =
            tokio::spawn(async move { tier.store(&key(), &metadata(1), contents, None).await });
        server.faults().until_fired(fired + 1).await;
        writing.abort();
        writing.await.expect_err("it was given up");
        tasks.settled().await;
        assert_eq!(server.uploads(BUCKET), 0, "{kind:?}");
        server.faults().clear();
    }
    assert_eq!(found(tier).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_staged_is_neither_a_key_nor_counted_nor_cleared() {
    let world = Large::new(Options::default());
    let Large { server, tier, tasks } = &world;
    let mut stage = tier.stage(&key()).await.expect("it can").expect("it can");
    stage.write(body(1)).await.expect("it is taken");
    let source = stage.finish().await.expect("it is whole");
    let page = Page { prefix: "", after: None, limit: 10 };
    assert_eq!(tier.list(page).await.expect("it lists").keys.len(), 0);
    assert_eq!(tier.list(Page { prefix: "k", ..page }).await.expect("it lists").keys.len(), 0);
    assert_eq!(tier.usage().await.expect("it counts").items, 0);
    tier.clear().await.expect("it clears");
    assert_eq!(source.read(3..5).await, Ok(Bytes::from_static(&[1, 1])));
    let kept = Arc::clone(&source);
    let staged = Contents::Staged(source);
    tier.store(&key(), &metadata(1), staged, None).await.expect("it is stored");
    assert_eq!(found(tier).await, Some(1));
    // It is there as long as somebody keeps it.
    assert_eq!(kept.read(3..5).await, Ok(Bytes::from_static(&[1, 1])));
    drop(kept);
    tasks.settled().await;
    assert_eq!(server.objects(BUCKET).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_conditional_writers_wins() {
    let Large { server, tier, .. } = Large::new(Options::default());
    // Equal bytes would be the same version to S3.
    let race = async |condition: Condition, seeds: Range<u8>, len: usize| {
        let writers = seeds.map(|seed| {
            let (tier, condition) = (&tier, condition.clone());
            async move {
                let contents = Contents::Whole(vec![seed; len].into());
                let metadata = Metadata::new(key(), len as u64, Timestamp::from_millis(1));
                let metadata = metadata.with_write_id(WriteId(seed.into()));
                (seed, tier.store(&key(), &metadata, contents, Some(&condition)).await)
            }
        });
        let mut won = Vec::new();
        for (seed, outcome) in join_all(writers).await {
            match outcome {
                Ok(etag) => won.push((seed, etag.expect("the server gives versions"))),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
            }
        }
        let Ok(Read::Found(Stored { body, .. })) = tier.read(&key(), None).await else {
            panic!("not found")
        };
        let [(seed, etag)] = &won[..] else { panic!("{} won", won.len()) };
        assert!(body == vec![*seed; len]);
        etag.clone()
    };
    for len in [10, LEN] {
        tier.remove(&[key()]).await.expect("removed");
        let first = race(Condition::Absent, 10..18, len).await;
        race(Condition::Version(first), 20..28, len).await;
    }
    assert_eq!(server.uploads(BUCKET), 0);
    // A version that is not there is one that was removed.
    tier.remove(&[key()]).await.expect("removed");
    let gone = Condition::Version(tiered_storage::ETag::new("\"gone\""));
    let contents = Contents::Whole("x".into());
    let error = tier.store(&key(), &metadata(1), contents, Some(&gone)).await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_passes_over_conditions_is_not_written_to() {
    let options = Options { ignores_conditions: true, ..Options::default() };
    let Large { server, tier, .. } = Large::new(options);
    server.put_object_raw(BUCKET, "k", theirs());
    for contents in [Contents::Whole("x".into()), Contents::Whole(body(1))] {
        let absent = Some(&Condition::Absent);
        let stored = tier.store(&key(), &metadata(1), contents, absent).await;
        let error = stored.expect_err("it cannot be known");
        assert_eq!((error.kind(), error.key()), (ErrorKind::Unsupported, Some(&key())));
    }
    assert_eq!(server.objects(BUCKET).len(), 1);
    assert_eq!(server.object(BUCKET, "k").expect("it is there").body, body(9));
    assert_eq!(server.uploads(BUCKET), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_bodies_are_what_they_are_of_the_whole() {
    let Large { server, tier, .. } = Large::new(Options::default());
    let long = "../".repeat(341);
    let body: Bytes = (0..2_000_000_u32).flat_map(u32::to_be_bytes).collect();
    for (key_text, len) in [("k", 10), ("k", 0), (&*long, 10), (&*long, 0), (&*long, 8_000_000)] {
        let (key, body) = (Key::new(key_text).expect("a key"), body.slice(..len));
        let metadata = Metadata::new(key.clone(), len as u64, Timestamp::from_millis(1));
        let stored = Stored { metadata, body: body.clone() };
        let etag = tier.write(&key, stored).await.expect("written").expect("a version");
        let size = len as u64;
        for range in [
            ByteRange::Between(0, 1),
            ByteRange::Between(3, 9),
            ByteRange::Between(3, 3),
            ByteRange::Between(9, 1 << 40),
            ByteRange::Between(size, size + 1),
            ByteRange::From(0),
            ByteRange::From(7),
            ByteRange::From(size),
            ByteRange::From(u64::MAX),
            ByteRange::Last(0),
            ByteRange::Last(3),
            ByteRange::Last(u64::MAX),
        ] {
            let read = tier.read_range(&key, range, None).await.expect("it is read");
            let Some(Read::Found(part)) = read else { panic!("{range:?} of {len}: {read:?}") };
            let expected = range.of(size).unwrap_or_default();
            assert_eq!(part.range, expected, "{range:?} of {len}");
            assert!(part.body == body.slice(expected.start as usize..expected.end as usize));
            assert_eq!(part.metadata.size(), size);
            let known = tier.read_range(&key, range, Some(&etag)).await.expect("it is read");
            let is_empty = range.of(size).is_none();
            assert!(known == Some(Read::Unchanged) || is_empty, "{range:?} of {len}: {known:?}");
        }
        // A large body comes in pieces, with or without its key in front.
        let Ok(Read::Found(opened)) = tier.open(&key, None).await else { panic!("not found") };
        assert_eq!(matches!(opened.body, Body::Pieces(_)), len > 1 << 20);
        assert!(opened.body.whole().await.expect("it is read") == body);
    }
    let missing = Key::new("missing").expect("a key");
    let read = tier.read_range(&missing, ByteRange::From(1), None).await;
    assert_eq!(read, Ok(Some(Read::Missing)));
    let mut encoded = Object::new("0123456789");
    encoded.content_encoding = Some("br".to_owned());
    server.put_object_raw(BUCKET, "k", encoded);
    let read = tier.read_range(&key(), ByteRange::Last(3), None).await.expect("it is read");
    let Some(Read::Found(part)) = read else { panic!("{read:?}") };
    assert_eq!((part.range, &*part.body), (7..10, &b"789"[..]));
}

/// The bytes of a body of 256 MiB, a MiB at a time.
fn piece(number: u64) -> Bytes {
    number.to_be_bytes().repeat(1 << 17).into()
}

/// How much memory this process has, and had at most, in KiB.
#[cfg(target_os = "linux")]
fn memory_kib() -> [u64; 2] {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    ["VmRSS:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux has it");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    })
}

/// Bodies of any size go through in little memory: of the server's process, which keeps them, this one knows nothing.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_256_mib_takes_little_memory() {
    const PIECES: u64 = 256;
    let mut server = Command::new(env!("CARGO_BIN_EXE_s3-server"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let mut endpoint = String::new();
    let stdout = server.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut endpoint).expect("it says where it is");
    let tier = S3Tier::builder(BUCKET)
        .endpoint(endpoint.trim())
        .credentials(StaticCredentials::new("access-key", "secret-key"))
        .build()
        .expect("the settings are right");
    let [before, _] = memory_kib();
    let mut stage = tier.stage(&key()).await.expect("it can").expect("it can");
    for number in 0..PIECES {
        stage.write(piece(number)).await.expect("it is taken");
    }
    let source = stage.finish().await.expect("it is whole");
    let metadata = Metadata::new(key(), source.size_bytes(), Timestamp::from_millis(1));
    let staged = Contents::Staged(source);
    tier.store(&key(), &metadata, staged, None).await.expect("it is stored");
    let Ok(Read::Found(opened)) = tier.open(&key(), None).await else { panic!("not found") };
    let Body::Pieces(mut pieces) = opened.body else { panic!("it is large") };
    let (mut at, mut expected) = (0, piece(0));
    while let Some(mut read) = pieces.try_next().await.expect("it is read") {
        while !read.is_empty() {
            let len = read.len().min(expected.len());
            assert!(read.split_to(len) == expected.split_to(len), "at {at}");
            at += len as u64;
            if expected.is_empty() {
                expected = piece(at >> 20);
            }
        }
    }
    assert_eq!(at, PIECES << 20);
    let [_, most] = memory_kib();
    server.kill().expect("it runs");
    server.wait().expect("it ran");
    // Three parts of 8 MiB under way, one that is filled, and one that is put together.
    assert!(most - before < 64 << 10, "{} KiB", most - before);
}
