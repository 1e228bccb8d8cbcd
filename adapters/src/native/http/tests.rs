use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    thread::JoinHandle,
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::*;

/// Answers one request with `reply`, then closes; gives what it was sent.
fn serve(reply: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a duration");
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        while !is_whole(&received) {
            match stream.read(&mut buffer).expect("a request") {
                0 => break,
                len => received.extend_from_slice(&buffer[..len]),
            }
        }
        stream.write_all(reply.as_bytes()).expect("a client that listens");
        String::from_utf8(received).expect("a request of text")
    });
    (url, server)
}

fn is_whole(received: &[u8]) -> bool {
    let text = String::from_utf8_lossy(received);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let len = head.to_ascii_lowercase().split_once("content-length: ").map_or(0, |(_, rest)| {
        rest.lines().next().and_then(|len| len.parse().ok()).expect("a length")
    });
    body.len() >= len
}

fn send(request: Request) -> Result<Response, HttpError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let http = ReqwestHttp::new(Tls::Never, 5_000).expect("a client");
    runtime.expect("a runtime").block_on(http.send(request))
}

fn get(url: String) -> Request {
    Request { method: Method::Get, url, headers: Vec::new(), body: Bytes::new() }
}

#[test]
fn a_request_goes_out_as_it_was_written() {
    let (url, server) = serve("HTTP/1.1 200 OK\r\nX-Title: \u{e9}\r\nContent-Length: 2\r\n\r\nok");
    let response = send(Request {
        method: Method::Put,
        url: format!("{url}/b//a%2Fb%20c/~.x/?x=%2B%20"),
        headers: vec![("x-amz-meta-a".into(), "1; b".to_owned())],
        body: Bytes::from_static(b"body"),
    })
    .expect("an answer");
    assert_eq!((response.status, &*response.body), (200, &b"ok"[..]));
    assert_eq!(response.header("x-title"), Some("\u{e9}"), "names are in lower case");
    let request = server.join().expect("served");
    assert!(request.starts_with("PUT /b//a%2Fb%20c/~.x/?x=%2B%20 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("x-amz-meta-a: 1; b\r\n") && request.ends_with("\r\n\r\nbody"));
    assert!(!request.to_ascii_lowercase().contains("accept-encoding"), "{request}");
}

#[test]
fn an_empty_put_has_a_length() {
    let (url, server) = serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    send(Request { method: Method::Put, ..get(format!("{url}/k")) }).expect("an answer");
    let request = server.join().expect("served").to_ascii_lowercase();
    assert!(request.contains("content-length: 0\r\n"), "{request}");
}

#[test]
fn redirects_are_answers_and_bodies_stay_encoded() {
    let (url, server) =
        serve("HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(send(get(format!("{url}/k"))).map(|response| response.status), Ok(307));
    server.join().expect("served");
    let (url, server) =
        serve("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nzzzz");
    let response = send(get(format!("{url}/k"))).expect("an answer");
    assert_eq!(
        (&*response.body, response.header("content-encoding")),
        (&b"zzzz"[..], Some("gzip"))
    );
    server.join().expect("served");
}

#[test]
fn failures_are_told_apart() {
    let kind = |request| send(request).map_err(|error| error.kind);
    let (url, server) = serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody");
    assert_eq!(kind(get(format!("{url}/k"))), Err(HttpErrorKind::Broken), "cut off");
    server.join().expect("served");
    // That port was free a moment ago, and nobody listens there now.
    let error = send(get(format!("{url}/secret-path"))).expect_err("refused");
    assert_eq!(error.kind, HttpErrorKind::Connect);
    assert!(!error.message.contains("secret-path"), "{error}");
    for url in ["http://h/a/../b", "http://h/a b", "not a url", "http://h:80/"] {
        assert_eq!(kind(get(url.to_owned())), Err(HttpErrorKind::Unsendable), "{url}");
    }
    let headers = vec![("x".into(), "a\nb".to_owned())];
    let request = Request { headers, ..get("http://127.0.0.1:1/".to_owned()) };
    assert_eq!(kind(request), Err(HttpErrorKind::Unsendable));
}

#[test]
fn tls_needs_no_provider_that_is_installed_for_the_process() {
    let config = tls_config(Tls::Never).expect("no roots are needed");
    assert!(config.alpn_protocols.is_empty());
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

#[test]
fn the_clock_is_the_systems() {
    let year_2020 = Timestamp::from_millis(1_577_836_800_000);
    assert!(TokioEnvironment.now() > year_2020);
}

/// Answers with so many bytes of a body of 3 MiB; gives what is opened of it.
fn open(sent: usize) -> (Response, Result<usize, HttpErrorKind>) {
    let len = 3 << 20;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n");
    let (url, server) = serve(String::leak(head + &"x".repeat(sent)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let http = ReqwestHttp::new(Tls::Never, 5_000).expect("a client");
    let opened = runtime.expect("a runtime").block_on(async {
        let (response, pieces) = http.open(get(format!("{url}/k")), 1 << 20).await?;
        let pieces = pieces.expect("the body is larger than that");
        let read = pieces.try_fold(0, async |read, piece| Ok(read + piece.len())).await;
        Ok::<_, HttpError>((response, read.map_err(|error| error.kind)))
    });
    server.join().expect("served");
    opened.expect("an answer")
}

#[test]
fn a_large_body_comes_in_pieces() {
    let (response, read) = open(3 << 20);
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert_eq!(read, Ok(3 << 20));
    assert_eq!(open(1 << 20).1, Err(HttpErrorKind::Broken), "cut off");
}
