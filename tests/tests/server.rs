//! The embedded S3 server: what it does as S3 does, and each fault.

use tiered_storage_tests::server::client::{Answer, Call, Client};
use tiered_storage_tests::server::{Options, Server};

const BUCKET: &str = "bucket";

fn start() -> (Server, Client) {
    let server = Server::start(Options::default()).expect("a port is free");
    let client = server.client();
    (server, client)
}

async fn send(client: &Client, call: Call) -> Answer {
    client.send(call).await.expect("the server answers")
}

#[tokio::test]
async fn objects_are_put_read_listed_and_deleted() {
    let (server, client) = start();
    let put = Call::put(BUCKET, "a b/c+d", "hello")
        .header("content-type", "text/plain")
        .header("x-amz-meta-tiered-storage", "v1;x");
    let put = send(&client, put).await;
    assert_eq!((put.status, put.header("etag")), (200, "\"5d41402abc4b2a76b9719d911017c592\""));

    let get = send(&client, Call::get(BUCKET, "a b/c+d")).await;
    assert_eq!((get.status, get.text().as_str()), (200, "hello"));
    assert_eq!(get.header("etag"), put.header("etag"));
    assert_eq!(get.header("content-type"), "text/plain");
    assert_eq!(get.header("x-amz-meta-tiered-storage"), "v1;x");
    assert_ne!(get.header("last-modified"), "");

    let head = send(&client, Call::head(BUCKET, "a b/c+d")).await;
    assert_eq!((head.status, head.header("content-length")), (200, "5"));
    assert!(head.body.is_empty());

    let list = send(&client, Call::list(BUCKET)).await;
    assert_eq!(list.elements("Key"), ["a b/c+d"]);

    for _ in 0..2 {
        assert_eq!(send(&client, Call::delete(BUCKET, "a b/c+d")).await.status, 204);
    }
    let gone = send(&client, Call::get(BUCKET, "a b/c+d")).await;
    assert_eq!((gone.status, gone.element("Code").as_str()), (404, "NoSuchKey"));
    assert_eq!(send(&client, Call::head(BUCKET, "a b/c+d")).await.status, 404);
    assert_eq!(server.objects(BUCKET), []);
}
