use super::*;

/// Well spread, as the hash of a key is.
fn fingerprint(key: u64) -> u64 {
    let mixed = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[test]
fn a_name_is_taken_once() {
    let mut ghost = Ghost::default();
    assert!(!ghost.take(1, 10), "it is empty");
    ghost.insert(1, 10);
    ghost.insert(2, 10);
    assert!(ghost.take(1, 10));
    assert!(!ghost.take(1, 10));
    assert!(ghost.take(2, 10));
    // The hash may be zero, and so may what is left where there is no name.
    assert!(!ghost.take(0, 10));
    ghost.insert(0, 10);
    assert!(ghost.take(0, 10));
}

#[test]
fn without_room_nothing_is_remembered() {
    let mut ghost = Ghost::default();
    ghost.insert(1, 0);
    assert!(ghost.buckets.is_empty());
    ghost.insert(1, 1);
    assert!(!ghost.take(1, 0));
}

/// Against a queue that forgets exactly: it remembers nothing that the queue does not, and nearly all that it does.
#[test]
fn the_last_names_are_remembered() {
    for (names_max, rounds) in [(1, 50), (10, 50), (100, 50), (5_000, 1)] {
        let mut remembered = 0;
        for round in 0..rounds {
            let mut ghost = Ghost::default();
            let keys = (0..4 * names_max as u64).map(|key| fingerprint(key + (round << 20)));
            keys.clone().for_each(|name| ghost.insert(name, names_max));
            let mut known = keys.map(|name| ghost.take(name, names_max));
            assert_eq!(known.by_ref().take(3 * names_max).find(|known| *known), None);
            remembered += known.filter(|known| *known).count();
        }
        let queued = names_max * rounds as usize;
        assert!(remembered * 100 >= queued * 90, "{remembered} of {queued}, {names_max} at a time");
    }
}

#[test]
fn a_name_that_comes_again_is_renewed() {
    let mut ghost = Ghost::default();
    for key in [1, 2, 3, 1, 4, 5] {
        ghost.insert(fingerprint(key), 3);
    }
    assert!(!ghost.take(fingerprint(3), 3));
    assert!(ghost.take(fingerprint(1), 3));
    assert!(!ghost.take(fingerprint(1), 3), "it is there once");
}

#[test]
fn growing_loses_no_name() {
    let mut ghost = Ghost::default();
    for key in 0..3_u64 {
        ghost.insert(fingerprint(key), 4);
    }
    let small = ghost.buckets.len();
    ghost.insert(fingerprint(3), 4_000);
    assert!(ghost.buckets.len() > small);
    assert!((0..4).all(|key| ghost.take(fingerprint(key), 4_000)));
}

#[test]
fn memory_has_a_bound() {
    let mut ghost = Ghost::default();
    ghost.insert(7, usize::MAX);
    assert_eq!(ghost.buckets.len() * size_of::<[Name; WAYS]>(), 4 * 1_024 * 1_024);
    assert!(ghost.take(7, usize::MAX));
}

#[test]
fn names_are_numbered_past_the_last_number() {
    let mut ghost = Ghost { last: u32::MAX - 2, ..Ghost::default() };
    for key in 0..6 {
        ghost.insert(fingerprint(key), 100);
    }
    assert_eq!(ghost.last, 4);
    assert!((0..6).all(|key| ghost.take(fingerprint(key), 100)));
}
