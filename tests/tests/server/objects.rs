use std::time::{Duration, UNIX_EPOCH};

use hyper::Method;
use tiered_storage_tests::server::client::Call;
use tiered_storage_tests::server::{Damage, Object, Options};

use super::{BUCKET, granted, refused, send, start, start_with, verdict};

#[tokio::test]
async fn objects_are_put_read_and_deleted_with_their_headers() {
    let (server, client) = start();
    let put = Call::put(BUCKET, "k", "hello")
        .header("content-type", "text/plain")
        .header("cache-control", "max-age=1")
        .header("x-amz-meta-tiered-storage", "v1;x");
    let put = send(&client, put).await;
    assert_eq!((put.status, put.header("etag")), (200, "\"5d41402abc4b2a76b9719d911017c592\""));

    let get = send(&client, Call::get(BUCKET, "k")).await;
    assert_eq!((get.status, get.text().as_str()), (200, "hello"));
    let head = send(&client, Call::head(BUCKET, "k")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for answer in [&get, &head] {
        assert_eq!(answer.header("content-length"), "5");
        assert_eq!(answer.header("etag"), put.header("etag"));
        assert_eq!(answer.header("content-type"), "text/plain");
        assert_eq!(answer.header("cache-control"), "max-age=1");
        assert_eq!(answer.header("x-amz-meta-tiered-storage"), "v1;x");
        assert!(answer.header("last-modified").ends_with(" GMT"));
        assert!(answer.header("date").ends_with(" GMT"));
        assert_eq!(answer.header("x-amz-request-id").len(), 16);
    }

    for _ in 0..2 {
        assert_eq!(verdict(&client, Call::delete(BUCKET, "k")).await, granted(204));
    }
    assert_eq!(verdict(&client, Call::get(BUCKET, "k")).await, refused(404, "NoSuchKey"));
    let head = send(&client, Call::head(BUCKET, "k")).await;
    assert_eq!((head.status, head.body.len()), (404, 0));
    assert_eq!(server.objects(BUCKET), []);
}

#[tokio::test]
async fn an_overwrite_takes_nothing_over() {
    let (server, client) = start();
    send(&client, Call::put(BUCKET, "k", "1").header("x-amz-meta-a", "b")).await;
    send(&client, Call::put(BUCKET, "k", "2")).await;
    let object = server.object(BUCKET, "k").expect("it was put");
    assert_eq!((&object.body[..], object.metadata.len()), (&b"2"[..], 0));
}

#[tokio::test]
async fn ranges_are_parts_of_the_body() {
    let (_server, client) = start();
    send(&client, Call::put(BUCKET, "k", "0123456789")).await;
    for (range, body, content_range) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ] {
        let answer = send(&client, Call::get(BUCKET, "k").header("range", range)).await;
        assert_eq!((answer.status, answer.text().as_str()), (206, body), "{range}");
        assert_eq!(answer.header("content-range"), content_range);
    }
    let answer = send(&client, Call::get(BUCKET, "k").header("range", "bytes=10-")).await;
    assert_eq!((answer.status, answer.element("Code").as_str()), (416, "InvalidRange"));
    assert_eq!(answer.header("content-range"), "bytes */10");
}

