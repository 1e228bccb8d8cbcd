//! Runs ministack (a package of the Python index), an S3 that others wrote: the second opinion on our client.
//!
//! It is installed once, into a virtual environment under `target/`, with the system's `python3`.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::TempDir;

use crate::server::client::{Answer, Call, Client};

const VERSION: &str = "1.5.33";
const BUCKET: &str = "bucket";
const REGION: &str = "us-east-1";
/// The user may do all of S3 and nothing else.
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// A running ministack with one bucket and one IAM user, whose signatures it verifies; dropping it kills it.
///
/// ```no_run
/// # use tiered_storage_tests::ministack::Ministack;
/// # async fn example() -> Result<(), String> {
/// let ministack = Ministack::start().await?;
/// println!("{} has the bucket {}", ministack.client().endpoint, ministack.bucket());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Ministack {
    client: Client,
    process: Process,
}

impl Ministack {
    /// Installs ministack if it is not there, starts it on a free port of 127.0.0.1, and creates user, key and bucket.
    ///
    /// The first start takes some 10 s, later ones below 1 s. The error is a sentence that says what is missing: Python
    /// with `venv`, the package registry, or an answer within a minute.
    pub async fn start() -> Result<Self, String> {
        let python = tokio::task::spawn_blocking(install).await.expect("install does not panic")?;
        let mut process = Process::start(&python)?;
        let root = Client {
            endpoint: format!("http://127.0.0.1:{}", process.port),
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
            session_token: None,
            region: REGION.to_owned(),
            service: "iam".to_owned(),
        };
        process.until_ready(&root).await?;
        let client = create_user(root).await?;
        let created = client.send(Call::new(Method::PUT, format!("/{BUCKET}"))).await;
        accept("the bucket", created)?;
        Ok(Self { client, process })
    }

    /// A client with the user's credentials: it knows endpoint, region, key id and secret.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The bucket.
    pub const fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The end of what ministack printed, for messages of failed tests.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// The interpreter of an environment that has ministack, which is made if it is not there.
fn install() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let fail = |error: io::Error| format!("cannot prepare target/ministack-venv: {error}");
    fs::create_dir_all(&target).map_err(fail)?;
    // Test processes that start together wait here for the one that installs.
    let lock = File::create(target.join("ministack-venv.lock")).map_err(fail)?;
    lock.lock().map_err(fail)?;
    let venv = target.join("ministack-venv");
    let python = venv.join("bin/python");
    let installed = venv.join(format!("installed-{VERSION}"));
    if installed.exists() {
        return Ok(python);
    }
    eprintln!("installing ministack {VERSION} from PyPI into target/ministack-venv");
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&venv);
    run(create, "ministack needs python3 with the module venv")?;
    let mut fetch = Command::new(&python);
    fetch.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    fetch.arg(format!("ministack=={VERSION}"));
    run(fetch, "ministack needs the Python package registry")?;
    File::create(installed).map_err(fail)?;
    Ok(python)
}

fn run(mut command: Command, need: &str) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{need}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{need}: {}: {}", output.status, tail(&said)))
}

async fn create_user(root: Client) -> Result<Client, String> {
    let iam = |action: &str| {
        let body = format!("Version=2010-05-08&UserName=tiered-storage&Action={action}");
        Call::new(Method::POST, "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    };
    accept("the user", root.send(iam("CreateUser")).await)?;
    let policy = utf8_percent_encode(POLICY, NON_ALPHANUMERIC);
    let allow = format!("PutUserPolicy&PolicyName=s3&PolicyDocument={policy}");
    accept("the policy", root.send(iam(&allow)).await)?;
    let key = accept("the access key", root.send(iam("CreateAccessKey")).await)?;
    let (access_key, secret_key) = (key.element("AccessKeyId"), key.element("SecretAccessKey"));
    if access_key.is_empty() || secret_key.is_empty() {
        return Err("ministack created an access key and did not say which".to_owned());
    }
    Ok(Client { access_key, secret_key, service: "s3".to_owned(), ..root })
}

fn accept(what: &str, answer: io::Result<Answer>) -> Result<Answer, String> {
    let answer = answer.map_err(|error| format!("ministack did not create {what}: {error}"))?;
    if answer.status == 200 {
        return Ok(answer);
    }
    Err(format!("ministack did not create {what}: {} {}", answer.status, answer.text()))
}

/// The process, killed when dropped, and the directory that it writes to.
#[derive(Debug)]
struct Process {
    child: Child,
    port: u16,
    scratch: TempDir,
}

impl Process {
    fn start(python: &Path) -> Result<Self, String> {
        let fail = |error: io::Error| format!("cannot start ministack: {error}");
        let scratch = TempDir::new().map_err(fail)?;
        let log = File::create(scratch.path().join("log")).map_err(fail)?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        let port = free.local_addr().map_err(fail)?.port();
        drop(free);
        let child = Command::new(python)
            .args(["-m", "ministack"])
            .current_dir(scratch.path())
            .env("AUTH", "true")
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("TMPDIR", scratch.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(fail)?)
            .stderr(log)
            .spawn()
            .map_err(fail)?;
        Ok(Self { child, port, scratch })
    }

    /// Waits until the health check answers, the process ends, or the time is up.
    async fn until_ready(&mut self, client: &Client) -> Result<(), String> {
        let started = Instant::now();
        while started.elapsed() < START_TIMEOUT {
            let health = Request::get("/_ministack/health")
                .header("host", format!("127.0.0.1:{}", self.port))
                .body(Full::new(Bytes::new()))
                .expect("the request is constant");
            if client.send_request(health).await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ministack ended at once: {status}: {}", self.log()));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        Err(format!("ministack did not answer within {START_TIMEOUT:?}: {}", self.log()))
    }

    fn log(&self) -> String {
        tail(&fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either fails only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
