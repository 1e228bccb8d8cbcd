use bytes::Bytes;
use expect_test::{Expect, expect};
use tiered_storage_core::{Checksum, Timestamp, WriteId};

use super::{
    fake::{Reply, World, answer, fault, sealed},
    *,
};

const COPIED: &str = "<CopyObjectResult><ETag>&quot;e2&quot;</ETag></CopyObjectResult>";
const OURS: &str = "1;s=4;c=1000;w=7";

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

fn metadata(key_text: &str) -> Metadata {
    Metadata::new(key(key_text), 4, Timestamp::from_millis(1_000)).with_write_id(WriteId(7))
}

fn entry(key_text: &str) -> Stored {
    Stored { metadata: metadata(key_text), body: Bytes::from_static(b"body") }
}

fn ours(line: &str) -> Reply {
    let headers = [("x-amz-meta-tiered-storage", line), ("etag", "\"e1\"")];
    answer(200, &headers, "")
}

/// Runs `calls` on a tier while the server answers with `script`; shows requests and results.
fn check<F: Future<Output = String>>(
    script: impl IntoIterator<Item = Reply>,
    calls: impl FnOnce(S3Tier) -> F,
    expected: Expect,
) {
    let world = World::new(script);
    let text = world.run(calls(world.tier()));
    world.note(&text);
    expected.assert_eq(&world.log());
}

fn shown<T: fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_read_may_find_that_nothing_changed() {
    check(
        [answer(304, &[], "")],
        async |tier: S3Tier| shown(tier.read(&key("k"), Some(&ETag::new("\"e1\""))).await),
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 304
            Unchanged
        "#]],
    );
}

