//! What a storage lives through, one part after the other.

use std::{path::Path, sync::Arc, time::Instant};

use fastrand::Rng;
use futures::{StreamExt, TryStreamExt, stream};
use tiered_storage::{Error, ErrorKind, Tier, tier::StorageTier as _};

use crate::{
    DemoError,
    assets::File,
    numbers::{bytes, count, counted, percent, rate, time},
    options::Options,
    reads::{self, SKEW, Tally, Zipf},
    report::{Report, requests},
    world::{BUCKET, World},
};

/// How many files are written at once.
const UPLOADS: usize = 32;
/// How many files that only S3 has are asked for while it is away.
const LOST_MAX: usize = 24;

/// Stores every file.
pub(crate) async fn upload(
    world: &World,
    report: &Report,
    folder: &Path,
    files: &Arc<[File]>,
) -> Result<(), DemoError> {
    report.heading("1. Upload: cold first, then warm and hot");
    let began = Instant::now();
    let bar = report.bar("uploading", files.len());
    let writes = stream::iter(0..files.len()).map(|at| {
        let (storage, files) = (world.storage.clone(), Arc::clone(files));
        let (folder, bar) = (folder.to_owned(), bar.clone());
        // On tasks of their own, so that several cores compress.
        let write = tokio::spawn(async move {
            let file = &files[at];
            let written = storage.set(&file.key, file.load(&folder)?).await?;
            bar.inc(1);
            match written.metadata.checksum() {
                Some(sum) if sum.0 == file.sum => Ok(()),
                _ => Err(DemoError::Broken(format!("{:?} changed while it was read", file.key))),
            }
        });
        async { write.await.expect("a writer does not panic") }
    });
    writes.buffer_unordered(UPLOADS).try_collect::<Vec<()>>().await?;
    bar.finish_and_clear();
    let (took, counts) = (began.elapsed(), world.take_counts());
    let total: u64 = files.iter().map(|file| file.size).sum();
    let stored = world.server.objects(BUCKET);
    let stored: u64 = stored.iter().map(|(_, object)| object.body.len() as u64).sum();
    report.line(&format!(
        "{} in {} ({}/s, {}/s), {UPLOADS} at a time",
        counted(files.len(), "file"),
        time(took),
        rate(files.len() as u64, took),
        bytes((total as f64 / took.as_secs_f64()) as u64),
    ));
    report.line(&format!(
        "S3 answered {} and holds {}: gzip saved {}",
        requests(&counts),
        bytes(stored),
        percent(total.saturating_sub(stored), total),
    ));
    Ok(())
}

/// Reads as visitors do: few files often, most rarely, and now and then a crawler reads them all.
pub(crate) async fn read(
    world: &World,
    report: &Report,
    options: &Options,
    files: &Arc<[File]>,
) -> Result<Tally, DemoError> {
    let scans = options.tasks.min(2);
    report.heading("2. Read: skewed, from several tasks at once");
    let zipf = Arc::new(Zipf::new(files.len(), options.seed));
    let bar = report.bar("reading", options.reads + scans * files.len());
    let began = Instant::now();
    let readers = (0..options.tasks).map(|task| {
        let reads =
            options.reads / options.tasks + usize::from(task < options.reads % options.tasks);
        let zipf = Arc::clone(&zipf);
        let mut rng = Rng::with_seed(options.seed.wrapping_add(1 + task as u64));
        let scan = if task < scans { 0..files.len() } else { 0..0 };
        let mut draw = move |_| zipf.draw(&mut rng);
        let first: Vec<usize> = (0..reads / 2).map(&mut draw).collect();
        let order = first.into_iter().chain(scan).chain((reads / 2..reads).map(draw));
        reads::reader(&world.storage, files, order, &bar)
    });
    let mut tally = reads::collect(readers).await?;
    bar.finish_and_clear();
    let took = began.elapsed();
    world.storage.settled().await;
    let counts = world.take_counts();
    report.line(&format!(
        "{} by {} in {} ({}/s): Zipf {SKEW}, and {} of everything",
        counted(options.reads + scans * files.len(), "read"),
        counted(options.tasks, "task"),
        time(took),
        rate(tally.reads(), took),
        counted(scans, "scan"),
    ));
    report.table(&mut tally);
    report.saved(&counts, &tally);
    let promoted = counted(world.events.seen().promoted, "promotion");
    report.line(&format!("{promoted} into warm and hot ran behind the reads"));
    Ok(tally)
}

/// Closes the storage and opens it over the same disk: memory is empty, warm is as it was.
pub(crate) async fn restart(
    world: &mut World,
    report: &Report,
    options: &Options,
    files: &Arc<[File]>,
) -> Result<Tally, DemoError> {
    report.heading("3. Restart: the disk is as it was, memory is empty");
    let began = Instant::now();
    world.restart().await?;
    let took = began.elapsed();
    let warm = held_by_warm(world, files).await?;
    let which: Vec<usize> = (0..files.len()).filter(|at| warm[*at]).collect();
    world.take_counts();
    let bar = report.bar("reading what was warm", which.len());
    let tally = reads::read_each(&world.storage, files, &which, options.tasks, &bar).await?;
    bar.finish_and_clear();
    let counts = world.take_counts();
    report.line(&format!("closed and opened again in {}", time(took)));
    if counts.requests() > 0 || tally.of(Tier::Cold).reads() > 0 {
        let message = format!("what was warm took {} to S3", requests(&counts));
        return Err(DemoError::Broken(message));
    }
    report.held(&format!(
        "warm held {} of {}; all of it was read without a request to S3",
        count(which.len()),
        counted(files.len(), "file"),
    ));
    Ok(tally)
}

