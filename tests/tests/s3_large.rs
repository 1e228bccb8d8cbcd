//! Large bodies, parts of bodies, staging and conditional writes mean the same on two servers that know nothing of each
//! other.

use bytes::Bytes;
use futures::TryStreamExt;
use tiered_storage::{
    Condition, ETag, ErrorKind, Key, Metadata, Timestamp, WriteId,
    s3::{S3Tier, StaticCredentials},
    tier::{Body, Contents, Page, Read, StorageTier},
};
use tiered_storage_core::range::ByteRange;
use tiered_storage_tests::{
    peers::{Ministack, Rclone, or_skip},
    server::{Options, Server},
};

/// Over the threshold: a part of 5 MiB, and one of less.
const LEN: usize = 6 << 20;

fn tier(endpoint: &str, bucket: &str, keys: (&str, &str)) -> S3Tier {
    let builder = S3Tier::builder(bucket).endpoint(endpoint).region("us-east-1").prefix("a/prefix");
    let builder = builder.multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
    let tier = builder.credentials(StaticCredentials::new(keys.0, keys.1)).build();
    tier.expect("the settings are right")
}

/// Bytes that tell where they are, and which write they are of.
fn body(seed: u8) -> Bytes {
    let mut body = Vec::with_capacity(LEN);
    for block in 0..(LEN >> 10) as u32 {
        body.extend_from_slice(&(block << 8 | u32::from(seed)).to_be_bytes().repeat(256));
    }
    body.into()
}

fn metadata(key: &Key, seed: u8, len: usize) -> Metadata {
    let metadata = Metadata::new(key.clone(), len as u64, Timestamp::from_millis(1_000));
    metadata.with_write_id(WriteId(seed.into())).with_mime_type("text/plain")
}

/// Reads the entry in every way there is.
async fn check_read(tier: &S3Tier, key: &Key, seed: u8) -> ETag {
    let body = body(seed);
    let Ok(Read::Found(found)) = tier.read(key, None).await else { panic!("not found") };
    assert!(found.body == body, "read whole");
    assert_eq!(found.metadata.write_id(), Some(WriteId(seed.into())));
    assert_eq!(
        (found.metadata.size(), found.metadata.mime_type()),
        (LEN as u64, Some("text/plain"))
    );
    let etag = found.metadata.etag.expect("the server gives versions");
    let Ok(Read::Found(opened)) = tier.open(key, None).await else { panic!("not found") };
    let Body::Pieces(mut pieces) = opened.body else { panic!("it is large") };
    let mut at = 0;
    while let Some(piece) = pieces.try_next().await.expect("it is read") {
        assert!(piece == body.slice(at..at + piece.len()), "at {at}");
        at += piece.len();
    }
    assert_eq!(at, LEN);
    for range in [ByteRange::Between(5, 5_000), ByteRange::From(LEN as u64 - 3), ByteRange::Last(7)]
    {
        let read = tier.read_range(key, range, None).await.expect("it is read");
        let Some(Read::Found(part)) = read else { panic!("{range:?}: {read:?}") };
        let expected = range.of(LEN as u64).expect("there are some");
        assert_eq!((part.range, part.metadata.etag), (expected.clone(), Some(etag.clone())));
        assert_eq!(part.body, body.slice(expected.start as usize..expected.end as usize));
        assert_eq!(tier.read_range(key, range, Some(&etag)).await, Ok(Some(Read::Unchanged)));
    }
    let read = tier.read_range(key, ByteRange::From(LEN as u64), None).await.expect("it is read");
    assert!(matches!(read, Some(Read::Found(part)) if part.body.is_empty()));
    etag
}

async fn check(tier: &S3Tier) {
    // An ordinary key, one whose name is escaped, and one that only its object tells.
    for text in ["a key/of +%", "a/../b", &"../".repeat(341)] {
        let key = Key::new(text).expect("a key");
        let whole = |seed| Contents::Whole(body(seed));
        tier.store(&key, &metadata(&key, 1, LEN), whole(1), None).await.expect("it is stored");
        check_read(tier, &key, 1).await;

        let mut stage = tier.stage(&key).await.expect("it can").expect("it can");
        for at in (0..LEN).step_by(100_000) {
            stage.write(body(2).slice(at..LEN.min(at + 100_000))).await.expect("it is taken");
        }
        let source = stage.finish().await.expect("it is whole");
        assert_eq!(source.size_bytes(), LEN as u64);
        assert_eq!(
            source.read(5_300_000..5_300_100).await.expect("it is read"),
            body(2).slice(5_300_000..5_300_100)
        );
        let staged = Contents::Staged(source);
        tier.store(&key, &metadata(&key, 2, LEN), staged, None).await.expect("it is stored");
        let second = check_read(tier, &key, 2).await;
        check_conditions(tier, &key, second).await;
        let page = Page { prefix: "", after: None, limit: 10 };
        let listed = tier.list(page).await.expect("it lists");
        assert_eq!(listed.keys, core::slice::from_ref(&key), "what was staged is no key");
        tier.remove(&[key]).await.expect("removed");
    }
}

