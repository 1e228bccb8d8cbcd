use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

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
