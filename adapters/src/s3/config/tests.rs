use expect_test::{Expect, expect};

use super::*;

fn check(builder: S3TierBuilder, expected: Expect) {
    let shown = match builder.build() {
        Ok(tier) => format!("{tier:?}"),
        Err(error) => format!("{error}"),
    };
    expected.assert_eq(&shown);
}

fn custom(endpoint: &str) -> S3TierBuilder {
    S3Tier::builder("bkt").endpoint(endpoint)
}

#[test]
fn endpoints_are_scheme_host_and_port() {
    check(
        custom("http://127.0.0.1:9000/").region("x"),
        expect![[
            r#"S3Tier { bucket: "bkt", host: "127.0.0.1:9000", region: "x", prefix: "", .. }"#
        ]],
    );
    check(
        custom("HTTP://LocalHost:80"),
        expect![[
            r#"S3Tier { bucket: "bkt", host: "localhost", region: "us-east-1", prefix: "", .. }"#
        ]],
    );
    check(
        custom("http://[::1]:9000"),
        expect![[
            r#"S3Tier { bucket: "bkt", host: "[::1]:9000", region: "us-east-1", prefix: "", .. }"#
        ]],
    );
    check(
        custom("http://[::1]"),
        expect![[
            r#"S3Tier { bucket: "bkt", host: "[::1]", region: "us-east-1", prefix: "", .. }"#
        ]],
    );
    for bad in [
        "",
        "s3.example.org",
        "ftp://h",
        "http://",
        "http://h:x",
        "http://h:99999",
        "http://h/path",
        "http://h?q",
        "http://h#f",
        "http://a b",
        "http://\u{e9}",
        "http://[::g]:1",
        "http://h:1:2",
    ] {
        let error = custom(bad).build().expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().starts_with("the endpoint "), "{error}");
    }
}

#[test]
fn a_password_in_an_endpoint_is_not_shown() {
    check(
        custom("https://user:hunter2@h"),
        expect![[
            r#"invalid: the endpoint "h" is not a URL such as "https://s3.example.org"; give scheme, host and port alone"#
        ]],
    );
    let shown = format!("{:?}", custom("https://user:hunter2@h"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn buckets_are_named_as_the_store_allows() {
    let http = "http://127.0.0.1:1";
    for good in ["a", "My_Bucket", "a.b-c"] {
        assert!(S3Tier::builder(good).endpoint(http).build().is_ok(), "{good}");
    }
    for bad in ["", "..", "a/b", "a b", "-a", "\u{e9}"] {
        assert!(S3Tier::builder(bad).endpoint(http).build().is_err(), "{bad}");
    }
    for bad in ["ab", "My-bucket", "a_bc", "a..b", "abc-", &"a".repeat(64)] {
        assert!(address(bad.to_owned(), None, None).is_err(), "{bad}");
    }
    check(
        S3Tier::builder("No Bucket"),
        expect![[
            r#"invalid: "No Bucket" is not the name of a bucket; give 3 to 63 lowercase letters, digits, dots and hyphens"#
        ]],
    );
}

#[test]
fn the_bucket_stands_where_the_store_wants_it() {
    let addressing = |bucket: &str, endpoint, wanted| {
        address(bucket.to_owned(), endpoint, wanted).map(|address| address.addressing)
    };
    assert_eq!(addressing("bkt", None, None), Ok(Addressing::VirtualHost));
    assert_eq!(addressing("a.b", None, None), Ok(Addressing::Path), "no certificate covers it");
    assert_eq!(addressing("bkt", Some("https://h"), None), Ok(Addressing::Path));
    let wanted = Some(Addressing::VirtualHost);
    assert_eq!(addressing("bkt", Some("https://h"), wanted), Ok(Addressing::VirtualHost));
    for ip in ["http://127.0.0.1:9000", "http://[::1]"] {
        let error = addressing("bkt", Some(ip), wanted).expect_err(ip);
        assert!(error.message().contains("use Addressing::Path"), "{error}");
    }
}

#[test]
fn prefixes_are_paths() {
    let http = "http://127.0.0.1:1";
    check(
        custom(http).prefix("a/b"),
        expect![[
            r#"S3Tier { bucket: "bkt", host: "127.0.0.1:1", region: "us-east-1", prefix: "a/b/", .. }"#
        ]],
    );
    check(
        custom(http).prefix("/a"),
        expect![[
            r#"invalid: the prefix "/a/" starts with a slash; leave it out, since names of objects have none"#
        ]],
    );
    check(
        custom(http).prefix("a/../b/"),
        expect![[
            r#"invalid: the prefix "a/../b/" has a segment `.` or `..`, which URLs cannot carry; leave it out"#
        ]],
    );
    check(
        custom(http).prefix("a\n"),
        expect![[r#"invalid: the prefix "a\n/" has a control character; leave it out"#]],
    );
    check(
        custom(http).prefix("~tiered-storage"),
        expect![[
            r#"invalid: the prefix "~tiered-storage/" has the segment that this library keeps for itself; choose another"#
        ]],
    );
    assert!(custom(http).prefix("p".repeat(511)).build().is_ok());
    assert!(custom(http).prefix("p".repeat(512)).build().is_err());
}

#[test]
fn numbers_and_regions_are_checked() {
    let http = "http://127.0.0.1:1";
    check(custom(http).attempts_max(0), expect!["invalid: attempts_max is 0; give it at least 1"]);
    check(
        custom(http).concurrency_max(0),
        expect!["invalid: concurrency_max is 0; give it at least 1"],
    );
    check(custom(http).timeout_ms(0), expect!["invalid: timeout_ms is 0; give it at least 1"]);
    check(
        custom(http).region("eu west"),
        expect![[
            r#"invalid: "eu west" is not a region; give one such as "eu-central-1" or "auto""#
        ]],
    );
    check(
        custom(http).region(""),
        expect![[r#"invalid: "" is not a region; give one such as "eu-central-1" or "auto""#]],
    );
}
