use std::time::{Duration, Instant};

use hyper::Method;
use tiered_storage_tests::server::client::Call;
use tiered_storage_tests::server::{Counts, Fault, Kind, Rule};

use super::objects::delete_objects;
use super::{BUCKET, granted, refused, send, start, verdict};

#[tokio::test]
async fn errors_come_as_often_as_asked_and_have_no_effect() {
    for (fault, status, code) in [
        (Fault::SLOW_DOWN, 503, "SlowDown"),
        (Fault::INTERNAL_ERROR, 500, "InternalError"),
        (Fault::CONFLICT, 409, "ConditionalRequestConflict"),
        (Fault::EXPIRED_TOKEN, 400, "ExpiredToken"),
        (Fault::REQUEST_TIMEOUT, 400, "RequestTimeout"),
        (Fault::ACCESS_DENIED, 403, "AccessDenied"),
        (Fault::NOT_IMPLEMENTED, 501, "NotImplemented"),
        (Fault::ErrorIn200 { code: "InternalError" }, 200, "InternalError"),
    ] {
        let (server, client) = start();
        server.faults().add(Rule::new(fault).times(2));
        for left in [1, 0] {
            let answer = verdict(&client, Call::put(BUCKET, "k", "1")).await;
            assert_eq!(answer, refused(status, code));
            assert_eq!(server.faults().waiting(), left);
        }
        assert!(server.object(BUCKET, "k").is_none());
        assert_eq!(verdict(&client, Call::put(BUCKET, "k", "1")).await, granted(200));
        assert_eq!(server.faults().fired(), 2);
    }
}

#[tokio::test]
async fn a_rule_befalls_only_the_requests_it_names() {
    let (server, client) = start();
    send(&client, Call::put(BUCKET, "a b", "")).await;
    send(&client, Call::put(BUCKET, "c", "")).await;
    let faults = server.faults();
    faults.add(Rule::new(Fault::SLOW_DOWN).on(Kind::Get).naming("a b"));
    faults.add(Rule::new(Fault::INTERNAL_ERROR).on(Kind::List).naming("prefix=x y"));
    faults.add(Rule::new(Fault::NOT_IMPLEMENTED).on(Kind::DeleteObjects).naming("<Key>c"));
    for call in [Call::get(BUCKET, "c"), Call::head(BUCKET, "a b"), Call::list(BUCKET)] {
        assert_eq!(verdict(&client, call).await, granted(200));
    }
    assert_eq!(verdict(&client, Call::get(BUCKET, "a b")).await, refused(503, "SlowDown"));
    let list = Call::list(BUCKET).query("prefix", "x y");
    assert_eq!(verdict(&client, list).await, refused(500, "InternalError"));
    assert_eq!(verdict(&client, delete_objects(&["a b"], "")).await, granted(200));
    let bulk = verdict(&client, delete_objects(&["c"], "")).await;
    assert_eq!(bulk, refused(501, "NotImplemented"));
    assert_eq!((faults.fired(), faults.waiting()), (3, 0));
}

#[tokio::test]
async fn read_only_is_a_rule_without_end() {
    let (server, client) = start();
    server.faults().add(Rule::new(Fault::ACCESS_DENIED).on_writes().always());
    let create = Call::new(Method::POST, "/bucket/k").query("uploads", "");
    for call in
        [Call::put(BUCKET, "k", ""), Call::delete(BUCKET, "k"), delete_objects(&["k"], ""), create]
    {
        assert_eq!(verdict(&client, call).await, refused(403, "AccessDenied"));
    }
    assert_eq!(verdict(&client, Call::list(BUCKET)).await, granted(200));
    server.faults().clear();
    assert_eq!(verdict(&client, Call::put(BUCKET, "k", "")).await, granted(200));
}

