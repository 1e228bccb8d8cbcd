//! A server that goes and comes back, and one that loses answers.

use std::path::Path;

use tiered_storage::{
    ErrorKind, Key, TieredStorage,
    queue::{Choice, QueueOptions, WriteQueue, WriteState},
};
use tiered_storage_tests::{
    server::{Fault, Kind, Rule, Server},
    versions::{body, options, version},
};

use super::{server, storage};

struct World {
    server: Server,
    storage: TieredStorage,
    queue: WriteQueue,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let (server, folder) = (server(), tempfile::tempdir().expect("a folder can be made"));
        let storage = storage(&server).await;
        let queue = open(&storage, folder.path()).await;
        Self { server, storage, queue, _folder: folder }
    }

    async fn set(&self, key: &str, version: u64, len: usize) -> u64 {
        let written = QueueOptions::from(options(version));
        self.queue.set(key, body(version, len), written).await.expect("there is room").id
    }

    /// The version that cold has; 0 if it has none.
    async fn version(&self, key: &str) -> u64 {
        let found = self.storage.get_with_metadata(key).await.expect("the server answers");
        found.as_ref().map_or(0, version)
    }

    async fn flush(&self) -> Result<(), ErrorKind> {
        self.queue.flush().await.map_err(|error| error.kind())
    }
}

async fn open(storage: &TieredStorage, folder: &Path) -> WriteQueue {
    WriteQueue::builder(storage.clone(), folder).open().await.expect("the folder is free")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_without_a_server_is_there_once_it_is_back() {
    let world = World::new().await;
    world.storage.set_with("old", body(1, 800), options(1)).await.expect("the server answers");
    let seen = world.storage.metadata("old").await.expect("the server answers").expect("there");
    world.server.stop();
    // Two parts of an upload, and a small one behind it.
    world.set("film", 2, 20 << 20).await;
    world.set("film", 3, 800).await;
    let delete = QueueOptions::new().if_version(seen.version());
    world.queue.delete("old", delete).await.expect("there is room");
    assert_eq!(world.flush().await, Err(ErrorKind::Unavailable));
    assert_eq!(world.queue.pending().len(), 3);
    world.server.restart().expect("the port is free again");
    assert_eq!(world.flush().await, Ok(()));
    assert_eq!((world.version("film").await, world.version("old").await), (3, 0));
    assert_eq!(world.queue.pending(), []);
    assert_eq!(world.server.uploads("bucket"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_repeat_nothing() {
    for (kind, len) in [(Kind::Put, 800), (Kind::Complete, 20 << 20)] {
        let world = World::new().await;
        world.set("a", 1, len).await;
        world.set("a", 2, 800).await;
        world.server.faults().add(Rule::new(Fault::DropAfter).on(kind).times(2));
        while world.flush().await == Err(ErrorKind::Unavailable) {}
        assert_eq!(world.queue.pending(), [], "a write is in its own way");
        assert_eq!(world.version("a").await, 2);
        assert_eq!(world.server.faults().fired(), 2, "{kind:?}");
    }
    let world = World::new().await;
    world.storage.set_with("a", body(1, 800), options(1)).await.expect("the server answers");
    world.queue.delete("a", QueueOptions::new()).await.expect("there is room");
    world.set("a", 2, 800).await;
    world.server.faults().add(Rule::new(Fault::DropAfter).on(Kind::Delete).times(2));
    while world.flush().await == Err(ErrorKind::Unavailable) {}
    assert_eq!(world.queue.pending(), [], "a removal is in its own way");
    assert_eq!(world.version("a").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_writer_is_seen_and_each_choice_is_heeded() {
    let both = || Key::new("a (mine)").expect("a key");
    for (choice, expected) in
        [(Choice::Mine, [2, 0]), (Choice::Theirs, [3, 0]), (Choice::Both(both()), [3, 2])]
    {
        let world = World::new().await;
        world.storage.set_with("a", body(1, 800), options(1)).await.expect("the server answers");
        let id = world.set("a", 2, 800).await;
        let other = storage(&world.server).await;
        other.set_with("a", body(3, 800), options(3)).await.expect("the server answers");
        assert_eq!(world.flush().await, Ok(()));
        let [write] = &world.queue.pending()[..] else { panic!("one write is in conflict") };
        let WriteState::Conflict(Some(there)) = &write.state else { panic!("{write:?}") };
        let told = other.metadata("a").await.expect("the server answers").expect("it is there");
        assert_eq!(there.version(), told.version());
        world.queue.resolve(id, choice).await.expect("it is in conflict");
        assert_eq!(world.flush().await, Ok(()));
        assert_eq!([world.version("a").await, world.version("a (mine)").await], expected);
        assert_eq!(world.queue.pending(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removals_of_one_version_spare_every_other() {
    let world = World::new().await;
    let written = world.storage.set_with("a", body(1, 800), options(1)).await;
    let first = written.expect("the server answers").metadata.version();
    world.storage.set_with("a", body(2, 800), options(2)).await.expect("the server answers");
    let refused = world.storage.delete_if_version("a", first.clone()).await;
    let refused = refused.expect_err("it is another version");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let there = refused.current().expect("it says what is there").version();
    assert_eq!(world.version("a").await, 2);
    world.storage.delete_if_version("a", there).await.expect("it is that version");
    assert_eq!(world.version("a").await, 0);
    world.storage.delete_if_version("a", first).await.expect("that there is nothing is no error");
}
