//! Entries as answers to requests of HTTP: the cases that every host is held to, and what an answer costs.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use expect_test::expect;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use tiered_storage::{
    Compression, ErrorKind, Key, Metadata, SetOptions, TieredStorage, Timestamp,
    conformance::{Call, FaultTier, When},
    host::{Host, Task},
    memory::{MemoryOptions, MemoryTier},
    respond::{EntryBody, RespondOptions},
    tier::{StorageTier, Stored},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Table {
    #[serde(rename = "about")]
    _about: String,
    written: Timestamp,
    now: Timestamp,
    entries: BTreeMap<String, Given>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    text: Option<String>,
    json: Option<serde_json::Value>,
    mime_type: Option<String>,
    /// Of an object that another program stored.
    encoding: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    key: String,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    cache_control: Option<String>,
    expect: Answered,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Answered {
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

/// A world whose time is set by hand.
#[derive(Debug, Default)]
struct Still(AtomicU64);

impl Host for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn random(&self) -> u64 {
        7
    }

    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }

    fn sleep(&self, _ms: u64) -> Task {
        Box::pin(std::future::pending())
    }
}

/// A storage over two tiers that are counted.
struct World {
    time: Arc<Still>,
    hot: Arc<FaultTier>,
    cold: Arc<FaultTier>,
    storage: TieredStorage,
}

impl World {
    async fn open() -> Self {
        let tier = || {
            let memory = MemoryTier::new(MemoryOptions::new()).expect("no limits");
            Arc::new(FaultTier::new(Arc::new(memory)))
        };
        let (time, hot, cold) = (Arc::new(Still::default()), tier(), tier());
        let builder = TieredStorage::builder(cold.clone()).hot(hot.clone()).host(time.clone());
        let storage = builder.compression(Compression::Gzip).open().await;
        Self { time, hot, cold, storage: storage.expect("the settings are right") }
    }

    async fn put(&self, key: &str, given: &Given, now: Timestamp) {
        let mut options = SetOptions::default();
        options.mime_type.clone_from(&given.mime_type);
        if let Some(value) = &given.json {
            self.storage.set_json(key, value, options).await.expect("written");
            return;
        }
        let text = given.text.clone().expect("an entry has text, or JSON");
        let Some(encoding) = &given.encoding else {
            self.storage.set_with(key, text, options).await.expect("written");
            return;
        };
        let key = Key::new(key).expect("legal");
        let mut metadata =
            Metadata::new(key.clone(), text.len() as u64, now).with_encoding(encoding);
        if let Some(mime_type) = &given.mime_type {
            metadata = metadata.with_mime_type(mime_type);
        }
        let stored = Stored { metadata, body: text.into() };
        self.cold.write(&key, stored).await.expect("written");
    }

    /// How often the tiers were asked for metadata and for entries since that was last asked: hot and cold.
    fn asked(&self) -> String {
        let of = |tier: &FaultTier| [Call::Head, Call::Read].map(|call| tier.take_calls(call));
        let ([hot_heads, hot_reads], [cold_heads, cold_reads]) = (of(&self.hot), of(&self.cold));
        format!("hot {hot_heads}+{hot_reads} cold {cold_heads}+{cold_reads}")
    }
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
    let builder = Request::builder().method(method).uri("/any");
    let builder =
        headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(()).expect("a request")
}

async fn answered(response: Response<EntryBody>) -> Answered {
    let (parts, body) = response.into_parts();
    let text = |value: &http::HeaderValue| value.to_str().expect("printable").to_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let body = String::from_utf8(body.whole().await.expect("it is whole").into()).expect("text");
    Answered { status: parts.status.as_u16(), headers: headers.collect(), body }
}

