use core::pin::pin;

use bytes::Bytes;
use expect_test::{Expect, expect};
use futures_util::FutureExt;
use tiered_storage_core::{Condition, Metadata, Timestamp, WriteId};

use super::*;
use crate::{
    pieces::Contents,
    s3::{
        HttpErrorKind, S3Tier,
        fake::{Reply, World, answer, completed, created, done, fault, part, part_copied, refused},
        keys::Listed,
    },
    tier::StorageTier,
};

const MIB: usize = 1 << 20;
const COPIED: &str = "<CopyObjectResult><ETag>&quot;e2&quot;</ETag></CopyObjectResult>";

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

fn tier(world: &World) -> S3Tier {
    let builder = world.builder().multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
    builder.build().expect("the configuration is right")
}

/// Stages so many pieces of a MiB.
async fn staged(tier: &S3Tier, key: &Key, pieces: usize) -> Result<Arc<dyn Source>, Error> {
    let mut stage = tier.stage(key).await?.expect("it can stage");
    for _ in 0..pieces {
        stage.write(vec![b'x'; MIB].into()).await?;
    }
    stage.finish().await
}

async fn store(
    tier: &S3Tier,
    key_text: &str,
    source: Arc<dyn Source>,
    condition: Option<&Condition>,
) -> String {
    let size_bytes = source.size_bytes();
    let metadata = Metadata::new(key(key_text), size_bytes, Timestamp::from_millis(1_000));
    let metadata = metadata.with_write_id(WriteId(7));
    match tier.store(&key(key_text), &metadata, Contents::Staged(source), condition).await {
        Ok(etag) => format!("{etag:?}"),
        Err(error) => error.to_string(),
    }
}

fn upload() -> Vec<Reply> {
    vec![created(), part("\"p1\""), part("\"p2\""), completed("&quot;s&quot;")]
}

/// Stages 7 MiB for `k` and stores them as `stored_key`.
fn check(
    stored_key: &str,
    condition: Option<&Condition>,
    script: impl IntoIterator<Item = Reply>,
    expected: Expect,
) {
    let world = World::new(upload().into_iter().chain(script));
    let tier = tier(&world);
    let source = world.run(staged(&tier, &key("k"), 7)).expect("staged");
    world.note("staged");
    let outcome = world.run(store(&tier, stored_key, source, condition));
    world.note(&outcome);
    world.run_spawned();
    expected.assert_eq(&world.log().replace(&"f".repeat(32), "RANDOM"));
}

