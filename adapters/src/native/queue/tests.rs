//! A queue over tiers in memory, some of which fail on demand.

use std::{fs, path::Path, sync::Mutex};

use tempfile::TempDir;

use super::*;
use crate::{
    conformance::{Call, FaultTier, When},
    memory::{MemoryOptions, MemoryTier},
    tier::StorageTier,
};

type Log = Arc<Mutex<Vec<String>>>;

/// A queue in a folder, over a storage whose cold tier fails on demand, and another storage over the same cold tier.
struct World {
    cold: Arc<FaultTier>,
    storage: TieredStorage,
    elsewhere: TieredStorage,
    folder: TempDir,
    queue: WriteQueue,
    log: Log,
}

impl World {
    async fn new() -> Self {
        let memory = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
        let memory: Arc<dyn StorageTier> = Arc::new(memory);
        let cold = Arc::new(FaultTier::new(Arc::clone(&memory)));
        let open = |tier| TieredStorage::builder(tier).open();
        let storage = open(cold.clone()).await.expect("the settings are right");
        let elsewhere = open(memory).await.expect("the settings are right");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let queue = opened(&storage, folder.path()).await;
        let log = logged(&queue);
        Self { cold, storage, elsewhere, folder, queue, log }
    }

    /// As another process would find it.
    async fn restart(&mut self) {
        self.queue.close().await.expect("the queue can be closed");
        self.queue = opened(&self.storage, self.folder.path()).await;
        self.log = logged(&self.queue);
    }

    /// Cold does not take the next writes.
    fn cut(&self, times: u64) {
        self.cold.fail(Call::Write, times, When::Before, ErrorKind::Unavailable);
    }

    async fn text(&self, key: &str) -> Option<String> {
        let found = self.elsewhere.get(key).await.expect("cold answers");
        found.map(|body| String::from_utf8(body.to_vec()).expect("the tests write text"))
    }

    async fn version(&self, key: &str) -> ETag {
        let found = self.elsewhere.metadata(key).await.expect("cold answers");
        found.expect("the entry is there").version()
    }

    async fn set(&self, key: &str, text: &'static str) -> u64 {
        let queued = self.queue.set(key, text, QueueOptions::new()).await;
        queued.expect("there is room").id
    }

    /// Another writer's.
    async fn write(&self, key: &str, text: &'static str) {
        self.elsewhere.set(key, text).await.expect("cold takes it");
    }

    async fn flush(&self) -> Result<(), ErrorKind> {
        self.queue.flush().await.map_err(|error| error.kind())
    }

    fn state(&self, id: u64) -> Option<WriteState> {
        self.queue.pending().into_iter().find(|write| write.id == id).map(|write| write.state)
    }

    fn keys(&self) -> Vec<String> {
        self.queue.pending().iter().map(|write| write.key.as_str().to_owned()).collect()
    }

    /// What was told since.
    fn told(&self) -> Vec<String> {
        core::mem::take(&mut *self.log.lock().expect("no test panics with it"))
    }

    fn files(&self) -> Vec<String> {
        let found = fs::read_dir(self.folder.path()).expect("the folder is there");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("it can be read").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = found.map(name).filter(|name| name != "lock").collect();
        names.sort();
        names
    }
}

async fn opened(storage: &TieredStorage, folder: &Path) -> WriteQueue {
    WriteQueue::builder(storage.clone(), folder).open().await.expect("the folder is free")
}

fn logged(queue: &WriteQueue) -> Log {
    let log = Log::default();
    let told = Arc::clone(&log);
    queue.subscribe(move |event| {
        let line = match event {
            QueueEvent::Changed => return,
            QueueEvent::Sent(write, _) => format!("sent {}", write.key),
            QueueEvent::Conflict(write) => format!("conflict {}", write.key),
            QueueEvent::Failed(write) => format!("failed {}", write.key),
        };
        told.lock().expect("no test panics with it").push(line);
    });
    log
}

async fn gathered(body: Option<Pieces>) -> Vec<u8> {
    let pieces: Vec<Bytes> =
        body.expect("it has a body").try_collect().await.expect("it can be read");
    pieces.concat()
}

