use bytes::Bytes;
use expect_test::{Expect, expect};
use tiered_storage_core::ErrorKind;

use super::*;
use crate::{
    pieces::Body,
    s3::{
        Response, S3Tier,
        fake::{Piece, Reply, World, answer, fault, response, sealed},
    },
    tier::{Read, StorageTier},
};

const MIB: usize = 1 << 20;

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

/// Bytes that tell where they are, to a kilobyte.
fn body(len: usize) -> Bytes {
    let mut body = Vec::with_capacity(len);
    for block in 0..len as u32 / 1_024 {
        body.extend_from_slice(&block.to_be_bytes().repeat(256));
    }
    body.into()
}

/// The head of an answer with these bytes of `body(total)`.
fn head(status: u16, etag: &str, range: Range<usize>, total: usize) -> Response {
    let len = range.len().to_string();
    let content_range = format!("bytes {}-{}/{total}", range.start, range.end - 1);
    let mut headers = vec![("etag", etag), ("content-length", &len)];
    if status == 206 {
        headers.push(("content-range", &content_range));
    }
    response(status, &headers, "")
}

/// An answer in one piece, from the start of a body of 3 MiB, which breaks off after so many bytes.
fn broken(end: usize) -> Reply {
    let pieces = vec![Piece::Bytes(body(3 * MIB).slice(..end)), Piece::Breaks];
    Reply::Pieces(head(200, "\"e\"", 0..3 * MIB, 3 * MIB), pieces)
}

/// What is left of that body from `start` on.
fn rest(start: usize) -> Reply {
    let piece = Piece::Bytes(body(3 * MIB).slice(start..));
    Reply::Pieces(head(206, "\"e\"", start..3 * MIB, 3 * MIB), vec![piece])
}

/// What is read of `key_text` in pieces, or why it is not; only what was expected may come before an error.
async fn read(tier: &S3Tier, key_text: &str, expected: &Bytes) -> String {
    let opened = match tier.open(&key(key_text), None).await {
        Ok(Read::Found(opened)) => opened,
        Ok(other) => return format!("{other:?}"),
        Err(error) => return error.to_string(),
    };
    let Body::Pieces(mut pieces) = opened.body else { return format!("{:?}", opened.body) };
    let mut at = 0;
    loop {
        match pieces.try_next().await {
            Ok(Some(piece)) => {
                assert_eq!(piece, expected.slice(at..at + piece.len()), "at {at}");
                at += piece.len();
            }
            Ok(None) => break,
            Err(error) => return format!("{at} bytes, then {error}"),
        }
    }
    assert_eq!(at, expected.len());
    format!("{at} bytes")
}

fn check(script: impl IntoIterator<Item = Reply>, expected: Expect) {
    let world = World::new(script);
    let tier = world.tier();
    let outcome = world.run(read(&tier, "k", &body(3 * MIB)));
    world.note(&outcome);
    expected.assert_eq(&world.log());
}

#[test]
fn a_small_body_comes_whole() {
    let piece = Bytes::from(vec![1; MIB]);
    let whole = Response { body: piece, ..head(200, "\"e\"", 0..MIB, MIB) };
    check(
        [Reply::Answer(whole)],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
        [1048576 bytes]
    "#]],
    );
}

#[test]
fn a_large_body_comes_in_pieces_at_whatever_pace() {
    let body = body(3 * MIB);
    let pieces = (0..6).flat_map(|at| {
        let piece = body.slice(at * MIB / 2..(at + 1) * MIB / 2);
        [Piece::Pause(25_000), Piece::Bytes(piece)]
    });
    let head = head(200, "\"e\"", 0..3 * MIB, 3 * MIB);
    check(
        [Reply::Pieces(head, pieces.collect())],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
        3145728 bytes
    "#]],
    );
}

