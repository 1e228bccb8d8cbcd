//! Every fault at every request of a body that goes in parts or comes in pieces: what the caller is told, what it cost,
//! that the object is whole, and that nothing is left behind.

use std::{fmt::Write, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use expect_test::{Expect, expect};
use futures::{StreamExt, TryStreamExt, stream};
use tiered_storage::{
    Condition, Error, ErrorKind, Key, Metadata, Timestamp, WriteId,
    host::Task,
    s3::{Environment, Flags, Profile, S3Tier, S3TierBuilder},
    tier::{Body, Contents, Page, Patched, Read, StorageTier},
};
use tiered_storage_tests::server::{Fault, Kind, Object, Options, Rule, Server};
use tokio::sync::Mutex;

use super::world::{self, Alarms, BUCKET};

const MIB: usize = 1 << 20;
/// A part and a short one.
pub(crate) const LEN: usize = 6 * MIB;
/// What a call may cost at most, with every request tried twice.
const REQUESTS_MAX: u64 = 16;

/// A tier with parts of 5 MiB, one at a time, over a server.
pub(crate) struct Large {
    pub(crate) server: Server,
    pub(crate) tier: S3Tier,
    pub(crate) tasks: Tasks,
}

impl Large {
    pub(crate) fn new(options: Options) -> Self {
        Self::with(options, |_| None, |builder| builder)
    }

    fn with(
        options: Options,
        alarms: fn(&Server) -> Option<Alarms>,
        change: impl FnOnce(S3TierBuilder) -> S3TierBuilder,
    ) -> Self {
        let server = Server::start(options).expect("loopback can be listened on");
        let tasks = Tasks { left: Arc::default(), alarms: alarms(&server) };
        let builder = world::tier(&server).environment(tasks.clone()).parts_in_flight_max(1);
        let builder = builder.multipart_threshold_bytes(5 << 20).part_bytes(5 << 20);
        let tier = change(builder).build().expect("the settings are right");
        Self { server, tier, tasks }
    }

    /// Over a server that copies no more than 5 MiB at once.
    fn copying_little() -> Self {
        let options = Options { copied_bytes_max: 5 << 20, ..Options::default() };
        let mut flags = Flags::default();
        flags.copied_bytes_max = 5 << 20;
        Self::with(options, alarmed, |builder| builder.profile(Profile::Custom(flags)))
    }

    /// Names of objects that are no entries.
    fn hidden(&self) -> Vec<String> {
        let names = self.server.objects(BUCKET).into_iter().map(|(name, _)| name);
        names.filter(|name| name.starts_with("~tiered-storage/")).collect()
    }
}

/// Requests hang here.
fn alarmed(server: &Server) -> Option<Alarms> {
    Some(Alarms::over(server))
}

/// The real clock, and what was left to the background.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    left: Arc<Mutex<Vec<tokio::task::JoinHandle<()>>>>,
    alarms: Option<Alarms>,
}

impl Tasks {
    pub(crate) async fn settled(&self) {
        for task in self.left.lock().await.drain(..) {
            task.await.expect("it does not panic");
        }
    }
}

#[async_trait]
impl Environment for Tasks {
    fn now(&self) -> Timestamp {
        world::now()
    }

    async fn sleep(&self, ms: u64) {
        match &self.alarms {
            Some(alarms) => alarms.sleep(ms).await,
            None => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    }

    fn random(&self) -> u64 {
        0
    }

    fn spawn(&self, task: Task) {
        let mut tasks = self.left.try_lock().expect("nobody settles while calls are made");
        tasks.push(tokio::spawn(task));
    }
}

pub(crate) fn key() -> Key {
    Key::new("k").expect("a key")
}

pub(crate) fn body(seed: u8) -> Bytes {
    vec![seed; LEN].into()
}

fn short(seed: u8) -> Bytes {
    vec![seed; 1_000].into()
}

pub(crate) fn metadata(seed: u8) -> Metadata {
    described(seed, LEN)
}

/// What a patch makes of the first entry.
fn renewed() -> Metadata {
    let mut metadata = metadata(1);
    metadata.expires_at = Some(Timestamp::from_millis(9_000_000_000_000));
    metadata
}

fn described(seed: u8, len: usize) -> Metadata {
    let metadata = Metadata::new(key(), len as u64, Timestamp::from_millis(1_000));
    metadata.with_write_id(WriteId(seed.into()))
}

/// The write and the bytes of what is there: one of each, and of the same write.
pub(crate) async fn found(tier: &S3Tier) -> Option<u8> {
    match tier.read(&key(), None).await.expect("nothing is wrong any more") {
        Read::Found(found) => {
            let seed = found.body[0];
            let is_whole = found.body.len() as u64 == found.metadata.size();
            assert!(is_whole && found.body.iter().all(|byte| *byte == seed), "the body is torn");
            assert_eq!(found.metadata.write_id(), Some(WriteId(seed.into())), "of another write");
            Some(seed)
        }
        other => {
            assert_eq!(other, Read::Missing);
            None
        }
    }
}

/// A call, and the kind of request in it that meets the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    Part,
    Complete,
    CompleteIfAbsent,
    Abort,
    StageCreate,
    StagePart,
    StageComplete,
    StageCopy,
    StageCopyPart,
    StageDelete,
    OpenFirst,
    OpenRest,
    Range,
    PatchHead,
    PatchCreate,
    PatchPart,
    PatchComplete,
}

