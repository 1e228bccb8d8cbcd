use bytes::Bytes;
use expect_test::{Expect, expect};
use tiered_storage_core::{Timestamp, WriteId};

use super::*;
use crate::{
    s3::{
        HttpErrorKind, S3Tier,
        fake::{Reply, World, answer, fault, part, probed, refused},
    },
    tier::StorageTier,
};

fn key() -> Key {
    Key::new("k").expect("a key")
}

fn metadata() -> Metadata {
    Metadata::new(key(), 4, Timestamp::from_millis(1_000)).with_write_id(WriteId(7))
}

fn head(write_id: u64, etag: &str) -> Reply {
    let line = format!("1;s=4;c=1000;w={write_id:016x}");
    answer(200, &[("x-amz-meta-tiered-storage", &line), ("etag", etag)], "")
}

fn version() -> Condition {
    Condition::Version(ETag::new("\"v\""))
}

async fn store(tier: &S3Tier, condition: Option<&Condition>) -> String {
    let body = Contents::Whole(Bytes::from_static(b"body"));
    match tier.store(&key(), &metadata(), body, condition).await {
        Ok(etag) => format!("{etag:?}"),
        Err(error) => error.to_string(),
    }
}

/// Writes on a condition, on a server that has shown already that it heeds them.
fn check(condition: &Condition, script: impl IntoIterator<Item = Reply>, expected: Expect) {
    let script = probed().into_iter().chain([part("\"e\"")]).chain(script);
    check_in(World::new(script), condition, expected);
}

fn check_in(world: World, condition: &Condition, expected: Expect) {
    let tier = world.tier();
    world.run(store(&tier, Some(condition)));
    let known = world.sent().len();
    let outcome = world.run(store(&tier, Some(condition)));
    let mut text = String::new();
    for request in &world.sent()[known..] {
        let header = |name| request.header(name).unwrap_or("-");
        let method = request.method.as_str();
        text.push_str(&format!("{method} {} {}\n", header("if-match"), header("if-none-match")));
    }
    world.log();
    expected.assert_eq(&format!("{text}{outcome}\n"));
}

#[test]
fn a_condition_goes_with_the_write() {
    check(
        &Condition::Absent,
        [part("\"e1\"")],
        expect![[r#"
        PUT - *
        Some("e1")
    "#]],
    );
    check(
        &version(),
        [part("\"e1\"")],
        expect![[r#"
        PUT "v" -
        Some("e1")
    "#]],
    );
}

#[test]
fn a_condition_that_does_not_hold_is_a_conflict() {
    check(
        &Condition::Absent,
        [refused()],
        expect![[r#"
        PUT - *
        conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
    check(
        &version(),
        [refused()],
        expect![[r#"
        PUT "v" -
        conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
    check(
        &version(),
        [fault(404, "NoSuchKey")],
        expect![[r#"
        PUT "v" -
        conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
}

#[test]
fn a_race_is_run_again() {
    check(
        &Condition::Absent,
        [fault(409, "ConditionalRequestConflict"), fault(409, "OperationAborted"), part("\"e1\"")],
        expect![[r#"
            PUT - *
            PUT - *
            PUT - *
            Some("e1")
        "#]],
    );
    let conflict = || fault(409, "ConditionalRequestConflict");
    check(
        &version(),
        [conflict(), conflict(), conflict(), conflict()],
        expect![[r#"
        PUT "v" -
        PUT "v" -
        PUT "v" -
        PUT "v" -
        conflict: the object was changed meanwhile; read it again (ConditionalRequestConflict, status 409, request id R1) [key "k"]
    "#]],
    );
}

/// The first attempt took effect, its answer was lost, and the second met what the first had written.
#[test]
fn a_lost_answer_is_told_apart_from_a_conflict() {
    let lost = || Reply::Fails(HttpErrorKind::Broken);
    check(
        &Condition::Absent,
        [lost(), refused(), head(7, "\"ours\"")],
        expect![[r#"
        PUT - *
        PUT - *
        HEAD - -
        Some("ours")
    "#]],
    );
    check(
        &version(),
        [lost(), refused(), head(7, "\"ours\"")],
        expect![[r#"
        PUT "v" -
        PUT "v" -
        HEAD - -
        Some("ours")
    "#]],
    );
    check(
        &Condition::Absent,
        [lost(), refused(), head(8, "\"theirs\"")],
        expect![[r#"
        PUT - *
        PUT - *
        HEAD - -
        conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
    check(
        &version(),
        [lost(), fault(404, "NoSuchKey"), answer(404, &[], "")],
        expect![[r#"
        PUT "v" -
        PUT "v" -
        HEAD - -
        conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
}

/// A browser sent it again, since its connection was closed: the second met what the first had written.
#[test]
fn what_the_transport_repeated_is_told_apart_from_a_conflict() {
    let script = |found| {
        let known = probed().into_iter().chain([part("\"e\"")]);
        World::new(known.chain([refused(), found])).repeating()
    };
    check_in(
        script(head(7, "\"ours\"")),
        &Condition::Absent,
        expect![[r#"
        PUT - *
        HEAD - -
        Some("ours")
    "#]],
    );
    check_in(
        script(head(8, "\"theirs\"")),
        &version(),
        expect![[r#"
        PUT "v" -
        HEAD - -
        conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
}

#[test]
fn a_write_without_a_condition_asks_for_nothing() {
    let world = World::new([refused()]);
    let outcome = world.run(store(&world.tier(), None));
    assert_eq!(world.sent().len(), 1);
    assert_eq!(world.sent()[0].header("if-none-match"), None);
    assert!(outcome.starts_with("conflict"), "{outcome}");
}
