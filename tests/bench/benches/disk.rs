//! Bodies on disk: the disk tier beside cacache, and beside plain files as the measure of what the system gives.
//!
//! Everything is in a temporary folder, is written once and then read in another order, from the page cache. Nobody
//! waits for the device: the disk tier at its default durability, cacache, and the plain files alike. One call at a
//! time, each waited for, on one thread, unless a row says otherwise.

use std::{
    fs,
    future::Future,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use bytes::Bytes;
use cacache::{Algorithm, WriteOpts};
use futures::{StreamExt, executor::block_on, stream};
use tiered_storage::{
    Key, Metadata, Timestamp,
    native::disk::{DiskOptions, DiskTier},
    tier::{Page, Read, StorageTier, Stored},
};
use tiered_storage_bench::{Options, Random, Rounds, key};

/// A store under test, in a directory of its own.
struct Subject {
    name: &'static str,
    /// Puts every body, then gets every body, and says how many seconds each took.
    run: fn(&Path, &Load) -> (f64, f64),
}

/// What to put.
struct Load {
    keys: Vec<String>,
    /// The order in which they are read.
    order: Vec<usize>,
    body: Bytes,
}

/// How many calls of the disk tier run at once where they are not one after the other.
const CONCURRENCY: usize = 16;

const SUBJECTS: [Subject; 5] = [
    Subject { name: "DiskTier", run: disk },
    Subject { name: "DiskTier, tokio, 16 at once", run: disk_concurrently },
    Subject {
        name: "cacache 13 (sha256)",
        run: |path, load| cacache(path, load, Algorithm::Sha256),
    },
    Subject { name: "cacache 13 (xxh3)", run: |path, load| cacache(path, load, Algorithm::Xxh3) },
    Subject { name: "write + rename, fs::read", run: files },
];

fn main() {
    let options = Options::parse("disk");
    let rounds = options.pick(1, 1, 2);
    let loads = [
        ("4 KiB", 4 << 10, options.pick(10, 3_000, 20_000)),
        ("64 KiB", 64 << 10, options.pick(5, 300, 500)),
        ("1 MiB", 1 << 20, options.pick(2, 30, 50)),
    ];
    // Nothing is removed before the end: for seconds after many removals, ext4 is slow to make files.
    let mut directories = Vec::new();
    for (size, bytes, count) in loads {
        let title = format!("{count} bodies of {size} on disk");
        let columns = [("puts/s", 0), ("gets/s", 0), ("put MiB/s", 0), ("get MiB/s", 0)];
        let mut speeds = Rounds::new(title, &columns);
        let load = load(bytes, count);
        for _ in 0..rounds {
            for Subject { name, run } in SUBJECTS {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let (put, get) = run(directory.path(), &load);
                let mebibytes = (bytes * count) as f64 / f64::from(1 << 20);
                directories.push(directory);
                speeds.add(name, "puts/s", count as f64 / put);
                speeds.add(name, "gets/s", count as f64 / get);
                speeds.add(name, "put MiB/s", mebibytes / put);
                speeds.add(name, "get MiB/s", mebibytes / get);
            }
        }
        options.show(&speeds.medians());
    }
    options.show(&opening(options.pick(100, 20_000, 100_000), rounds).medians());
}

fn load(bytes: usize, count: usize) -> Load {
    let mut random = Random::new(5);
    let mut order: Vec<usize> = (0..count).collect();
    random.shuffle(&mut order);
    let body: Vec<u8> = (0..bytes).map(|_| random.number() as u8).collect();
    let keys = (0..count).map(|object| key(u32::try_from(object).expect("there are few")));
    Load { keys: keys.collect(), order, body: body.into() }
}

fn timed<T>(job: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let value = job();
    (value, start.elapsed().as_secs_f64())
}

/// Without a tokio runtime, the tier does everything on the thread that calls it.
fn disk(path: &Path, load: &Load) -> (f64, f64) {
    let tier = open(path);
    let ((), put) =
        timed(|| load.keys.iter().for_each(|key| block_on(put(&tier, key, &load.body))));
    let get_all =
        || load.order.iter().for_each(|&at| block_on(get(&tier, &load.keys[at], load.body.len())));
    let ((), get) = timed(get_all);
    block_on(tier.close()).expect("it closes");
    (put, get)
}

fn disk_concurrently(path: &Path, load: &Load) -> (f64, f64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    runtime.expect("a runtime").block_on(async {
        let tier = open(path);
        let puts = load.keys.iter().map(|key| put(&tier, key, &load.body));
        let put = seconds(stream::iter(puts).buffer_unordered(CONCURRENCY).collect()).await;
        let gets = load.order.iter().map(|&at| get(&tier, &load.keys[at], load.body.len()));
        let get = seconds(stream::iter(gets).buffer_unordered(CONCURRENCY).collect()).await;
        tier.close().await.expect("it closes");
        (put, get)
    })
}

async fn seconds(work: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    work.await;
    start.elapsed().as_secs_f64()
}

fn open(path: &Path) -> DiskTier {
    DiskTier::open(path, DiskOptions::new()).expect("the directory is new or whole")
}

async fn put(tier: &DiskTier, key: &str, body: &Bytes) {
    let key = Key::new(key).expect("the key is right");
    let metadata = Metadata::new(key.clone(), body.len() as u64, Timestamp::from_millis(1));
    tier.write(&key, Stored { metadata, body: body.clone() }).await.expect("the disk takes it");
}

async fn get(tier: &DiskTier, key: &str, bytes: usize) {
    let key = Key::new(key).expect("the key is right");
    let read = tier.read(&key, None).await.expect("the disk gives it");
    let (Read::Found(stored) | Read::Suspect(stored)) = read else { panic!("{key} was put") };
    assert_eq!(stored.body.len(), bytes);
}

fn cacache(path: &Path, load: &Load, algorithm: Algorithm) -> (f64, f64) {
    let mut body = load.body.to_vec();
    let ((), put) = timed(|| {
        for (number, key) in load.keys.iter().enumerate() {
            // Equal bodies would be one file.
            body[..8].copy_from_slice(&(number as u64).to_le_bytes());
            let options = WriteOpts::new().algorithm(algorithm).size(body.len());
            let mut writer = options.open_sync(path, key).expect("a file");
            // Its mapped file takes one write of that size.
            writer.write_all(&body).expect("the disk takes it");
            writer.commit().expect("the disk takes it");
        }
    });
    let ((), get) = timed(|| {
        for &at in &load.order {
            let body = cacache::read_sync(path, &load.keys[at]).expect("it was put");
            assert!(body.len() == load.body.len(), "it was put");
        }
    });
    (put, get)
}

fn files(path: &Path, load: &Load) -> (f64, f64) {
    let file = |at: usize| -> PathBuf { path.join(format!("{:02x}/{at}", at % 256)) };
    (0..256).for_each(|at| {
        fs::create_dir(path.join(format!("{at:02x}"))).expect("a new directory");
    });
    let ((), put) = timed(|| {
        for at in 0..load.keys.len() {
            let temporary = path.join("new");
            fs::write(&temporary, &load.body).expect("the disk takes it");
            fs::rename(&temporary, file(at)).expect("it is renamed");
        }
    });
    let ((), get) = timed(|| {
        for &at in &load.order {
            let body = fs::read(file(at)).expect("it was put");
            assert!(body.len() == load.body.len(), "it was put");
        }
    });
    (put, get)
}

/// Leaves what a crash before the first snapshot would: bodies that describe themselves, and nothing that lists them.
fn remove_index(directory: &Path) {
    let data = directory.join("v1");
    fs::remove_file(directory.join("clean")).expect("the tier was closed");
    for entry in fs::read_dir(&data).expect("the tier was here") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "snapshot" || name.starts_with("journal-") {
            fs::remove_file(path).expect("it is removed");
        }
    }
}

