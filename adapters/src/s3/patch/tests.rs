use expect_test::{Expect, expect};
use tiered_storage_core::{Timestamp, WriteId};

use super::*;
use crate::{
    s3::{
        ConditionalWrites, Flags, HttpErrorKind, Profile, S3Tier,
        fake::{Reply, World, answer, completed, created, done, fault, part, part_copied, refused},
        probe::Means,
    },
    tier::StorageTier,
};

const MIB: u64 = 1 << 20;
const OLD: &str = "1;s=12582912;c=1000;w=0000000000000007";
const NEW: &str = "1;s=12582912;c=1000;w=0000000000000007;x=5000";

/// A tier over a store that copies 5 MiB with one request.
fn tier(world: &World, conditional_writes: ConditionalWrites) -> S3Tier {
    let flags = Flags { copied_bytes_max: 5 * MIB, conditional_writes, ..Flags::default() };
    let builder = world.builder().profile(Profile::Custom(flags));
    let builder = builder.multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
    builder.build().expect("the configuration is right")
}

fn key() -> Key {
    Key::new("k").expect("a key")
}

/// What a patch makes of an entry of 12 MiB.
fn metadata() -> Metadata {
    let metadata = Metadata::new(key(), 12 * MIB, Timestamp::from_millis(1_000));
    let mut metadata = metadata.with_write_id(WriteId(7));
    metadata.etag = Some(ETag::new("\"e0\""));
    metadata.expires_at = Some(Timestamp::from_millis(5_000));
    metadata
}

fn head(line: &str, etag: &str, size_bytes: u64) -> Reply {
    let size = size_bytes.to_string();
    let headers = [("x-amz-meta-tiered-storage", line), ("etag", etag), ("content-length", &size)];
    answer(200, &headers, "")
}

/// A tier that has found out already that the store heeds conditions, which took seven requests.
fn probed(script: impl IntoIterator<Item = Reply>) -> (World, S3Tier) {
    let probe = [part("\"e\""), created(), part("\"p\""), refused(), refused(), done(), done()];
    let world = World::new(probe.into_iter().chain(script));
    let tier = tier(&world, ConditionalWrites::Supported);
    let heeded = world.run(tier.0.probes.heeds(&tier.0, &Condition::Absent, Means::Upload));
    assert_eq!(heeded, Ok(true));
    (world, tier)
}

/// Patches the entry, and shows what was asked for that.
fn check(metadata: &Metadata, script: impl IntoIterator<Item = Reply>, expected: Expect) {
    let (world, tier) = probed(script);
    match world.run(tier.patch(metadata.key(), metadata)) {
        Ok(Patched::Done(etag)) => world.note(&format!("{etag:?}")),
        Ok(other) => world.note(&format!("{other:?}")),
        Err(error) => world.note(&error.to_string()),
    }
    let log: Vec<String> = world.log().lines().skip(7).map(|line| format!("{line}\n")).collect();
    expected.assert_eq(&log.concat());
    assert_eq!(world.run_spawned(), 0);
}

fn copies() -> [Reply; 5] {
    let parts = ["\"p1\"", "\"p2\"", "\"p3\""].map(part_copied);
    let [first, second, third] = parts;
    [head(OLD, "\"e0\"", 12 * MIB), created(), first, second, third]
}

/// S3 copies 5 GB with one request, and refused to touch anything larger.
#[test]
fn what_is_too_large_for_one_copy_is_copied_in_parts() {
    let script = copies().into_iter().chain([completed("&quot;e1&quot;")]);
    check(
        &metadata(),
        script.clone(),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=3&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
            Some("e1")
        "#]],
    );
    let (world, tier) = probed(script);
    world.run(tier.patch(&key(), &metadata())).expect("patched");
    let sent = &world.sent()[7..];
    assert_eq!(sent[1].header("x-amz-meta-tiered-storage"), Some(NEW));
    let header = |at: usize, name| sent[at].header(name).unwrap_or_default().to_owned();
    let ranges = [2, 3, 4].map(|at| header(at, "x-amz-copy-source-range"));
    assert_eq!(ranges, ["bytes=0-5242879", "bytes=5242880-10485759", "bytes=10485760-12582911"]);
    for at in 2..5 {
        assert_eq!(header(at, "x-amz-copy-source"), "/bkt/k");
        assert_eq!(header(at, "x-amz-copy-source-if-match"), "\"e0\"");
    }
    assert_eq!(header(5, "if-match"), "\"e0\"");
}

