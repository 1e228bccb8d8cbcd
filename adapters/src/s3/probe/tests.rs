use bytes::Bytes;
use expect_test::{Expect, expect};
use futures_util::future::join;

use super::*;
use crate::{
    pieces::Contents,
    s3::{
        Flags, HttpErrorKind, Profile, S3Tier,
        fake::{Reply, World, completed, created, done, fault, part, probed, refused},
    },
    tier::StorageTier,
};

const LARGE: usize = 6 << 20;

/// Writes a body of so many bytes if nothing is there.
async fn store(tier: &S3Tier, len: usize, condition: &Condition) -> String {
    let key = Key::new("k").expect("a key");
    let metadata = Metadata::new(key.clone(), len as u64, Timestamp::from_millis(1_000));
    let body = Contents::Whole(Bytes::from(vec![0; len]));
    match tier.store(&key, &metadata, body, Some(condition)).await {
        Ok(etag) => format!("{etag:?}"),
        Err(error) => error.to_string(),
    }
}

fn tier(world: &World) -> S3Tier {
    let builder = world.builder().multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
    builder.build().expect("the configuration is right")
}

/// Writes twice on each condition.
fn check(len: usize, script: impl IntoIterator<Item = Reply>, expected: Expect) {
    let world = World::new(script);
    let tier = tier(&world);
    for condition in [Condition::Absent, Condition::Absent, never(), never()] {
        let outcome = world.run(store(&tier, len, &condition));
        world.note(&outcome);
    }
    expected.assert_eq(&world.log().replace(&"f".repeat(32), "RANDOM"));
}

