//! A server that answers from a script, and a clock that moves only when everything waits for it.

use core::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard},
    task::Wake,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tiered_storage_core::{Key, Timestamp};

use super::{
    Environment, Http, HttpError, HttpErrorKind, Opening, Request, Response, S3Tier, S3TierBuilder,
    StaticCredentials, keys,
};
use crate::{host::Task, pieces::Pieces};

mod log;

pub(super) use log::Log;

/// 2026-01-01T00:00:00Z, when every script starts by this host's clock.
pub(super) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// How the server answers one request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Answer(Response),
    /// The answer comes after so many milliseconds.
    Late(u64, Response),
    /// The head of an answer, and then what its body comes in.
    Pieces(Response, Vec<Piece>),
    /// No answer ever comes.
    Silence,
    Fails(HttpErrorKind),
}

/// What comes of a body.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    /// What is behind it comes after so many milliseconds.
    Pause(u64),
    /// Nothing comes any more.
    Silence,
    Breaks,
}

/// What stands in front of the body of a hashed object, and the body.
pub(super) fn sealed(key: &Key, body: &str) -> Bytes {
    [&keys::seal(key), body.as_bytes()].concat().into()
}

/// An answer with a body of text.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    Reply::Answer(response(status, headers, body))
}

pub(super) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Response { status, headers, body: body.to_owned().into(), is_filtered: false }
}

/// An error document of S3.
pub(super) fn fault(status: u16, code: &str) -> Reply {
    answer(status, &[], &format!("<Error><Code>{code}</Code><RequestId>R1</RequestId></Error>"))
}

/// The answers to an upload in parts: as it begins, for each part, and as it ends.
pub(super) fn created() -> Reply {
    let xml =
        "<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>";
    answer(200, &[], xml)
}

pub(super) fn part(etag: &str) -> Reply {
    answer(200, &[("etag", etag)], "")
}

pub(super) fn part_copied(etag: &str) -> Reply {
    answer(200, &[], &format!("<CopyPartResult><ETag>{etag}</ETag></CopyPartResult>"))
}

pub(super) fn completed(etag: &str) -> Reply {
    let xml = format!(
        "<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"
    );
    answer(200, &[], &xml)
}

pub(super) fn done() -> Reply {
    answer(204, &[], "")
}

/// The answers of a server that heeds conditions to the question whether it does.
pub(super) fn probed() -> [Reply; 4] {
    [part("\"e\""), refused(), refused(), done()]
}

pub(super) fn refused() -> Reply {
    fault(412, "PreconditionFailed")
}

/// Script, clock and log of one test.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Timestamp,
    repeats: bool,
    answer_bytes_max: Option<u64>,
    script: VecDeque<Reply>,
    sent: Vec<Request>,
    log: String,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    sleeper: u64,
    spawned: Vec<Task>,
}

