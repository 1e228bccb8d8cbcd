//! Real files through all three tiers, every byte of every read checked: `cargo demo`.
//!
//! It starts an S3 server on loopback, opens a storage over it with a small memory tier and a disk tier, and goes
//! through what such a storage lives through: an upload, skewed reads, a restart, an outage of S3, writes beside reads,
//! and a second machine. It ends with exit status 0 only if everything held.
//!
//! With `--web`, it serves the web app over the same files instead, until it is stopped.

use std::{error, fmt, io, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

mod assets;
mod media;
mod numbers;
mod options;
mod phases;
mod races;
mod reads;
mod report;
mod site;
mod web;
mod world;

use assets::File;
use options::{Options, Part};
use reads::Tally;
use report::Report;
use world::World;

/// Why the demo ended early.
#[derive(Debug)]
enum DemoError {
    /// The words after `cargo demo` are not understood.
    Usage(String),
    /// The default folder cannot be filled.
    Assets(String),
    /// The folder has nothing to upload.
    Empty(PathBuf),
    /// A file or folder cannot be read.
    Io(PathBuf, io::Error),
    /// The storage failed where it should not have.
    Storage(tiered_storage::Error),
    /// The storage did something that it promises not to do.
    Broken(String),
}

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(None) => {
            println!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => start(&options),
        Err(error) => {
            eprintln!("{error}\n\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}

fn start(options: &Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the system gives a process its first threads");
    let demo = async {
        match options.part {
            Part::Tiers => run(options).await,
            Part::Web | Part::WebAsBuilt => web::run(options).await,
        }
    };
    match runtime.block_on(demo) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), DemoError> {
    let report = Report::new();
    let folder = assets::folder(options.folder.as_deref())?;
    let files: Arc<[File]> = assets::scan(&folder, &report)?.into();
    let started = Instant::now();
    let mut world = World::open(options, &files).await?;
    report.introduce(&folder, &files, &world);

    let mut all = Tally::default();
    phases::upload(&world, &report, &folder, &files).await?;
    all.add(phases::read(&world, &report, options, &files).await?);
    all.add(phases::restart(&mut world, &report, options, &files).await?);
    all.add(phases::outage(&world, &report, options, &files).await?);
    let (raced, files) = races::overwrite(&world, &report, options, &folder, &files).await?;
    all.add(raced);
    all.add(phases::second_machine(&mut world, &report, options, &files).await?);
    world.storage.close().await?;

    let events = world.events.seen();
    if events.corrupt > 0 {
        let message = format!("{} sound copies were taken for corrupt ones", events.corrupt);
        return Err(DemoError::Broken(message));
    }
    report.conclude(&mut all, started.elapsed());
    Ok(())
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Assets(message) => f.write_str(message),
            Self::Empty(folder) => {
                write!(f, "{} has no files; name a folder that has some", folder.display())
            }
            Self::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Storage(error) => write!(f, "the storage failed: {error}"),
            Self::Broken(what) => write!(f, "a promise was broken: {what}"),
        }
    }
}

impl error::Error for DemoError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Storage(error) => Some(error),
            _ => None,
        }
    }
}

impl From<tiered_storage::Error> for DemoError {
    fn from(error: tiered_storage::Error) -> Self {
        Self::Storage(error)
    }
}