#[tokio::test]
async fn every_key_is_a_key() {
    let (server, client) = start();
    let long = "k".repeat(1_024);
    let keys = [
        "a",
        "a/b",
        "a//b",
        "/a",
        "a/",
        "//",
        "/",
        "a+b",
        "a%25b",
        "a%2Fb",
        "a b",
        " ",
        "é",
        "日本",
        "\u{1f600}",
        "it's(1)!*",
        "#?&=:@,;$",
        "<&>\"'",
        ".",
        "..",
        "a/../b",
        "A",
        "~",
        &long,
    ];
    for key in keys {
        let put = Call::put(BUCKET, key, key.to_owned());
        assert_eq!(verdict(&client, put).await, granted(200), "{key:?}");
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let stored: Vec<String> = server.objects(BUCKET).into_iter().map(|(key, _)| key).collect();
    assert_eq!(stored, sorted);
    let list = send(&client, Call::list(BUCKET).query("encoding-type", "url")).await;
    let decoded: Vec<String> = list.elements("Key").iter().map(|key| form_decoded(key)).collect();
    assert_eq!(decoded, sorted);
    assert_eq!(send(&client, Call::list(BUCKET)).await.elements("Key"), sorted);
    for key in keys {
        assert_eq!(send(&client, Call::get(BUCKET, key)).await.text(), key);
        assert_eq!(verdict(&client, Call::delete(BUCKET, key)).await, granted(204), "{key:?}");
    }
    assert_eq!(server.objects(BUCKET), []);
    let too_long = Call::put(BUCKET, &"k".repeat(1_025), "");
    assert_eq!(verdict(&client, too_long).await, refused(400, "KeyTooLongError"));
}

fn form_decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    let (server, client) = start();
    for key in ["a", "b<&>", "c"] {
        send(&client, Call::put(BUCKET, key, "")).await;
    }
    let answer = send(&client, delete_objects(&["a", "b<&>", "absent"], "")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.elements("Key"), ["a", "b<&>", "absent"]);
    assert_eq!(answer.elements("Error").len(), 0);
    let quiet = send(&client, delete_objects(&["c"], "<Quiet>true</Quiet>")).await;
    assert_eq!((quiet.status, quiet.elements("Key").len()), (200, 0));
    assert_eq!(server.objects(BUCKET), []);

    let keys = vec!["k"; 1_001];
    assert_eq!(verdict(&client, delete_objects(&keys, "")).await, refused(400, "MalformedXML"));
    let mut unguarded = delete_objects(&["a"], "");
    unguarded.headers.clear();
    assert_eq!(verdict(&client, unguarded).await, refused(400, "InvalidRequest"));
}

pub(crate) fn delete_objects(keys: &[&str], more: &str) -> Call {
    let escape = |key: &&str| key.replace('&', "&amp;").replace('<', "&lt;");
    let object = |key| format!("<Object><Key>{}</Key></Object>", escape(key));
    let objects: String = keys.iter().map(object).collect();
    let body = format!("<Delete>{more}{objects}</Delete>");
    Call::new(Method::POST, format!("/{BUCKET}"))
        .query("delete", "")
        .header("x-amz-checksum-sha256", &sha256(body.as_bytes()))
        .body(body)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(bytes))
}

#[tokio::test]
async fn copies_keep_or_replace_the_headers() {
    let (server, client) = start();
    send(&client, Call::put(BUCKET, "a+b c", "x").header("x-amz-meta-m", "1")).await;
    let copy =
        |to: &str| Call::put(BUCKET, to, "").header("x-amz-copy-source", "/bucket/a%2Bb%20c");
    let kept = send(&client, copy("kept")).await;
    assert_eq!((kept.status, kept.element("ETag")), (200, server_etag(&server, "kept")));
    assert_eq!(server.object(BUCKET, "kept").expect("it was copied").metadata["m"], "1");

    let onto_itself = refused(400, "InvalidRequest");
    assert_eq!(verdict(&client, copy("a+b c")).await, onto_itself);
    let replace = copy("a+b c").header("x-amz-metadata-directive", "REPLACE");
    let replace = replace.header("x-amz-meta-m", "2").header("content-type", "text/css");
    assert_eq!(verdict(&client, replace).await, granted(200));
    let object = server.object(BUCKET, "a+b c").expect("it is there");
    assert_eq!((object.metadata["m"].as_str(), &object.body[..]), ("2", &b"x"[..]));
    assert_eq!(object.content_type.as_deref(), Some("text/css"));

    let absent = Call::put(BUCKET, "to", "").header("x-amz-copy-source", "bucket/absent");
    assert_eq!(verdict(&client, absent).await, refused(404, "NoSuchKey"));
}

