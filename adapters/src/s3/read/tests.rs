use bytes::Bytes;
use expect_test::{Expect, expect};

use super::*;
use crate::{
    s3::{
        Response,
        fake::{Piece, Reply, World, answer, fault, sealed},
    },
    tier::StorageTier,
};

const OURS: (&str, &str) = ("x-amz-meta-tiered-storage", "1;s=10;c=1000;w=7");

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

/// The bytes `range` of `body`, with the headers that S3 sends.
fn part(body: &[u8], range: Range<usize>) -> Response {
    let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, body.len());
    let headers = [
        ("etag", "\"e\"".to_owned()),
        ("content-length", range.len().to_string()),
        ("content-range", content_range),
        (OURS.0, OURS.1.to_owned()),
    ];
    Response {
        status: 206,
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: Bytes::copy_from_slice(&body[range]),
        is_filtered: false,
    }
}

fn without(mut response: Response, name: &str) -> Response {
    response.headers.retain(|(known, _)| known != name);
    response
}

fn with(mut response: Response, name: &str, value: &str) -> Response {
    response.headers.push((name.to_owned(), value.to_owned()));
    response
}

fn shown(read: Result<Option<Read<Part>>, Error>) -> String {
    match read {
        Ok(Some(Read::Found(part))) => {
            format!("{:?} {:?} of {}", part.range, part.body, part.metadata.size())
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

/// Reads a range while the server answers with `script`; shows what was asked for, and what came of it.
fn check(
    key_text: &str,
    range: ByteRange,
    script: impl IntoIterator<Item = Reply>,
    expected: Expect,
) {
    let world = World::new(script);
    let tier = world.tier();
    let read = shown(world.run(tier.read_range(&key(key_text), range, Some(&ETag::new("\"x\"")))));
    let mut text = String::new();
    for request in world.sent() {
        let header = |name| request.header(name).unwrap_or("-");
        let method = request.method.as_str();
        text.push_str(&format!("{method} {} {}\n", header("range"), header("if-none-match")));
    }
    world.log();
    expected.assert_eq(&format!("{text}{read}\n"));
}

const BODY: &[u8] = b"0123456789";
/// Of some bytes.
const CHECKSUM: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn a_part_is_one_request() {
    let answer = |range| [Reply::Answer(part(BODY, range))];
    check(
        "k",
        ByteRange::Between(2, 5),
        answer(2..5),
        expect![[r#"
        GET bytes=2-4 "x"
        2..5 b"234" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Between(8, 50),
        answer(8..10),
        expect![[r#"
        GET bytes=8-49 "x"
        8..10 b"89" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::From(7),
        answer(7..10),
        expect![[r#"
        GET bytes=7- "x"
        7..10 b"789" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Last(3),
        answer(7..10),
        expect![[r#"
        GET bytes=-3 "x"
        7..10 b"789" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Last(30),
        answer(0..10),
        expect![[r#"
        GET bytes=-30 "x"
        0..10 b"0123456789" of 10
    "#]],
    );
}

#[test]
fn a_part_may_be_known_or_not_be_there() {
    check(
        "k",
        ByteRange::From(7),
        [answer(304, &[], "")],
        expect![[r#"
        GET bytes=7- "x"
        Some(Unchanged)
    "#]],
    );
    check(
        "k",
        ByteRange::From(7),
        [fault(404, "NoSuchKey")],
        expect![[r#"
        GET bytes=7- "x"
        Some(Missing)
    "#]],
    );
    check(
        "k",
        ByteRange::From(7),
        [fault(403, "AccessDenied")],
        expect![[r#"
        GET bytes=7- "x"
        denied: S3 does not allow it; check what the credentials may do with the bucket "bkt" (without s3:ListBucket a missing object is answered so, too) (AccessDenied, status 403, request id R1) [key "k"]
    "#]],
    );
}

#[test]
fn where_there_are_no_bytes_there_is_metadata() {
    let head = || answer(200, &[("etag", "\"e\""), ("content-length", "10"), OURS], "");
    check(
        "k",
        ByteRange::From(10),
        [fault(416, "InvalidRange"), head()],
        expect![[r#"
        GET bytes=10- "x"
        HEAD - -
        0..0 b"" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Between(5, 5),
        [head()],
        expect![[r#"
        HEAD - -
        0..0 b"" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Between(5, 2),
        [head()],
        expect![[r#"
        HEAD - -
        0..0 b"" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Last(0),
        [head()],
        expect![[r#"
        HEAD - -
        0..0 b"" of 10
    "#]],
    );
    let known = answer(200, &[("etag", "\"x\""), OURS], "");
    check(
        "k",
        ByteRange::Last(0),
        [known],
        expect![[r#"
        HEAD - -
        Some(Unchanged)
    "#]],
    );
    let none = answer(206, &[("content-length", "0"), ("content-range", "bytes 0--1/0")], "");
    check(
        "k",
        ByteRange::Last(3),
        [none, head()],
        expect![[r#"
            GET bytes=-3 "x"
            HEAD - -
            0..0 b"" of 10
        "#]],
    );
    let gone = [fault(416, "InvalidRange"), answer(404, &[], ""), fault(404, "NoSuchKey")];
    check(
        "k",
        ByteRange::From(10),
        gone,
        expect![[r#"
        GET bytes=10- "x"
        HEAD - -
        GET bytes=0-0 -
        Some(Missing)
    "#]],
    );
}

#[test]
fn a_server_that_knows_no_ranges_is_cut_short() {
    let whole = || answer(200, &[("etag", "\"e\""), ("content-length", "10"), OURS], "0123456789");
    check(
        "k",
        ByteRange::Between(2, 5),
        [whole()],
        expect![[r#"
        GET bytes=2-4 "x"
        2..5 b"234" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::From(7),
        [whole()],
        expect![[r#"
        GET bytes=7- "x"
        7..10 b"789" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Last(3),
        [whole()],
        expect![[r#"
        GET bytes=-3 "x"
        7..10 b"789" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::From(10),
        [whole(), whole()],
        expect![[r#"
        GET bytes=10- "x"
        HEAD - -
        0..0 b"" of 10
    "#]],
    );
}

/// rclone's status is that of a whole body.
#[test]
fn a_part_may_be_called_a_success() {
    let named = Response { status: 200, ..part(BODY, 2..5) };
    check(
        "k",
        ByteRange::Between(2, 5),
        [Reply::Answer(named)],
        expect![[r#"
            GET bytes=2-4 "x"
            2..5 b"234" of 10
        "#]],
    );
}

#[test]
fn another_part_than_was_asked_for_is_no_answer() {
    let no_part = |response: Response| [Reply::Answer(response)];
    check(
        "k",
        ByteRange::Between(2, 5),
        no_part(part(BODY, 3..6)),
        expect![[r#"
        GET bytes=2-4 "x"
        unavailable: s3.test answered with what is not S3's, or with half of it; check that it is an S3 endpoint and try again [key "k"]
    "#]],
    );
    let short = Response { body: "2".into(), ..without(part(BODY, 2..5), "content-length") };
    check(
        "k",
        ByteRange::Between(2, 5),
        no_part(short),
        expect![[r#"
        GET bytes=2-4 "x"
        unavailable: s3.test answered with what is not S3's, or with half of it; check that it is an S3 endpoint and try again [key "k"]
    "#]],
    );
    let unplaced = without(part(BODY, 2..5), "content-range");
    check(
        "k",
        ByteRange::Between(2, 5),
        no_part(unplaced),
        expect![[r#"
        GET bytes=2-4 "x"
        unavailable: s3.test answered with what is not S3's, or with half of it; check that it is an S3 endpoint and try again [key "k"]
    "#]],
    );
    for nonsense in ["bytes 2-4", "2-4/10", "bytes 4-2/10", "bytes 2-4/3", "bytes 2-4/*"] {
        let response = with(without(part(BODY, 2..5), "content-range"), "content-range", nonsense);
        assert_eq!(response::content_range(&response), None, "{nonsense}");
    }
}

/// A page is not shown `Content-Range` by rules of CORS that are older than ranges.
#[test]
fn a_hidden_range_is_worked_out() {
    let hidden = |range| {
        let response = without(part(BODY, range), "content-range");
        Reply::Answer(Response { is_filtered: true, ..response })
    };
    let head = |etag| {
        let headers = [("etag", etag), ("content-length", "10"), OURS, ("date", "x")];
        answer(200, &headers, "")
    };
    check(
        "k",
        ByteRange::Between(2, 5),
        [hidden(2..5), head("\"e\"")],
        expect![[r#"
        GET bytes=2-4 "x"
        HEAD - -
        2..5 b"234" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Last(3),
        [hidden(7..10), head("\"e\"")],
        expect![[r#"
        GET bytes=-3 "x"
        HEAD - -
        7..10 b"789" of 10
    "#]],
    );
    check(
        "k",
        ByteRange::Last(3),
        [hidden(7..10), head("\"f\"")],
        expect![[r#"
        GET bytes=-3 "x"
        HEAD - -
        conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
    // Less than was asked for is not all that is there.
    check(
        "k",
        ByteRange::Between(2, 5),
        [hidden(2..4), head("\"e\"")],
        expect![[r#"
        GET bytes=2-4 "x"
        HEAD - -
        unavailable: s3.test answered with what is not S3's, or with half of it; check that it is an S3 endpoint and try again [key "k"]
    "#]],
    );
    check(
        "k",
        ByteRange::Last(3),
        [hidden(8..10), head("\"e\"")],
        expect![[r#"
        GET bytes=-3 "x"
        HEAD - -
        unavailable: s3.test answered with what is not S3's, or with half of it; check that it is an S3 endpoint and try again [key "k"]
    "#]],
    );
}

#[test]
fn offsets_count_from_behind_the_key() {
    let text = "../".repeat(341);
    let object = sealed(&key(&text), "0123456789");
    let front = object.len() - 10;
    let answer = |range: Range<usize>| [Reply::Answer(part(&object, range))];
    check(
        &text,
        ByteRange::Between(2, 5),
        answer(front + 2..front + 5),
        expect![[r#"
        GET bytes=1027-1029 "x"
        2..5 b"234" of 10
    "#]],
    );
    check(
        &text,
        ByteRange::From(7),
        answer(front + 7..front + 10),
        expect![[r#"
        GET bytes=1032- "x"
        7..10 b"789" of 10
    "#]],
    );
    check(
        &text,
        ByteRange::Last(3),
        answer(front + 7..front + 10),
        expect![[r#"
        GET bytes=-3 "x"
        7..10 b"789" of 10
    "#]],
    );
    check(
        &text,
        ByteRange::Last(30),
        answer(front - 20..front + 10),
        expect![[r#"
        GET bytes=-30 "x"
        0..10 b"0123456789" of 10
    "#]],
    );
    check(
        &text,
        ByteRange::Last(3_000),
        answer(0..front + 10),
        expect![[r#"
        GET bytes=-3000 "x"
        0..10 b"0123456789" of 10
    "#]],
    );
}

#[test]
fn what_others_encoded_is_read_whole_and_cut() {
    let encoded = |response| with(without(response, OURS.0), "content-encoding", "br");
    let whole = Response { status: 200, ..without(part(BODY, 0..10), "content-range") };
    let script = [Reply::Answer(encoded(part(BODY, 2..5))), Reply::Answer(encoded(whole))];
    check(
        "k",
        ByteRange::Between(2, 5),
        script,
        expect![[r#"
        GET bytes=2-4 "x"
        GET - -
        2..5 b"234" of 10
    "#]],
    );
}

#[test]
fn what_others_wrote_is_described_by_the_whole() {
    let theirs = with(without(part(BODY, 2..5), OURS.0), "x-amz-checksum-sha256", CHECKSUM);
    let world = World::new([Reply::Answer(theirs)]);
    let tier = world.tier();
    let read = world.run(tier.read_range(&key("k"), ByteRange::Between(2, 5), None));
    let Ok(Some(Read::Found(part))) = read else { panic!("not found") };
    assert_eq!((part.metadata.size(), part.metadata.checksum()), (10, None));
    assert_eq!(part.metadata.etag, Some(ETag::new("\"e\"")));
}

#[test]
fn a_large_part_goes_on_when_it_breaks_off() {
    let body = vec![b'x'; 4 << 20];
    let head = |range| Response { body: Bytes::new(), ..part(&body, range) };
    let bytes = |range: Range<usize>| Piece::Bytes(Bytes::copy_from_slice(&body[range]));
    let script = [
        Reply::Pieces(head(100..3 << 20), vec![bytes(100..1 << 20), Piece::Breaks]),
        Reply::Pieces(head(1 << 20..3 << 20), vec![bytes(1 << 20..3 << 20)]),
    ];
    let world = World::new(script);
    let tier = world.tier();
    let read = world.run(tier.read_range(&key("k"), ByteRange::Between(100, 3 << 20), None));
    let Ok(Some(Read::Found(part))) = read else { panic!("not found") };
    assert_eq!((part.range, part.body.len()), (100..3 << 20, (3 << 20) - 100));
    assert_eq!(world.sent()[1].header("range"), Some("bytes=1048576-3145727"));
    assert_eq!(world.sent()[1].header("if-match"), Some("\"e\""));
}