/// Stops S3, and starts it again.
pub(crate) async fn outage(
    world: &World,
    report: &Report,
    options: &Options,
    files: &Arc<[File]>,
) -> Result<Tally, DemoError> {
    report.heading("4. Outage: S3 is gone");
    world.storage.settled().await;
    let warm = held_by_warm(world, files).await?;
    let (here, lost): (Vec<usize>, Vec<usize>) = (0..files.len()).partition(|at| warm[*at]);
    let lost: Vec<usize> = lost.into_iter().take(LOST_MAX).collect();
    // Memory may have some that the disk has not; those would be found.
    for at in &lost {
        world.storage.invalidate_upper_caches(&files[*at].key).await?;
    }
    world.server.stop();
    let bar = report.bar("reading what is warm", here.len());
    let mut tally = reads::read_each(&world.storage, files, &here, options.tasks, &bar).await?;
    bar.finish_and_clear();
    report.held(&format!("{} of the warm tier: all served", counted(here.len(), "file")));

    fail(world, report, files, &lost).await?;
    let changed = lost.iter().chain(&here).next().copied();
    if let Some(at) = changed {
        let written = world.storage.set(&files[at].key, "never acknowledged").await;
        expect_unavailable(written.map(Some))?;
        report.held("a write failed: nothing is acknowledged before S3 has it");
    }

    world.server.restart().map_err(|error| DemoError::Io("127.0.0.1".into(), error))?;
    let again: Vec<usize> = changed.into_iter().chain(lost).collect();
    let bar = report.bar("reading the others", again.len());
    tally.add(reads::read_each(&world.storage, files, &again, options.tasks, &bar).await?);
    bar.finish_and_clear();
    report.held("S3 is back: all of them are read, and nothing of that write");
    world.take_counts();
    Ok(tally)
}

/// Asks for files that only S3 has, while it is away.
async fn fail(
    world: &World,
    report: &Report,
    files: &[File],
    lost: &[usize],
) -> Result<(), DemoError> {
    if lost.is_empty() {
        report.line("there was no file that only S3 has");
        return Ok(());
    }
    let began = Instant::now();
    let bar = report.bar("asking for the others", lost.len());
    let mut message = String::new();
    let answers = stream::iter(lost).map(|at| world.storage.get(&files[*at].key));
    let mut answers = answers.buffer_unordered(LOST_MAX);
    while let Some(answer) = answers.next().await {
        bar.inc(1);
        message = expect_unavailable(answer)?.to_string();
    }
    bar.finish_and_clear();
    let (lost, took) = (counted(lost.len(), "file"), time(began.elapsed()));
    report.held(&format!("{lost} that only S3 has failed within {took}; none was a miss:"));
    report.line(&format!("   {message}"));
    Ok(())
}

/// Reads everything through a storage that begins with nothing: what is in S3 is all there is.
pub(crate) async fn second_machine(
    world: &mut World,
    report: &Report,
    options: &Options,
    files: &Arc<[File]>,
) -> Result<Tally, DemoError> {
    report.heading("6. A second machine: nothing but S3");
    world.move_to_another_machine().await?;
    world.take_counts();
    let which: Vec<usize> = (0..files.len()).collect();
    let bar = report.bar("reading everything", which.len());
    let began = Instant::now();
    let tally = reads::read_each(&world.storage, files, &which, options.tasks, &bar).await?;
    bar.finish_and_clear();
    let took = began.elapsed();
    report.held(&format!(
        "{} came back from S3 in {} ({}/s) as they were last written",
        counted(files.len(), "file"),
        time(took),
        rate(tally.reads(), took),
    ));
    world.take_counts();
    Ok(tally)
}

async fn held_by_warm(world: &World, files: &[File]) -> Result<Vec<bool>, DemoError> {
    let heads = stream::iter(files).map(|file| world.warm.head(&file.key));
    let heads: Vec<_> = heads.buffered(UPLOADS).try_collect().await?;
    Ok(heads.iter().map(Option::is_some).collect())
}

fn expect_unavailable<T>(result: Result<Option<T>, Error>) -> Result<Error, DemoError> {
    match result {
        Err(error)
            if error.kind() == ErrorKind::Unavailable && error.tier() == Some(Tier::Cold) =>
        {
            Ok(error)
        }
        Err(error) => Err(error.into()),
        Ok(None) => Err(DemoError::Broken("an outage was taken for a miss".to_owned())),
        Ok(Some(_)) => Err(DemoError::Broken("a call succeeded that needs S3".to_owned())),
    }
}
