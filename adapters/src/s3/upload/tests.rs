use core::any::Any;

use async_trait::async_trait;
use bytes::Bytes;
use expect_test::{Expect, expect};
use futures_util::FutureExt;
use tiered_storage_core::{Key, Timestamp, WriteId};

use super::*;
use crate::{
    pieces::Source,
    s3::{
        HttpErrorKind, S3Tier,
        fake::{Reply, World, answer, completed, created, done, fault, part},
        keys,
    },
    tier::{StorageTier, Stored},
};

const MIB: usize = 1 << 20;
/// Two parts and a short one.
const LEN: usize = 12 * MIB;

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

fn metadata(key_text: &str) -> Metadata {
    let created_at = Timestamp::from_millis(1_000);
    Metadata::new(key(key_text), LEN as u64, created_at).with_write_id(WriteId(7))
}

fn tier(world: &World) -> S3Tier {
    let builder = world.builder().multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
    builder.build().expect("the configuration is right")
}

async fn write(tier: &S3Tier, key_text: &str) -> String {
    let body = Bytes::from(vec![b'x'; LEN]);
    match tier.write(&key(key_text), Stored { metadata: metadata(key_text), body }).await {
        Ok(etag) => format!("{etag:?}"),
        Err(error) => error.to_string(),
    }
}

fn parts() -> [Reply; 3] {
    [part("\"p1\""), part("\"p2\""), part("\"p3\"")]
}

fn head(write_id: u64) -> Reply {
    let line = format!("1;s=4;c=1000;w={write_id:016x}");
    answer(200, &[("x-amz-meta-tiered-storage", &line), ("etag", "\"ours\"")], "")
}

/// What becomes of an upload whose parts are there, and nothing is left to be done afterwards.
fn check(end: impl IntoIterator<Item = Reply>, expected: Expect) {
    let world = World::new([created()].into_iter().chain(parts()).chain(end));
    let outcome = world.run(write(&tier(&world), "k"));
    let requests = world.log();
    let after = requests.split_once("-> 200\n").map_or("", |(_, after)| after);
    let after: Vec<&str> = after.lines().filter(|line| !line.contains("partNumber")).collect();
    expected.assert_eq(&format!("{}\n{outcome}\n", after.join("\n")));
    assert_eq!(world.run_spawned(), 0);
}

