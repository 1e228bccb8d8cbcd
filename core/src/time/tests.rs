use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

#[test]
fn known_dates_are_written_and_read() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (MAX_MS, "9999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(Timestamp::from_millis(ms).to_string(), text);
        assert_eq!(Timestamp::parse_rfc3339(text), Some(Timestamp::from_millis(ms)));
    }
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "2026-01-01",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.5",
        "2026-01-01T00:00:+1Z",
        "1969-12-31T23:59:59Z",
    ] {
        assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
    }
}

#[test]
fn dates_of_http_are_read_in_all_their_forms() {
    for (text, read) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.000Z"),
        ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37.000Z"),
        ("Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37.000Z"),
        ("Wed Nov 16 08:49:37 1994", "1994-11-16T08:49:37.000Z"),
        ("Thursday, 07-Nov-30 08:49:37 GMT", "2030-11-07T08:49:37.000Z"),
        ("Sat, 31 Dec 2016 23:59:60 GMT", "2016-12-31T23:59:59.000Z"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(
            Timestamp::parse_http_date(text).map(Timestamp::to_rfc3339).as_deref(),
            Some(read),
            "{text}"
        );
    }
    for text in [
        "",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37:1 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT x",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  06 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "1994-11-06T08:49:37Z",
        "784111777",
    ] {
        assert_eq!(Timestamp::parse_http_date(text), None, "{text:?}");
    }
}

#[test]
fn dates_of_http_are_written() {
    for (ms, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (MAX_MS, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        assert_eq!(Timestamp::from_millis(ms).to_http_date(), text);
    }
}

proptest! {
    #[test]
    fn every_second_survives_its_date_of_http(ms in 0..=MAX_MS) {
        let point = Timestamp::from_millis(ms);
        let second = Timestamp::from_millis(ms / 1_000 * 1_000);
        prop_assert_eq!(Timestamp::parse_http_date(&point.to_http_date()), Some(second));
    }

    #[test]
    fn every_point_survives_its_text(ms in 0..=MAX_MS) {
        let point = Timestamp::from_millis(ms);
        prop_assert_eq!(Timestamp::parse_rfc3339(&point.to_rfc3339()), Some(point));
    }
}