/// From opening a directory until the first body is there, and until all are found again.
fn opening(count: u32, rounds: usize) -> Rounds {
    let title = format!("Opening a disk tier of {count} bodies of 1 KiB");
    let mut times =
        Rounds::new(title, &[("open, ms", 1), ("first get, ms", 1), ("all found, ms", 1)]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let body = Bytes::from(vec![b'x'; 1_024]);
    let tier = open(directory.path());
    (0..count).for_each(|object| block_on(put(&tier, &key(object), &body)));
    block_on(tier.close()).expect("it closes");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    for _ in 0..rounds {
        for (row, is_index_kept) in [("with the index", true), ("without the index", false)] {
            if !is_index_kept {
                remove_index(directory.path());
            }
            runtime.block_on(async {
                let start = Instant::now();
                let tier = open(directory.path());
                let opened = start.elapsed();
                get(&tier, &key(count / 2), body.len()).await;
                let first = start.elapsed();
                // A listing waits until it is known what there is.
                let page = Page { prefix: "", after: None, limit: 1 };
                tier.list(page).await.expect("it can list");
                let usage = tier.usage().await.expect("it can count");
                let all = start.elapsed();
                assert!(usage.items == u64::from(count), "nothing is lost");
                for (column, time) in
                    [("open, ms", opened), ("first get, ms", first), ("all found, ms", all)]
                {
                    times.add(row, column, time.as_secs_f64() * 1e3);
                }
                tier.close().await.expect("it closes");
            });
        }
    }
    times
}
