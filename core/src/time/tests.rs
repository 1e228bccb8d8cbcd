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

proptest! {
    #[test]
    fn every_point_survives_its_text(ms in 0..=MAX_MS) {
        let point = Timestamp::from_millis(ms);
        prop_assert_eq!(Timestamp::parse_rfc3339(&point.to_rfc3339()), Some(point));
    }
}