#[test]
fn what_is_staged_is_copied_and_removed() {
    check(
        "k",
        None,
        [answer(200, &[], COPIED), done()],
        expect![[r#"
             0 POST /bkt/~tiered-storage/~sRANDOM?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~sRANDOM?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~sRANDOM?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~sRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 200
        staged
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
             0 DELETE /bkt/~tiered-storage/~sRANDOM [AKID us-east-1 000000Z] -> 204
        Some("e2")
    "#]],
    );
}

#[test]
fn a_copy_takes_the_version_that_was_staged_and_the_entry_s_metadata() {
    let script = upload().into_iter().chain([answer(200, &[], COPIED), done()]);
    let world = World::new(script);
    let tier = tier(&world);
    let source = world.run(staged(&tier, &key("k"), 7)).expect("staged");
    world.run(store(&tier, "k", source, None));
    let copy = &world.sent()[4];
    assert_eq!(copy.header("x-amz-copy-source-if-match"), Some("\"s\""));
    assert_eq!(copy.header("x-amz-metadata-directive"), Some("REPLACE"));
    let line = "1;s=7340032;c=1000;w=0000000000000007";
    assert_eq!(copy.header("x-amz-meta-tiered-storage"), Some(line));
    assert_eq!(world.sent()[0].header("x-amz-meta-tiered-storage"), None, "it is no entry");
}

#[test]
fn on_a_condition_it_is_the_one_part_of_an_upload() {
    let probe = [part("\"e\""), created(), part("\"p\""), refused(), refused(), done(), done()];
    let copied = [created(), part_copied("\"p1\"")];
    let heeded = [completed("&quot;e&quot;"), done()];
    let script = probe.clone().into_iter().chain(copied.clone()).chain(heeded);
    check(
        "k",
        Some(&Condition::Absent),
        script,
        expect![[r#"
             0 POST /bkt/~tiered-storage/~sRANDOM?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~sRANDOM?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~sRANDOM?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~sRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 200
        staged
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~pRANDOM?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 412
             0 POST /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 412
             0 DELETE /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 204
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
             0 DELETE /bkt/~tiered-storage/~sRANDOM [AKID us-east-1 000000Z] -> 204
        Some("e")
    "#]],
    );
    let conflict = [refused(), done(), done()];
    let script = probe.into_iter().chain(copied).chain(conflict);
    check(
        "k",
        Some(&Condition::Absent),
        script,
        expect![[r#"
                 0 POST /bkt/~tiered-storage/~sRANDOM?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/~tiered-storage/~sRANDOM?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/~tiered-storage/~sRANDOM?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/~tiered-storage/~sRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 200
            staged
                 0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/~tiered-storage/~pRANDOM?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/~tiered-storage/~pRANDOM?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 412
                 0 POST /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 412
                 0 DELETE /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 204
                 0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
                 0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 412
                 0 DELETE /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 204
                 0 DELETE /bkt/~tiered-storage/~sRANDOM [AKID us-east-1 000000Z] -> 204
            conflict: the object was changed meanwhile; read it again [key "k"]
        "#]],
    );
}

#[test]
fn for_another_key_it_is_read_and_written() {
    let half = |range: Range<usize>| {
        let content_range = format!("bytes {}-{}/7340032", range.start, range.end - 1);
        let headers = [("etag", "\"s\""), ("content-range", &*content_range)];
        answer(206, &headers, &"x".repeat(range.len()))
    };
    let script = [
        created(),
        half(0..5 * MIB),
        part("\"p1\""),
        half(5 * MIB..7 * MIB),
        part("\"p2\""),
        completed("\"e\""),
        done(),
    ];
    check(
        "other",
        None,
        script,
        expect![[r#"
             0 POST /bkt/~tiered-storage/~sRANDOM?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~sRANDOM?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~sRANDOM?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~sRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 200
        staged
             0 POST /bkt/other?uploads= [AKID us-east-1 000000Z] -> 200
             0 GET /bkt/~tiered-storage/~sRANDOM [AKID us-east-1 000000Z] -> 206
             0 PUT /bkt/other?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 GET /bkt/~tiered-storage/~sRANDOM [AKID us-east-1 000000Z] -> 206
             0 PUT /bkt/other?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/other?uploadId=U [AKID us-east-1 000000Z] -> 200
        Some("e")
             0 DELETE /bkt/~tiered-storage/~sRANDOM [AKID us-east-1 000000Z] -> 204
    "#]],
    );
}

#[test]
fn what_is_small_is_sent_once() {
    let world = World::new([part("\"e\"")]);
    let tier = tier(&world);
    let source = world.run(staged(&tier, &key("k"), 4)).expect("staged");
    assert_eq!((world.sent().len(), source.size_bytes()), (0, 4 * MIB as u64));
    assert_eq!(world.run(source.read(1..3)), Ok(Bytes::from_static(b"xx")));
    world.run(store(&tier, "k", source, None));
    assert_eq!(world.sent()[0].body.len(), 4 * MIB);
    assert_eq!(world.run_spawned(), 0);
}

#[test]
fn what_is_given_up_is_discarded() {
    // In the middle.
    let world = World::new([created(), part("\"p\""), done()]);
    let tier = tier(&world);
    let mut stage = world.run(tier.stage(&key("k"))).expect("it can").expect("it can");
    world.run(stage.write(vec![0; 6 * MIB].into())).expect("it is taken");
    drop(stage);
    assert_eq!(world.run_spawned(), 1);
    assert_eq!(world.sent()[2].method.as_str(), "DELETE");
    assert!(world.sent()[2].url.ends_with("?uploadId=U"));
    // When it is ready.
    let world = World::new(upload().into_iter().chain([done()]));
    let tier = self::tier(&world);
    let source = world.run(staged(&tier, &key("k"), 7)).expect("staged");
    let shared = Arc::clone(&source);
    drop(source);
    assert_eq!(world.run_spawned(), 0);
    drop(shared);
    assert_eq!(world.run_spawned(), 1);
    assert_eq!(world.sent()[4].method.as_str(), "DELETE");
    assert_eq!(world.sent()[4].url, world.sent()[3].url.replace("?uploadId=U", ""));
}

/// An edge worker is stopped once the storage has settled: what was still to be removed then stayed for ever.
#[test]
fn settling_waits_for_the_removal_of_what_was_staged() {
    let world = World::new(upload().into_iter().chain([done()]));
    let tier = tier(&world);
    let source = world.run(staged(&tier, &key("k"), 7)).expect("staged");
    assert_eq!(tier.settled().now_or_never(), Some(()), "nothing is left to be done yet");
    drop(source);
    let mut settling = pin!(tier.settled());
    assert_eq!(settling.as_mut().now_or_never(), None);
    assert_eq!(world.run_spawned(), 1);
    assert_eq!(settling.now_or_never(), Some(()));
    world.log();
}

#[test]
fn what_cannot_be_staged_is_told_and_leaves_nothing() {
    let world = World::new([created(), fault(403, "AccessDenied"), done()]);
    let tier = tier(&world);
    let error = world.run(staged(&tier, &key("k"), 7)).expect_err("denied");
    assert_eq!((error.kind(), error.key()), (ErrorKind::Denied, Some(&key("k"))));
    assert_eq!(world.run_spawned(), 1);
    let script = [created(), part("\"p1\""), part("\"p2\""), fault(403, "AccessDenied"), done()];
    let world = World::new(script);
    let tier = self::tier(&world);
    let error = world.run(staged(&tier, &key("k"), 7)).expect_err("denied");
    assert_eq!((error.kind(), world.run_spawned()), (ErrorKind::Denied, 0));
    world.log();
}

#[test]
fn a_completion_whose_answer_is_lost_is_found_out() {
    let script = [
        created(),
        part("\"p1\""),
        part("\"p2\""),
        Reply::Fails(HttpErrorKind::Broken),
        fault(404, "NoSuchUpload"),
        answer(200, &[("etag", "\"s\"")], ""),
        done(),
    ];
    let world = World::new(script);
    let tier = tier(&world);
    let source = world.run(staged(&tier, &key("k"), 7)).expect("staged");
    drop(source);
    assert_eq!(world.run_spawned(), 1);
    world.log();
}

/// Where the answer does not name the version, and that cannot be found out either, the object stayed.
#[test]
fn what_was_completed_and_cannot_be_used_is_removed() {
    let script = [
        created(),
        part("\"p1\""),
        part("\"p2\""),
        completed(""),
        fault(403, "AccessDenied"),
        fault(404, "NoSuchUpload"),
        done(),
    ];
    let world = World::new(script);
    let tier = tier(&world);
    let error = world.run(staged(&tier, &key("k"), 7)).expect_err("denied");
    assert_eq!((error.kind(), world.run_spawned()), (ErrorKind::Denied, 0));
    let sent = world.sent();
    assert_eq!(sent[6].method.as_str(), "DELETE");
    assert_eq!(sent[6].url, sent[3].url.replace("?uploadId=U", ""));
}

/// A browser sent it again, since its connection was closed: the second found the upload ended.
#[test]
fn a_completion_that_the_transport_repeated_is_found_out() {
    let found = answer(200, &[("etag", "\"s\"")], "");
    let script = [created(), part("\"p1\""), part("\"p2\""), fault(404, "NoSuchUpload"), found];
    let world = World::new(script.into_iter().chain([done()])).repeating();
    let tier = tier(&world);
    let source = world.run(staged(&tier, &key("k"), 7)).expect("staged");
    drop(source);
    assert_eq!(world.run_spawned(), 1);
    world.log();
}

#[test]
fn a_staged_body_is_behind_a_key_that_its_name_will_not_tell() {
    let text = "../".repeat(341);
    let world = World::new(upload().into_iter().chain([answer(200, &[], COPIED), done()]));
    let tier = tier(&world);
    let source = world.run(staged(&tier, &key(&text), 7)).expect("staged");
    let seal = crate::s3::keys::seal(&key(&text));
    let sent = world.sent();
    assert_eq!(sent[1].body[..seal.len()], seal);
    assert_eq!(sent[1].body.len(), 5 * MIB);
    assert_eq!(sent[2].body.len(), 2 * MIB + seal.len());
    assert_eq!(source.size_bytes(), 7 * MIB as u64);
    assert_eq!(world.run(store(&tier, &text, source, None)), "Some(\"e2\")");
}

#[test]
fn reads_of_what_is_staged_are_of_that_version() {
    let headers = [("etag", "\"s\""), ("content-range", "bytes 10-11/7340032")];
    let script = upload().into_iter().chain([answer(206, &headers, "ab"), done()]);
    let world = World::new(script);
    let tier = tier(&world);
    let source = world.run(staged(&tier, &key("k"), 7)).expect("staged");
    assert_eq!(world.run(source.read(10..12)), Ok(Bytes::from_static(b"ab")));
    let read = &world.sent()[4];
    assert_eq!(
        (read.header("range"), read.header("if-match")),
        (Some("bytes=10-11"), Some("\"s\""))
    );
}

/// What S3 would take too long to copy in one request is copied in several.
#[test]
fn a_huge_body_is_copied_in_parts() {
    let script = [
        created(),
        part_copied("\"p1\""),
        part_copied("\"p2\""),
        part_copied("\"p3\""),
        completed("&quot;e&quot;"),
        done(),
    ];
    let world = World::new(script);
    let tier = tier(&world);
    let source = Arc::new(Staged {
        inner: Arc::clone(&tier.0),
        key: key("k"),
        name: "staged".to_owned(),
        etag: ETag::new("\"s\""),
        front_bytes: 0,
        object_bytes: 600 << 20,
        is_removed: AtomicBool::new(false),
    });
    let outcome = world.run(store(&tier, "k", source, None));
    assert_eq!(outcome, "Some(\"e\")");
    let range = |at: usize| world.sent()[at].header("x-amz-copy-source-range").map(str::to_owned);
    expect![[r#"[Some("bytes=0-268435455"), Some("bytes=268435456-536870911"), Some("bytes=536870912-629145599")]"#]].assert_eq(&format!("{:?}", [range(1), range(2), range(3)]));
}

#[test]
fn a_scratch_object_is_never_a_key() {
    let world = World::new([]);
    let names = &tier(&world).0.names;
    for mark in [STAGE_MARK, crate::s3::keys::PROBE_MARK] {
        for random in [[0, 0], [u64::MAX, u64::MAX], [0xa1b2_c3d4_e5f6_0718, 9]] {
            assert_eq!(names.listed(&names.scratch(mark, random)), Listed::Foreign);
        }
    }
}