#[tokio::test]
async fn what_is_queued_in_an_outage_outlives_the_process_and_is_sent_in_order() {
    let mut world = World::new().await;
    world.write("gone", "old").await;
    for (key, text) in [("a", "1"), ("b", "2"), ("a", "3")] {
        world.set(key, text).await;
    }
    world.queue.delete("gone", QueueOptions::new()).await.expect("there is room");
    world.cut(1);
    assert_eq!(world.flush().await, Err(ErrorKind::Unavailable));
    assert_eq!(world.text("a").await, None, "nothing is acknowledged before cold has it");
    world.restart().await;
    assert_eq!(world.keys(), ["a", "b", "a", "gone"]);
    assert_eq!(gathered(world.queue.body(3).await.expect("open")).await, b"3");
    assert!(world.queue.body(4).await.expect("open").is_none());
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.told(), ["sent a", "sent b", "sent a", "sent gone"]);
    assert_eq!(world.text("a").await.as_deref(), Some("3"));
    assert_eq!(world.text("b").await.as_deref(), Some("2"));
    assert_eq!(world.text("gone").await, None);
    assert_eq!(world.files(), [""; 0]);
}

#[tokio::test]
async fn options_travel_with_the_write() {
    let mut world = World::new().await;
    let set = SetOptions::default().mime_type("text/x-note").field("who", "me");
    let set =
        set.ttl(std::time::Duration::from_secs(3_600)).content(tiered_storage_core::Content::Json);
    world.queue.set("a", "{}", set).await.expect("there is room");
    world.restart().await;
    assert_eq!(world.flush().await, Ok(()));
    let found = world.storage.metadata("a").await.expect("cold answers").expect("it is there");
    assert_eq!(found.mime_type(), Some("text/x-note"));
    assert_eq!(found.custom().get("who").map(String::as_str), Some("me"));
    assert_eq!(found.content(), tiered_storage_core::Content::Json);
    assert!(found.expires_at.is_some());
}

