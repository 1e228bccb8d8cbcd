use expect_test::{Expect, expect};
use tiered_storage_core::ErrorKind;

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
        assert!(address(bad.to_owned(), None, None, Profile::Aws).is_err(), "{bad}");
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
        address(bucket.to_owned(), endpoint, wanted, Profile::Custom(Flags::default()))
            .map(|address| address.addressing)
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
        custom(http).parts_in_flight_max(0),
        expect!["invalid: parts_in_flight_max is 0; give it at least 1"],
    );
    check(
        custom(http).part_bytes((5 << 20) - 1),
        expect!["invalid: part_bytes is 5242879; give it 5 MiB to 5 GiB, which S3 allows"],
    );
    check(
        custom(http).multipart_threshold_bytes((5 << 30) + 1),
        expect![
            "invalid: multipart_threshold_bytes is 5368709121; give it 5 MiB to 5 GiB, which S3 allows"
        ],
    );
    let widest = custom(http).part_bytes(5 << 30).multipart_threshold_bytes(5 << 20);
    assert!(widest.build().is_ok());
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

#[test]
fn a_profile_chooses_region_and_addressing_where_nothing_else_does() {
    let at = |profile, endpoint: &str| custom(endpoint).profile(profile);
    let url = |builder: S3TierBuilder| {
        let tier = builder.build().expect("it is right");
        let client = &tier.0.client;
        let region = client.learnt().region.clone();
        let call = crate::s3::request::Call::get("k", None);
        format!("{region} {}", call.request(&client.address, &region).url)
    };
    let host = "https://s3.test";
    for (profile, region) in [
        (Profile::R2, "auto"),
        (Profile::MinIo, "us-east-1"),
        (Profile::Gcs, "auto"),
        (Profile::Garage, "garage"),
        (Profile::Ceph, "us-east-1"),
        (Profile::Custom(Flags::default()), "us-east-1"),
    ] {
        assert_eq!(url(at(profile, host)), format!("{region} https://s3.test/bkt/k"));
        let told = at(profile, host).region("x-1").addressing(Addressing::VirtualHost);
        assert_eq!(url(told), "x-1 https://bkt.s3.test/k");
    }
    assert_eq!(
        url(at(Profile::B2, host).region("us-west-004")),
        "us-west-004 https://s3.test/bkt/k"
    );
    // Amazon has other endpoints, too.
    assert_eq!(url(at(Profile::Aws, host)), "us-east-1 https://bkt.s3.test/k");
    assert_eq!(url(at(Profile::Aws, "http://[::1]:1")), "us-east-1 http://[::1]:1/bkt/k");
    let dotted = S3Tier::builder("a.b.c").endpoint(host).profile(Profile::Aws);
    assert_eq!(url(dotted), "us-east-1 https://s3.test/a.b.c/k");
    let amazon = "us-east-1 https://bkt.s3.us-east-1.amazonaws.com/k";
    assert_eq!(url(S3Tier::builder("bkt")), amazon);
    assert_eq!(url(S3Tier::builder("bkt").profile(Profile::Custom(Flags::default()))), amazon);
}

#[test]
fn a_store_that_is_not_amazons_is_told_where_it_is() {
    check(
        S3Tier::builder("bkt").profile(Profile::R2),
        expect!["invalid: R2 is at no endpoint of its own; give it one"],
    );
    check(
        custom("https://s3.us-west-004.backblazeb2.com").profile(Profile::B2),
        expect!["invalid: B2 needs its region; give the one that its endpoint names"],
    );
}

#[test]
fn what_is_known_of_the_store_depends_on_the_endpoint_where_no_profile_says() {
    let flags = |builder: S3TierBuilder| builder.build().expect("it is right").0.client.profile;
    assert_eq!(flags(S3Tier::builder("bkt")), Profile::Aws.flags());
    assert_eq!(flags(custom("http://h")), Flags::default());
    assert_eq!(flags(custom("http://h").profile(Profile::Garage)), Profile::Garage.flags());
}