#[tokio::test]
async fn single_keys_fail_within_a_bulk_delete() {
    let (server, client) = start();
    for key in ["a", "b", "c"] {
        send(&client, Call::put(BUCKET, key, "")).await;
    }
    let rule = Rule::new(Fault::KeyError { code: "InternalError" }).on(Kind::DeleteObjects);
    server.faults().add(rule.naming("b"));
    let answer = send(&client, delete_objects(&["a", "b", "c"], "<Quiet>true</Quiet>")).await;
    assert_eq!((answer.status, answer.elements("Key")), (200, vec!["b".to_owned()]));
    assert_eq!(answer.element("Code"), "InternalError");
    let left: Vec<String> = server.objects(BUCKET).into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["b"]);
    assert_eq!(send(&client, delete_objects(&["b"], "")).await.elements("Error").len(), 0);
}

#[tokio::test]
async fn a_redirect_names_the_other_place() {
    let (server, client) = start();
    let to = "http://127.0.0.1:1/bucket/k";
    server.faults().add(Rule::new(Fault::Redirect(to.to_owned())));
    let answer = send(&client, Call::put(BUCKET, "k", "")).await;
    assert_eq!((answer.status, answer.header("location")), (307, to));
    assert_eq!(answer.element("Code"), "TemporaryRedirect");
    assert!(server.object(BUCKET, "k").is_none());
}

#[tokio::test]
async fn a_connection_is_dropped_before_or_after_the_effect() {
    let (server, client) = start();
    server.faults().add(Rule::new(Fault::DropBefore));
    client.send(Call::put(BUCKET, "k", "1")).await.expect_err("nothing is answered");
    assert!(server.object(BUCKET, "k").is_none());
    server.faults().add(Rule::new(Fault::DropAfter));
    client.send(Call::put(BUCKET, "k", "2")).await.expect_err("nothing is answered");
    assert_eq!(server.object(BUCKET, "k").expect("it was put").body, "2");
}

#[tokio::test]
async fn a_truncated_body_begins_and_does_not_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (server, client) = start();
    send(&client, Call::put(BUCKET, "k", "0123456789")).await;
    server.faults().add(Rule::new(Fault::Truncate).on(Kind::Get).times(2));
    client.send(Call::get(BUCKET, "k")).await.expect_err("the body is short");

    let request = client.sign(Call::get(BUCKET, "k"));
    let mut head = format!("GET {} HTTP/1.1\r\n", request.uri());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().expect("the headers are text"));
    }
    let address = server.endpoint().replace("http://", "");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it closes");
    assert!(answer.contains("content-length: 10\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n01234"), "{answer}");
}