impl Step {
    const ALL: [Self; 18] = [
        Self::Create,
        Self::Part,
        Self::Complete,
        Self::CompleteIfAbsent,
        Self::Abort,
        Self::StageCreate,
        Self::StagePart,
        Self::StageComplete,
        Self::StageCopy,
        Self::StageCopyPart,
        Self::StageDelete,
        Self::OpenFirst,
        Self::OpenRest,
        Self::Range,
        Self::PatchHead,
        Self::PatchCreate,
        Self::PatchPart,
        Self::PatchComplete,
    ];

    const fn kind(self) -> Kind {
        match self {
            Self::Create | Self::StageCreate | Self::PatchCreate => Kind::CreateMultipart,
            Self::Part | Self::StagePart => Kind::UploadPart,
            Self::Complete | Self::CompleteIfAbsent | Self::StageComplete | Self::PatchComplete => {
                Kind::Complete
            }
            Self::Abort => Kind::Abort,
            Self::StageCopy => Kind::Copy,
            Self::StageCopyPart | Self::PatchPart => Kind::CopyPart,
            Self::PatchHead => Kind::Head,
            Self::StageDelete => Kind::Delete,
            Self::OpenFirst | Self::OpenRest | Self::Range => Kind::Get,
        }
    }

    const fn reads(self) -> bool {
        matches!(self, Self::OpenFirst | Self::OpenRest | Self::Range)
    }

    /// Whether it gives an entry other metadata, of more bytes than the server copies at once.
    const fn patches(self) -> bool {
        matches!(self, Self::PatchHead | Self::PatchCreate | Self::PatchPart | Self::PatchComplete)
    }

    const fn condition(self) -> Option<Condition> {
        match self {
            Self::CompleteIfAbsent | Self::StageCopyPart => Some(Condition::Absent),
            _ => None,
        }
    }

    /// Whether what is staged may outlive the call: its removal, or the answer that names it, failed.
    fn may_leave(self, fault: &Fault) -> bool {
        let is_unnamed = matches!(fault, Fault::DropAfter | Fault::Truncate | Fault::Hang);
        match self {
            Self::Create | Self::StageCreate | Self::PatchCreate => is_unnamed,
            Self::Abort | Self::StageDelete => true,
            _ => false,
        }
    }

    async fn run(self, tier: &S3Tier) -> Result<(), Error> {
        let contents = match self {
            _ if self.patches() => {
                let patched = tier.patch(&key(), &renewed()).await?;
                assert!(matches!(patched, Patched::Done(_)), "not an outage: {patched:?}");
                return Ok(());
            }
            Self::OpenFirst | Self::OpenRest => return open(tier).await,
            Self::Range => {
                let range = (100..200_u64).into();
                let read = tier.read_range(&key(), range, None).await?;
                let Some(Read::Found(part)) = read else { panic!("not an outage: {read:?}") };
                assert_eq!((part.range, part.body), (100..200, body(1).slice(100..200)));
                return Ok(());
            }
            Self::Create | Self::Part | Self::Complete | Self::CompleteIfAbsent | Self::Abort => {
                Contents::Whole(body(2))
            }
            _ => {
                let mut stage = tier.stage(&key()).await?.expect("it can stage");
                for _ in 0..LEN / MIB {
                    stage.write(vec![2; MIB].into()).await?;
                }
                Contents::Staged(stage.finish().await?)
            }
        };
        tier.store(&key(), &metadata(2), contents, self.condition().as_ref()).await.map(drop)
    }
}

