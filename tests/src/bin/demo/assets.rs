//! The files: where they come from, and what is in them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tiered_storage::Key;

use crate::{DemoError, report::Report};

/// The SHA-256 of a body.
pub(crate) type Sum = [u8; 32];

/// A file of the folder, as it was when the demo began.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its path in the folder, with slashes.
    pub(crate) key: Key,
    pub(crate) size: u64,
    pub(crate) sum: Sum,
}

impl File {
    /// The bytes, read again.
    pub(crate) fn load(&self, folder: &Path) -> Result<Bytes, DemoError> {
        let path = folder.join(self.key.as_str());
        fs::read(&path).map(Bytes::from).map_err(|error| DemoError::Io(path, error))
    }

    /// Whether these are the bytes of the file.
    pub(crate) fn is(&self, body: &[u8]) -> bool {
        body.len() as u64 == self.size && sum(body) == self.sum
    }
}

pub(crate) fn sum(body: &[u8]) -> Sum {
    Sha256::digest(body).into()
}

/// The folder that was asked for; else the default one, filled if it is not.
pub(crate) fn folder(asked: Option<&Path>) -> Result<PathBuf, DemoError> {
    if let Some(folder) = asked {
        return Ok(folder.to_owned());
    }
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let folder = assets.join("node_modules");
    let lock = assets.join("package-lock.json");
    let locked = fs::read(&lock).map_err(|error| DemoError::Io(lock, error))?;
    let installed = folder.join(".installed");
    if fs::read(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(folder);
    }
    println!("fetching the demo's files from npm into tests/assets/node_modules");
    fetch(&assets)?;
    fs::write(&installed, locked).map_err(|error| DemoError::Io(installed, error))?;
    Ok(folder)
}

fn fetch(assets: &Path) -> Result<(), DemoError> {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["ci", "--ignore-scripts", "--omit=optional", "--loglevel=error"]);
    let output = npm.current_dir(assets).stdin(Stdio::null()).output();
    let output = output.map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let what = if missing { "is not installed".to_owned() } else { error.to_string() };
        DemoError::Assets(format!(
            "npm {what}; install Node.js with npm, or name a folder: cargo demo FOLDER"
        ))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().next().unwrap_or("it says nothing");
    Err(DemoError::Assets(format!(
        "npm ci in tests/assets failed ({last}); try again, or name a folder: cargo demo FOLDER"
    )))
}

/// Every file below the folder, in the order of their keys. Hidden ones, links, and names that are no keys are left out.
pub(crate) fn scan(folder: &Path, report: &Report) -> Result<Vec<File>, DemoError> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let fail = |error| DemoError::Io(next.clone(), error);
        for entry in fs::read_dir(&next).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let kind = entry.file_type().map_err(fail)?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                paths.push(entry.path());
            }
        }
    }
    let bar = report.bar("reading the files", paths.len());
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        bar.inc(1);
        let Some(key) = key_of(folder, &path) else { continue };
        let body = fs::read(&path).map_err(|error| DemoError::Io(path, error))?;
        files.push(File { key, size: body.len() as u64, sum: sum(&body) });
    }
    bar.finish_and_clear();
    if files.is_empty() {
        return Err(DemoError::Empty(folder.to_owned()));
    }
    files.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(files)
}

fn key_of(folder: &Path, path: &Path) -> Option<Key> {
    let parts = path.strip_prefix(folder).ok()?.iter().map(|part| part.to_str());
    Key::new(parts.collect::<Option<Vec<_>>>()?.join("/")).ok()
}