#[test]
fn a_large_body_is_put_together_of_parts() {
    let script = [created()].into_iter().chain(parts()).chain([completed("&quot;e-3&quot;")]);
    let world = World::new(script);
    let outcome = world.run(write(&tier(&world), "k"));
    world.note(&outcome);
    expect![[r#"
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=3&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
        Some("e-3")
    "#]]
    .assert_eq(&world.log());
    let sent = world.sent();
    assert_eq!(
        sent[0].header("x-amz-meta-tiered-storage"),
        Some("1;s=12582912;c=1000;w=0000000000000007")
    );
    assert_eq!(sent[0].header("content-type"), Some("application/octet-stream"));
    let lens: Vec<usize> = sent[1..4].iter().map(|request| request.body.len()).collect();
    assert_eq!(lens, [5 * MIB, 5 * MIB, 2 * MIB]);
    assert_eq!(sent[1].header("x-amz-content-sha256"), sent[2].header("x-amz-content-sha256"));
    assert_ne!(sent[2].header("x-amz-content-sha256"), sent[3].header("x-amz-content-sha256"));
    expect![[r#"<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Part><PartNumber>1</PartNumber><ETag>"p1"</ETag></Part><Part><PartNumber>2</PartNumber><ETag>"p2"</ETag></Part><Part><PartNumber>3</PartNumber><ETag>"p3"</ETag></Part></CompleteMultipartUpload>"#]].assert_eq(core::str::from_utf8(&sent[4].body).expect("text"));
    assert_eq!(world.run_spawned(), 0);
}

#[test]
fn an_upload_may_begin_in_other_words() {
    let xml = "<InitiateMultipartUpload><UploadId>U</UploadId></InitiateMultipartUpload>";
    let begun = answer(200, &[], xml);
    let world = World::new([begun].into_iter().chain(parts()).chain([completed("&#34;e-3&#34;")]));
    assert_eq!(world.run(write(&tier(&world), "k")), "Some(\"e-3\")");
}

#[test]
fn up_to_the_threshold_a_body_is_one_request() {
    let world = World::new([part("\"e\"")]);
    let body = Bytes::from(vec![b'x'; 5 * MIB]);
    let entry = Stored { metadata: metadata("k"), body };
    world.run(tier(&world).write(&key("k"), entry)).expect("written");
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn the_first_part_starts_with_a_key_that_the_name_does_not_tell() {
    let text = "../".repeat(341);
    let script = [created()].into_iter().chain(parts()).chain([completed("\"e\"")]);
    let world = World::new(script);
    assert_eq!(world.run(write(&tier(&world), &text)), "Some(\"e\")");
    let sent = world.sent();
    let seal = keys::seal(&key(&text));
    assert_eq!(sent[1].body[..seal.len()], seal);
    assert_eq!(sent[1].body[seal.len()..], vec![b'x'; 5 * MIB - seal.len()]);
    let len: usize = sent[1..4].iter().map(|request| request.body.len()).sum();
    assert_eq!(len, seal.len() + LEN);
}

#[test]
fn so_many_parts_are_under_way_at_once() {
    let late = |at: usize| match part(&format!("\"p{at}\"")) {
        Reply::Answer(response) => Reply::Late(100 * at as u64, response),
        other => other,
    };
    let script = [created()].into_iter().chain((1..4).map(late)).chain([completed("\"e\"")]);
    let world = World::new(script);
    let builder = world.builder().multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
    let tier = builder.parts_in_flight_max(2).build().expect("right");
    let outcome = world.run(write(&tier, "k"));
    world.note(&outcome);
    expect![[r#"
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
           100 PUT /bkt/k?partNumber=3&uploadId=U [AKID us-east-1 000000Z] -> 200
           400 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
        Some("e")
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn the_end_of_an_upload_is_found_out() {
    let lost = || Reply::Fails(HttpErrorKind::Broken);
    let gone = || fault(404, "NoSuchUpload");
    // S3 says so when it is late, behind a status of success.
    check(
        [fault(200, "InternalError"), completed("\"e\"")],
        expect![[r#"
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
            50 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
        Some("e")
    "#]],
    );
    check(
        [lost(), gone(), head(7)],
        expect![[r#"
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> Broken
            50 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 404
            50 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("ours")
    "#]],
    );
    check(
        [lost(), gone(), head(8)],
        expect![[r#"
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> Broken
            50 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 404
            50 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
        unavailable: the upload was ended by another, or a lifecycle rule; write it again (NoSuchUpload, status 404, request id R1) [key "k"]
    "#]],
    );
    check(
        [gone()],
        expect![[r#"
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 404
        unavailable: the upload was ended by another, or a lifecycle rule; write it again (NoSuchUpload, status 404, request id R1) [key "k"]
    "#]],
    );
    // Some servers leave the version out.
    check(
        [completed(""), head(7)],
        expect![[r#"
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
             0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("ours")
    "#]],
    );
    check(
        [fault(403, "AccessDenied"), done()],
        expect![[r#"
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 403
             0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 204
        denied: S3 does not allow it; check what the credentials may do with the bucket "bkt" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 403, request id R1) [key "k"]
    "#]],
    );
    // Nothing can be done about that but in the background of the bucket.
    check(
        [fault(403, "AccessDenied"), fault(403, "AccessDenied")],
        expect![[r#"
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 403
             0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 403
        denied: S3 does not allow it; check what the credentials may do with the bucket "bkt" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 403, request id R1) [key "k"]
    "#]],
    );
}

#[test]
fn a_part_that_fails_ends_the_upload() {
    let world =
        World::new([created(), fault(500, "InternalError"), fault(403, "AccessDenied"), done()]);
    let outcome = world.run(write(&tier(&world), "k"));
    world.note(&outcome);
    expect![[r#"
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 500
             0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 403
             0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 204
        denied: S3 does not allow it; check what the credentials may do with the bucket "bkt" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 403, request id R1) [key "k"]
    "#]].assert_eq(&world.log());
    assert_eq!(world.run_spawned(), 0);
}

#[test]
fn an_upload_that_does_not_begin_leaves_nothing() {
    for reply in [fault(403, "AccessDenied"), answer(200, &[], "<InitiateMultipartUploadResult/>")]
    {
        let world = World::new([reply]);
        let outcome = world.run(write(&tier(&world), "k"));
        assert!(outcome.starts_with("denied") || outcome.starts_with("unavailable"), "{outcome}");
        assert_eq!((world.sent().len(), world.run_spawned()), (1, 0));
    }
}

#[test]
fn a_write_that_is_given_up_is_aborted_in_the_background() {
    let world = World::new([created(), Reply::Silence, Reply::Silence, Reply::Silence, done()]);
    let tier = tier(&world);
    let mut writing = Box::pin(write(&tier, "k"));
    assert_eq!((&mut writing).now_or_never(), None);
    drop(writing);
    world.note("given up");
    assert_eq!(world.run_spawned(), 1);
    expect![[r#"
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> silence
             0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> silence
             0 PUT /bkt/k?partNumber=3&uploadId=U [AKID us-east-1 000000Z] -> silence
        given up
             0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 204
    "#]]
    .assert_eq(&world.log());
}

/// Tells what is read of it.
#[derive(Debug)]
struct Ready(Mutex<Vec<Range<u64>>>);

#[async_trait]
impl Source for Ready {
    fn size_bytes(&self) -> u64 {
        LEN as u64
    }

    async fn read(&self, range: Range<u64>) -> Result<Payload, Error> {
        let len = (range.end - range.start) as usize;
        self.0.lock().expect("no panic").push(range);
        Ok(vec![b'x'; len].into())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[test]
fn what_lies_ready_elsewhere_is_read_part_by_part() {
    let text = "../".repeat(341);
    for (key_text, front) in [("k", 0), (&*text, 1_025)] {
        let script = [created()].into_iter().chain(parts()).chain([completed("\"e\"")]);
        let world = World::new(script);
        let tier = tier(&world);
        let source = Arc::new(Ready(Mutex::default()));
        let body = Contents::Staged(Arc::<Ready>::clone(&source));
        let stored = world.run(tier.store(&key(key_text), &metadata(key_text), body, None));
        assert_eq!(stored, Ok(Some(ETag::new("\"e\""))));
        let part = (5 * MIB) as u64;
        let ranges =
            [0..part - front, part - front..2 * part - front, 2 * part - front..LEN as u64];
        assert_eq!(*source.0.lock().expect("no panic"), ranges);
    }
}

#[test]
fn parts_are_as_large_as_10_000_of_them_must_be() {
    let limits = PartLimits { threshold_bytes: 16 << 20, part_bytes: 8 << 20, in_flight_max: 4 };
    assert_eq!(limits.part_bytes_of(17 << 20), 8 << 20);
    assert_eq!(limits.part_bytes_of(10_000 * (8 << 20)), 8 << 20);
    let size_bytes = 5 << 40;
    let part_bytes = limits.part_bytes_of(size_bytes);
    assert!(size_bytes.div_ceil(part_bytes) <= 10_000 && part_bytes < 5 << 30);
}

/// A slow line is not a stuck one: a body that is sent may take a second more for each 64 kB.
#[test]
fn large_requests_may_take_longer() {
    let late = |ms| {
        let Reply::Answer(response) = part("\"e\"") else { unreachable!("it is an answer") };
        Reply::Late(ms, response)
    };
    // 5 MiB take 82 seconds then, beside the 30.
    for (ms, attempts) in [(111_000, 1), (112_000, 2)] {
        let world = World::new([late(ms), part("\"e\"")].into_iter().take(attempts));
        let entry = Stored { metadata: metadata("k"), body: vec![0; 5 * MIB].into() };
        world.run(tier(&world).write(&key("k"), entry)).expect("written");
        assert_eq!(world.sent().len(), attempts);
    }
    // Putting together may take four times as long as anything else.
    let Reply::Answer(response) = completed("\"e\"") else { unreachable!("it is an answer") };
    let script = [created()].into_iter().chain(parts()).chain([Reply::Late(119_000, response)]);
    let world = World::new(script);
    assert_eq!(world.run(write(&tier(&world), "k")), "Some(\"e\")");
}
