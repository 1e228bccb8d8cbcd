//! URLs that the S3 tier presigns, used by a client that has no keys.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use tiered_storage::{
    S3Tier, StaticCredentials,
    s3::{CompactSigner, Credentials},
    tier::{Presign, PresignMethod, StorageTier as _},
};
use tiered_storage_core::Key;
use tiered_storage_tests::server::{
    Options, Server,
    client::{Answer, Client},
};

use super::{BUCKET, refused, start, start_with};

const MINUTE: Duration = Duration::from_secs(60);

fn tiers(server: &Server) -> [S3Tier; 2] {
    let Options { access_key, secret_key, session_token, region, .. } = server.options();
    let mut credentials = Credentials::new(access_key, secret_key);
    if let Some(token) = session_token {
        credentials = credentials.with_session_token(token);
    }
    let builder = || {
        S3Tier::builder(BUCKET)
            .endpoint(server.endpoint())
            .region(region)
            .credentials(StaticCredentials::from(credentials.clone()))
    };
    [builder(), builder().signer(CompactSigner)].map(|tier| tier.build().expect("right"))
}

async fn url(tier: &S3Tier, key: &str, method: PresignMethod) -> String {
    tier.presign(key, Presign::new(method, MINUTE)).await.expect("a URL")
}

/// Asks for a URL as anyone would.
async fn ask(client: &Client, method: Method, url: &str, body: &str) -> Answer {
    let path = url.strip_prefix(&client.endpoint).expect("a URL of the server");
    let authority = client.endpoint.trim_start_matches("http://");
    let request = Request::builder().method(method).uri(path).header("host", authority);
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
    client.send_request(request).await.expect("the server answers")
}

fn verdict(answer: &Answer) -> (u16, String) {
    (answer.status, answer.element("Code"))
}

#[tokio::test]
async fn each_url_does_what_it_is_for_with_any_key() {
    let (server, client) = start();
    let keys = ["a", "a/../b", "..", "a//b c", "#?%&+=", "~tiered-storage/x", "t\tab", "\u{1f600}"];
    for tier in tiers(&server) {
        for key in keys {
            let put = url(&tier, key, PresignMethod::Put).await;
            assert_eq!(ask(&client, Method::PUT, &put, key).await.status, 200, "{put}");
            let get = url(&tier, key, PresignMethod::Get).await;
            assert_eq!(ask(&client, Method::GET, &get, "").await.text(), key);
            let head = url(&tier, key, PresignMethod::Head).await;
            let answer = ask(&client, Method::HEAD, &head, "").await;
            assert_eq!(answer.header("content-length"), key.len().to_string());
            let name = Key::new(key).expect("a key");
            assert!(tier.head(&name).await.expect("an answer").is_some(), "it is an entry");
            let delete = url(&tier, key, PresignMethod::Delete).await;
            assert_eq!(ask(&client, Method::DELETE, &delete, "").await.status, 204);
            assert_eq!(ask(&client, Method::GET, &get, "").await.status, 404);
        }
        assert_eq!(server.objects(BUCKET), []);
    }
}

#[tokio::test]
async fn a_url_is_for_one_thing_one_object_and_a_while() {
    let (server, client) = start();
    for tier in tiers(&server) {
        let get = url(&tier, "k", PresignMethod::Get).await;
        let put = url(&tier, "k", PresignMethod::Put).await;
        assert_eq!(ask(&client, Method::PUT, &put, "body").await.status, 200);
        let mismatch = refused(403, "SignatureDoesNotMatch");
        let refused_one =
            async |method, url: String| verdict(&ask(&client, method, &url, "").await);
        assert_eq!(refused_one(Method::PUT, get.clone()).await, mismatch);
        assert_eq!(refused_one(Method::DELETE, get.clone()).await, mismatch);
        assert_eq!(refused_one(Method::GET, get.replace("/k?", "/l?")).await, mismatch);
        assert_eq!(refused_one(Method::GET, get.replace("=60&", "=61&")).await, mismatch);
        assert_eq!(refused_one(Method::GET, format!("{get}&x-id=1")).await, mismatch);
        let unsigned = get.split_once('?').expect("a query").0.to_owned();
        assert_eq!(refused_one(Method::GET, unsigned).await, refused(403, "AccessDenied"));

        // Half of its time: a slow machine has some left.
        server.faults().set_skew_ms(30_000);
        assert_eq!(ask(&client, Method::GET, &get, "").await.text(), "body");
        server.faults().set_skew_ms(62_000);
        let answer = ask(&client, Method::GET, &get, "").await;
        assert_eq!(verdict(&answer), refused(403, "AccessDenied"));
        assert_eq!(answer.element("Message"), "Request has expired");
        server.faults().set_skew_ms(-20 * 60_000);
        let answer = ask(&client, Method::GET, &get, "").await;
        assert_eq!(answer.element("Message"), "Request is not yet valid");
        server.faults().set_skew_ms(0);
    }
}

#[tokio::test]
async fn a_url_of_a_session_carries_its_token() {
    let token = Some("a+token/=".to_owned());
    let (server, client) = start_with(Options { session_token: token, ..Options::default() });
    for tier in tiers(&server) {
        let put = url(&tier, "k", PresignMethod::Put).await;
        assert_eq!(ask(&client, Method::PUT, &put, "body").await.status, 200);
        let other = put.replace("a%2Btoken", "b%2Btoken");
        assert_eq!(
            verdict(&ask(&client, Method::PUT, &other, "").await),
            refused(403, "SignatureDoesNotMatch")
        );
    }
}

#[tokio::test]
async fn a_url_for_another_region_is_refused_with_the_right_one() {
    let (server, client) =
        start_with(Options { region: "eu-west-1".to_owned(), ..Options::default() });
    let Options { access_key, secret_key, .. } = server.options();
    let tier = S3Tier::builder(BUCKET)
        .endpoint(server.endpoint())
        .credentials(StaticCredentials::new(access_key, secret_key))
        .build()
        .expect("right");
    let answer = ask(&client, Method::GET, &url(&tier, "k", PresignMethod::Get).await, "").await;
    assert_eq!(verdict(&answer), refused(400, "AuthorizationQueryParametersError"));
    assert_eq!(answer.element("Region"), "eu-west-1");
    // What an answer to the tier itself taught it, its URLs have, too.
    let key = Key::new("k").expect("a key");
    tier.read(&key, None).await.expect("an answer");
    let answer = ask(&client, Method::GET, &url(&tier, "k", PresignMethod::Get).await, "").await;
    assert_eq!(verdict(&answer), refused(404, "NoSuchKey"));
}