#[test]
fn a_body_that_breaks_off_goes_on_where_it_was() {
    let world = World::new([broken(MIB), rest(MIB)]);
    let tier = world.tier();
    let outcome = world.run(read(&tier, "k", &body(3 * MIB)));
    world.note(&outcome);
    let resumed = &world.sent()[1];
    assert_eq!(resumed.header("range"), Some("bytes=1048576-3145727"));
    assert_eq!(resumed.header("if-match"), Some("\"e\""));
    expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 206
        3145728 bytes
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn a_host_that_takes_in_whatever_is_sent_is_sent_no_more_than_it_may() {
    let body = body(3 * MIB);
    let part = |range: Range<usize>| {
        let head = head(206, "\"e\"", range.clone(), 3 * MIB);
        Reply::Pieces(head, vec![Piece::Bytes(body.slice(range))])
    };
    let untouched = Reply::Pieces(head(200, "\"e\"", 0..3 * MIB, 3 * MIB), vec![Piece::Silence]);
    let middle = 3 * MIB / 2;
    let world = World::new([untouched, part(0..middle), part(middle..3 * MIB)]);
    let world = world.hoarding(middle as u64);
    let outcome = world.run(read(&world.tier(), "k", &body));
    world.note(&outcome);
    let sent = world.sent();
    let ranges: Vec<_> = sent.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=0-1572863"), Some("bytes=1572864-3145727")]);
    assert_eq!(sent[2].header("if-match"), Some("\"e\""));
    expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 206
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 206
        3145728 bytes
    "#]]
    .assert_eq(&world.log());
}

#[test]
fn silence_and_an_early_end_are_breaks() {
    let body = body(3 * MIB);
    let head = || head(200, "\"e\"", 0..3 * MIB, 3 * MIB);
    let silent = vec![Piece::Bytes(body.slice(..MIB)), Piece::Silence];
    check(
        [Reply::Pieces(head(), silent), rest(MIB)],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
         30050 GET /bkt/k [AKID us-east-1 000030Z] -> 206
        3145728 bytes
    "#]],
    );
    let ended = vec![Piece::Bytes(body.slice(..MIB))];
    check(
        [Reply::Pieces(head(), ended), rest(MIB)],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 206
        3145728 bytes
    "#]],
    );
}

#[test]
fn the_last_bytes_may_come_whole() {
    let total = 3 * MIB;
    let start = total - 8;
    let tail =
        Response { body: body(total).slice(start..), ..head(206, "\"e\"", start..total, total) };
    check(
        [broken(start), Reply::Answer(tail)],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 206
        3145728 bytes
    "#]],
    );
}

#[test]
fn versions_are_never_mixed() {
    check(
        [broken(MIB), fault(412, "PreconditionFailed")],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 412
        1048576 bytes, then conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
    check(
        [broken(MIB), fault(404, "NoSuchKey")],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 404
        1048576 bytes, then conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
    let other = Reply::Pieces(head(206, "\"other\"", MIB..3 * MIB, 3 * MIB), Vec::new());
    check(
        [broken(MIB), other],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 206
        1048576 bytes, then conflict: the object was changed meanwhile; read it again [key "k"]
    "#]],
    );
    // Without a version nothing shows what the rest is of.
    let headers =
        [("content-length", "3145728"), ("x-amz-meta-tiered-storage", "1;s=3145728;c=1000;w=7")];
    let pieces = vec![Piece::Bytes(body(3 * MIB).slice(..MIB)), Piece::Breaks];
    check(
        [Reply::Pieces(response(200, &headers, ""), pieces)],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
        1048576 bytes, then unavailable: the connection to s3.test broke before the answer was whole; try again [key "k"]
    "#]],
    );
}

#[test]
fn a_server_that_knows_no_ranges_sends_the_start_again() {
    let piece = Piece::Bytes(body(3 * MIB));
    let whole = Reply::Pieces(head(200, "\"e\"", 0..3 * MIB, 3 * MIB), vec![piece]);
    check(
        [broken(MIB), whole],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 200
        3145728 bytes
    "#]],
    );
    // Or what it was asked for, behind the status of a whole body.
    let Reply::Pieces(head, pieces) = rest(MIB) else { unreachable!("it comes in pieces") };
    check(
        [broken(MIB), Reply::Pieces(Response { status: 200, ..head }, pieces)],
        expect![[r#"
                 0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
                50 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            3145728 bytes
        "#]],
    );
    // What goes on elsewhere than it was asked to is no answer.
    check(
        [broken(MIB), rest(3 * MIB / 2)],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 206
        1048576 bytes, then unavailable: s3.test answered with what is not S3's, or with half of it; check that it is an S3 endpoint and try again [key "k"]
    "#]],
    );
}

#[test]
fn breaks_without_progress_are_bounded() {
    let again = || {
        let head = head(206, "\"e\"", MIB..3 * MIB, 3 * MIB);
        Reply::Pieces(head, vec![Piece::Breaks])
    };
    check(
        [broken(MIB), again(), again(), again()],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 200
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 206
           150 GET /bkt/k [AKID us-east-1 000000Z] -> 206
           350 GET /bkt/k [AKID us-east-1 000000Z] -> 206
        1048576 bytes, then unavailable: the connection to s3.test broke before the answer was whole; try again [key "k"]
    "#]],
    );
}

#[test]
fn breaks_with_progress_are_not() {
    let total = 48 * MIB;
    let body = body(total);
    let part = |at: usize| {
        let status = if at == 0 { 200 } else { 206 };
        let piece = body.slice(at * 8 * MIB..(at + 1) * 8 * MIB);
        let head = head(status, "\"e\"", at * 8 * MIB..total, total);
        Reply::Pieces(head, vec![Piece::Bytes(piece), Piece::Breaks])
    };
    let world = World::new((0..6).map(part));
    let outcome = world.run(read(&world.tier(), "k", &body));
    assert_eq!(outcome, format!("{total} bytes"));
    world.log();
}

#[test]
fn the_key_in_front_of_a_body_is_none_of_it() {
    let text = "../".repeat(341);
    let body = Bytes::from(vec![b'x'; 2 * MIB]);
    let object = sealed(&key(&text), core::str::from_utf8(&body).expect("text"));
    let head = || head(200, "\"e\"", 0..object.len(), object.len());
    for cut in [1, 500, 1_025, 1_026, MIB] {
        let pieces = vec![Piece::Bytes(object.slice(..cut)), Piece::Bytes(object.slice(cut..))];
        let world = World::new([Reply::Pieces(head(), pieces)]);
        let tier = world.tier();
        assert_eq!(world.run(read(&tier, &text, &body)), format!("{} bytes", body.len()));
    }
    let foreign = vec![Piece::Bytes(Bytes::from(vec![0; object.len()]))];
    let world = World::new([Reply::Pieces(head(), foreign)]);
    let tier = world.tier();
    let error = world.run(tier.open(&key(&text), None)).expect_err("another key's object");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

/// The head of all of a body of 17 MiB, and what comes of it: so many bytes, then nothing for a while.
fn front(total: usize, len: usize) -> Reply {
    let pieces = vec![
        Piece::Bytes(body(total).slice(..len)),
        Piece::Pause(10),
        Piece::Bytes(body(total).slice(len..)),
    ];
    Reply::Pieces(head(200, "\"e\"", 0..total, total), pieces)
}

#[test]
fn what_is_read_whole_and_is_large_comes_in_several_answers() {
    let total = 17 * MIB;
    let part = |range: Range<usize>| {
        let piece = Piece::Bytes(body(total).slice(range.clone()));
        Reply::Pieces(head(206, "\"e\"", range, total), vec![piece])
    };
    // The last part is 1 MiB, and comes whole.
    let last = Response {
        body: body(total).slice(16 * MIB..),
        ..head(206, "\"e\"", 16 * MIB..total, total)
    };
    let world = World::new([front(total, MIB), Reply::Answer(last), part(8 * MIB..16 * MIB)]);
    let tier = world.tier();
    let Ok(Read::Found(found)) = world.run(tier.read(&key("k"), None)) else { panic!("not found") };
    assert!(found.body == body(total));
    let ranges: Vec<_> =
        world.sent().iter().map(|request| request.header("range").map(str::to_owned)).collect();
    expect![[r#"[None, Some("bytes=16777216-17825791"), Some("bytes=8388608-16777215")]"#]]
        .assert_eq(&format!("{ranges:?}"));
    assert!(world.sent()[1..].iter().all(|request| request.header("if-match") == Some("\"e\"")));
}

#[test]
fn a_part_of_another_version_ends_a_read() {
    let total = 17 * MIB;
    let changed = || fault(412, "PreconditionFailed");
    let world = World::new([front(total, MIB), changed(), changed()]);
    let tier = world.tier();
    let error = world.run(tier.read(&key("k"), None)).expect_err("it was changed");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn what_others_encoded_or_is_small_is_read_in_one_answer() {
    let total = 17 * MIB;
    let mut encoded = head(200, "\"e\"", 0..total, total);
    encoded.headers.push(("content-encoding".to_owned(), "br".to_owned()));
    let small = head(200, "\"e\"", 0..16 * MIB, 16 * MIB);
    for (head, total) in [(encoded, total), (small, 16 * MIB)] {
        let world = World::new([Reply::Pieces(head, vec![Piece::Bytes(body(total))])]);
        let tier = world.tier();
        let read = world.run(tier.read(&key("k"), None));
        let Ok(Read::Found(found)) = read else { panic!("not found") };
        assert_eq!(found.body.len(), total);
        assert_eq!(world.sent().len(), 1);
    }
}

#[test]
fn an_answer_that_is_an_error_is_not_read_in_pieces() {
    let page = response(503, &[("content-length", "2000000")], "");
    let pieces = || Reply::Pieces(page.clone(), vec![Piece::Silence]);
    check(
        [pieces(), answer(404, &[], "")],
        expect![[r#"
             0 GET /bkt/k [AKID us-east-1 000000Z] -> 503
            50 GET /bkt/k [AKID us-east-1 000000Z] -> 404
        Missing
    "#]],
    );
}
