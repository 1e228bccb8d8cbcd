use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use tiered_storage::tier::{Read, StorageTier, Stored};
use tiered_storage::{ErrorKind, Key, Metadata, S3Tier, StaticCredentials, Timestamp};
use tiered_storage_tests::server::Options;
use tiered_storage_tests::server::client::{Call, Client};

use super::{granted, refused, verdict};

fn s3_server(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_s3-server"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Either fails only if the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_binary_prints_where_it_serves_what_its_flags_say() {
    let flags = ["--bucket", "photos", "--bucket", "videos", "--access-key", "me", "--secret-key"];
    let more = ["hush", "--cors-origin", "http://localhost:1", "--port", "0"];
    let child = s3_server(&[&flags[..], &more[..]].concat()).spawn();
    let mut server = Killed(child.expect("the binary was built"));
    let mut endpoint = String::new();
    let stdout = server.0.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut endpoint).expect("it prints a line");
    let client = Client {
        endpoint: endpoint.trim_end().to_owned(),
        access_key: "me".to_owned(),
        secret_key: "hush".to_owned(),
        session_token: None,
        region: Options::default().region,
        service: "s3".to_owned(),
    };
    for bucket in ["photos", "videos"] {
        assert_eq!(verdict(&client, Call::put(bucket, "k", "")).await, granted(200));
    }
    let absent = verdict(&client, Call::put("bucket", "k", "")).await;
    assert_eq!(absent, refused(404, "NoSuchBucket"));
    let get = Call::get("photos", "k").header("origin", "http://localhost:1");
    let answer = client.send(get).await.expect("the server answers");
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:1");
}

/// A line to the process, and its answer.
fn ask(child: &mut Child, answers: &mut impl BufRead, line: &str) -> String {
    let stdin = child.stdin.as_mut().expect("it is piped");
    writeln!(stdin, "{line}").expect("the process reads");
    let mut answer = String::new();
    answers.read_line(&mut answer).expect("it answers");
    answer
}

#[tokio::test]
async fn the_binary_does_what_it_is_told_and_ends_with_its_orders() {
    let child = s3_server(&["--obey"]).stdin(Stdio::piped()).spawn();
    let mut server = Killed(child.expect("the binary was built"));
    let mut answers = BufReader::new(server.0.stdout.take().expect("it is piped"));
    let mut endpoint = String::new();
    answers.read_line(&mut endpoint).expect("it prints a line");
    let options = Options::default();
    let keys = StaticCredentials::new(&*options.access_key, &*options.secret_key);
    let tier = S3Tier::builder("bucket").endpoint(endpoint.trim_end()).region(&*options.region);
    let tier = tier.credentials(keys).build().expect("this is how tiers are built");
    // The bucket has this key by another name.
    let key = Key::new("a/../b").expect("it is a key");
    let stored = Stored {
        metadata: Metadata::new(key.clone(), 2, Timestamp::from_millis(1)),
        body: Bytes::from_static(b"ab"),
    };
    tier.write(&key, stored).await.expect("the server takes it");

    let mut ask = |order: &str| ask(&mut server.0, &mut answers, order);
    let damage =
        r#"{"id": 1, "order": "damage", "bucket": "bucket", "key": "a/../b", "how": "truncate"}"#;
    assert_eq!(ask(damage), "{\"id\":1,\"value\":true}\n");
    let Read::Found(found) = tier.read(&key, None).await.expect("the server answers") else {
        panic!("it was just written");
    };
    assert_eq!(&found.body[..], b"a");
    let absent = r#"{"id": 2, "order": "damage", "bucket": "bucket", "key": "b", "how": "flip"}"#;
    assert_eq!(ask(absent), "{\"id\":2,\"value\":false}\n");
    assert!(ask("flip").starts_with(r#"{"error":"no order"#));

    let fault = r#"{"id": 3, "order": "fault", "fault": "accessDenied", "on": "get", "times": 1}"#;
    assert_eq!(ask(fault), "{\"id\":3,\"value\":null}\n");
    let error = tier.read(&key, None).await.expect_err("the fault befalls it");
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(
        ask(r#"{"id": 4, "order": "untilFired", "fired": 1}"#),
        "{\"id\":4,\"value\":null}\n"
    );
    ask(r#"{"id": 5, "order": "fill", "bucket": "bucket", "prefix": "f/", "count": 2}"#);
    let shown = ask(r#"{"id": 6, "order": "show", "bucket": "bucket", "prefix": "f/"}"#);
    let fired = r#""fired":0,"firedInAll":1,"objects":["f/00000","f/00001"]"#;
    assert!(shown.contains(fired), "{shown}");
    assert!(shown.contains(r#""uploads":[]"#), "{shown}");
    ask(r#"{"id": 7, "order": "stop"}"#);
    let error = tier.read(&key, None).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    ask(r#"{"id": 8, "order": "restart"}"#);
    ask(r#"{"id": 9, "order": "skew", "ms": 1200000}"#);
    assert!(matches!(tier.read(&key, None).await, Ok(Read::Found(_))));
    drop(server.0.stdin.take());
    assert!(server.0.wait().expect("it is a child").success());
}

#[test]
fn the_binary_says_what_is_wrong_with_its_flags() {
    for (args, message) in [
        (&["--bogus"][..], "--bogus is not a flag"),
        (&["--port"], "--port needs a value"),
        (&["--port", "x"], "\"x\" is not a port"),
    ] {
        let output = s3_server(args).output().expect("the binary was built");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with(message));
    }
}

#[test]
fn secrets_have_no_debug() {
    let options = Options {
        secret_key: "hush".to_owned(),
        session_token: Some("hush".to_owned()),
        ..Options::default()
    };
    let (server, client) = super::start_with(options.clone());
    let shown = format!("{options:?} {server:?} {client:?}");
    assert!(shown.contains("127.0.0.1") && !shown.contains("hush"), "{shown}");
}