#[tokio::test]
async fn large_bodies_are_sent_in_pieces() {
    let world = World::new().await;
    let body: Vec<u8> = (0..5_000_000_u32).map(|at| (at / 7) as u8).collect();
    let chunks: Vec<Result<Bytes, Error>> =
        body.chunks(300_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let queued = world.queue.set_stream("film", stream::iter(chunks), QueueOptions::new()).await;
    assert_eq!(queued.expect("there is room").size_bytes, 5_000_000);
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(
        world.elsewhere.get("film").await.expect("cold answers").as_deref(),
        Some(&body[..])
    );
}

#[tokio::test]
async fn what_is_queued_while_the_one_before_it_is_sent_is_for_what_that_left() {
    let world = World::new().await;
    world.write("a", "0").await;
    for is_removal in [false, true] {
        let (bytes, stream) = tokio::sync::mpsc::unbounded_channel::<Result<Bytes, Error>>();
        let stream =
            stream::unfold(stream, async |mut stream| Some((stream.recv().await?, stream)));
        let mut slow = Box::pin(world.queue.set_stream("a", stream, QueueOptions::new()));
        if is_removal {
            world.queue.delete("a", QueueOptions::new()).await.expect("there is room");
        } else {
            world.set("a", "1").await;
        }
        // It knows what is there, and waits for its body.
        while world.files().len() < 2 + usize::from(!is_removal) {
            assert!(slow.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        assert_eq!(world.flush().await, Ok(()));
        bytes.send(Ok(Bytes::from_static(b"2"))).expect("it is waited for");
        drop(bytes);
        slow.await.expect("there is room");
        assert_eq!(world.flush().await, Ok(()));
        assert_eq!(world.text("a").await.as_deref(), Some("2"));
        assert_eq!(world.told(), ["sent a", "sent a"]);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_not_queued() {
    let world = World::new().await;
    let torn = stream::iter([Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("torn"))]);
    let queued = world.queue.set_stream("a", torn, QueueOptions::new()).await;
    assert_eq!(queued.map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    assert_eq!((world.keys(), world.files()), (vec![], vec![]));
}

#[tokio::test]
async fn a_lost_answer_is_no_second_write() {
    for restarts in [false, true] {
        let mut world = World::new().await;
        world.write("a", "old").await;
        world.set("a", "new").await;
        world.set("a", "newer").await;
        world.cold.fail(Call::Write, 1, When::After, ErrorKind::Unavailable);
        assert_eq!(world.flush().await, Err(ErrorKind::Unavailable));
        let version = world.version("a").await;
        if restarts {
            world.restart().await;
        }
        // The first is found to be there, which is what is told; then the second one's answer is lost.
        world.cold.fail(Call::Write, 2, When::After, ErrorKind::Unavailable);
        assert_eq!(world.flush().await, Err(ErrorKind::Unavailable));
        assert_ne!(world.version("a").await, version);
        let version = world.version("a").await;
        assert_eq!(world.flush().await, Ok(()));
        assert_eq!(world.version("a").await, version, "it was written again");
        assert_eq!(world.told(), ["sent a", "sent a"]);
        assert_eq!(world.text("a").await.as_deref(), Some("newer"));
    }
}

/// A write of `a` that is in conflict with another writer's, one behind it, and one of another key.
async fn in_conflict() -> World {
    let world = World::new().await;
    world.write("a", "old").await;
    world.set("a", "mine").await;
    world.set("a", "mine, again").await;
    world.set("b", "other").await;
    world.write("a", "theirs").await;
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.told(), ["conflict a", "sent b"]);
    assert_eq!(world.text("a").await.as_deref(), Some("theirs"));
    world
}

#[tokio::test]
async fn a_conflict_outlives_the_process_and_says_what_is_there() {
    let mut world = in_conflict().await;
    world.restart().await;
    let Some(WriteState::Conflict(Some(there))) = world.state(1) else {
        panic!("it is in conflict, not {:?}", world.state(1))
    };
    assert_eq!(there.version(), world.version("a").await);
    assert_eq!(
        there.checksum(),
        world.storage.metadata("a").await.expect("cold answers").and_then(|it| it.checksum())
    );
    assert_eq!(world.state(2), Some(WriteState::Waiting));
}

#[tokio::test]
async fn mine_takes_the_place_of_what_was_shown_and_of_nothing_else() {
    let world = in_conflict().await;
    world.write("a", "theirs, again").await;
    world.queue.resolve(1, Choice::Mine).await.expect("it is in conflict");
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.told(), ["conflict a"]);
    world.queue.resolve(1, Choice::Mine).await.expect("it is in conflict");
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.told(), ["sent a", "sent a"]);
    assert_eq!(world.text("a").await.as_deref(), Some("mine, again"));
}

#[tokio::test]
async fn theirs_stays_and_the_next_write_asks_for_itself() {
    let world = in_conflict().await;
    world.queue.resolve(1, Choice::Theirs).await.expect("it is in conflict");
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.told(), ["conflict a"]);
    world.queue.resolve(2, Choice::Theirs).await.expect("it is in conflict");
    assert_eq!(world.text("a").await.as_deref(), Some("theirs"));
    assert_eq!((world.keys(), world.files()), (vec![], vec![]));
}

#[tokio::test]
async fn both_are_kept_under_two_keys() {
    let world = in_conflict().await;
    let other = Key::new("a (mine)").expect("a key");
    world.queue.resolve(1, Choice::Both(other)).await.expect("it is in conflict");
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.told(), ["sent a (mine)", "conflict a"]);
    assert_eq!(world.text("a (mine)").await.as_deref(), Some("mine"));
    assert_eq!(world.text("a").await.as_deref(), Some("theirs"));
}

#[tokio::test]
async fn removals_spare_what_nobody_saw() {
    let world = World::new().await;
    world.write("a", "old").await;
    let seen = world.version("a").await;
    let queued = world.queue.delete("a", QueueOptions::new().if_version(seen)).await;
    let id = queued.expect("there is room").id;
    world.queue.delete("b", QueueOptions::new()).await.expect("there is room");
    world.queue.delete("c", QueueOptions::new().overwrite()).await.expect("there is room");
    for key in ["a", "b", "c"] {
        world.write(key, "theirs").await;
    }
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.told(), ["conflict a", "conflict b", "sent c"]);
    assert_eq!(world.text("a").await.as_deref(), Some("theirs"));
    assert_eq!(world.text("c").await, None);
    world.queue.resolve(id, Choice::Mine).await.expect("it is in conflict");
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.text("a").await, None);
}

