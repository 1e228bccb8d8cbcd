//! S3 as others wrote it: servers that take the signatures that the embedded server takes, and a client that reads what
//! the library writes.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::TryStreamExt;
use http_body_util::Full;
use hyper::{Method, Request};
use serde_json::{Value, json};
use tiered_storage::{
    ErrorKind, SetOptions, TieredStorage,
    s3::{CompactSigner, Profile, S3Tier, StaticCredentials},
    tier::{Presign, PresignMethod},
};
use tiered_storage_tests::peers::{Boto, Ministack, Rclone, or_skip};
use tiered_storage_tests::server::client::{Call, Client};
use tiered_storage_tests::server::{Options, Server};

#[tokio::test]
async fn objects_are_put_and_read_and_strangers_refused() {
    let Some(ministack) = or_skip(Ministack::start().await) else { return };
    let (client, bucket) = (ministack.client(), ministack.bucket());
    let key = "a b/c+d%25 é";
    let put = client.send(Call::put(bucket, key, "hello")).await.expect("ministack answers");
    assert_eq!(put.status, 200, "{}\n{}", put.text(), ministack.log());
    let get = client.send(Call::get(bucket, key)).await.expect("ministack answers");
    assert_eq!((get.status, get.text().as_str()), (200, "hello"));
    assert_eq!(get.header("etag"), put.header("etag"));

    let stranger = Client { secret_key: "wrong".to_owned(), ..client.clone() };
    let refused = stranger.send(Call::get(bucket, key)).await.expect("ministack answers");
    assert_eq!(refused.status, 403);
    assert_eq!(refused.element("Code"), "SignatureDoesNotMatch");
}

/// What a server answers to a request, as far as clients decide by it.
async fn verdict(client: &Client, call: Call) -> (u16, String, Vec<String>, String) {
    let answer = client.send(call).await.expect("the server answers");
    let body = if answer.headers.contains_key("etag") { answer.text() } else { String::new() };
    // Some errors repeat the key.
    let mut keys = if answer.status == 200 { answer.elements("Key") } else { Vec::new() };
    // An encoded space is + on S3 and here, %20 on ministack; clients must take both.
    keys.iter_mut().for_each(|key| *key = key.replace("%20", "+"));
    (answer.status, answer.element("Code"), keys, body)
}

/// Two servers that know nothing of each other read the protocol alike.
#[tokio::test]
async fn the_embedded_server_answers_as_ministack_does() {
    let Some(ministack) = or_skip(Ministack::start().await) else { return };
    let server = Server::start(Options::default()).expect("a port is free");
    let (ours, theirs) = (server.client(), ministack.client());
    // The MD5 of "1".
    let etag = "\"c4ca4238a0b923820dcc509a6f75849b\"";
    let put = |body: &'static str| Call::put("bucket", "k", body);
    let get = |name: &str, value: &str| Call::get("bucket", "k").header(name, value);
    let copy = |key: &str| Call::put("bucket", key, "").header("x-amz-copy-source", "bucket/k");
    let list = |name: &str, value: &str| Call::list("bucket").query(name, value);
    let script = [
        Call::get("bucket", "k"),
        Call::get("nobody-s-bucket", "k"),
        put("0").header("if-match", etag),
        put("1").header("if-none-match", "*"),
        put("2").header("if-none-match", "*"),
        put("2").header("if-match", "\"x\""),
        put("1").header("if-match", etag),
        get("if-match", "\"x\""),
        get("if-none-match", etag),
        get("if-none-match", "\"x\""),
        get("range", "bytes=0-0"),
        get("range", "bytes=-9"),
        get("range", "bytes=1-"),
        copy("k").header("x-amz-metadata-directive", "REPLACE"),
        copy("k2").header("x-amz-copy-source-if-match", "\"x\""),
        copy("k2").header("x-amz-copy-source-if-match", etag),
        Call::put("bucket", "/a//b +%25/", "x"),
        Call::get("bucket", "/a//b +%25/"),
        Call::put("bucket", "k/é", "x"),
        list("prefix", "k"),
        list("delimiter", "/"),
        list("encoding-type", "url"),
        list("start-after", "k"),
        list("max-keys", "0"),
        Call::delete("bucket", "absent"),
        Call::delete("bucket", "absent").header("if-match", etag),
        Call::delete("bucket", "k").header("if-match", "\"x\""),
        Call::delete("bucket", "k").header("if-match", etag),
        Call::get("bucket", "k"),
    ];
    for call in script {
        let shown = format!("{call:?}");
        assert_eq!(verdict(&ours, call.clone()).await, verdict(theirs, call).await, "{shown}");
    }
}

