//! ministack starts, and its S3 takes the signatures that the embedded server takes.

use tiered_storage_tests::ministack::Ministack;
use tiered_storage_tests::server::client::{Call, Client};
use tiered_storage_tests::server::{Options, Server};

#[tokio::test]
async fn objects_are_put_and_read_and_strangers_refused() {
    let ministack = Ministack::start().await.expect("ministack runs");
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
    let ministack = Ministack::start().await.expect("ministack runs");
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