#[test]
fn a_server_that_heeds_conditions_is_asked_once() {
    let written = (0..4).map(|_| part("\"e\""));
    check(
        1,
        probed().into_iter().chain(written),
        expect![[r#"
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 412
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 412
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("e")
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("e")
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("e")
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("e")
    "#]],
    );
}

#[test]
fn a_server_that_passes_over_conditions_is_refused() {
    let ignored = [part("\"e\""), part("\"e\""), part("\"e\""), done()];
    check(
        1,
        ignored,
        expect![[r#"
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
    "#]],
    );
    let half = [part("\"e\""), refused(), part("\"e\""), done(), part("\"e\""), part("\"e\"")];
    check(
        1,
        half,
        expect![[r#"
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 412
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("e")
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("e")
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
    "#]],
    );
    let unknown = fault(501, "NotImplemented");
    check(
        1,
        [part("\"e\""), unknown.clone(), unknown, done()],
        expect![[r#"
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 501
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 501
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
        unsupported: s3.test does not write conditionally; use a store that heeds If-Match and If-None-Match as the cold tier [key "k"]
    "#]],
    );
}

#[test]
fn a_failure_says_nothing_of_conditions() {
    let broken = || Reply::Fails(HttpErrorKind::Unsendable);
    let world = World::new(
        [broken(), done(), part("\"e\""), broken(), refused(), done()]
            .into_iter()
            .chain(probed())
            .chain([part("\"e\"")]),
    );
    let tier = tier(&world);
    for _ in 0..3 {
        let outcome = world.run(store(&tier, 1, &Condition::Absent));
        world.note(&outcome);
        world.run_spawned();
    }
    expect![[r#"
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> Unsendable
        internal: a request to S3 cannot be sent as it is; please report it [key "k"]
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> Unsendable
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 412
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
        internal: a request to S3 cannot be sent as it is; please report it [key "k"]
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 412
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 412
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
             0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
        Some("e")
    "#]]
    .assert_eq(&world.log().replace(&"f".repeat(32), "RANDOM"));
}

#[test]
fn those_who_come_at_once_wait_for_one_answer() {
    let late = |reply| match reply {
        Reply::Answer(response) => Reply::Late(10, response),
        other => other,
    };
    let written = [part("\"e\""), part("\"e\"")];
    let world = World::new(probed().into_iter().map(late).chain(written));
    let tier = tier(&world);
    let both = join(store(&tier, 1, &Condition::Absent), store(&tier, 1, &Condition::Absent));
    let (one, other) = world.run(both);
    assert_eq!((&*one, &*other), ("Some(\"e\")", "Some(\"e\")"));
    assert_eq!(world.sent().len(), 6);
}

#[test]
fn a_profile_may_know() {
    let with = |world: &World, conditional_writes| {
        let flags = Flags { conditional_writes, ..Flags::default() };
        let builder = world.builder().profile(Profile::Custom(flags));
        let builder = builder.multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
        builder.build().expect("the configuration is right")
    };
    let world = World::new([]);
    let tier = with(&world, ConditionalWrites::Unsupported);
    for len in [1, LARGE] {
        let outcome = world.run(store(&tier, len, &Condition::Absent));
        assert!(outcome.starts_with("unsupported"), "{outcome}");
    }
    // Of uploads in parts it does not.
    let probe = [part("\"e\""), created(), part("\"p\""), completed("\"e\""), done()];
    let world = World::new([part("\"e\"")].into_iter().chain(probe));
    let tier = with(&world, ConditionalWrites::Supported);
    assert_eq!(world.run(store(&tier, 1, &Condition::Absent)), "Some(\"e\")");
    let outcome = world.run(store(&tier, LARGE, &Condition::Absent));
    assert!(outcome.starts_with("unsupported"), "{outcome}");
    world.log();
}

/// Some servers heed conditions of a `PUT`, and not those of the completion of an upload.
#[test]
fn uploads_in_parts_are_tried_by_themselves() {
    let begun = || [part("\"e\""), created(), part("\"p\"")];
    let written = || [created(), part("\"p1\""), part("\"p2\""), completed("\"e\"")];
    let heeded = [refused(), refused(), done(), done()];
    let script = begun().into_iter().chain(heeded);
    check(
        LARGE,
        script.chain((0..4).flat_map(|_| written())),
        expect![[r#"
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~pRANDOM?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 412
             0 POST /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 412
             0 DELETE /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 204
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
        Some("e")
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
        Some("e")
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
        Some("e")
             0 POST /bkt/k?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/k?partNumber=2&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/k?uploadId=U [AKID us-east-1 000000Z] -> 200
        Some("e")
    "#]],
    );
    let ignored = [completed("\"e\""), done()];
    check(
        LARGE,
        begun().into_iter().chain(ignored),
        expect![[r#"
             0 PUT /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~pRANDOM?uploads= [AKID us-east-1 000000Z] -> 200
             0 PUT /bkt/~tiered-storage/~pRANDOM?partNumber=1&uploadId=U [AKID us-east-1 000000Z] -> 200
             0 POST /bkt/~tiered-storage/~pRANDOM?uploadId=U [AKID us-east-1 000000Z] -> 200
             0 DELETE /bkt/~tiered-storage/~pRANDOM [AKID us-east-1 000000Z] -> 204
        unsupported: s3.test does not write conditionally; write bodies of at most multipart_threshold_bytes so, write the entry anew where only its metadata was to change, or use a store that heeds If-Match and If-None-Match also when an upload in parts is completed [key "k"]
        unsupported: s3.test does not write conditionally; write bodies of at most multipart_threshold_bytes so, write the entry anew where only its metadata was to change, or use a store that heeds If-Match and If-None-Match also when an upload in parts is completed [key "k"]
        unsupported: s3.test does not write conditionally; write bodies of at most multipart_threshold_bytes so, write the entry anew where only its metadata was to change, or use a store that heeds If-Match and If-None-Match also when an upload in parts is completed [key "k"]
        unsupported: s3.test does not write conditionally; write bodies of at most multipart_threshold_bytes so, write the entry anew where only its metadata was to change, or use a store that heeds If-Match and If-None-Match also when an upload in parts is completed [key "k"]
    "#]],
    );
}