/// Reads piece by piece: what comes is right, also before an error.
async fn open(tier: &S3Tier) -> Result<(), Error> {
    let Read::Found(opened) = tier.open(&key(), None).await? else { panic!("not an outage") };
    let Body::Pieces(mut pieces) = opened.body else { panic!("it is large") };
    let (body, mut at) = (body(1), 0);
    while let Some(piece) = pieces.try_next().await? {
        assert_eq!(piece, body.slice(at..at + piece.len()));
        at += piece.len();
    }
    assert_eq!(at, LEN, "it ends without an error");
    Ok(())
}

/// How often a fault comes.
#[derive(Clone, Copy, Debug)]
enum Often {
    Once,
    Always,
}

/// Runs a step against a fault, and says how it ended and how many requests it took.
async fn run(step: Step, fault: Fault, often: Often) -> String {
    let world = match step.patches() {
        true => Large::copying_little(),
        false => Large::with(Options::default(), alarmed, |builder| builder),
    };
    let Large { server, tier, tasks } = &world;
    let old = if step.reads() || step.patches() || step.condition().is_some() {
        body(1)
    } else {
        short(1)
    };
    let old_metadata = described(1, old.len());
    // What the server heeds is known already.
    let condition = step.condition().or_else(|| step.patches().then_some(Condition::Absent));
    let old = Contents::Whole(old);
    tier.store(&key(), &old_metadata, old, condition.as_ref()).await.expect("nothing is wrong yet");
    if step.condition().is_some() {
        tier.remove(&[key()]).await.expect("nothing is wrong yet");
    }
    let faults = server.faults();
    match step {
        // What is aborted is an upload that failed.
        Step::Abort => faults.add(Rule::new(Fault::ACCESS_DENIED).on(Kind::Complete)),
        Step::OpenRest => faults.add(Rule::new(Fault::Truncate).on(Kind::Get)),
        _ => {}
    }
    let rule = Rule::new(fault.clone()).on(step.kind());
    faults.add(match often {
        Often::Once => rule,
        Often::Always => rule.always(),
    });
    let fired = faults.fired();
    server.reset_counts();
    let outcome = step.run(tier).await;
    tasks.settled().await;
    let requests = server.counts().requests();
    assert!(faults.fired() > fired, "the fault has not met a request");
    assert!(requests <= REQUESTS_MAX, "{step:?} {fault:?} {often:?}: {requests} requests");
    faults.clear();
    check(step, &fault, &world, outcome.is_ok()).await;
    let said = match outcome {
        Ok(()) => "ok",
        Err(error) => {
            assert_eq!(error.key(), Some(&key()), "{error}");
            assert!(error.kind() != ErrorKind::Internal, "{error}");
            error.kind().as_str()
        }
    };
    format!("{said} {requests}")
}

async fn check(step: Step, fault: &Fault, world: &Large, has_succeeded: bool) {
    let Large { server, tier, .. } = world;
    let left = (server.uploads(BUCKET), world.hidden().len());
    assert!(left == (0, 0) || step.may_leave(fault), "{step:?} {fault:?} left {left:?}");
    let listed = tier.list(Page { prefix: "", after: None, limit: 10 }).await.expect("it lists");
    let found = found(tier).await;
    assert_eq!(listed.keys.len(), usize::from(found.is_some()), "what is staged is no key");
    let before = (step.reads() || step.condition().is_none()).then_some(1);
    if step.patches() {
        let head =
            tier.head(&key()).await.expect("nothing is wrong any more").expect("it is there");
        let expiries = [renewed().expires_at, None];
        assert!(expiries[..if has_succeeded { 1 } else { 2 }].contains(&head.expires_at));
        assert_eq!(found, before);
    } else if step.reads() {
        assert_eq!(found, before);
    } else if has_succeeded {
        assert_eq!(found, Some(2));
    } else {
        assert!(found == before || found == Some(2), "{found:?}");
    }
    // It can be written again.
    let new = described(3, short(3).len());
    let stored = tier.store(&key(), &new, Contents::Whole(short(3)), None).await;
    stored.expect("nothing is wrong any more");
    assert_eq!(self::found(tier).await, Some(3));
}

