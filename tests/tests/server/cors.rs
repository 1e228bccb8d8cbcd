use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Method, Request};
use tiered_storage_tests::server::client::{Answer, Call, Client};
use tiered_storage_tests::server::{CorsMode, Fault, Options, Rule, Server};

use super::{BUCKET, send, start_with};

const ORIGIN: &str = "http://localhost:8080";

fn start() -> (Server, Client) {
    let cors_origins = vec![ORIGIN.to_owned()];
    start_with(Options { cors_origins, ..Options::default() })
}

async fn preflight(client: &Client, origin: &str, method: &str) -> Answer {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/bucket/k")
        .header("host", "localhost")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,x-amz-date")
        .body(Full::new(Bytes::new()))
        .expect("the request is whole");
    client.send_request(request).await.expect("the server answers")
}

fn cors(headers: &HeaderMap) -> Vec<&str> {
    let is_cors = |name: &str| name.starts_with("access-control-");
    headers.keys().map(|name| name.as_str()).filter(|name| is_cors(name)).collect()
}

#[tokio::test]
async fn a_preflight_of_a_known_origin_is_granted() {
    let (server, client) = start();
    for method in ["GET", "PUT", "HEAD", "POST", "DELETE"] {
        let answer = preflight(&client, ORIGIN, method).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
        assert!(answer.header("access-control-allow-methods").contains(method));
        let headers = answer.header("access-control-allow-headers");
        assert_eq!(headers, "authorization,x-amz-date");
        assert_eq!(answer.header("access-control-max-age"), "3000");
    }
    for (origin, method) in [("http://evil.example", "GET"), (ORIGIN, "PATCH")] {
        let answer = preflight(&client, origin, method).await;
        assert_eq!((answer.status, answer.element("Code").as_str()), (403, "AccessForbidden"));
    }
    assert_eq!(server.counts().preflight, 7);
}

#[tokio::test]
async fn answers_and_errors_expose_what_the_library_needs() {
    let (server, client) = start();
    server.faults().add(Rule::new(Fault::SLOW_DOWN).naming("slow"));
    send(&client, Call::put(BUCKET, "k", "")).await;
    for key in ["k", "absent", "slow"] {
        let answer = send(&client, Call::get(BUCKET, key).header("origin", ORIGIN)).await;
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
        let exposed = answer.header("access-control-expose-headers");
        for name in ["ETag", "Date", "Content-Range", "x-amz-meta-tiered-storage"] {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{name} in {exposed}");
        }
        assert!(answer.header("vary").contains("Origin"));
    }
    let other = Call::get(BUCKET, "k").header("origin", "http://evil.example");
    assert_eq!(cors(&send(&client, other).await.headers), [] as [&str; 0]);
    assert_eq!(cors(&send(&client, Call::get(BUCKET, "k")).await.headers), [] as [&str; 0]);
}

#[tokio::test]
async fn rules_can_be_wrong_or_absent() {
    let (server, client) = start();
    let get = || Call::get(BUCKET, "k").header("origin", ORIGIN);
    server.set_cors(CorsMode::HidesHeaders);
    assert_eq!(preflight(&client, ORIGIN, "GET").await.status, 200);
    assert_eq!(cors(&send(&client, get()).await.headers), ["access-control-allow-origin"]);
    server.set_cors(CorsMode::Off);
    assert_eq!(preflight(&client, ORIGIN, "GET").await.status, 403);
    assert_eq!(cors(&send(&client, get()).await.headers), [] as [&str; 0]);
}
