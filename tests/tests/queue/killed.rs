//! Processes that are killed while they queue and while they send.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use tiered_storage::queue::WriteQueue;
use tiered_storage_tests::{
    server::Server,
    versions::{Dice, version},
};

use super::{server, storage};

const CHILD: &str = env!("CARGO_BIN_EXE_queue-child");

/// The child, and what it says.
struct Writer {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Writer {
    fn start(server: &Server, folder: &Path, seed: u64, first: u64) -> Self {
        let mut child = Command::new(CHILD)
            .arg(folder)
            .args([server.endpoint(), seed.to_string(), first.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child can be started");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut writer = Self { child, out };
        assert_eq!(writer.line().as_deref(), Some("ready"), "the child does not start");
        writer
    }

    /// The next whole line; `None` once there is no more.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("the child can be heard");
        line.strip_suffix('\n').map(str::to_owned)
    }

    /// Notes an acknowledgement; `false` once there is no more.
    fn hear(&mut self, acknowledged: &mut BTreeMap<String, u64>) -> bool {
        let Some(line) = self.line() else { return false };
        let words: Vec<&str> = line.split(' ').collect();
        let ["done", key, version] = words[..] else { panic!("the child says {line:?}") };
        acknowledged.insert(key.to_owned(), version.parse().expect("a version is a number"));
        true
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have ended already; nobody else waits for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_or_sent_twice() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder can be made"));
    let mut dice = Dice::new(11);
    let mut acknowledged = BTreeMap::new();
    let mut sent = 0;
    for round in 0..6_u64 {
        // Every other child finds the server gone, or loses it.
        if round % 2 == 1 {
            server.stop();
        }
        let first = 1 + round * 1_000;
        let mut writer = Writer::start(&server, folder.path(), dice.below(u64::MAX), first);
        for _ in 0..3 + dice.below(12) {
            assert!(writer.hear(&mut acknowledged), "the child goes on until it is killed");
        }
        server.restart().expect("the port is free again");
        if round % 2 == 1 {
            server.stop();
        }
        writer.child.kill().expect("the child runs");
        while writer.hear(&mut acknowledged) {}
        drop(writer);
        server.restart().expect("the port is free again");
        sent += server.objects("bucket").len();
    }
    assert!(sent > 0, "the children sent nothing, so that nothing was tried");

    let storage = storage(&server).await;
    let queue =
        WriteQueue::builder(storage.clone(), folder.path()).open().await.expect("it can be opened");
    assert!(!queue.pending().is_empty(), "nothing was left over, so that nothing was tried");
    let ids: Vec<u64> = queue.pending().iter().map(|write| write.id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    queue.flush().await.expect("the server answers");
    assert_eq!(queue.pending(), [], "a write was sent twice, and is in its own way");
    for (key, acknowledged) in acknowledged {
        let found = storage.get_with_metadata(&key).await.expect("the server answers");
        let found = version(&found.unwrap_or_else(|| panic!("{key} is lost")));
        // The last write of a child may have been queued and not acknowledged.
        assert!(
            found == acknowledged || key == "again" && found > acknowledged,
            "{key} has {found}, not {acknowledged}"
        );
    }
}