fn server_etag(server: &tiered_storage_tests::server::Server, key: &str) -> String {
    server.object(BUCKET, key).expect("it is there").etag
}

#[tokio::test]
async fn metadata_ends_at_two_kibibytes() {
    let (_server, client) = start();
    let put = |bytes: usize| Call::put(BUCKET, "k", "").header("x-amz-meta-m", &"v".repeat(bytes));
    assert_eq!(verdict(&client, put(2_047)).await, granted(200));
    assert_eq!(verdict(&client, put(2_048)).await, refused(400, "MetadataTooLarge"));
}

#[tokio::test]
async fn a_checksum_is_verified_kept_and_told_when_asked() {
    let (_server, client) = start();
    let put = |sum: &str| Call::put(BUCKET, "k", "hello").header("x-amz-checksum-sha256", sum);
    assert_eq!(verdict(&client, put(&sha256(b"other"))).await, refused(400, "BadDigest"));
    assert_eq!(verdict(&client, Call::get(BUCKET, "k")).await, refused(404, "NoSuchKey"));
    assert_eq!(verdict(&client, put(&sha256(b"hello"))).await, granted(200));
    let asked = Call::head(BUCKET, "k").header("x-amz-checksum-mode", "ENABLED");
    let asked = send(&client, asked).await;
    assert_eq!(asked.header("x-amz-checksum-sha256"), sha256(b"hello"));
    let unasked = send(&client, Call::get(BUCKET, "k")).await;
    assert_eq!(unasked.header("x-amz-checksum-sha256"), "");

    let md5 = |sum: &str| Call::put(BUCKET, "k", "hello").header("content-md5", sum);
    assert_eq!(verdict(&client, md5("XUFAKrxLKna5cZ2REBfFkg==")).await, granted(200));
    let other = md5("1B2M2Y8AsgTpgAmY7PhCfg==");
    assert_eq!(verdict(&client, other).await, refused(400, "BadDigest"));
}

#[tokio::test]
async fn buckets_are_made_found_and_told_apart() {
    let (_server, client) =
        start_with(Options { region: "eu-west-1".to_owned(), ..Options::default() });
    let create = || Call::new(Method::PUT, "/other");
    assert_eq!(verdict(&client, create()).await, granted(200));
    assert_eq!(verdict(&client, create()).await, refused(409, "BucketAlreadyOwnedByYou"));
    let list = send(&client, Call::new(Method::GET, "/")).await;
    assert_eq!(list.elements("Name"), ["bucket", "other"]);
    let head = send(&client, Call::new(Method::HEAD, "/other")).await;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (200, "eu-west-1"));
    let location = Call::new(Method::GET, "/other").query("location", "");
    assert!(send(&client, location).await.text().contains("eu-west-1"));

    assert_eq!(verdict(&client, Call::head("absent", "k")).await.0, 404);
    for call in [Call::get("absent", "k"), Call::put("absent", "k", ""), Call::list("absent")] {
        assert_eq!(verdict(&client, call).await, refused(404, "NoSuchBucket"));
    }
}

#[tokio::test]
async fn tests_reach_objects_behind_the_protocol() {
    let (server, client) = start();
    let old = Object { last_modified: UNIX_EPOCH + Duration::from_secs(1), ..Object::new("0123") };
    server.put_object_raw(BUCKET, "k", old.clone());
    let get = send(&client, Call::get(BUCKET, "k")).await;
    assert_eq!(get.header("last-modified"), "Thu, 01 Jan 1970 00:00:01 GMT");
    assert_eq!(get.header("content-type"), "binary/octet-stream");
    for (how, body) in [
        (Damage::FlipBit(0), "1123"),
        (Damage::Truncate(2), "11"),
        (Damage::Replace("other".into()), "other"),
    ] {
        server.damage(BUCKET, "k", how);
        let damaged = send(&client, Call::get(BUCKET, "k")).await;
        assert_eq!((damaged.text().as_str(), damaged.header("etag")), (body, get.header("etag")));
    }
}