#[tokio::test]
async fn every_case_is_answered_as_on_other_hosts() {
    let table: Table =
        serde_json::from_str(include_str!("../assets/respond.json")).expect("a table");
    let world = World::open().await;
    world.time.0.store(table.written.as_millis(), Ordering::Relaxed);
    for (key, given) in &table.entries {
        world.put(key, given, table.written).await;
    }
    world.time.0.store(table.now.as_millis(), Ordering::Relaxed);
    assert!(table.cases.len() > 60);
    for place in ["hot", "cold"] {
        for Case { name, key, method, headers, cache_control, expect } in &table.cases {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            let request = request(method.as_deref().unwrap_or("GET"), &headers);
            let mut options = RespondOptions::default();
            options.cache_control.clone_from(cache_control);
            let response = world.storage.respond_with(&request, key, options).await;
            assert_eq!(
                &answered(response.expect("an answer")).await,
                expect,
                "{name}, from {place}"
            );
        }
        world.storage.invalidate_upper_caches("").await.expect("emptied");
    }
}

#[tokio::test]
async fn no_body_is_read_for_an_answer_without_one_and_nothing_is_read_twice() {
    let world = World::open().await;
    world.storage.set("k", "0123456789").await.expect("written");
    let tag =
        answered(world.storage.respond(&request("HEAD", &[]), "k").await.expect("an answer")).await;
    let tag = &tag.headers["etag"];
    let mut lines = String::new();
    for place in ["hot", "cold"] {
        for (method, headers) in [
            ("GET", &[][..]),
            ("HEAD", &[]),
            ("PUT", &[]),
            ("GET", &[("range", "bytes=0-")]),
            ("GET", &[("range", "bytes=-3")]),
            ("GET", &[("range", "bytes=7-")]),
            ("GET", &[("range", "bytes=10-")]),
            ("GET", &[("if-none-match", tag)]),
            ("GET", &[("if-none-match", "\"other\"")]),
            ("GET", &[("if-match", "\"other\"")]),
            ("GET", &[("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT")]),
        ] {
            world.asked();
            let response = world.storage.respond(&request(method, headers), "k").await;
            let status = response.expect("an answer").status().as_u16();
            let headers = format!("{headers:?}").replace(tag.trim_matches('"'), "tag");
            lines += &format!("{place}: {method} {headers} {status}: {}\n", world.asked());
        }
        world.storage.invalidate_upper_caches("").await.expect("emptied");
    }
    expect![[r#"
        hot: GET [] 200: hot 0+1 cold 0+0
        hot: HEAD [] 200: hot 1+0 cold 0+0
        hot: PUT [] 405: hot 0+0 cold 0+0
        hot: GET [("range", "bytes=0-")] 206: hot 0+1 cold 0+0
        hot: GET [("range", "bytes=-3")] 206: hot 0+1 cold 0+0
        hot: GET [("range", "bytes=7-")] 206: hot 0+1 cold 0+0
        hot: GET [("range", "bytes=10-")] 416: hot 0+1 cold 0+0
        hot: GET [("if-none-match", "\"tag\"")] 304: hot 0+1 cold 0+0
        hot: GET [("if-none-match", "\"other\"")] 200: hot 0+1 cold 0+0
        hot: GET [("if-match", "\"other\"")] 412: hot 0+1 cold 0+0
        hot: GET [("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT")] 304: hot 0+1 cold 0+0
        cold: GET [] 200: hot 0+1 cold 0+1
        cold: HEAD [] 200: hot 1+0 cold 1+0
        cold: PUT [] 405: hot 0+0 cold 0+0
        cold: GET [("range", "bytes=0-")] 206: hot 0+1 cold 0+1
        cold: GET [("range", "bytes=-3")] 206: hot 1+1 cold 1+1
        cold: GET [("range", "bytes=7-")] 206: hot 1+1 cold 1+1
        cold: GET [("range", "bytes=10-")] 416: hot 1+0 cold 1+0
        cold: GET [("if-none-match", "\"tag\"")] 304: hot 1+0 cold 1+0
        cold: GET [("if-none-match", "\"other\"")] 200: hot 1+1 cold 1+1
        cold: GET [("if-match", "\"other\"")] 412: hot 1+0 cold 1+0
        cold: GET [("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT")] 304: hot 1+0 cold 1+0
    "#]]
    .assert_eq(&lines);
}

#[tokio::test]
async fn the_version_that_is_read_is_the_one_that_is_answered_with() {
    let world = World::open().await;
    world.storage.set("k", "old").await.expect("written");
    world.storage.invalidate_upper_caches("").await.expect("emptied");
    let known = [("if-none-match", "\"other\"")];
    world.cold.hold(Call::Read);
    let mut asking = world.storage.respond(&request("GET", &known), "k");
    while world.cold.stopped(Call::Read) == 0 {
        assert!(futures::poll!(&mut asking).is_pending(), "the read is held");
        tokio::task::yield_now().await;
    }
    let key = Key::new("k").expect("legal");
    let newer = Metadata::new(key.clone(), 5, Timestamp::from_millis(0));
    let stored = Stored { metadata: newer, body: "newer".into() };
    world.cold.inner().write(&key, stored).await.expect("written");
    world.cold.release(Call::Read);
    let answered = answered(asking.await.expect("an answer")).await;
    assert_eq!(
        (answered.body.as_str(), answered.headers["content-length"].as_str()),
        ("newer", "5")
    );
}

#[tokio::test]
async fn failures_are_errors_and_not_answers() {
    let world = World::open().await;
    world.cold.fail(Call::Read, 1, When::Before, ErrorKind::Unavailable);
    let failed = world.storage.respond(&request("GET", &[]), "k").await;
    assert_eq!(failed.expect_err("an outage").kind(), ErrorKind::Unavailable);
    world.cold.fail(Call::Head, 1, When::Before, ErrorKind::Denied);
    let failed = world.storage.respond(&request("HEAD", &[]), "k").await;
    assert_eq!(failed.expect_err("no rights").kind(), ErrorKind::Denied);

    let failed = world.storage.respond(&request("GET", &[]), "").await;
    assert_eq!(failed.expect_err("no key").kind(), ErrorKind::Invalid);
    let options = RespondOptions::default().cache_control("no-store\r\nx: y");
    let failed = world.storage.respond_with(&request("GET", &[]), "k", options).await;
    expect!["invalid: `cache_control` is not the value of a header; write printable ASCII"]
        .assert_eq(&failed.expect_err("no header").to_string());

    // A tier that gave fewer bytes than it says.
    let key = Key::new("short").expect("legal");
    let metadata = Metadata::new(key.clone(), 10, Timestamp::from_millis(0));
    world.hot.write(&key, Stored { metadata, body: "012".into() }).await.expect("written");
    let failed = world.storage.respond(&request("GET", &[("range", "bytes=5-")]), "short").await;
    assert_eq!(failed.expect_err("too short").kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn lines_of_one_name_are_a_list_and_what_is_no_text_matches_nothing() {
    let world = World::open().await;
    world.storage.set("k", "0123456789").await.expect("written");
    let status = async |headers: &[(&str, &[u8])]| -> StatusCode {
        let builder = headers.iter().fold(Request::get("/"), |builder, (name, value)| {
            builder.header(*name, http::HeaderValue::from_bytes(value).expect("bytes of a header"))
        });
        let request = builder.body(()).expect("a request");
        world.storage.respond(&request, "k").await.expect("an answer").status()
    };
    let head =
        answered(world.storage.respond(&request("HEAD", &[]), "k").await.expect("an answer")).await;
    let tag = head.headers["etag"].as_bytes();
    assert_eq!(status(&[("if-none-match", b"\"a\""), ("if-none-match", tag)]).await, 304);
    assert_eq!(status(&[("range", b"bytes=0-1"), ("range", b"bytes=2-3")]).await, 200);
    assert_eq!(status(&[("if-match", b"\"\xff\"")]).await, 412);
    assert_eq!(status(&[("range", b"bytes=\xff-")]).await, 200);
}

/// Bodies of servers can be sent to another thread, but not shared.
#[tokio::test]
async fn an_answer_can_be_awaited_on_any_thread() {
    let world = World::open().await;
    let request = Request::head("/").body(Cell::new(0)).expect("a request");
    let answering = world.storage.respond(&request, "k");
    drop(request);
    let response = tokio::spawn(answering).await.expect("no panic").expect("an answer");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}