async fn table(fault: Fault, expected: Expect) {
    let both = |step: Step| {
        let fault = fault.clone();
        async move {
            let once = run(step, fault.clone(), Often::Once).await;
            (step, once, run(step, fault, Often::Always).await)
        }
    };
    let rows: Vec<_> = stream::iter(Step::ALL).map(both).buffered(2).collect().await;
    let mut table = String::new();
    for (step, once, always) in rows {
        let step = format!("{step:?}");
        writeln!(table, "{step:16} once: {once:14} always: {always}")
            .expect("a String takes every write");
    }
    expected.assert_eq(&table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_down() {
    table(
        Fault::SLOW_DOWN,
        expect![[r#"
            Create           once: ok 5           always: unavailable 2
            Part             once: ok 5           always: unavailable 4
            Complete         once: ok 5           always: unavailable 6
            CompleteIfAbsent once: ok 5           always: unavailable 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: unavailable 2
            StagePart        once: ok 7           always: unavailable 4
            StageComplete    once: ok 7           always: unavailable 7
            StageCopy        once: ok 7           always: unavailable 7
            StageCopyPart    once: ok 9           always: unavailable 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: unavailable 2
            OpenRest         once: ok 3           always: unavailable 3
            Range            once: ok 2           always: unavailable 2
            PatchHead        once: ok 7           always: unavailable 2
            PatchCreate      once: ok 7           always: unavailable 4
            PatchPart        once: ok 7           always: unavailable 6
            PatchComplete    once: ok 7           always: unavailable 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn internal_error() {
    table(
        Fault::INTERNAL_ERROR,
        expect![[r#"
            Create           once: ok 5           always: unavailable 2
            Part             once: ok 5           always: unavailable 4
            Complete         once: ok 5           always: unavailable 6
            CompleteIfAbsent once: ok 5           always: unavailable 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: unavailable 2
            StagePart        once: ok 7           always: unavailable 4
            StageComplete    once: ok 7           always: unavailable 7
            StageCopy        once: ok 7           always: unavailable 7
            StageCopyPart    once: ok 9           always: unavailable 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: unavailable 2
            OpenRest         once: ok 3           always: unavailable 3
            Range            once: ok 2           always: unavailable 2
            PatchHead        once: ok 7           always: unavailable 2
            PatchCreate      once: ok 7           always: unavailable 4
            PatchPart        once: ok 7           always: unavailable 6
            PatchComplete    once: ok 7           always: unavailable 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_in_200() {
    table(
        Fault::ErrorIn200 { code: "InternalError" },
        expect![[r#"
            Create           once: ok 5           always: unavailable 2
            Part             once: ok 5           always: unavailable 4
            Complete         once: ok 5           always: unavailable 6
            CompleteIfAbsent once: ok 5           always: unavailable 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: unavailable 2
            StagePart        once: ok 7           always: unavailable 4
            StageComplete    once: ok 7           always: unavailable 7
            StageCopy        once: ok 7           always: unavailable 7
            StageCopyPart    once: ok 9           always: unavailable 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: unavailable 2
            OpenRest         once: ok 3           always: unavailable 3
            Range            once: ok 2           always: unavailable 2
            PatchHead        once: ok 7           always: unavailable 2
            PatchCreate      once: ok 7           always: unavailable 4
            PatchPart        once: ok 7           always: unavailable 6
            PatchComplete    once: ok 7           always: unavailable 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated() {
    table(
        Fault::Truncate,
        expect![[r#"
            Create           once: ok 5           always: unavailable 2
            Part             once: ok 4           always: ok 4
            Complete         once: ok 6           always: unavailable 6
            CompleteIfAbsent once: ok 6           always: unavailable 6
            Abort            once: denied 5       always: denied 5
            StageCreate      once: ok 7           always: unavailable 2
            StagePart        once: ok 6           always: ok 6
            StageComplete    once: ok 8           always: unavailable 7
            StageCopy        once: ok 7           always: unavailable 7
            StageCopyPart    once: ok 9           always: unavailable 9
            StageDelete      once: ok 6           always: ok 6
            OpenFirst        once: ok 2           always: unavailable 2
            OpenRest         once: unavailable 2  always: unavailable 2
            Range            once: ok 2           always: unavailable 2
            PatchHead        once: ok 6           always: ok 6
            PatchCreate      once: ok 7           always: unavailable 4
            PatchPart        once: ok 7           always: unavailable 6
            PatchComplete    once: ok 8           always: unavailable 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_before() {
    table(
        Fault::DropBefore,
        expect![[r#"
            Create           once: ok 5           always: unavailable 2
            Part             once: ok 5           always: unavailable 4
            Complete         once: ok 5           always: unavailable 6
            CompleteIfAbsent once: ok 5           always: unavailable 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: unavailable 2
            StagePart        once: ok 7           always: unavailable 4
            StageComplete    once: ok 7           always: unavailable 7
            StageCopy        once: ok 7           always: unavailable 7
            StageCopyPart    once: ok 9           always: unavailable 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: unavailable 2
            OpenRest         once: ok 3           always: unavailable 3
            Range            once: ok 2           always: unavailable 2
            PatchHead        once: ok 7           always: unavailable 2
            PatchCreate      once: ok 7           always: unavailable 4
            PatchPart        once: ok 7           always: unavailable 6
            PatchComplete    once: ok 7           always: unavailable 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_after() {
    table(
        Fault::DropAfter,
        expect![[r#"
            Create           once: ok 5           always: unavailable 2
            Part             once: ok 5           always: unavailable 4
            Complete         once: ok 6           always: unavailable 6
            CompleteIfAbsent once: ok 6           always: unavailable 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: unavailable 2
            StagePart        once: ok 7           always: unavailable 4
            StageComplete    once: ok 8           always: unavailable 7
            StageCopy        once: ok 7           always: unavailable 7
            StageCopyPart    once: ok 9           always: unavailable 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: unavailable 2
            OpenRest         once: ok 3           always: unavailable 3
            Range            once: ok 2           always: unavailable 2
            PatchHead        once: ok 7           always: unavailable 2
            PatchCreate      once: ok 7           always: unavailable 4
            PatchPart        once: ok 7           always: unavailable 6
            PatchComplete    once: ok 8           always: unavailable 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging() {
    table(
        Fault::Hang,
        expect![[r#"
            Create           once: ok 5           always: unavailable 2
            Part             once: ok 5           always: unavailable 4
            Complete         once: ok 5           always: unavailable 6
            CompleteIfAbsent once: ok 5           always: unavailable 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: unavailable 2
            StagePart        once: ok 7           always: unavailable 4
            StageComplete    once: ok 7           always: unavailable 7
            StageCopy        once: ok 7           always: unavailable 7
            StageCopyPart    once: ok 9           always: unavailable 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: unavailable 2
            OpenRest         once: ok 3           always: unavailable 3
            Range            once: ok 2           always: unavailable 2
            PatchHead        once: ok 7           always: unavailable 2
            PatchCreate      once: ok 7           always: unavailable 4
            PatchPart        once: ok 7           always: unavailable 6
            PatchComplete    once: ok 7           always: unavailable 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflict() {
    table(
        Fault::CONFLICT,
        expect![[r#"
            Create           once: ok 5           always: conflict 2
            Part             once: ok 5           always: conflict 4
            Complete         once: ok 5           always: conflict 6
            CompleteIfAbsent once: ok 5           always: conflict 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: conflict 2
            StagePart        once: ok 7           always: conflict 4
            StageComplete    once: ok 7           always: conflict 7
            StageCopy        once: ok 7           always: conflict 7
            StageCopyPart    once: ok 9           always: conflict 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: conflict 2
            OpenRest         once: ok 3           always: conflict 3
            Range            once: ok 2           always: conflict 2
            PatchHead        once: invalid 1      always: invalid 1
            PatchCreate      once: ok 7           always: conflict 5
            PatchPart        once: ok 7           always: conflict 7
            PatchComplete    once: ok 7           always: conflict 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_timeout() {
    table(
        Fault::REQUEST_TIMEOUT,
        expect![[r#"
            Create           once: ok 5           always: unavailable 2
            Part             once: ok 5           always: unavailable 4
            Complete         once: ok 5           always: unavailable 6
            CompleteIfAbsent once: ok 5           always: unavailable 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: unavailable 2
            StagePart        once: ok 7           always: unavailable 4
            StageComplete    once: ok 7           always: unavailable 7
            StageCopy        once: ok 7           always: unavailable 7
            StageCopyPart    once: ok 9           always: unavailable 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: unavailable 2
            OpenRest         once: ok 3           always: unavailable 3
            Range            once: ok 2           always: unavailable 2
            PatchHead        once: ok 8           always: invalid 3
            PatchCreate      once: ok 7           always: unavailable 4
            PatchPart        once: ok 7           always: unavailable 6
            PatchComplete    once: ok 7           always: unavailable 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_token() {
    table(
        Fault::EXPIRED_TOKEN,
        expect![[r#"
            Create           once: ok 5           always: denied 2
            Part             once: ok 5           always: denied 4
            Complete         once: ok 5           always: denied 6
            CompleteIfAbsent once: ok 5           always: denied 6
            Abort            once: denied 6       always: denied 6
            StageCreate      once: ok 7           always: denied 2
            StagePart        once: ok 7           always: denied 4
            StageComplete    once: ok 7           always: denied 6
            StageCopy        once: ok 7           always: denied 7
            StageCopyPart    once: ok 9           always: denied 9
            StageDelete      once: ok 7           always: ok 7
            OpenFirst        once: ok 2           always: denied 2
            OpenRest         once: ok 3           always: denied 3
            Range            once: ok 2           always: denied 2
            PatchHead        once: ok 8           always: invalid 3
            PatchCreate      once: ok 7           always: denied 4
            PatchPart        once: ok 7           always: denied 6
            PatchComplete    once: ok 7           always: denied 8
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_denied() {
    table(
        Fault::ACCESS_DENIED,
        expect![[r#"
            Create           once: denied 1       always: denied 1
            Part             once: denied 3       always: denied 3
            Complete         once: denied 5       always: denied 5
            CompleteIfAbsent once: denied 5       always: denied 5
            Abort            once: denied 5       always: denied 5
            StageCreate      once: denied 1       always: denied 1
            StagePart        once: denied 3       always: denied 3
            StageComplete    once: denied 5       always: denied 5
            StageCopy        once: denied 6       always: denied 6
            StageCopyPart    once: denied 8       always: denied 8
            StageDelete      once: ok 6           always: ok 6
            OpenFirst        once: denied 1       always: denied 1
            OpenRest         once: denied 2       always: denied 2
            Range            once: denied 1       always: denied 1
            PatchHead        once: ok 8           always: denied 3
            PatchCreate      once: denied 3       always: denied 3
            PatchPart        once: denied 5       always: denied 5
            PatchComplete    once: denied 7       always: denied 7
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_implemented() {
    table(
        Fault::NOT_IMPLEMENTED,
        expect![[r#"
            Create           once: invalid 1      always: invalid 1
            Part             once: invalid 3      always: invalid 3
            Complete         once: invalid 5      always: invalid 5
            CompleteIfAbsent once: invalid 5      always: invalid 5
            Abort            once: denied 5       always: denied 5
            StageCreate      once: invalid 1      always: invalid 1
            StagePart        once: invalid 3      always: invalid 3
            StageComplete    once: invalid 6      always: invalid 6
            StageCopy        once: invalid 6      always: invalid 6
            StageCopyPart    once: invalid 8      always: invalid 8
            StageDelete      once: ok 6           always: ok 6
            OpenFirst        once: invalid 1      always: invalid 1
            OpenRest         once: invalid 2      always: invalid 2
            Range            once: invalid 1      always: invalid 1
            PatchHead        once: unavailable 1  always: unavailable 1
            PatchCreate      once: invalid 4      always: invalid 4
            PatchPart        once: invalid 6      always: invalid 6
            PatchComplete    once: invalid 7      always: invalid 7
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirected() {
    table(
        Fault::Redirect("http://127.0.0.1:1/".into()),
        expect![[r#"
            Create           once: invalid 1      always: invalid 1
            Part             once: invalid 3      always: invalid 3
            Complete         once: invalid 5      always: invalid 5
            CompleteIfAbsent once: invalid 5      always: invalid 5
            Abort            once: denied 5       always: denied 5
            StageCreate      once: invalid 1      always: invalid 1
            StagePart        once: invalid 3      always: invalid 3
            StageComplete    once: invalid 6      always: invalid 6
            StageCopy        once: invalid 6      always: invalid 6
            StageCopyPart    once: invalid 8      always: invalid 8
            StageDelete      once: ok 6           always: ok 6
            OpenFirst        once: invalid 1      always: invalid 1
            OpenRest         once: invalid 2      always: invalid 2
            Range            once: invalid 1      always: invalid 1
            PatchHead        once: ok 8           always: invalid 3
            PatchCreate      once: invalid 4      always: invalid 4
            PatchPart        once: invalid 6      always: invalid 6
            PatchComplete    once: invalid 7      always: invalid 7
        "#]],
    )
    .await;
}

/// An object of another program's.
pub(crate) fn theirs() -> Object {
    Object::new(body(9))
}
