//! A part of the build that is left out while nothing that it reads has changed.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use tiered_storage_tasks::host::Host;

/// A step: what it reads and what it makes. Where its inputs were when it last succeeded is kept in `target/pkg`.
#[derive(Debug)]
pub(crate) struct Step {
    name: &'static str,
    stamp: PathBuf,
    inputs: Vec<PathBuf>,
    outputs: Vec<PathBuf>,
}

impl Step {
    pub(crate) fn new(host: &Host, name: &'static str) -> Self {
        let stamp = host.root.join("target/pkg").join(format!("{name}.stamp"));
        Self { name, stamp, inputs: Vec::new(), outputs: Vec::new() }
    }

    /// Adds files and folders, by their paths in `folder`.
    pub(crate) fn reads(mut self, folder: &Path, names: &[&str]) -> Self {
        self.inputs.extend(names.iter().map(|name| folder.join(name)));
        self
    }

    /// Adds files that must be there afterwards.
    pub(crate) fn makes(mut self, folder: &Path, names: &[&str]) -> Self {
        self.outputs.extend(names.iter().map(|name| folder.join(name)));
        self
    }

    /// Does the work, unless it was done for these inputs.
    pub(crate) fn run(self, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        let told = |error: io::Error| format!("the step `{}` cannot run: {error}", self.name);
        let inputs = self.fingerprint().map_err(told)?;
        let done = fs::read_to_string(&self.stamp).is_ok_and(|stamp| stamp == inputs);
        if done && self.outputs.iter().all(|path| path.is_file()) {
            return Ok(());
        }
        work()?;
        if let Some(missing) = self.outputs.iter().find(|path| !path.is_file()) {
            return Err(format!("the step `{}` did not make {}", self.name, missing.display()));
        }
        fs::create_dir_all(self.stamp.parent().expect("a stamp lies in a folder")).map_err(told)?;
        fs::write(&self.stamp, inputs).map_err(told)
    }

    /// Stands for the contents of all inputs.
    fn fingerprint(&self) -> io::Result<String> {
        let mut hasher = DefaultHasher::new();
        for path in &self.inputs {
            add(path, &mut hasher)?;
        }
        Ok(format!("{:016x}", hasher.finish()))
    }
}

fn add(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    path.hash(hasher);
    if !path.is_dir() {
        fs::read(path)?.hash(hasher);
        return Ok(());
    }
    let inside: io::Result<Vec<PathBuf>> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect();
    let mut inside = inside?;
    inside.sort();
    inside.iter().try_for_each(|path| add(path, hasher))
}

#[cfg(test)]
mod tests;