#[test]
fn a_write_is_one_request_and_gives_the_version() {
    check(
        [answer(200, &[("etag", "\"e1\"")], "")],
        async |tier: S3Tier| shown(tier.write(&key("k"), entry("k")).await),
        expect![[r#"
                 0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
            Some("e1")
        "#]],
    );
}

#[test]
fn the_checksum_is_reused_only_for_a_body_that_is_stored_as_given() {
    let sum = Checksum([0xab; 32]);
    let hash_of = |entry: Stored| {
        let world = World::new([answer(200, &[], "")]);
        let key = entry.metadata.key().clone();
        world.run(world.tier().write(&key, entry)).expect("written");
        world.sent()[0].header("x-amz-content-sha256").expect("signed").to_owned()
    };
    let reused = "ab".repeat(32);
    let metadata = metadata("k").with_checksum(sum);
    let body = Bytes::from_static(b"body");
    let entry = Stored { metadata: metadata.clone(), body: body.clone() };
    assert_eq!(hash_of(entry), reused);
    let entry = Stored { metadata: metadata.clone().with_compressed(true), body };
    assert_ne!(hash_of(entry), reused);
    let entry = Stored { metadata, body: Bytes::from_static(b"other size") };
    assert_ne!(hash_of(entry), reused);
    let hashed = self::metadata(&"../".repeat(341)).with_checksum(sum);
    assert_ne!(hash_of(Stored { metadata: hashed, body: Bytes::from_static(b"body") }), reused);
}

#[test]
fn metadata_that_is_too_long_is_refused_before_anything_is_sent() {
    let custom = [("x".to_owned(), "y".repeat(2_000))].into();
    let metadata = metadata("k").with_custom(custom);
    let world = World::new([]);
    let tier = world.tier();
    let entry = Stored { metadata: metadata.clone(), body: Bytes::new() };
    let error = world.run(tier.write(&key("k"), entry)).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = world.run(tier.patch(&key("k"), &metadata)).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(world.sent().is_empty());
}

#[test]
fn an_entry_of_a_hashed_name_carries_its_key() {
    let text = "../".repeat(341);
    let world = World::new([answer(200, &[], "")]);
    let tier = world.tier();
    let written = entry(&text);
    world.run(tier.write(&key(&text), written.clone())).expect("written");
    let request = world.sent().remove(0);
    assert_eq!(keys::open(&request.body), Some((key(&text), written.body.clone())));

    let line = request.header("x-amz-meta-tiered-storage").expect("metadata").to_owned();
    let response = |body: &Bytes| {
        let headers = vec![("x-amz-meta-tiered-storage".to_owned(), line.clone())];
        Reply::Answer(Response { status: 200, headers, body: body.clone(), ..Response::default() })
    };
    let other = sealed(&key("other"), "body");
    let world = World::new([response(&request.body), response(&other)]);
    let tier = world.tier();
    let read = world.run(tier.read(&key(&text), None)).expect("read");
    assert_eq!(read, Read::Found(written));
    let error = world.run(tier.read(&key(&text), None)).expect_err("another key's object");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn the_first_head_of_nothing_asks_whether_there_is_a_bucket() {
    check(
        [answer(404, &[], ""), fault(404, "NoSuchKey"), answer(404, &[], "")],
        async |tier: S3Tier| {
            let first = shown(tier.head(&key("k")).await);
            format!("{first} {}", shown(tier.head(&key("k")).await))
        },
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 404
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 404
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 404
            None None
        "#]],
    );
    check(
        [answer(404, &[], ""), fault(404, "NoSuchBucket")],
        async |tier: S3Tier| shown(tier.head(&key("k")).await),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 404
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 404
            invalid: there is no bucket "bkt" at s3.test; create it or correct its name (NoSuchBucket, status 404, request id R1) [key "k"]
        "#]],
    );
}

#[test]
fn a_refused_head_is_explained_and_mended_by_a_get() {
    let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code>\
                     <Region>eu-west-3</Region></Error>";
    check(
        [answer(400, &[], ""), answer(400, &[], malformed), answer(206, &[], "b"), ours(OURS)],
        async |tier: S3Tier| shown(tier.head(&key("k")).await),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 400
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 400
                 0 GET /bkt/k [AKID eu-west-3 000000Z] -> 206
                 0 HEAD /bkt/k [AKID eu-west-3 000000Z] -> 200
            Some(Metadata { key: "k", size: 4, write_id: Some(w7), created_at: 1970-01-01T00:00:01.000Z, expires_at: None, compressed: false, etag: Some("e1"), .. })
        "#]],
    );
}

#[test]
fn a_refused_head_tells_the_time() {
    check(
        [answer(403, &[("date", "Thu, 01 Jan 2026 01:00:00 GMT")], ""), ours(OURS)],
        async |tier: S3Tier| tier.head(&key("k")).await.is_ok().to_string(),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 403
                 0 HEAD /bkt/k [AKID us-east-1 010000Z] -> 200
            true
        "#]],
    );
}

#[test]
fn a_patch_copies_the_version_that_it_is_of() {
    let world = World::new([ours(OURS), answer(200, &[], COPIED)]);
    let tier = world.tier();
    let patched = world.run(tier.patch(&key("k"), &metadata("k"))).expect("patched");
    assert_eq!(patched, Patched::Done(Some(ETag::new("\"e2\""))));
    let copy = &world.sent()[1];
    assert_eq!(copy.header("x-amz-copy-source-if-match"), Some("\"e1\""));
    assert_eq!(copy.header("x-amz-copy-source"), Some("/bkt/k"));

    let mut metadata = metadata("k");
    metadata.etag = Some(ETag::new("\"known\""));
    let world = World::new([answer(200, &[], COPIED)]);
    world.run(world.tier().patch(&key("k"), &metadata)).expect("patched");
    assert_eq!(world.sent()[0].header("x-amz-copy-source-if-match"), Some("\"known\""));
}

#[test]
fn a_patch_of_another_version_is_a_conflict() {
    check(
        [ours("1;s=4;c=1000;w=8")],
        async |tier: S3Tier| shown(tier.patch(&key("k"), &metadata("k")).await),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
            conflict: the object was changed meanwhile; read it again [key "k"]
        "#]],
    );
    check(
        [ours(OURS), fault(412, "PreconditionFailed"), ours("1;s=4;c=1000;w=8")],
        async |tier: S3Tier| shown(tier.patch(&key("k"), &metadata("k")).await),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k [AKID us-east-1 000000Z] -> 412
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
            conflict: the object was changed meanwhile; read it again [key "k"]
        "#]],
    );
    check(
        [ours(OURS), fault(404, "NoSuchKey")],
        async |tier: S3Tier| shown(tier.patch(&key("k"), &metadata("k")).await),
        expect![[r#"
                 0 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
                 0 PUT /bkt/k [AKID us-east-1 000000Z] -> 404
            Missing
        "#]],
    );
}

/// A copy took effect and its answer was lost; the retry finds the object changed, by itself.
#[test]
fn a_patch_whose_answer_was_lost_is_done() {
    let mut patched = metadata("k");
    patched.etag = Some(ETag::new("\"e0\""));
    patched.expires_at = Some(Timestamp::from_millis(5_000));
    check(
        [
            Reply::Fails(HttpErrorKind::Broken),
            fault(412, "PreconditionFailed"),
            ours("1;s=4;c=1000;w=7;x=5000"),
        ],
        async |tier: S3Tier| shown(tier.patch(&key("k"), &patched).await),
        expect![[r#"
                 0 PUT /bkt/k [AKID us-east-1 000000Z] -> Broken
                50 PUT /bkt/k [AKID us-east-1 000000Z] -> 412
                50 HEAD /bkt/k [AKID us-east-1 000000Z] -> 200
            Done(Some("e1"))
        "#]],
    );
}

/// Another process renewed the same version before, which gave the object another ETag.
#[test]
fn a_patch_after_a_patch_of_the_same_version_is_done() {
    let mut patched = metadata("k");
    patched.etag = Some(ETag::new("\"e0\""));
    patched.expires_at = Some(Timestamp::from_millis(9_000));
    let world = World::new([
        fault(412, "PreconditionFailed"),
        ours("1;s=4;c=1000;w=7;x=5000"),
        answer(200, &[], COPIED),
    ]);
    let done = world.run(world.tier().patch(&key("k"), &patched)).expect("patched");
    assert_eq!(done, Patched::Done(Some(ETag::new("\"e2\""))));
    assert_eq!(world.sent()[2].header("x-amz-copy-source-if-match"), Some("\"e1\""));
}

#[test]
fn an_error_behind_a_status_of_success_is_an_error() {
    let mut patched = metadata("k");
    patched.etag = Some(ETag::new("\"e0\""));
    check(
        [
            answer(200, &[], "<Error><Code>InternalError</Code></Error>"),
            answer(200, &[], "<CopyObjectResult><ETag>"),
            answer(200, &[], "<Error><Code>AccessDenied</Code></Error>"),
        ],
        async |tier: S3Tier| shown(tier.patch(&key("k"), &patched).await),
        expect![[r#"
                 0 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
                50 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
               150 PUT /bkt/k [AKID us-east-1 000000Z] -> 200
            denied: S3 does not allow it; check what the credentials may do with the bucket "bkt" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 200) [key "k"]
        "#]],
    );
}

#[test]
fn a_version_is_removed_only_while_it_is_that() {
    let world = World::new([ours(OURS), answer(204, &[], "")]);
    let removed = world.run(world.tier().remove_version(&key("k"), &metadata("k")));
    assert_eq!(removed, Ok(true));
    assert_eq!(world.sent()[1].header("if-match"), Some("\"e1\""));
    let checked = |script: Vec<Reply>| {
        let world = World::new(script);
        let removed = world.run(world.tier().remove_version(&key("k"), &metadata("k")));
        world.log();
        removed
    };
    assert_eq!(checked(vec![ours("1;s=4;c=1000;w=8")]), Ok(false));
    assert_eq!(checked(vec![ours(OURS), fault(412, "PreconditionFailed")]), Ok(false));
    assert_eq!(checked(vec![ours(OURS), fault(404, "NoSuchKey")]), Ok(false));
    assert_eq!(checked(vec![answer(404, &[], ""), fault(404, "NoSuchKey")]), Ok(false));
    let lost = vec![ours(OURS), Reply::Fails(HttpErrorKind::Broken), fault(404, "NoSuchKey")];
    assert_eq!(checked(lost), Ok(true), "the lost attempt removed it");
}

#[test]
fn a_version_is_compared_and_then_removed_where_the_store_cannot_do_both() {
    let if_match = |profile| {
        let world = World::new([ours(OURS), answer(204, &[], "")]);
        let tier = world.builder().profile(profile).build().expect("it is right");
        let removed = world.run(tier.remove_version(&key("k"), &metadata("k")));
        assert_eq!(removed, Ok(true));
        world.sent()[1].header("if-match").map(str::to_owned)
    };
    assert_eq!(if_match(Profile::MinIo), None);
    assert_eq!(if_match(Profile::Custom(Flags::default())).as_deref(), Some("\"e1\""));
    let bare = Flags { bare_if_match: true, ..Flags::default() };
    assert_eq!(if_match(Profile::Custom(bare)).as_deref(), Some("e1"));
    // Another version stays, as everywhere.
    let world = World::new([ours("1;s=4;c=1000;w=8")]);
    let tier = world.builder().profile(Profile::MinIo).build().expect("it is right");
    assert_eq!(world.run(tier.remove_version(&key("k"), &metadata("k"))), Ok(false));
    world.log();
}

#[test]
fn a_store_that_removes_one_by_one_is_never_asked_for_more() {
    let world = World::new([answer(204, &[], ""), answer(204, &[], "")]);
    let tier = world.builder().profile(Profile::Gcs).build().expect("it is right");
    world.run(tier.remove(&keys(2))).expect("they are removed");
    let log = world.log();
    assert_eq!(log.matches("DELETE /bkt/k000").count(), 2, "{log}");
    assert_eq!(log.matches("AKID auto").count(), 2, "{log}");
}

const DELETED: &str = "<DeleteResult/>";

fn keys(count: usize) -> Vec<Key> {
    (0..count).map(|number| key(&format!("k{number:04}"))).collect()
}

#[test]
fn many_removals_are_few_requests() {
    check(
        [
            answer(200, &[], DELETED),
            answer(200, &[], DELETED),
            answer(204, &[], ""),
            fault(404, "NoSuchKey"),
        ],
        async |tier: S3Tier| {
            let many = shown(tier.remove(&keys(2_000)).await);
            let none = shown(tier.remove(&[]).await);
            let one = shown(tier.remove(&keys(1)).await);
            format!("{many} {none} {one} {}", shown(tier.remove(&[key("..")]).await))
        },
        expect![[r#"
                 0 POST /bkt?delete= [AKID us-east-1 000000Z] -> 200
                 0 POST /bkt?delete= [AKID us-east-1 000000Z] -> 200
                 0 DELETE /bkt/k0000 [AKID us-east-1 000000Z] -> 204
                 0 DELETE /bkt/~tiered-storage/~-~- [AKID us-east-1 000000Z] -> 404
            () () () ()
        "#]],
    );
}

#[test]
fn what_was_not_removed_is_an_error_or_tried_again() {
    let left = |code: &str| {
        let body = format!(
            "<DeleteResult><Error><Key>gone</Key><Code>NoSuchKey</Code></Error>\
             <Error><Key>k0001</Key><Code>{code}</Code></Error></DeleteResult>"
        );
        answer(200, &[], &body)
    };
    check(
        [left("InternalError"), answer(200, &[], "<DeleteRes"), left("AccessDenied")],
        async |tier: S3Tier| shown(tier.remove(&keys(3)).await),
        expect![[r#"
                 0 POST /bkt?delete= [AKID us-east-1 000000Z] -> 200
                50 POST /bkt?delete= [AKID us-east-1 000000Z] -> 200
               150 POST /bkt?delete= [AKID us-east-1 000000Z] -> 200
            denied: S3 does not allow it; check what the credentials may do with the bucket "bkt" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 200) [key "k0001"]
        "#]],
    );
    check(
        [left("NoSuchKey")],
        async |tier: S3Tier| shown(tier.remove(&keys(3)).await),
        expect![[r#"
                 0 POST /bkt?delete= [AKID us-east-1 000000Z] -> 200
            ()
        "#]],
    );
}

#[test]
fn a_server_that_removes_singly_is_remembered() {
    for refusal in [
        fault(501, "NotImplemented"),
        fault(405, "MethodNotAllowed"),
        answer(
            400,
            &[],
            "<Error><Code>InvalidRequest</Code><Message>Missing required header for \
            this request: Content-MD5</Message></Error>",
        ),
    ] {
        let gone = || answer(204, &[], "");
        let world = World::new([refusal, gone(), gone(), gone(), fault(403, "AccessDenied")]);
        let tier = world.tier();
        assert_eq!(world.run(tier.remove(&keys(2))), Ok(()));
        let error = world.run(tier.remove(&keys(2))).expect_err("one was refused");
        assert_eq!((error.kind(), error.key()), (ErrorKind::Denied, Some(&keys(2)[1])));
        let methods: Vec<_> = world.sent().iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, ["POST", "DELETE", "DELETE", "DELETE", "DELETE"]);
    }
}

#[test]
fn clearing_leaves_what_no_key_leads_to() {
    let page = "<ListBucketResult><IsTruncated>true</IsTruncated>\
                <Contents><Key>p/</Key></Contents><Contents><Key>p/a</Key></Contents>\
                <Contents><Key>p/b/../c</Key></Contents><Contents><Key>p/d</Key></Contents>\
                </ListBucketResult>";
    let last = "<ListBucketResult><Contents><Key>p/e</Key></Contents></ListBucketResult>";
    let world = World::new([
        answer(200, &[], page),
        answer(200, &[], DELETED),
        answer(200, &[], last),
        answer(204, &[], ""),
    ]);
    let tier = world.builder().prefix("p").build().expect("right");
    let cleared = world.run(tier.clear());
    world.note(&shown(cleared));
    let bodies: String = world
        .sent()
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect();
    assert!(
        bodies.ends_with("<Object><Key>p/a</Key></Object><Object><Key>p/d</Key></Object></Delete>")
    );
    expect![[r#"
             0 GET /bkt?encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F [AKID us-east-1 000000Z] -> 200
             0 POST /bkt?delete= [AKID us-east-1 000000Z] -> 200
             0 GET /bkt?encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F&start-after=p%2Fd [AKID us-east-1 000000Z] -> 200
             0 DELETE /bkt/p/e [AKID us-east-1 000000Z] -> 204
        ()
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn no_error_and_no_debug_tells_a_secret() {
    let leaky = "<Error><Code>ExpiredToken</Code><Message>The token t0k3n has expired</Message>\
                 <Token-0>t0k3n</Token-0></Error>";
    let strange = "<Error><Code>Strange\n</Code><Message>s\u{e9}</Message></Error>";
    let world =
        World::new([answer(400, &[], leaky), answer(400, &[], leaky), answer(400, &[], strange)]);
    let credentials = Credentials::new("AKID", "s3cr3t").with_session_token("t0k3n");
    let tier = world.builder().credentials(StaticCredentials::from(credentials)).build();
    let tier = tier.expect("right");
    let mut told = format!("{tier:?} {:?}", tier.0.client);
    for _ in 0..2 {
        let error = world.run(tier.read(&key("k"), None)).expect_err("refused");
        told.push_str(&format!(" {error} {error:?}"));
    }
    assert!(told.contains("(Strange, status 400)"), "{told}");
    assert!(!told.contains("s3cr3t") && !told.contains("t0k3n"), "{told}");
}