#[tokio::test]
async fn what_cannot_be_sent_holds_up_its_key_until_somebody_chooses() {
    let mut world = World::new().await;
    world.set("a", "1").await;
    world.set("a", "2").await;
    world.set("b", "3").await;
    world.cold.fail(Call::Write, 1, When::Before, ErrorKind::Denied);
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.told(), ["failed a", "sent b"]);
    world.restart().await;
    let Some(WriteState::Failed(error)) = world.state(1) else {
        panic!("it failed, and is not {:?}", world.state(1))
    };
    assert_eq!((error.kind(), error.message().is_empty()), (ErrorKind::Denied, false));
    world.queue.resolve(1, Choice::Mine).await.expect("it has failed");
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!(world.text("a").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn what_is_cancelled_is_not_sent() {
    let world = World::new().await;
    let id = world.set("a", "1").await;
    world.set("b", "2").await;
    assert!(world.queue.cancel(id).await.expect("open"));
    assert!(!world.queue.cancel(id).await.expect("open"));
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!((world.text("a").await, world.told()), (None, vec!["sent b".to_owned()]));
}

#[tokio::test]
async fn what_is_cancelled_in_mid_send_is_given_up_and_the_next_goes_on() {
    let world = World::new().await;
    let id = world.set("a", "1").await;
    world.set("b", "2").await;
    world.cold.hold(Call::Write);
    let queue = world.queue.clone();
    let flushed = tokio::spawn(async move { queue.flush().await });
    while world.cold.stopped(Call::Write) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.state(id), Some(WriteState::Sending));
    assert!(world.queue.cancel(id).await.expect("open"));
    flushed.await.expect("it does not panic").expect("the rest is sent");
    assert_eq!(world.text("b").await.as_deref(), Some("2"));
    assert_eq!(world.told(), ["sent b"]);
    // The call that was given up is carried to its end behind the queue's back.
    world.cold.release(Call::Write);
    world.storage.settled().await;
}

