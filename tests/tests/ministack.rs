//! ministack starts, and its S3 takes the signatures that the embedded server takes.

use tiered_storage_tests::ministack::Ministack;
use tiered_storage_tests::server::client::{Call, Client};

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