/// A storage that has nothing but a bucket.
async fn storage(client: &Client, bucket: &str, secret: &str) -> TieredStorage {
    let tier = S3Tier::builder(bucket)
        .endpoint(&client.endpoint)
        .credentials(StaticCredentials::new(&*client.access_key, secret))
        .profile(Profile::MinIo)
        .build();
    let tier = tier.expect("the settings are right");
    TieredStorage::builder(Arc::new(tier)).open().await.expect("the settings are right")
}

#[tokio::test]
async fn entries_survive_rclone_and_strangers_are_refused() {
    let Some(rclone) = or_skip(Rclone::start().await) else { return };
    let client = rclone.client();
    let storage_of = |secret: String| storage(client, rclone.bucket(), secret.leak());
    let mine = storage_of(client.secret_key.clone()).await;
    for key in ["plain", "a b/c+d%25 é", "it's (1)!*", "&<>\"=#?", "日本/語 😀"] {
        let options = SetOptions::default().mime_type("text/x-odd").field("where", "Zürich");
        mine.set_with(key, key.to_owned(), options).await.expect("it is written");
        let read = mine.get_with_metadata(key).await.expect("it is read").expect("it is there");
        assert_eq!(read.data, key.as_bytes(), "{}", rclone.log());
        assert_eq!(read.metadata.mime_type(), Some("text/x-odd"));
        assert_eq!(read.metadata.custom()["where"], "Zürich");
    }
    let keys: Vec<_> = mine.keys("").try_collect().await.expect("they are listed");
    assert_eq!(keys.len(), 5, "{keys:?}");
    assert_eq!(mine.invalidate("").await, Ok(5));
    assert_eq!(mine.get("plain").await, Ok(None));

    let error = storage_of("wrong".to_owned()).await.get("plain").await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

/// Keys that S3 takes, each with the key as its body.
const KEYS: [&str; 8] =
    ["plain", "a b/c+d%25 é", "it's (1)!*", "&<>\"=#?,;:@", "日本/語 😀", "a//b/", "%2F%00", "+ +"];

fn in_latin(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// What the library writes, boto3 reads, lists and deletes; what boto3 writes, the library reads.
async fn check_with_boto(client: &Client, bucket: &str) {
    let Some(boto) = or_skip(Boto::new(client, bucket).await) else { return };
    let mine = storage(client, bucket, &client.secret_key).await;

    let mut etags = Vec::new();
    for key in KEYS {
        let options = SetOptions::default().mime_type("text/x-odd").field("where", "Zürich");
        let key = format!("ours/{key}");
        let written = mine.set_with(&*key, key.clone(), options).await.expect("it is written");
        etags.push(written.metadata.etag.expect("S3 gives versions").as_str().to_owned());
    }
    let get = |key: &str| json!({"get": format!("ours/{key}")});
    let told = boto.run(Value::Array(KEYS.iter().map(|key| get(key)).collect())).await;
    for ((key, etag), told) in KEYS.iter().zip(etags).zip(told) {
        let body = format!("ours/{key}");
        assert_eq!(told["body"], in_latin(&body));
        assert_eq!((&told["type"], &told["etag"]), (&json!("text/x-odd"), &json!(etag)));
        assert_eq!(told["length"], body.len());
        let fields = told["fields"].as_object().expect("an object");
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["tiered-storage"], "one header has it all");
        let line = fields["tiered-storage"].as_str().expect("a text");
        assert!(line.starts_with(&format!("1;s={};", body.len())), "{line}");
    }

    let headers = json!({"ContentType": "text/y", "Metadata": {"city": "Zurich", "n-1": "a b"}});
    let put = |key: &str| {
        let (key, body) = (format!("theirs/{key}"), in_latin(key));
        json!({"put": key, "body": body, "headers": headers})
    };
    let told = boto.run(Value::Array(KEYS.iter().map(|key| put(key)).collect())).await;
    for (key, etag) in KEYS.iter().zip(told) {
        let read = mine.get_with_metadata(format!("theirs/{key}")).await.expect("it is read");
        let read = read.expect("it is there");
        assert_eq!(read.data, key.as_bytes());
        assert_eq!(read.metadata.mime_type(), Some("text/y"));
        assert_eq!(
            (&*read.metadata.custom()["city"], &*read.metadata.custom()["n-1"]),
            ("Zurich", "a b")
        );
        assert_eq!(read.metadata.size(), key.len() as u64);
        assert_eq!(json!(read.metadata.etag.expect("S3 gives versions").as_str()), etag);
    }

    let told = boto.run(json!([{"list": ""}, {"list": "ours/"}])).await;
    let all: Vec<_> = mine.keys("").try_collect().await.expect("they are listed");
    let all: Vec<&str> = all.iter().map(|key| key.as_str()).collect();
    assert_eq!((json!(all), all.len()), (told[0].clone(), 2 * KEYS.len()));
    let own: Vec<&str> = all.into_iter().filter(|key| key.starts_with("ours/")).collect();
    assert_eq!(boto.run(json!([{"delete": own}])).await, [json!(KEYS.len())]);
    assert_eq!(mine.get("ours/plain").await, Ok(None));
    assert_eq!(mine.invalidate("theirs/").await, Ok(KEYS.len() as u64));
    assert_eq!(boto.run(json!([{"list": ""}])).await, [json!([])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto_and_the_library_share_a_bucket_of_the_embedded_server() {
    let server = Server::start(Options::default()).expect("a port is free");
    check_with_boto(&server.client(), "bucket").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto_and_the_library_share_a_bucket_of_ministack() {
    let Some(ministack) = or_skip(Ministack::start().await) else { return };
    check_with_boto(ministack.client(), ministack.bucket()).await;
}

#[tokio::test]
async fn urls_of_both_signers_are_taken_and_others_refused() {
    let Some(ministack) = or_skip(Ministack::start().await) else { return };
    let client = ministack.client();
    let builder = || {
        S3Tier::builder(ministack.bucket())
            .endpoint(&client.endpoint)
            .region(&client.region)
            .credentials(StaticCredentials::new(&client.access_key, &client.secret_key))
    };
    let ask = async |method: Method, url: &str, body: &'static str| {
        let path = url.strip_prefix(&client.endpoint).expect("a URL of the server");
        let authority = client.endpoint.trim_start_matches("http://");
        let request = Request::builder().method(method).uri(path).header("host", authority);
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        client.send_request(request).await.expect("ministack answers")
    };
    for tier in [builder(), builder().signer(CompactSigner)] {
        let tier = tier.build().expect("the configuration is right");
        let url = async |method| {
            let presign = Presign::new(method, Duration::from_secs(60));
            tier.presign("a b/c+d%25 \u{e9}", presign).await.expect("a URL")
        };
        let (put, get) = (url(PresignMethod::Put).await, url(PresignMethod::Get).await);
        assert_eq!(ask(Method::PUT, &put, "hello").await.status, 200, "{}", ministack.log());
        assert_eq!(ask(Method::GET, &get, "").await.text(), "hello");
        assert_eq!(ask(Method::DELETE, &get, "").await.status, 403);
        assert_eq!(ask(Method::GET, &get.replace("=60&", "=61&"), "").await.status, 403);
        let delete = url(PresignMethod::Delete).await;
        assert_eq!(ask(Method::DELETE, &delete, "").await.status, 204);
        assert_eq!(ask(Method::GET, &get, "").await.status, 404);
    }
}
