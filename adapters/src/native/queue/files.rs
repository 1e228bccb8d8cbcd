//! The directory of a queue.
//!
//! ```text
//! lock                held by the process that has the queue
//! <16 hex>.write      a queued write: its place in the order, and how it is written
//! <16 hex>.body       its body
//! draft-<16 hex>      a body that is not queued yet; swept when the queue is opened
//! <16 hex>.new        a file that is being replaced; swept as well
//! ```
//!
//! A write is queued once its `.write` has its name and the directory is on the device; its body was there before. Files are
//! replaced by a rename, so that none is ever found half-written.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tiered_storage_core::{Error, ErrorKind, queue::Queued};

use super::record::{self, Details};
use crate::native::disk::files::{failure, remove, sync_folder};

const OPENING: &str = "opening the queue's directory";
const WRITING: &str = "writing into the queue's directory";

/// A directory that is this process's.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the directory, sweeps what was never queued, and gives what is.
    pub(super) fn open(root: PathBuf) -> Result<(Self, Vec<(Queued, Details)>), Error> {
        let wrap = |error| failure(error, OPENING);
        fs::create_dir_all(&root).map_err(wrap)?;
        let folder = Self { _lock: lock(&root)?, root };
        let mut names: Vec<String> = fs::read_dir(&folder.root)
            .and_then(|found| {
                found.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()
            })
            .map_err(wrap)?
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .collect();
        names.sort();
        let mut writes = Vec::new();
        for name in &names {
            if let Some(id) = number(name, ".write") {
                let bytes = fs::read(folder.root.join(name)).map_err(wrap)?;
                writes.push(record::decode(id, &bytes)?);
            }
        }
        for name in &names {
            let body = number(name, ".body");
            let is_left = body.is_some_and(|id| !writes.iter().any(|(write, _)| write.id == id));
            if is_left || name.starts_with("draft-") || number(name, ".new").is_some() {
                remove(&folder.root.join(name)).map_err(wrap)?;
            }
        }
        Ok((folder, writes))
    }

    pub(super) fn draft(&self, number: u64) -> PathBuf {
        self.root.join(format!("draft-{number:016x}"))
    }

    pub(super) fn body(&self, id: u64) -> PathBuf {
        self.root.join(format!("{id:016x}.body"))
    }

    /// Makes a body, whose bytes are on the device, that of write `id`.
    pub(super) fn adopt(&self, draft: &Path, id: u64) -> Result<(), Error> {
        fs::rename(draft, self.body(id)).map_err(|error| failure(error, WRITING))
    }

    /// Stores a write; it has returned once it survives a power loss.
    pub(super) fn store(&self, write: &Queued, details: &Details) -> Result<(), Error> {
        let new = self.root.join(format!("{:016x}.new", write.id));
        let stored = synced(&new, &record::encode(write, details))
            .and_then(|()| fs::rename(&new, self.root.join(format!("{:016x}.write", write.id))))
            .and_then(|()| sync_folder(&self.root));
        stored.map_err(|error| {
            // What is left of it is swept when the queue is opened again.
            drop(remove(&new));
            failure(error, WRITING)
        })
    }

    /// Forgets a write, its body last: without the other file it is nobody's.
    pub(super) fn forget(&self, id: u64) -> Result<(), Error> {
        remove(&self.root.join(format!("{id:016x}.write")))
            .and_then(|()| sync_folder(&self.root))
            .and_then(|()| remove(&self.body(id)))
            .map_err(|error| failure(error, WRITING))
    }
}

/// A body on its way into a queue.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) path: PathBuf,
    file: File,
    pub(super) size_bytes: u64,
    pub(super) crc: u32,
}

impl Draft {
    pub(super) fn create(path: PathBuf) -> Result<Self, Error> {
        let file = File::create(&path).map_err(|error| failure(error, WRITING))?;
        Ok(Self { path, file, size_bytes: 0, crc: 0 })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|error| failure(error, WRITING))?;
        self.size_bytes += bytes.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        Ok(())
    }

    /// Brings what was written onto the device.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(|error| failure(error, WRITING))
    }
}

/// Dropped, it takes its file along, unless that was adopted.
impl Drop for Draft {
    fn drop(&mut self) {
        // What stays is swept when the queue is opened again.
        drop(remove(&self.path));
    }
}

fn synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The number in the name of a file of this kind.
fn number(name: &str, kind: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(kind)?, 16).ok()
}

fn lock(root: &Path) -> Result<File, Error> {
    let wrap = |error| failure(error, OPENING);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(root.join("lock")).map_err(wrap)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Unavailable,
            "the queue's directory is in use; close the queue or process that has it, or give this one a directory of its own",
        )),
        Err(TryLockError::Error(error)) => Err(wrap(error)),
    }
}