async fn check_conditions(tier: &S3Tier, key: &Key, second: ETag) {
    let store = async |seed, len, condition: &Condition| {
        let contents = Contents::Whole(body(seed).slice(..len));
        let metadata = metadata(key, seed, len);
        tier.store(key, &metadata, contents, Some(condition)).await.map_err(|error| error.kind())
    };
    for len in [10, LEN] {
        assert_eq!(store(9, len, &Condition::Absent).await, Err(ErrorKind::Conflict), "{len}");
        let never = Condition::Version(ETag::new("\"11111111111111111111111111111111\""));
        assert_eq!(store(9, len, &never).await, Err(ErrorKind::Conflict), "{len}");
    }
    let third = store(3, LEN, &Condition::Version(second.clone())).await.expect("it is that");
    assert_eq!(store(9, 10, &Condition::Version(second)).await, Err(ErrorKind::Conflict));
    assert_eq!(third, Some(check_read(tier, key, 3).await));
    tier.remove(core::slice::from_ref(key)).await.expect("removed");
    let fourth = store(4, 10, &Condition::Absent).await.expect("nothing is there");
    let fourth = Condition::Version(fourth.expect("the server gives versions"));
    store(5, 10, &fourth).await.expect("it is that");
    // A staged body, as the one part of an upload that is completed on a condition.
    let mut stage = tier.stage(key).await.expect("it can").expect("it can");
    stage.write(body(6)).await.expect("it is taken");
    let source = stage.finish().await.expect("it is whole");
    let staged = Contents::Staged(source);
    let absent = Some(&Condition::Absent);
    let stored = tier.store(key, &metadata(key, 6, LEN), staged.clone(), absent).await;
    assert_eq!(stored.map_err(|error| error.kind()), Err(ErrorKind::Conflict));
    tier.remove(core::slice::from_ref(key)).await.expect("removed");
    tier.store(key, &metadata(key, 6, LEN), staged, absent).await.expect("nothing is there");
    check_read(tier, key, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_embedded_server() {
    let server = Server::start(Options::default()).expect("loopback can be listened on");
    let keys = (server.options().access_key.as_str(), server.options().secret_key.as_str());
    check(&tier(&server.endpoint(), "bucket", keys)).await;
    assert_eq!((server.uploads("bucket"), server.objects("bucket").len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_ministack() {
    let Some(server) = or_skip(Ministack::start().await) else { return };
    let client = server.client();
    let keys = (client.access_key.as_str(), client.secret_key.as_str());
    check(&tier(&client.endpoint, server.bucket(), keys)).await;
}

/// It passes over the conditions of writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_rclone() {
    let Some(server) = or_skip(Rclone::start().await) else { return };
    let client = server.client();
    let keys = (client.access_key.as_str(), client.secret_key.as_str());
    let tier = tier(&client.endpoint, server.bucket(), keys);
    let key = Key::new("k").expect("a key");
    let whole = Contents::Whole(body(1));
    tier.store(&key, &metadata(&key, 1, LEN), whole, None).await.expect("it is stored");
    for len in [10, LEN] {
        let contents = Contents::Whole(body(2).slice(..len));
        let absent = Some(&Condition::Absent);
        let stored = tier.store(&key, &metadata(&key, 2, len), contents, absent).await;
        assert_eq!(stored.map_err(|error| error.kind()), Err(ErrorKind::Unsupported), "{len}");
    }
    let Ok(Read::Found(opened)) = tier.open(&key, None).await else { panic!("not found") };
    assert!(opened.body.whole().await.expect("it is read") == body(1));
    let read = tier.read_range(&key, ByteRange::Between(5, 5_000), None).await;
    let Ok(Some(Read::Found(part))) = read else { panic!("{read:?}") };
    assert_eq!(part.range, 5..5_000);
    assert!(part.body == body(1).slice(5..5_000));
}
