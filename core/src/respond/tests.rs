use alloc::{format, string::String, vec};
use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::{
    Key,
    digest::checksum,
    metadata::{Checksum, ETag},
};

/// 2026-01-01T00:00:00Z.
const WRITTEN_MS: u64 = 1_767_225_600_000;
const WRITTEN: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
const BEFORE: &str = "Wed, 31 Dec 2025 23:59:59 GMT";
const AFTER: &str = "Thu, 01 Jan 2026 00:00:01 GMT";
const TAG: &str = "\"0404040404040404040404040404040404040404040404040404040404040404\"";

/// An entry of ours: ten bytes of text, written a minute and some ms ago.
fn entry(size: u64) -> Metadata {
    Metadata::new(key(), size, Timestamp::from_millis(WRITTEN_MS + 700))
        .with_checksum(Checksum([4; 32]))
        .with_mime_type("text/plain")
}

fn key() -> Key {
    Key::new("a.txt").expect("legal")
}

fn now() -> Timestamp {
    Timestamp::from_millis(WRITTEN_MS + 60_000)
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request {
    let headers: BTreeMap<&str, &str> = headers.iter().copied().collect();
    Request::new(method, |name| headers.get(name).map(|value| (*value).into()))
}

fn show(answer: &Answer) -> String {
    let mut text = format!("{}", answer.status);
    if let Some(range) = &answer.body {
        text += &format!(" with {range:?}");
    }
    for (name, value) in &answer.headers {
        text += &format!("\n{name}: {}", value.replace(TAG, "TAG"));
    }
    text
}

fn check(request: &Request, entry: &Metadata, expected: &Expect) {
    expected.assert_eq(&show(&request.answer(Some(entry), now(), None)));
}

/// The status with an entry of ten bytes, and which of them.
fn brief(method: &str, headers: &[(&str, &str)]) -> String {
    brief_of(&entry(10), method, headers)
}

fn brief_of(entry: &Metadata, method: &str, headers: &[(&str, &str)]) -> String {
    let Answer { status, body, .. } = request(method, headers).answer(Some(entry), now(), None);
    match body {
        Some(Range { start, end }) => format!("{status} {start}..{end}"),
        None => format!("{status}"),
    }
}

#[test]
fn each_status_has_its_headers() {
    check(
        &request("GET", &[]),
        &entry(10),
        &expect![[r#"
            200 with 0..10
            last-modified: Thu, 01 Jan 2026 00:00:00 GMT
            etag: TAG
            accept-ranges: bytes
            content-type: text/plain
            content-length: 10"#]],
    );
    check(
        &request("HEAD", &[]),
        &entry(10),
        &expect![[r#"
            200
            last-modified: Thu, 01 Jan 2026 00:00:00 GMT
            etag: TAG
            accept-ranges: bytes
            content-type: text/plain
            content-length: 10"#]],
    );
    check(
        &request("GET", &[("range", "bytes=2-4")]),
        &entry(10),
        &expect![[r#"
            206 with 2..5
            last-modified: Thu, 01 Jan 2026 00:00:00 GMT
            etag: TAG
            content-range: bytes 2-4/10
            accept-ranges: bytes
            content-type: text/plain
            content-length: 3"#]],
    );
    check(
        &request("GET", &[("range", "bytes=10-")]),
        &entry(10),
        &expect![[r#"
            416
            content-range: bytes */10
            content-length: 0"#]],
    );
    check(
        &request("GET", &[("if-none-match", TAG)]),
        &entry(10),
        &expect![[r#"
        304
        etag: TAG"#]],
    );
    check(
        &request("GET", &[("if-match", "\"other\"")]),
        &entry(10),
        &expect![[r#"
        412
        content-length: 0"#]],
    );
    check(
        &request("POST", &[]),
        &entry(10),
        &expect![[r#"
            405
            allow: GET, HEAD
            content-length: 0"#]],
    );
    expect![[r#"
        404
        content-length: 0"#]]
    .assert_eq(&show(&request("GET", &[]).answer(None, now(), None)));
    expect![[r#"
        404
        content-length: 0"#]]
    .assert_eq(&show(&request("HEAD", &[]).answer(None, now(), None)));
    expect![[r#"
        405
        allow: GET, HEAD
        content-length: 0"#]]
    .assert_eq(&show(&request("PUT", &[]).answer(None, now(), None)));
}

#[test]
fn what_may_be_kept_is_said_of_entries_alone() {
    let value = "max-age=60";
    let kept = |headers: &[(&str, &str)]| {
        let answer = request("GET", headers).answer(Some(&entry(10)), now(), Some(value));
        let is_kept = answer.headers.contains(&("cache-control", value.into()));
        (answer.status, is_kept)
    };
    assert_eq!(kept(&[]), (200, true));
    assert_eq!(kept(&[("range", "bytes=0-1")]), (206, true));
    assert_eq!(kept(&[("if-none-match", "*")]), (304, true));
    assert_eq!(kept(&[("if-match", "\"other\"")]), (412, false));
    assert_eq!(kept(&[("range", "bytes=10-")]), (416, false));
    let missing = request("GET", &[]).answer(None, now(), Some(value));
    assert_eq!(missing.headers, [("content-length", "0".into())]);
}

#[test]
fn ranges_are_cut_to_the_body() {
    for (range, expected) in [
        ("bytes=0-0", "206 0..1"),
        ("bytes=0-9", "206 0..10"),
        ("bytes=0-", "206 0..10"),
        ("bytes=9-", "206 9..10"),
        ("bytes=3-5", "206 3..6"),
        ("bytes=003-0005", "206 3..6"),
        ("bytes=5-99", "206 5..10"),
        ("bytes=5-99999999999999999999999", "206 5..10"),
        ("bytes=5-18446744073709551615", "206 5..10"),
        ("bytes=-1", "206 9..10"),
        ("bytes=-10", "206 0..10"),
        ("bytes=-11", "206 0..10"),
        ("bytes=-99999999999999999999999", "206 0..10"),
        ("BYTES=0-0", "206 0..1"),
        (" bytes=0-0\t", "206 0..1"),
        // Behind the end.
        ("bytes=10-", "416"),
        ("bytes=10-10", "416"),
        ("bytes=99999999999999999999999-", "416"),
        ("bytes=18446744073709551615-18446744073709551615", "416"),
        ("bytes=-0", "416"),
        ("bytes=10-,-0,20-30", "416"),
    ] {
        assert_eq!(brief("GET", &[("range", range)]), expected, "{range}");
    }
}

#[test]
fn several_ranges_are_one_if_they_join_and_else_all_is_sent() {
    for (range, expected) in [
        ("bytes=0-1,2-3", "206 0..4"),
        ("bytes=2-3,0-1", "206 0..4"),
        ("bytes=0-5, 3-7", "206 0..8"),
        ("bytes=0-9,3-4", "206 0..10"),
        ("bytes=5-,-5", "206 5..10"),
        ("bytes=0-1,10-,20-", "206 0..2"),
        ("bytes=10-,0-1", "206 0..2"),
        ("bytes= ,0-1 ,, 2-3,", "206 0..4"),
        ("bytes=0-1,3-4", "200 0..10"),
        ("bytes=0-0,-1", "200 0..10"),
        ("bytes=0-0,2-2,1-1", "200 0..10"),
    ] {
        assert_eq!(brief("GET", &[("range", range)]), expected, "{range}");
    }
}

#[test]
fn a_range_that_cannot_be_heeded_is_passed_over() {
    for range in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=5-4",
        "bytes=18446744073709551615-18446744073709551614",
        "bytes=0-1-2",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=0 - 1",
        "bytes =0-1",
        "bytes=0-1;2-3",
        "bytes=0-1,x",
        "bytes=10-,5-4",
        "bytes=0-1, bytes=2-3",
        "items=0-1",
        "0-1",
    ] {
        assert_eq!(brief("GET", &[("range", range)]), "200 0..10", "{range:?}");
    }
}

#[test]
fn of_nothing_there_is_no_range() {
    for (range, expected) in [
        ("bytes=0-", "416"),
        ("bytes=0-0", "416"),
        ("bytes=-0", "416"),
        ("bytes=-1", "200 0..0"),
        ("bytes=0-,-1", "200 0..0"),
        ("bytes=x", "200 0..0"),
    ] {
        assert_eq!(brief_of(&entry(0), "GET", &[("range", range)]), expected, "{range}");
    }
    assert_eq!(brief_of(&entry(0), "GET", &[]), "200 0..0");
    assert_eq!(brief_of(&entry(0), "HEAD", &[]), "200");
}

#[test]
fn only_a_get_has_a_range() {
    for range in ["bytes=0-1", "bytes=10-"] {
        assert_eq!(brief("HEAD", &[("range", range)]), "200");
        assert_eq!(brief("DELETE", &[("range", range)]), "405");
    }
    assert_eq!(brief("get", &[]), "405");
}

#[test]
fn tags_are_compared_weakly_for_if_none_match_and_else_strongly() {
    let weak = format!("W/{TAG}");
    let listed = format!("\"a,b\" , W/\"c\",,\t{TAG}");
    let weak_listed = format!("\"a\", {weak}");
    for (tags, known, expected) in [
        (TAG, "304", "200 0..10"),
        (&weak, "304", "412"),
        (&listed, "304", "200 0..10"),
        (&weak_listed, "304", "412"),
        ("*", "304", "200 0..10"),
        (" * ", "304", "200 0..10"),
        ("\"*\"", "200 0..10", "412"),
        ("\"other\"", "200 0..10", "412"),
        ("", "200 0..10", "412"),
        (&TAG[1..65], "200 0..10", "412"),
        (&TAG[..65], "200 0..10", "412"),
        ("other, *", "200 0..10", "412"),
    ] {
        assert_eq!(brief("GET", &[("if-none-match", tags)]), known, "{tags}");
        assert_eq!(brief("GET", &[("if-match", tags)]), expected, "{tags}");
    }
    let malformed = format!("w/{TAG}");
    assert_eq!(brief("GET", &[("if-none-match", &malformed)]), "200 0..10");
}

#[test]
fn dates_are_compared_by_the_second() {
    for (date, known, expected) in [
        (BEFORE, "200 0..10", "412"),
        (WRITTEN, "304", "200 0..10"),
        (AFTER, "304", "200 0..10"),
        ("Thursday, 01-Jan-26 00:00:00 GMT", "304", "200 0..10"),
        ("Thu Jan  1 00:00:00 2026", "304", "200 0..10"),
        ("yesterday", "200 0..10", "200 0..10"),
        ("", "200 0..10", "200 0..10"),
    ] {
        assert_eq!(brief("GET", &[("if-modified-since", date)]), known, "{date}");
        assert_eq!(brief("GET", &[("if-unmodified-since", date)]), expected, "{date}");
    }
}

#[test]
fn conditions_go_before_each_other() {
    let other = "\"other\"";
    for (headers, expected) in [
        // Tags go before dates,
        (&[("if-match", TAG), ("if-unmodified-since", BEFORE)][..], "200 0..10"),
        (&[("if-match", other), ("if-unmodified-since", AFTER)], "412"),
        (&[("if-none-match", other), ("if-modified-since", AFTER)], "200 0..10"),
        (&[("if-none-match", TAG), ("if-modified-since", BEFORE)], "304"),
        // also where they are no tags,
        (&[("if-none-match", "x"), ("if-modified-since", AFTER)], "200 0..10"),
        // what is expected goes before what is known,
        (&[("if-match", other), ("if-none-match", TAG)], "412"),
        (&[("if-match", TAG), ("if-none-match", TAG)], "304"),
        (&[("if-unmodified-since", BEFORE), ("if-modified-since", AFTER)], "412"),
        // and all of them before the range.
        (&[("if-none-match", TAG), ("range", "bytes=0-1")], "304"),
        (&[("if-none-match", TAG), ("range", "bytes=10-")], "304"),
        (&[("if-match", other), ("range", "bytes=10-")], "412"),
        (&[("if-match", TAG), ("range", "bytes=0-1")], "206 0..2"),
    ] {
        assert_eq!(brief("GET", headers), expected, "{headers:?}");
    }
    assert_eq!(brief("HEAD", &[("if-none-match", TAG)]), "304");
    assert_eq!(brief("HEAD", &[("if-match", other)]), "412");
    assert_eq!(brief("POST", &[("if-match", other)]), "405");
}

#[test]
fn a_range_is_of_the_version_that_if_range_names_or_all_is_sent() {
    let weak = format!("W/{TAG}");
    for (known, expected) in [
        (TAG, "206 0..2"),
        (WRITTEN, "206 0..2"),
        (&weak, "200 0..10"),
        ("\"other\"", "200 0..10"),
        (BEFORE, "200 0..10"),
        (AFTER, "200 0..10"),
        ("*", "200 0..10"),
        ("", "200 0..10"),
    ] {
        assert_eq!(brief("GET", &[("if-range", known), ("range", "bytes=0-1")]), expected);
    }
    assert_eq!(brief("GET", &[("if-range", "\"other\""), ("range", "bytes=10-")]), "200 0..10");
    assert_eq!(brief("GET", &[("if-range", TAG), ("range", "bytes=10-")]), "416");
    assert_eq!(brief("GET", &[("if-range", "\"other\"")]), "200 0..10");
}

#[test]
fn the_date_of_a_second_that_is_not_over_names_no_version() {
    let request = request("GET", &[("if-range", WRITTEN), ("range", "bytes=0-1")]);
    let status =
        |ms| request.answer(Some(&entry(10)), Timestamp::from_millis(WRITTEN_MS + ms), None).status;
    assert_eq!((status(999), status(1_000)), (200, 206));
}

#[test]
fn what_was_written_later_than_now_was_written_now() {
    let answer =
        request("GET", &[]).answer(Some(&entry(10)), Timestamp::from_millis(WRITTEN_MS - 1), None);
    assert!(answer.headers.contains(&("last-modified", BEFORE.into())), "{answer:?}");
}

#[test]
fn an_object_of_another_program_is_known_by_its_etag() {
    let foreign = |etag: &str| {
        let mut metadata = Metadata::new(key(), 10, Timestamp::from_millis(WRITTEN_MS));
        metadata.etag = Some(ETag::new(etag));
        let answer = request("GET", &[]).answer(Some(&metadata), now(), None);
        answer.headers.into_iter().find(|(name, _)| *name == "etag").map(|(_, value)| value)
    };
    assert_eq!(foreign("\"abc-3\"").as_deref(), Some("\"abc-3\""));
    assert_eq!(foreign("abc-3").as_deref(), Some("\"abc-3\""));
    assert_eq!(foreign("W/\"abc\"").as_deref(), Some("W/\"abc\""));
    for etag in ["\"a", "\"a\"b", "a b", "\"a\r\nb\"", "W/a\"b\"", "\u{e9}"] {
        assert_eq!(foreign(etag), None, "{etag:?}");
    }

    let mut weak = Metadata::new(key(), 10, Timestamp::from_millis(WRITTEN_MS));
    weak.etag = Some(ETag::new("W/\"abc\""));
    let known = |name, value| brief_of(&weak, "GET", &[(name, value), ("range", "bytes=0-1")]);
    assert_eq!(known("if-none-match", "\"abc\""), "304");
    assert_eq!(known("if-match", "W/\"abc\""), "412");
    assert_eq!(known("if-range", "W/\"abc\""), "200 0..10");
    assert_eq!(known("if-range", WRITTEN), "206 0..2");
}

#[test]
fn without_a_tag_there_is_the_date() {
    let unnamed = Metadata::new(key(), 10, Timestamp::from_millis(WRITTEN_MS));
    check(
        &request("GET", &[]),
        &unnamed,
        &expect![[r#"
            200 with 0..10
            last-modified: Thu, 01 Jan 2026 00:00:00 GMT
            accept-ranges: bytes
            content-type: application/octet-stream
            content-length: 10"#]],
    );
    check(
        &request("GET", &[("if-modified-since", WRITTEN)]),
        &unnamed,
        &expect![[r#"
        304
        last-modified: Thu, 01 Jan 2026 00:00:00 GMT"#]],
    );
    assert_eq!(brief_of(&unnamed, "GET", &[("if-none-match", "*")]), "304");
    assert_eq!(brief_of(&unnamed, "GET", &[("if-none-match", TAG)]), "200 0..10");
    assert_eq!(brief_of(&unnamed, "GET", &[("if-match", "*")]), "200 0..10");
}

#[test]
fn what_another_program_encoded_is_sent_as_it_is_and_whole() {
    let mut encoded = entry(10).with_encoding("br");
    encoded.etag = Some(ETag::new("\"of-br\""));
    check(
        &request("GET", &[("range", "bytes=0-1")]),
        &encoded,
        &expect![[r#"
            200 with 0..10
            last-modified: Thu, 01 Jan 2026 00:00:00 GMT
            etag: "of-br"
            accept-ranges: none
            content-type: text/plain
            content-length: 10
            content-encoding: br"#]],
    );
    assert_eq!(brief_of(&encoded, "GET", &[("range", "bytes=10-")]), "200 0..10");
    assert_eq!(brief_of(&encoded, "GET", &[("if-none-match", "\"of-br\"")]), "304");
    for none in ["aws-chunked", "identity"] {
        let sent = entry(10).with_encoding(none);
        let request = request("GET", &[("range", "bytes=0-1")]);
        assert_eq!(
            request.answer(Some(&sent), now(), None),
            request.answer(Some(&entry(10)), now(), None)
        );
    }
    let odd = entry(10).with_encoding("br\r\nx: y");
    check(
        &request("GET", &[]),
        &odd,
        &expect![[r#"
            200 with 0..10
            last-modified: Thu, 01 Jan 2026 00:00:00 GMT
            accept-ranges: none
            content-type: text/plain
            content-length: 10"#]],
    );
}

#[test]
fn what_is_stored_as_gzip_is_sent_unpacked() {
    let packed = entry(10).with_compressed(true);
    assert_eq!(
        request("GET", &[]).answer(Some(&packed), now(), None),
        request("GET", &[]).answer(Some(&entry(10)), now(), None),
    );
}

#[test]
fn a_type_that_no_header_can_hold_is_not_told() {
    let told = |metadata: &Metadata| {
        let answer = request("GET", &[]).answer(Some(metadata), now(), None);
        answer.headers.into_iter().find(|(name, _)| *name == "content-type").map(|(_, value)| value)
    };
    let plain = Metadata::new(key(), 10, now());
    assert_eq!(told(&plain).as_deref(), Some("application/octet-stream"));
    let json = plain.clone().with_content(Content::Json);
    assert_eq!(told(&json).as_deref(), Some("application/json"));
    assert_eq!(told(&json.with_mime_type("image/svg+xml")).as_deref(), Some("image/svg+xml"));
    for odd in ["", "text/html\r\nset-cookie: a=b", "text/\u{e9}"] {
        assert_eq!(
            told(&plain.clone().with_mime_type(odd)).as_deref(),
            Some("application/octet-stream"),
            "{odd:?}"
        );
    }
}

#[test]
fn metadata_is_asked_for_first_where_there_may_be_no_body_or_only_its_end() {
    for (method, headers, needs) in [
        ("GET", &[][..], Needs::Entry),
        ("HEAD", &[], Needs::Metadata),
        ("HEAD", &[("if-none-match", "\"a\"")], Needs::Metadata),
        ("POST", &[("if-none-match", "\"a\"")], Needs::Nothing),
        ("GET", &[("range", "bytes=0-")], Needs::Entry),
        ("GET", &[("range", "bytes=0-99")], Needs::Entry),
        ("GET", &[("range", "bytes=-99")], Needs::Either),
        ("GET", &[("range", "bytes=9-,0-0")], Needs::Entry),
        ("GET", &[("range", "items=9-")], Needs::Entry),
        ("GET", &[("range", "bytes=1-")], Needs::Either),
        ("GET", &[("range", "bytes=-0")], Needs::Either),
        ("GET", &[("if-none-match", "\"a\"")], Needs::Either),
        ("GET", &[("if-match", "\"a\"")], Needs::Either),
        ("GET", &[("if-modified-since", WRITTEN)], Needs::Either),
        ("GET", &[("if-unmodified-since", WRITTEN)], Needs::Either),
        ("GET", &[("if-modified-since", "yesterday")], Needs::Entry),
        ("GET", &[("if-range", TAG)], Needs::Entry),
    ] {
        assert_eq!(request(method, headers).needs(), needs, "{method} {headers:?}");
    }
}

#[test]
fn tags_name_the_bytes() {
    let metadata = Metadata::new(key(), 3, now()).with_checksum(checksum(b"abc"));
    let answer = request("HEAD", &[]).answer(Some(&metadata), now(), None);
    let tag = "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"";
    assert!(answer.headers.contains(&("etag", tag.into())), "{answer:?}");
}

fn ranges() -> impl Strategy<Value = String> {
    let bound = prop_oneof![
        Just(String::new()),
        (0..40_u64).prop_map(|n| format!("{n}")),
        "[0-9]{1,24}",
        "[ -~]{0,3}"
    ];
    let range = (bound.clone(), bound).prop_map(|(first, last)| format!("{first}-{last}"));
    let set = prop::collection::vec(range, 0..5).prop_map(|ranges| ranges.join(","));
    prop_oneof![9 => set.prop_map(|set| format!("bytes={set}")), 1 => "\\PC{0,20}"]
}

proptest! {
    #[test]
    fn what_is_sent_is_within_the_body(
        range in ranges(),
        size in prop_oneof![0..40_u64, any::<u64>()],
        known in prop_oneof![Just(None), Just(Some(TAG)), "\\PC{0,20}".prop_map(|_| Some(WRITTEN))],
    ) {
        let mut headers = vec![("range", range.as_str())];
        headers.extend(known.map(|known| ("if-range", known)));
        let asked = request("GET", &headers);
        let answer = asked.answer(Some(&entry(size)), now(), None);
        let header = |name: &str| {
            let mut found = answer.headers.iter().filter(|(other, _)| *other == name);
            let value = found.next().map(|(_, value)| value.clone());
            assert!(found.next().is_none(), "{name} is there twice");
            value
        };
        let part = answer.body.clone().map(|range| (range.start, range.end));
        match (answer.status, part) {
            (200, Some(part)) => {
                prop_assert_eq!(part, (0, size));
                prop_assert_eq!(header("content-range"), None);
            }
            (206, Some((start, end))) => {
                prop_assert!(start < end && end <= size);
                let named = format!("bytes {start}-{}/{size}", end - 1);
                prop_assert_eq!(header("content-range"), Some(named));
            }
            (416, None) => {
                prop_assert_eq!(header("content-range"), Some(format!("bytes */{size}")));
                prop_assert!(size == 0 || asked.needs() == Needs::Either);
            }
            other => prop_assert!(false, "{other:?}"),
        }
        let sent = part.map_or(0, |(start, end)| end - start);
        prop_assert_eq!(header("content-length"), Some(format!("{sent}")));
    }

    #[test]
    fn no_header_of_a_request_makes_it_panic(
        values in prop::collection::vec("\\PC{0,30}|[\"W/*, a-z0-9]{0,20}", 6),
        size in 0..9_u64,
    ) {
        let mut values = values.into_iter();
        let answer = Request::new("GET", |_| values.next()).answer(Some(&entry(size)), now(), None);
        prop_assert!([200, 206, 304, 412, 416].contains(&answer.status));
    }
}
