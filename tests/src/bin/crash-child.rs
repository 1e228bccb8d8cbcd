//! Writes versions of entries through a storage until it is killed: what a crash is tried on.
//!
//! It is given a folder, an endpoint, a durability, a seed and the first version. It says on a line of its own that
//! it is `ready`, what it begins (`begin KEY VERSION`; version 0 removes) and what was acknowledged (`done KEY`).

use std::{io::Write, sync::Arc};

use tiered_storage::{
    Promotion, TieredStorage,
    memory::{MemoryOptions, MemoryTier},
    native::disk::{DiskOptions, DiskTier, Durability},
};
use tiered_storage_tests::{
    server::Options,
    versions::{Dice, body, options},
};

/// How many tasks write, each to keys of its own.
const WRITERS: u64 = 3;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, endpoint, durability, seed, first] = &args[..] else {
        panic!("usage: crash-child FOLDER ENDPOINT DURABILITY SEED FIRST");
    };
    let (seed, first): (u64, u64) =
        (seed.parse().expect("a number"), first.parse().expect("a number"));
    let durability = match durability.as_str() {
        "checkpoint" => Durability::Checkpoint,
        "object" => Durability::Object,
        "full" => Durability::Full,
        other => panic!("{other:?} is no durability"),
    };
    let cold = Options::default().tier(endpoint).build().expect("the settings are right");
    let disk = DiskOptions::new().durability(durability).checkpoint_interval_ms(20);
    let warm = DiskTier::open(folder, disk).expect("the folder can be opened");
    let hot = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
    let storage = TieredStorage::builder(Arc::new(cold))
        .warm(Arc::new(warm))
        .hot(Arc::new(hot))
        .promotion(Promotion::Eager)
        .open()
        .await
        .expect("the settings are right");
    say("ready");
    let writers = (0..WRITERS).map(|writer| {
        let storage = storage.clone();
        tokio::spawn(async move { write(&storage, writer, seed, first).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer goes on until it is killed");
    }
}

async fn write(storage: &TieredStorage, writer: u64, seed: u64, first: u64) {
    let mut dice = Dice::new(seed ^ (writer << 32));
    for version in first.. {
        let key = format!("k/{}", writer * 2 + dice.below(2));
        match dice.below(10) {
            0 => {
                say(&format!("begin {key} 0"));
                storage.delete(&key).await.expect("nothing fails");
            }
            1 => {
                storage.get(&key).await.expect("nothing fails");
                continue;
            }
            2 => {
                storage.invalidate_upper_caches(&key).await.expect("nothing fails");
                storage.get(&key).await.expect("nothing fails");
                continue;
            }
            _ => {
                say(&format!("begin {key} {version}"));
                let len = [600, 3_000, 40_000, 100_000][dice.below(4) as usize];
                let body = body(version, len);
                storage.set_with(&key, body, options(version)).await.expect("nothing fails");
            }
        }
        say(&format!("done {key}"));
    }
}

/// One write of one line, so that none is torn.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).expect("someone listens");
    out.flush().expect("someone listens");
}
