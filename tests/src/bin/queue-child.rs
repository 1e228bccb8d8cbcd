//! Queues writes, and sends them, until it is killed: what a crash of a queue is tried on.
//!
//! It is given a folder, an endpoint, a seed and the first version. It says on a line of its own that it is `ready`, and what
//! was acknowledged (`done KEY VERSION`).

use std::{io::Write, sync::Arc};

use tiered_storage::{
    TieredStorage,
    queue::{QueueOptions, WriteQueue},
};
use tiered_storage_tests::{
    server::Options,
    versions::{Dice, body, options},
};

#[tokio::main(worker_threads = 2)]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, endpoint, seed, first] = &args[..] else {
        panic!("usage: queue-child FOLDER ENDPOINT SEED FIRST");
    };
    let first: u64 = first.parse().expect("a number");
    let mut dice = Dice::new(seed.parse().expect("a number"));
    let cold = Options::default().tier(endpoint).build().expect("the settings are right");
    let storage = TieredStorage::builder(Arc::new(cold)).open().await.expect("right");
    let queue = WriteQueue::builder(storage, folder).open().await.expect("the folder is free");
    queue.start();
    say("ready");
    for version in first.. {
        let len = [600, 40_000, 1_500_000][dice.below(3) as usize];
        let written = QueueOptions::from(options(version));
        // A key that is written once shows a write that takes effect twice: the second finds it in its way. The last
        // version of one that is written again and again shows the order.
        let (key, written) = match dice.below(2) {
            0 => (format!("once/{version}"), written.if_absent()),
            _ => ("again".to_owned(), written.overwrite()),
        };
        queue.set(&key, body(version, len), written).await.expect("there is room");
        say(&format!("done {key} {version}"));
    }
}

/// One write of one line, so that none is torn.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).expect("someone listens");
    out.flush().expect("someone listens");
}