/// Who sends may hear of it later than others that it has begun: nothing else runs here until the call has ended.
#[tokio::test]
async fn what_is_cancelled_as_soon_as_it_is_begun_is_given_up_too() {
    let world = World::new().await;
    world.write("a", "1").await;
    let queued = world.queue.delete("a", QueueOptions::new().overwrite()).await;
    let id = queued.expect("there is room").id;
    let mut flush = Box::pin(world.queue.flush());
    // While somebody holds the state, the first look at the flush can do no more than ask for the write to be begun.
    let held = world.queue.inner.state.lock();
    assert!(flush.as_mut().now_or_never().is_none());
    drop(held);
    while world.state(id) != Some(WriteState::Sending) {
        std::thread::yield_now();
    }
    let mut cancel = Box::pin(world.queue.cancel(id));
    let cancelled = loop {
        if let Some(cancelled) = cancel.as_mut().now_or_never() {
            break cancelled;
        }
        std::thread::yield_now();
    };
    assert!(cancelled.expect("open"));
    flush.await.expect("there is no outage");
    assert_eq!(world.text("a").await.as_deref(), Some("1"));
    assert_eq!(world.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_full_queue_takes_nothing_by_halves() {
    let world = World::new().await;
    world.queue.close().await.expect("the queue can be closed");
    let builder = WriteQueue::builder(world.storage.clone(), world.folder.path());
    let queue = builder.writes_max(2).bytes_max(10).open().await.expect("the folder is free");
    let set = |body: &'static str| queue.set("a", body, QueueOptions::new().overwrite());
    let kind = |result: Result<QueuedWrite, Error>| result.map(drop).map_err(|error| error.kind());
    assert_eq!(kind(set("more than 10").await), Err(ErrorKind::Full));
    assert_eq!(kind(set("123456789").await), Ok(()));
    assert_eq!(kind(set("12").await), Err(ErrorKind::Full));
    assert_eq!(kind(set("1").await), Ok(()));
    assert_eq!(kind(set("").await), Err(ErrorKind::Full));
    let names: Vec<String> = world.files();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(queue.pending().len(), 2);
}

#[tokio::test]
async fn one_queue_has_a_folder() {
    let world = World::new().await;
    let builder = WriteQueue::builder(world.storage.clone(), world.folder.path());
    let other = builder.open().await;
    assert_eq!(other.map(drop).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    world.queue.close().await.expect("the queue can be closed");
    opened(&world.storage, world.folder.path()).await;
    let closed = world.queue.set("a", "1", QueueOptions::new()).await;
    assert_eq!(closed.map(drop).map_err(|error| error.kind()), Err(ErrorKind::Closed));
    assert_eq!(world.flush().await, Err(ErrorKind::Closed));
}

#[tokio::test]
async fn what_was_never_queued_is_swept_and_what_is_damaged_is_told() {
    let mut world = World::new().await;
    world.set("a", "1").await;
    let path = |name: &str| world.folder.path().join(name);
    for name in ["draft-0000000000000009", "0000000000000007.body", "0000000000000001.new"] {
        fs::write(path(name), "half").expect("a file can be written");
    }
    fs::write(path("0000000000000001.body"), "2").expect("a file can be written");
    world.restart().await;
    assert_eq!(world.files(), ["0000000000000001.body", "0000000000000001.write"]);
    assert_eq!(world.flush().await, Ok(()));
    assert!(
        matches!(world.state(1), Some(WriteState::Failed(error)) if error.kind() == ErrorKind::Corrupt)
    );
    assert_eq!(world.text("a").await, None, "nothing is sent that was not queued");

    world.queue.close().await.expect("the queue can be closed");
    fs::write(world.folder.path().join("0000000000000001.write"), "{")
        .expect("a file can be written");
    let builder = WriteQueue::builder(world.storage.clone(), world.folder.path());
    assert_eq!(
        builder.open().await.map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::Corrupt)
    );
}

#[tokio::test]
async fn bad_input_is_refused_before_it_is_queued() {
    let world = World::new().await;
    let kind = |result: Result<QueuedWrite, Error>| result.map(drop).map_err(|error| error.kind());
    let set = world.queue.set("", "1", QueueOptions::new()).await;
    assert_eq!(kind(set), Err(ErrorKind::Invalid));
    let much = SetOptions::default().field("much", "x".repeat(3_000));
    assert_eq!(kind(world.queue.set("a", "1", much).await), Err(ErrorKind::Invalid));
    assert_eq!((world.keys(), world.files()), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn the_background_sends_and_waits_out_an_outage() {
    let world = World::new().await;
    world.cut(3);
    world.queue.start();
    world.queue.start();
    world.set("a", "1").await;
    world.set("b", "2").await;
    while !world.queue.pending().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.told(), ["sent a", "sent b"]);
    assert_eq!(world.cold.take_calls(Call::Write), 5);
    assert_eq!(world.text("b").await.as_deref(), Some("2"));
}

/// What was queued by a call that was given up at the last moment lay there until something else was queued.
#[tokio::test]
async fn what_a_call_queued_that_was_given_up_is_sent_as_well() {
    let world = World::new().await;
    world.write("a", "1").await;
    let sent = Arc::new(Notify::new());
    let told = Arc::clone(&sent);
    world.queue.subscribe(move |event| {
        if let QueueEvent::Sent(..) = event {
            told.notify_one();
        }
    });
    world.queue.start();
    world.set("b", "1").await;
    sent.notified().await;
    // The background has nothing left to do, and waits.
    for _ in 0..3 {
        assert_eq!(world.flush().await, Ok(()));
    }
    let mut delete = Box::pin(world.queue.delete("a", QueueOptions::new().overwrite()));
    {
        // It waits for this on another thread.
        let _held = world.queue.inner.state.lock();
        assert!((&mut delete).now_or_never().is_none());
        drop(delete);
    }
    let sent = tokio::time::timeout(std::time::Duration::from_secs(60), sent.notified()).await;
    assert!(sent.is_ok(), "it is queued, and nobody sends it");
    assert_eq!(world.text("a").await, None);
}
