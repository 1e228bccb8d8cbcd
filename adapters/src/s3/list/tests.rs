use expect_test::{Expect, expect};

use super::*;
use crate::{
    s3::{
        Response,
        fake::{Reply, World, answer, fault, sealed},
    },
    tier::StorageTier,
};

fn page(names: &[&str], rest: &str) -> Reply {
    let names: String = names
        .iter()
        .map(|name| format!("<Contents><Key>{name}</Key><Size>3</Size></Contents>"))
        .collect();
    answer(200, &[], &format!("<ListBucketResult>{names}{rest}</ListBucketResult>"))
}

const MORE: &str = "<IsTruncated>true</IsTruncated>";

/// Follows a listing to its end, in a tier under `p/`.
fn check(prefix: &str, limit: usize, script: impl IntoIterator<Item = Reply>, expected: Expect) {
    let world = World::new(script);
    let tier = world.builder().prefix("p").build().expect("right");
    let mut after: Option<String> = None;
    loop {
        let listing = world.run(tier.list(Page { prefix, after: after.as_deref(), limit }));
        match listing {
            Ok(listing) => {
                world.note(&format!("{:?} {:?}", listing.keys, listing.next));
                after = listing.next;
                if after.is_some() {
                    continue;
                }
            }
            Err(error) => world.note(&error.to_string()),
        }
        break;
    }
    expected.assert_eq(&world.log().replace(" [AKID us-east-1 000000Z]", ""));
}

#[test]
fn without_a_prefix_one_run_sees_every_key() {
    check(
        "",
        3,
        [
            page(&["p/", "p/a", "p/a/../b"], MORE),
            page(&["p/b", "p/~tiered-storage/~-/x", "p/~tiered-storage/x"], ""),
        ],
        expect![[r#"
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=3&prefix=p%2F&start-after=p%2F -> 200
            ["a"] Some("ka/../b")
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=3&prefix=p%2F&start-after=p%2Fa%2F..%2Fb -> 200
            ["b", "./x"] None
        "#]],
    );
}

#[test]
fn with_a_prefix_the_area_has_its_own_run() {
    check(
        "~",
        1_000,
        [
            page(&["p/~a", "p/~tiered-storage/~~-/."], ""),
            page(&["p/~tiered-storage/~-/x", "p/~tiered-storage/~~/~-"], ""),
        ],
        expect![[r#"
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F~ -> 200
            ["~a"] Some("a")
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F~tiered-storage%2F&start-after=p%2F~tiered-storage%2F -> 200
            ["~/."] None
        "#]],
    );
}

#[test]
fn hashed_names_are_asked_for_their_keys() {
    let long = "../".repeat(341);
    let key = Key::new(&long).expect("a key");
    let names = keys::Names::new("p/".to_owned());
    let name = names.name(&key);
    let fake = format!("p/{AREA}~h{}", "0".repeat(64));
    let sealed = sealed(&key, "");
    let sealed =
        || Reply::Answer(Response { status: 206, body: sealed.clone(), ..Response::default() });
    let world = World::new([
        page(&[], ""),
        page(&[name.as_str(), &fake, &fake, &fake], ""),
        sealed(),
        sealed(),
        fault(404, "NoSuchKey"),
        fault(416, "InvalidRange"),
    ]);
    let tier = world.builder().prefix("p").build().expect("right");
    let first = world.run(tier.list(Page { prefix: ".", after: None, limit: 9 })).expect("listed");
    assert_eq!((first.keys, first.next), (vec![key], None), "an empty page is not given");
    assert_eq!(world.sent()[2].header("range"), Some("bytes=0-1025"));
    world.log();
}

#[test]
fn a_page_with_nothing_on_it_goes_on_at_the_token() {
    let token = |token| format!("{MORE}<NextContinuationToken>{token}</NextContinuationToken>");
    check(
        "",
        5,
        [page(&[], &token("t1")), page(&[], &token("t2")), page(&["p/a"], "")],
        expect![[r#"
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=5&prefix=p%2F&start-after=p%2F -> 200
                 0 GET /bkt?continuation-token=t1&encoding-type=url&list-type=2&max-keys=5&prefix=p%2F -> 200
                 0 GET /bkt?continuation-token=t2&encoding-type=url&list-type=2&max-keys=5&prefix=p%2F -> 200
            ["a"] None
        "#]],
    );
    check(
        "",
        5,
        [page(&[], &token("t1")), page(&[], &token("t1"))],
        expect![[r#"
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=5&prefix=p%2F&start-after=p%2F -> 200
                 0 GET /bkt?continuation-token=t1&encoding-type=url&list-type=2&max-keys=5&prefix=p%2F -> 200
            unavailable: the server repeats itself in a listing; use an endpoint that lists as S3 does
        "#]],
    );
}

#[test]
fn a_server_that_does_not_go_on_is_not_followed_for_ever() {
    check(
        "",
        1,
        [page(&["p/a"], MORE), page(&["p/a"], MORE)],
        expect![[r#"
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=1&prefix=p%2F&start-after=p%2F -> 200
            ["a"] Some("ka")
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=1&prefix=p%2F&start-after=p%2Fa -> 200
            unavailable: the server repeats itself in a listing; use an endpoint that lists as S3 does
        "#]],
    );
    check(
        "",
        1,
        [page(&["q"], MORE)],
        expect![[r#"
                 0 GET /bkt?encoding-type=url&list-type=2&max-keys=1&prefix=p%2F&start-after=p%2F -> 200
            unavailable: the server lists names that do not have the prefix; use an endpoint that lists as S3 does
        "#]],
    );
}

#[test]
fn a_place_that_no_page_gave_is_invalid() {
    for after in ["", "x", "\u{e9}"] {
        let world = World::new([]);
        let page = Page { prefix: "", after: Some(after), limit: 1 };
        let error = world.run(world.tier().list(page)).expect_err("no page gave it");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{after:?}");
    }
}

#[test]
fn usage_adds_up_what_keys_lead_to() {
    let world = World::new([page(&["a", "b/../c"], MORE), page(&["d"], "")]);
    let usage = world.run(world.tier().usage());
    assert_eq!(usage, Ok(Usage { bytes: 6, items: 2, evictions: None }));
    world.log();
}
