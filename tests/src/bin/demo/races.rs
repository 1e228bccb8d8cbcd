//! Writes beside reads: whoever reads after a write was acknowledged reads that write, or a later one.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use fastrand::Rng;
use futures::future::try_join_all;
use tiered_storage::TieredStorage;

use crate::{
    DemoError,
    assets::{File, sum},
    numbers::{count, counted, rate, time},
    options::Options,
    reads::{Tally, Zipf},
    report::{Bar, Report, requests},
    world::World,
};

const FILES: usize = 48;
const VERSIONS: u64 = 24;
const WRITERS: usize = 4;
/// Larger files would make this a test of the network.
const FILE_BYTES_MAX: u64 = 512 << 10;
const MARK: &[u8] = b"tiered-storage demo, version ";
const MARK_BYTES: usize = MARK.len() + 11;

/// A file that is overwritten while it is read.
#[derive(Debug)]
struct Contested {
    file: File,
    /// The file's place among all.
    at: usize,
    body: Bytes,
    /// The last version whose write has begun.
    begun: AtomicU64,
    /// The last version whose write was acknowledged.
    acknowledged: AtomicU64,
}

/// Overwrites popular files again and again while all tasks read them. Gives the files as they are afterwards.
pub(crate) async fn overwrite(
    world: &World,
    report: &Report,
    options: &Options,
    folder: &Path,
    files: &Arc<[File]>,
) -> Result<(Tally, Arc<[File]>), DemoError> {
    report.heading("5. Overwrite: writers beside readers");
    let contested = Arc::<[Contested]>::from(choose(options, folder, files)?);
    let writes = contested.len() as u64 * VERSIONS;
    let bar = report.bar("overwriting", contested.len() * 24);
    let began = Instant::now();
    let are_done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..options.tasks)
        .map(|task| {
            let rng = Rng::with_seed(options.seed.wrapping_add(1_000 + task as u64));
            tokio::spawn(read(world.storage.clone(), contested.clone(), are_done.clone(), rng))
        })
        .collect();
    let writers = (0..WRITERS).map(|writer| {
        tokio::spawn(write(world.storage.clone(), contested.clone(), writer, bar.clone()))
    });
    let written = try_join_all(writers).await.expect("a writer does not panic");
    are_done.store(true, Ordering::Release);
    let read = try_join_all(readers).await.expect("a reader does not panic");
    bar.finish_and_clear();
    let took = began.elapsed();
    written.into_iter().collect::<Result<(), _>>()?;
    let mut tally = Tally::default();
    read.into_iter().try_for_each(|read| read.map(|read| tally.add(read)))?;
    report.line(&format!(
        "{} of {} in {} ({}/s) by {}; {} by {}",
        counted(writes, "write"),
        counted(contested.len(), "file"),
        time(took),
        rate(writes, took),
        counted(WRITERS, "task"),
        counted(tally.reads(), "read"),
        counted(options.tasks, "task"),
    ));
    report.line(&format!("S3 answered {}", requests(&world.take_counts())));
    report.held(&format!(
        "{} reads: none older than the last acknowledged write, none torn",
        count(tally.reads()),
    ));
    Ok((tally, after(files, &contested)))
}

/// The most popular files that are not too large.
fn choose(
    options: &Options,
    folder: &Path,
    files: &Arc<[File]>,
) -> Result<Vec<Contested>, DemoError> {
    let zipf = Zipf::new(files.len(), options.seed);
    let fitting = zipf.top(files.len()).iter().filter(|at| files[**at].size <= FILE_BYTES_MAX);
    fitting
        .take(FILES)
        .map(|&at| {
            let file = files[at].clone();
            let body = file.load(folder)?;
            let (begun, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
            Ok(Contested { file, at, body, begun, acknowledged })
        })
        .collect()
}

/// Each file has one writer.
async fn write(
    storage: TieredStorage,
    contested: Arc<[Contested]>,
    writer: usize,
    bar: Bar,
) -> Result<(), DemoError> {
    for version in 1..=VERSIONS {
        for contested in contested.iter().skip(writer).step_by(WRITERS) {
            contested.begun.store(version, Ordering::SeqCst);
            storage.set(&contested.file.key, marked(version, &contested.body)).await?;
            contested.acknowledged.store(version, Ordering::SeqCst);
            bar.inc(1);
        }
    }
    Ok(())
}

async fn read(
    storage: TieredStorage,
    contested: Arc<[Contested]>,
    are_done: Arc<AtomicBool>,
    mut rng: Rng,
) -> Result<Tally, DemoError> {
    let mut tally = Tally::default();
    let Some(last) = contested.len().checked_sub(1) else { return Ok(tally) };
    while !are_done.load(Ordering::Acquire) {
        let contested = &contested[rng.usize(..=last)];
        let oldest = contested.acknowledged.load(Ordering::SeqCst);
        let began = Instant::now();
        let entry = storage.get_with_metadata(&contested.file.key).await?;
        let took: Duration = began.elapsed();
        let newest = contested.begun.load(Ordering::SeqCst);
        let key = &contested.file.key;
        let Some(entry) = entry else {
            return Err(DemoError::Broken(format!("{key:?} was missing during a write")));
        };
        let version = version(&contested.file, &entry.data)
            .ok_or_else(|| DemoError::Broken(format!("{key:?} had bytes that nobody wrote")))?;
        if !(oldest..=newest).contains(&version) {
            return Err(DemoError::Broken(format!(
                "{key:?} was read as version {version} from {} after version {oldest} was acknowledged",
                entry.source,
            )));
        }
        tally.note(entry.source, entry.data.len(), took);
        // What is hot is read without waiting, so that nothing else would let the writers run.
        tokio::task::yield_now().await;
    }
    Ok(tally)
}

/// The files as the last writes left them.
fn after(files: &Arc<[File]>, contested: &[Contested]) -> Arc<[File]> {
    let mut files = files.to_vec();
    for Contested { file, at, body, .. } in contested {
        let body = marked(VERSIONS, body);
        files[*at] = File { key: file.key.clone(), size: body.len() as u64, sum: sum(&body) };
    }
    files.into()
}

fn marked(version: u64, body: &[u8]) -> Bytes {
    [MARK, format!("{version:010}\n").as_bytes(), body].concat().into()
}

/// Which version these bytes are; 0 is the file itself. `None` if they are none.
fn version(file: &File, body: &[u8]) -> Option<u64> {
    if file.is(body) {
        return Some(0);
    }
    let (mark, rest) = body.split_at_checked(MARK_BYTES)?;
    let number = std::str::from_utf8(mark.strip_prefix(MARK)?.strip_suffix(b"\n")?).ok()?;
    if file.is(rest) { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use tiered_storage::Key;

    use super::*;

    #[test]
    fn versions_are_told_apart_and_torn_ones_are_none() {
        let key = Key::new("a").expect("this is a key");
        let file = File { key, size: 5, sum: sum(b"hello") };
        assert_eq!(version(&file, b"hello"), Some(0));
        assert_eq!(version(&file, &marked(17, b"hello")), Some(17));
        assert_eq!(version(&file, &marked(17, b"hellO")), None);
        assert_eq!(version(&file, &marked(17, b"hello")[1..]), None);
        assert_eq!(version(&file, b""), None);
    }
}