impl World {
    pub(super) fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        let script = script.into_iter().collect();
        Self(Arc::new(Mutex::new(State { now: START, script, ..State::default() })))
    }

    /// Has it sometimes send requests again by itself.
    pub(super) fn repeating(self) -> Self {
        self.state().repeats = true;
        self
    }

    /// Has it take in all that is sent, so that it wants to be sent no more than that.
    pub(super) fn hoarding(self, bytes_max: u64) -> Self {
        self.state().answer_bytes_max = Some(bytes_max);
        self
    }

    /// The configuration of a tier in this world: bucket `bkt` at `http://s3.test`.
    pub(super) fn builder(&self) -> S3TierBuilder {
        S3Tier::builder("bkt")
            .endpoint("http://s3.test")
            .credentials(StaticCredentials::new("AKID", "s3cr3t"))
            .http(self.clone())
            .environment(self.clone())
    }

    pub(super) fn tier(&self) -> S3Tier {
        self.builder().build().expect("the configuration is right")
    }

    /// Runs `future`; whenever it waits, the clock moves to when something is due.
    pub(super) fn run<F: Future>(&self, future: F) -> F::Output {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut future = pin!(future);
        loop {
            while flag.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return output;
                }
            }
            let sleeper = {
                let mut state = self.state();
                let due = state.sleepers.pop_first();
                let ((at, _), waker) = due.expect("someone is due while someone waits");
                state.now = state.now.max(at);
                waker
            };
            sleeper.wake();
        }
    }

    /// One line per request so far: when, what, and how it was signed.
    pub(super) fn log(&self) -> String {
        assert!(self.state().script.is_empty(), "the script is not at its end");
        self.state().log.clone()
    }

    pub(super) fn sent(&self) -> Vec<Request> {
        self.state().sent.clone()
    }

    /// Runs what was left to the background; says how many tasks that were.
    pub(super) fn run_spawned(&self) -> usize {
        let tasks = core::mem::take(&mut self.state().spawned);
        let count = tasks.len();
        for task in tasks {
            self.run(task);
        }
        count
    }

    pub(super) fn note(&self, text: &str) {
        writeln!(self.state().log, "{text}").expect("a String takes every write");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    fn pieces(self, pieces: Vec<Piece>) -> Pieces<HttpError> {
        let pieces = (self, VecDeque::from(pieces));
        let next = |(world, mut left): (Self, VecDeque<Piece>)| async move {
            loop {
                match left.pop_front()? {
                    Piece::Bytes(bytes) => return Some((Ok(bytes), (world, left))),
                    Piece::Pause(ms) => world.sleep(ms).await,
                    Piece::Silence => core::future::pending().await,
                    Piece::Breaks => {
                        let message = "the script says so".to_owned();
                        let kind = HttpErrorKind::Broken;
                        return Some((Err(HttpError { kind, message }), (world, left)));
                    }
                }
            }
        };
        stream::unfold(pieces, next).boxed()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let id = {
            let mut state = self.state();
            state.sleeper += 1;
            state.sleeper
        };
        let _leave = Leave(self, (at, id));
        poll_fn(|context| {
            let mut state = self.state();
            if state.now >= at {
                return Poll::Ready(());
            }
            state.sleepers.insert((at, id), context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

struct Leave<'a>(&'a World, (Timestamp, u64));

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.state().sleepers.remove(&self.1);
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Environment for World {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    async fn sleep(&self, ms: u64) {
        let at = self.state().now.plus_millis(ms);
        self.sleep_until(at).await;
    }

    /// The worst that chance can do.
    fn random(&self) -> u64 {
        u64::MAX
    }

    fn spawn(&self, task: Task) {
        self.state().spawned.push(task);
    }
}

#[async_trait]
impl Http for World {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.open(request, u64::MAX).await.map(|(response, _)| response)
    }

    async fn open(&self, request: Request, whole_bytes_max: u64) -> Result<Opening, HttpError> {
        let reply = {
            let mut state = self.state();
            let reply = state.script.pop_front();
            let line = format!("{:>6} {}", state.now.millis_since(START), line_of(&request));
            state.sent.push(request);
            let reply = reply.unwrap_or_else(|| panic!("the script ends before\n{line}"));
            let status = match &reply {
                Reply::Answer(response) | Reply::Late(_, response) | Reply::Pieces(response, _) => {
                    response.status.to_string()
                }
                Reply::Silence => "silence".to_owned(),
                Reply::Fails(kind) => format!("{kind:?}"),
            };
            writeln!(state.log, "{line} -> {status}").expect("a String takes every write");
            reply
        };
        match reply {
            Reply::Answer(response) => Ok((response, None)),
            Reply::Late(ms, response) => {
                self.sleep(ms).await;
                Ok((response, None))
            }
            Reply::Pieces(response, pieces) => {
                let announced = response.announced_bytes().expect("a body in pieces has a length");
                assert!(announced > whole_bytes_max, "this body was to come whole");
                Ok((response, Some(self.clone().pieces(pieces))))
            }
            Reply::Silence => core::future::pending().await,
            Reply::Fails(kind) => Err(HttpError { kind, message: "the script says so".to_owned() }),
        }
    }

    fn may_repeat(&self) -> bool {
        self.state().repeats
    }

    fn answer_bytes_max(&self) -> u64 {
        self.state().answer_bytes_max.unwrap_or(u64::MAX)
    }
}

fn line_of(request: &Request) -> String {
    let path = request.url.strip_prefix("http://s3.test").unwrap_or(&request.url);
    let signed = match (request.header("x-amz-date"), request.header("authorization")) {
        (Some(date), Some(authorization)) => {
            let (_, scope) = authorization.split_once("Credential=").expect("a scope");
            let mut scope = scope.split('/');
            let id = scope.next().expect("a key id");
            let region = scope.nth(1).expect("a region");
            format!("{id} {region} {}", date.trim_start_matches("20260101T"))
        }
        _ => "unsigned".to_owned(),
    };
    format!("{} {path} [{signed}]", request.method.as_str())
}