#[tokio::test]
async fn a_request_hangs_until_it_is_let_go() {
    let (server, client) = start();
    server.faults().add(Rule::new(Fault::Hang).on(Kind::Put));
    let hanging = {
        let client = client.clone();
        tokio::spawn(async move { send(&client, Call::put(BUCKET, "k", "1")).await.status })
    };
    server.faults().until_fired(1).await;
    assert_eq!(verdict(&client, Call::get(BUCKET, "k")).await, refused(404, "NoSuchKey"));
    assert!(!hanging.is_finished());
    server.faults().release();
    assert_eq!(hanging.await.expect("the request ends"), 200);
    assert!(server.object(BUCKET, "k").is_some());
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_hanging_request_along() {
    let (server, client) = start();
    server.faults().add(Rule::new(Fault::Hang).on(Kind::Put));
    let hanging = {
        let client = client.clone();
        tokio::spawn(async move { client.send(Call::put(BUCKET, "k", "1")).await })
    };
    server.faults().until_hanging(1).await;
    hanging.abort();
    let _ = hanging.await;
    server.faults().until_hanging(0).await;
    server.faults().release();
    assert_eq!(verdict(&client, Call::get(BUCKET, "k")).await, refused(404, "NoSuchKey"));
}

#[tokio::test]
async fn latency_delays_and_goes_with_another_fault() {
    let (server, client) = start();
    let by = Duration::from_millis(50);
    server.faults().add(Rule::new(Fault::SLOW_DOWN));
    server.faults().add(Rule::new(Fault::Latency(by)));
    let started = Instant::now();
    assert_eq!(verdict(&client, Call::get(BUCKET, "k")).await, refused(503, "SlowDown"));
    assert!(started.elapsed() >= by);
    assert_eq!(server.faults().waiting(), 0);
}

#[tokio::test]
async fn requests_and_bytes_are_counted_by_kind() {
    let (server, client) = start();
    send(&client, Call::put(BUCKET, "k", "12345")).await;
    send(&client, Call::get(BUCKET, "k").header("range", "bytes=0-1")).await;
    send(&client, Call::head(BUCKET, "k")).await;
    let counts = server.counts();
    let expected = Counts {
        put: 1,
        get: 1,
        head: 1,
        body_bytes_in: 5,
        body_bytes_out: 2,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
    assert_eq!((counts.requests(), counts.reads(), counts.writes()), (3, 2, 1));

    server.reset_counts();
    let copy = || Call::put(BUCKET, "k2", "").header("x-amz-copy-source", "bucket/k");
    let on_upload = |method: Method| Call::new(method, "/bucket/k").query("uploadId", "x");
    for call in [
        Call::list(BUCKET),
        copy(),
        Call::delete(BUCKET, "k2"),
        delete_objects(&["k2"], ""),
        Call::new(Method::POST, "/bucket/k").query("uploads", ""),
        on_upload(Method::PUT).query("partNumber", "1"),
        on_upload(Method::POST),
        on_upload(Method::DELETE),
        on_upload(Method::GET),
    ] {
        send(&client, call).await;
    }
    let counts = server.counts();
    for kind in [
        Kind::List,
        Kind::Copy,
        Kind::Delete,
        Kind::DeleteObjects,
        Kind::CreateMultipart,
        Kind::UploadPart,
        Kind::Complete,
        Kind::Abort,
        Kind::Other,
    ] {
        assert_eq!(counts.of(kind), 1, "{kind:?}");
    }
    assert_eq!(counts.requests(), 9);
}

#[tokio::test]
async fn an_outage_closes_the_port_and_every_connection_and_keeps_the_objects() {
    let (server, client) = start();
    send(&client, Call::put(BUCKET, "k", "1")).await;
    server.faults().add(Rule::new(Fault::Hang).on(Kind::Get));
    let hanging = {
        let client = client.clone();
        tokio::spawn(async move { client.send(Call::get(BUCKET, "k")).await })
    };
    server.faults().until_fired(1).await;
    let endpoint = server.endpoint();
    server.stop();
    hanging.await.expect("no panic").expect_err("the connection is closed");
    client.send(Call::get(BUCKET, "k")).await.expect_err("nobody listens");
    server.restart().expect("the port is still ours");
    assert_eq!(server.endpoint(), endpoint);
    assert_eq!(send(&client, Call::get(BUCKET, "k")).await.text(), "1");
    server.restart().expect("a running server is left alone");
    assert_eq!(send(&client, Call::get(BUCKET, "k")).await.status, 200);
}

#[test]
fn a_client_that_blocks_its_runtime_is_served_by_the_server_s_own_thread() {
    use std::io::{Read, Write};

    let (server, client) = start();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let address = server.endpoint().replace("http://", "");
        let request = client.sign(Call::list(BUCKET));
        let mut text = format!("GET {} HTTP/1.1\r\n", request.uri());
        for (name, value) in request.headers() {
            text += &format!("{name}: {}\r\n", value.to_str().expect("the headers are text"));
        }
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout is set");
        stream.write_all(format!("{text}\r\n").as_bytes()).expect("it reads");
        let mut first = [0; 15];
        stream.read_exact(&mut first).expect("it answers");
        assert_eq!(&first, b"HTTP/1.1 200 OK");
    });
}
