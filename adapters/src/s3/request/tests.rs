use bytes::Bytes;
use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use tiered_storage_core::{Key, Timestamp};

use super::*;

fn custom(addressing: Addressing) -> Address {
    let site = Site::Custom { scheme: "http", host: "127.0.0.1:9000".to_owned() };
    Address { bucket: "bkt".to_owned(), site, addressing }
}

fn aws(addressing: Addressing) -> Address {
    Address { bucket: "bkt".to_owned(), site: Site::Aws, addressing }
}

fn metadata() -> Metadata {
    let key = Key::new("k").expect("a key");
    Metadata::new(key, 5, Timestamp::from_millis(7)).with_mime_type("text/plain")
}

fn check(call: &Call, expected: Expect) {
    let request = call.request(&custom(Addressing::Path), "eu-central-1");
    let mut text = format!("{} {}\n", request.method.as_str(), request.url);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push_str(core::str::from_utf8(&request.body).expect("a body of text"));
    expected.assert_eq(&text);
}

#[test]
fn the_bucket_stands_in_the_path_or_in_the_host() {
    let (object, bucket) = (Call::delete("/a b"), Call::list("", "", None, 1));
    let mut urls = String::new();
    for address in [
        custom(Addressing::Path),
        custom(Addressing::VirtualHost),
        aws(Addressing::Path),
        aws(Addressing::VirtualHost),
    ] {
        for call in [&object, &bucket] {
            urls.push_str(&call.request(&address, "eu-central-1").url);
            urls.push('\n');
        }
    }
    urls.push_str(&object.request(&aws(Addressing::Path), "cn-north-1").url);
    expect![[r#"
        http://127.0.0.1:9000/bkt//a%20b
        http://127.0.0.1:9000/bkt?encoding-type=url&list-type=2&max-keys=1&prefix=
        http://bkt.127.0.0.1:9000//a%20b
        http://bkt.127.0.0.1:9000/?encoding-type=url&list-type=2&max-keys=1&prefix=
        https://s3.eu-central-1.amazonaws.com/bkt//a%20b
        https://s3.eu-central-1.amazonaws.com/bkt?encoding-type=url&list-type=2&max-keys=1&prefix=
        https://bkt.s3.eu-central-1.amazonaws.com//a%20b
        https://bkt.s3.eu-central-1.amazonaws.com/?encoding-type=url&list-type=2&max-keys=1&prefix=
        https://s3.cn-north-1.amazonaws.com.cn/bkt//a%20b"#]]
    .assert_eq(&urls);
}

#[test]
fn everything_but_unreserved_characters_is_encoded() {
    let name = "az AZ09-._~/!'()*+,:;=@&$%#?[]\"<>\\^`{|}\u{e9}";
    let path = encode_path(name);
    expect!["az%20AZ09-._~/%21%27%28%29%2A%2B%2C%3A%3B%3D%40%26%24%25%23%3F%5B%5D%22%3C%3E%5C%5E%60%7B%7C%7D%C3%A9"]
        .assert_eq(&path);
    check(
        &Call::list("a b+c/", "a b+c/d&e", None, 1000),
        expect![[r#"
            GET http://127.0.0.1:9000/bkt?encoding-type=url&list-type=2&max-keys=1000&prefix=a%20b%2Bc%2F&start-after=a%20b%2Bc%2Fd%26e
        "#]],
    );
}

#[test]
fn a_token_says_where_a_listing_goes_on() {
    check(
        &Call::list("p", "p1", Some("t/+="), 2),
        expect![[r#"
            GET http://127.0.0.1:9000/bkt?continuation-token=t%2F%2B%3D&encoding-type=url&list-type=2&max-keys=2&prefix=p
        "#]],
    );
}

#[test]
fn a_put_describes_the_entry_in_one_header() {
    check(
        &Call::put("k", &metadata(), Bytes::from_static(b"hello"), [0; 32]),
        expect![[r#"
            PUT http://127.0.0.1:9000/bkt/k
            x-amz-meta-tiered-storage: 1;s=5;c=7;m=text/plain
            content-type: text/plain
            hello"#]],
    );
}

#[test]
fn the_body_is_signed_by_the_checksum_that_is_known() {
    let call = Call::put("k", &metadata(), Bytes::from_static(b"hello"), [0xab; 32]);
    assert_eq!(call.payload_sha256, "ab".repeat(32));
}

#[test]
fn a_mime_type_that_no_header_can_carry_stays_in_the_metadata() {
    let custom = BTreeMap::from([("x".to_owned(), "\u{e9}\n".to_owned())]);
    let metadata = metadata().with_mime_type("text/\u{e9}\r\nx: y").with_custom(custom);
    check(
        &Call::put("k", &metadata, Bytes::new(), [0; 32]),
        expect![[r#"
            PUT http://127.0.0.1:9000/bkt/k
            x-amz-meta-tiered-storage: 1;s=5;c=7;m=~dGV4dC_DqQ0KeDogeQ;u=x:~w6kK
            content-type: application/octet-stream
        "#]],
    );
}

#[test]
fn a_copy_replaces_what_it_was_told_and_keeps_a_foreign_encoding() {
    let metadata = metadata().with_encoding("br");
    check(
        &Call::copy("bkt", "/a b", &metadata, &ETag::new("\"e\"")),
        expect![[r#"
            PUT http://127.0.0.1:9000/bkt//a%20b
            x-amz-copy-source: /bkt//a%20b
            x-amz-copy-source-if-match: "e"
            x-amz-metadata-directive: REPLACE
            x-amz-meta-tiered-storage: 1;s=5;c=7;m=text/plain;d=br
            content-type: text/plain
            content-encoding: br
        "#]],
    );
    let compressed = Call::copy("bkt", "k", &metadata.with_compressed(true), &ETag::new("\"e\""));
    assert!(!compressed.headers.iter().any(|(name, _)| *name == "content-encoding"));
}

#[test]
fn many_removals_are_one_document() {
    check(
        &Call::delete_many(&["a", "<&>\"'", "\u{e9}"]),
        expect![[r#"
            POST http://127.0.0.1:9000/bkt?delete=
            content-type: application/xml
            x-amz-checksum-sha256: oI4OSISvVa5q2N5o5EFI6ZsjIHeQ2UnLVdVJp4NX8nc=
            <?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>a</Key></Object><Object><Key>&lt;&amp;&gt;"'</Key></Object><Object><Key>é</Key></Object></Delete>"#]],
    );
}

#[test]
fn conditions_are_headers() {
    check(
        &Call::get("k", Some(&ETag::new("\"e\""))),
        expect![[r#"
            GET http://127.0.0.1:9000/bkt/k
            x-amz-checksum-mode: ENABLED
            if-none-match: "e"
        "#]],
    );
    check(
        &Call::delete_version("k", &ETag::new("\"e\"")),
        expect![[r#"
            DELETE http://127.0.0.1:9000/bkt/k
            if-match: "e"
        "#]],
    );
    check(
        &Call::get_start("k", 1026),
        expect![[r#"
            GET http://127.0.0.1:9000/bkt/k
            range: bytes=0-1025
        "#]],
    );
}
