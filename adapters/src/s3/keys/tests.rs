use bytes::Bytes;
use std::collections::HashMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn check(prefix: &str, keys: &[&str], expected: Expect) {
    let names = Names::new(prefix.to_owned());
    let mut lines = String::new();
    for key in keys {
        let key = Key::new(key).expect("the keys of these tests are keys");
        let name = names.name(&key);
        lines.push_str(&format!("{key:?} -> {}\n", encode_path(name.as_str())));
        let listed = if matches!(name, Name::Open(_)) { Listed::Key(key) } else { Listed::Hashed };
        assert_eq!(names.listed(name.as_str()), listed);
    }
    expected.assert_eq(&lines);
}

#[test]
fn ordinary_keys_are_their_own_names() {
    check(
        "cache/",
        &[
            "a", "a/b", "a//b", "/a", "a/", "a.meta", "...", ".a/..b", "%2e%2e", "a b+c", "~",
            "\u{e9}",
        ],
        expect![[r#"
            "a" -> cache/a
            "a/b" -> cache/a/b
            "a//b" -> cache/a//b
            "/a" -> cache//a
            "a/" -> cache/a/
            "a.meta" -> cache/a.meta
            "..." -> cache/...
            ".a/..b" -> cache/.a/..b
            "%2e%2e" -> cache/%252e%252e
            "a b+c" -> cache/a%20b%2Bc
            "~" -> cache/~
            "é" -> cache/%C3%A9
        "#]],
    );
}

#[test]
fn keys_that_urls_or_xml_would_damage_are_escaped() {
    check(
        "",
        &[
            ".",
            "..",
            "a/../b.txt",
            "./~",
            "a\nb",
            "\u{fffe}",
            "~tiered-storage/",
            "~tiered-storage/~h",
        ],
        expect![[r#"
            "." -> ~tiered-storage/~-
            ".." -> ~tiered-storage/~-~-
            "a/../b.txt" -> ~tiered-storage/a/~-~-/b.txt
            "./~" -> ~tiered-storage/~-/~~
            "a\nb" -> ~tiered-storage/a~0Ab
            "\u{fffe}" -> ~tiered-storage/~EF~BF~BE
            "~tiered-storage/" -> ~tiered-storage/~~tiered-storage/
            "~tiered-storage/~h" -> ~tiered-storage/~~tiered-storage/~~h
        "#]],
    );
}

#[test]
fn names_that_would_be_too_long_are_hashed() {
    let plain = "k".repeat(1024);
    let names = Names::new(String::new());
    assert_eq!(names.name(&plain), Name::Open(plain.clone()), "1,024 bytes are allowed");
    let names = Names::new("p/".to_owned());
    let Name::Hashed(name) = names.name(&plain) else { panic!("1,026 bytes are not allowed") };
    expect!["p/~tiered-storage/~hfb236ae29378d0cf16cdc6b4b5b9f82d6642514a61b60542efd33641eab2662d"]
        .assert_eq(&name);
    let dots = "../".repeat(341);
    assert!(matches!(Names::new(String::new()).name(&dots), Name::Hashed(_)));
}

#[test]
fn names_that_no_key_has_are_foreign() {
    let names = Names::new("p/".to_owned());
    for name in [
        "p/",
        "p",
        "q/a",
        "p/a/../b",
        "p/.",
        "p/a\nb",
        "p/~tiered-storage/a",
        "p/~tiered-storage/~",
    ] {
        assert_eq!(names.listed(name), Listed::Foreign, "{name:?}");
    }
    // A second spelling of an escape, and bytes that are not UTF-8.
    for name in [
        "p/~tiered-storage/~2E",
        "p/~tiered-storage/~-x",
        "p/~tiered-storage/~0a",
        "p/~tiered-storage/~FF",
    ] {
        assert_eq!(names.listed(name), Listed::Foreign, "{name:?}");
    }
}

#[test]
fn a_sealed_body_is_opened_also_when_it_is_cut_off() {
    let key = Key::new("\u{e9}/..").expect("a key");
    let sealed = Bytes::from([&seal(&key)[..], b"body"].concat());
    assert_eq!(open(&sealed), Some((key.clone(), Bytes::from_static(b"body"))));
    let seal_len = 2 + key.len();
    assert_eq!(open(&sealed.slice(..seal_len)), Some((key, Bytes::new())));
    assert_eq!(open(&sealed.slice(..seal_len - 1)), None, "the key is cut off");
    assert_eq!(open(&Bytes::from_static(b"\x00\x00body")), None, "an empty key is none");
    assert_eq!(open(&Bytes::from_static(b"\x00")), None);
}

/// Keys made of what is awkward, so that two of them often nearly collide.
fn awkward_key() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just("/".to_owned()),
        Just("~".to_owned()),
        Just("~-".to_owned()),
        Just("~h".to_owned()),
        Just("~0A".to_owned()),
        Just("\n".to_owned()),
        Just("%2E".to_owned()),
        Just("-".to_owned()),
        Just("2E".to_owned()),
        Just(AREA.to_owned()),
        Just("\u{fffe}".to_owned()),
        any::<char>().prop_map(String::from),
        Just("x".repeat(300)),
    ];
    proptest::collection::vec(piece, 1..8)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("not a key", |text| Key::new(text).is_ok())
}

proptest! {
    #[test]
    fn every_key_has_a_name_that_leads_back(key in awkward_key(), prefix in "([a-z]{1,9}/){0,40}") {
        let names = Names::new(prefix);
        let key = Key::new(key).expect("filtered");
        let name = names.name(&key);
        prop_assert!(name.as_str().len() <= NAME_BYTES_MAX);
        prop_assert!(!has_dot_segment(name.as_str()));
        prop_assert!(name.as_str().chars().all(is_xml_safe));
        match name {
            Name::Open(name) => prop_assert_eq!(names.listed(&name), Listed::Key(key)),
            Name::Hashed(name) => prop_assert_eq!(names.listed(&name), Listed::Hashed),
        }
    }

    #[test]
    fn no_two_keys_share_an_object(keys in proptest::collection::vec(awkward_key(), 2..40)) {
        let names = Names::new("p/".to_owned());
        let mut owners: HashMap<String, &str> = HashMap::new();
        for key in &keys {
            let owner = owners.insert(names.name(key).as_str().to_owned(), key);
            prop_assert!(owner.is_none_or(|owner| owner == key));
        }
    }

    #[test]
    fn what_is_listed_is_named_so(name in awkward_key()) {
        let names = Names::new(String::new());
        if let Listed::Key(key) = names.listed(&name) {
            prop_assert_eq!(names.name(&key), Name::Open(name));
        }
    }

    #[test]
    fn url_parsers_keep_paths_as_they_are(key in awkward_key()) {
        let path = encode_path(Names::new(String::new()).name(&key).as_str());
        for url in [format!("http://h:1/b/{path}"), format!("https://b.h/{path}")] {
            let parsed = reqwest::Url::parse(&url).expect("a URL");
            prop_assert_eq!(parsed.as_str(), &url);
        }
    }
}
