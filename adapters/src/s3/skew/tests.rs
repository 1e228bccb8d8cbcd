use super::*;

#[test]
fn the_servers_time_is_that_of_half_the_round_trip() {
    let at = Timestamp::from_millis;
    let skew = Skew::measured(at(1_000_000), at(400_000), at(402_000));
    assert_eq!(skew.server_time(at(402_000)), at(1_001_000));
    let skew = Skew::measured(at(400_000), at(1_000_000), at(1_000_000));
    assert_eq!(skew.server_time(at(1_000_100)), at(400_100));
    assert_eq!(skew.server_time(at(5)), at(0), "time does not start before 1970");
}

#[test]
fn four_minutes_are_no_reason_to_refuse() {
    assert!(!Skew(0).is_far_from(Skew(240_000)));
    assert!(Skew(0).is_far_from(Skew(240_001)));
    assert!(Skew(600_000).is_far_from(Skew(-600_000)));
}