#[test]
fn what_is_small_as_it_is_stored_is_copied_at_once() {
    let copied = "<CopyObjectResult><ETag>&quot;e1&quot;</ETag></CopyObjectResult>";
    check(
        &metadata(),
        [head(OLD, "\"e0\"", 5 * MIB), answer(200, &[], copied)],
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
            Some("e1")
        "#]],
    );
    check(
        &metadata(),
        [fault(404, "")],
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 404
            Missing
        "#]],
    );
}

#[test]
fn the_encoding_of_another_program_is_kept() {
    let (world, tier) = probed(copies().into_iter().chain([completed("&quot;e1&quot;")]));
    let theirs = metadata().with_encoding("br");
    world.run(tier.patch(&key(), &theirs)).expect("patched");
    assert_eq!(world.sent()[8].header("content-encoding"), Some("br"));
}

#[test]
fn a_write_that_came_between_wins() {
    let of_another = head("1;s=4;c=1000;w=8", "\"e9\"", 4);
    let script = [head(OLD, "\"e0\"", 12 * MIB), created(), refused(), done(), of_another.clone()];
    check(
        &metadata(),
        script,
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 412
                 0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 204
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
            conflict: the object was changed meanwhile; read it again [key "k"]
        "#]],
    );
    check(
        &metadata(),
        copies().into_iter().chain([refused(), done(), of_another]),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=3&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 412
                 0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 204
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
            conflict: the object was changed meanwhile; read it again [key "k"]
        "#]],
    );
}

#[test]
fn a_removal_that_came_between_leaves_nothing_to_patch() {
    check(
        &metadata(),
        [
            head(OLD, "\"e0\"", 12 * MIB),
            created(),
            fault(404, "NoSuchKey"),
            done(),
            fault(404, ""),
            fault(404, "NoSuchKey"),
        ],
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 404
                 0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 204
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 404
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 404
            Missing
        "#]],
    );
}

#[test]
fn what_the_store_refuses_to_copy_is_told() {
    check(
        &metadata(),
        [
            head(OLD, "\"e0\"", 12 * MIB),
            created(),
            fault(400, "InvalidRequest"),
            done(),
            head(OLD, "\"e0\"", 12 * MIB),
        ],
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 400
                 0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 204
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
            invalid: s3.test refused the request; check the configuration (InvalidRequest, status 400, request id R1) [key "k"]
        "#]],
    );
}

#[test]
fn a_completion_whose_answer_was_lost_is_done() {
    let lost = [Reply::Fails(HttpErrorKind::Broken), fault(404, "NoSuchUpload")];
    check(
        &metadata(),
        copies().into_iter().chain(lost).chain([head(NEW, "\"e1\"", 12 * MIB)]),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=3&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> Broken
                50 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 404
                50 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
            Some("e1")
        "#]],
    );
}

/// Without a condition on the completion, the write of another could be undone.
#[test]
fn a_store_that_completes_unconditionally_is_not_asked() {
    let world = World::new([head(OLD, "\"e0\"", 12 * MIB)]);
    let tier = tier(&world, ConditionalWrites::Unsupported);
    let error = world.run(tier.patch(&key(), &metadata())).expect_err("unsupported");
    assert_eq!((error.kind(), error.key()), (ErrorKind::Unsupported, Some(&key())));
    assert!(error.to_string().contains("write the entry anew"), "{error}");
    world.log();
}
