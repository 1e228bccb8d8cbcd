//! Writes and reads one large entry through memory, disk and S3, then queues one and sends it, and says how much memory that took.
//!
//! It is given a folder, an endpoint and a size in MiB. For each step it prints a line: the step, how many ms it took,
//! and how many KiB more memory the process had at its peak than before the first step.

use std::{fs, io::Write, path::Path, sync::Arc, time::Instant};

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use tiered_storage::{
    Promotion, SetOptions, Tier, TieredStorage,
    memory::{MemoryOptions, MemoryTier},
    native::disk::{DiskOptions, DiskTier},
    queue::{QueueOptions, WriteQueue},
};
use tiered_storage_tests::server::Options;

const KEY: &str = "large";
const PIECE_BYTES: usize = 256 << 10;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, endpoint, mib] = &args[..] else {
        panic!("usage: large-child FOLDER ENDPOINT MIB");
    };
    let pieces = mib.parse::<u64>().expect("a number") * (1 << 20) / PIECE_BYTES as u64;
    let storage = open(folder, endpoint).await;
    let before = peak_kib();
    let step =
        async |name: &str, work: &dyn Fn() -> futures::future::LocalBoxFuture<'static, ()>| {
            let begun = Instant::now();
            work().await;
            say(&format!("{name} {} {}", begun.elapsed().as_millis(), peak_kib() - before));
        };
    let write = || -> futures::future::LocalBoxFuture<'static, ()> {
        let storage = storage.clone();
        Box::pin(async move {
            let written = storage.set_stream(KEY, body(pieces), SetOptions::default()).await;
            let written = written.expect("the body is stored");
            assert!(written.tiers_written.contains(Tier::Warm), "warm has it");
        })
    };
    let read = |source: Tier| {
        let storage = storage.clone();
        move || -> futures::future::LocalBoxFuture<'static, ()> {
            let storage = storage.clone();
            Box::pin(async move { read(&storage, source, pieces).await })
        }
    };
    step("write", &write).await;
    step("read-warm", &read(Tier::Warm)).await;
    storage.invalidate_upper_caches("").await.expect("the tiers answer");
    step("read-cold", &read(Tier::Cold)).await;
    step("read-promoted", &read(Tier::Warm)).await;
    storage.close().await.expect("the tiers close");
    let queue = queue(folder, endpoint).await;
    let enter = || -> futures::future::LocalBoxFuture<'static, ()> {
        let queue = queue.clone();
        Box::pin(async move {
            let entered = queue.set_stream("queued", body(pieces), QueueOptions::new()).await;
            assert_eq!(entered.expect("it is queued").size_bytes, pieces * PIECE_BYTES as u64);
        })
    };
    let send = || -> futures::future::LocalBoxFuture<'static, ()> {
        let queue = queue.clone();
        Box::pin(async move {
            queue.flush().await.expect("the server answers");
            assert_eq!(queue.pending(), []);
        })
    };
    step("queue", &enter).await;
    step("send", &send).await;
}

/// A queue whose storage has nothing above cold.
async fn queue(folder: &str, endpoint: &str) -> WriteQueue {
    let cold = Options::default().tier(endpoint).build().expect("the settings are right");
    let storage = TieredStorage::builder(Arc::new(cold)).open().await.expect("they fit");
    let folder = Path::new(folder).join("queue");
    WriteQueue::builder(storage, folder).open().await.expect("the folder is free")
}

async fn open(folder: &str, endpoint: &str) -> TieredStorage {
    let cold = Options::default().tier(endpoint).build().expect("the settings are right");
    let warm = DiskTier::open(folder, DiskOptions::new()).expect("the folder can be opened");
    let hot = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
    let builder = TieredStorage::builder(Arc::new(cold)).warm(Arc::new(warm)).hot(Arc::new(hot));
    builder.promotion(Promotion::Eager).open().await.expect("the settings are right")
}

/// Pieces that are each of their own number.
fn body(pieces: u64) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    stream::iter((0..pieces).map(|number| Ok(piece(number))))
}

fn piece(number: u64) -> Bytes {
    number.to_le_bytes().repeat(PIECE_BYTES / 8).into()
}

async fn read(storage: &TieredStorage, source: Tier, pieces: u64) {
    let found = storage.get_stream(KEY).await.expect("the tiers answer");
    let mut stream = found.expect("the entry is there");
    assert_eq!(stream.source, source);
    let mut at = 0;
    while let Some(bytes) = stream.try_next().await.expect("the body is whole") {
        for byte in [0, bytes.len() - 1] {
            let place = at + byte as u64;
            let number = place / PIECE_BYTES as u64;
            assert_eq!(bytes[byte], number.to_le_bytes()[place as usize % 8], "at {place}");
        }
        at += bytes.len() as u64;
    }
    assert_eq!(at, pieces * PIECE_BYTES as u64);
    drop(stream);
    storage.settled().await;
}

/// The most memory that this process ever had.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the system tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("it is a number")
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("the parent listens");
}
