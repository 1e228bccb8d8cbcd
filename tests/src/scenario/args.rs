//! The command line.

use std::path::PathBuf;

use super::fields::{Malformed, Parsed, choose, malformed};

/// Where scenarios run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Host {
    /// All three tiers in memory, virtual time, one thread.
    Memory,
    /// Memory, a temporary folder, and the embedded S3 server; tokio, with the clock injected.
    DiskS3,
}

impl Host {
    const ALL: [(&'static str, Self); 2] = [("memory", Self::Memory), ("disk-s3", Self::DiskS3)];
    /// All hosts that a file may name, those of the npm package too.
    pub(super) const NAMES: [&'static str; 4] = ["memory", "disk-s3", "node", "chromium"];

    /// The name as files and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::DiskS3 => "disk-s3",
        }
    }
}

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Args {
    /// Where to run.
    pub host: Host,
    /// Files, and folders of files.
    pub paths: Vec<PathBuf>,
}

impl Args {
    /// How to call the runner.
    pub const USAGE: &str = "\
usage: cargo scenarios [--host memory|disk-s3] PATH...

Runs scenario files, and all in folders, such as tests/scenarios; the form is in the README.md there.";

    /// Reads a command line without the program's name.
    ///
    /// # Errors
    ///
    /// In words, what is wrong with it.
    pub fn parse(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Self, String> {
        Self::read(args).map_err(|Malformed(message)| message)
    }

    fn read(args: impl IntoIterator<Item = std::ffi::OsString>) -> Parsed<Self> {
        let mut parsed = Self { host: Host::Memory, paths: Vec::new() };
        let mut args = args.into_iter();
        let mut are_flags_over = false;
        while let Some(arg) = args.next() {
            let text = arg.to_string_lossy();
            if are_flags_over || !text.starts_with('-') {
                parsed.paths.push(PathBuf::from(arg));
            } else if text == "--" {
                are_flags_over = true;
            } else if text == "--host" {
                let Some(host) = args.next() else { return malformed("--host needs a value") };
                parsed.host = parse_host(&host.to_string_lossy())?;
            } else if let Some(host) = text.strip_prefix("--host=") {
                parsed.host = parse_host(host)?;
            } else {
                return malformed(format!("{text:?} is not an option"));
            }
        }
        if parsed.paths.is_empty() {
            return malformed("no path was given");
        }
        Ok(parsed)
    }
}

fn parse_host(text: &str) -> Parsed<Host> {
    let is_elsewhere =
        Host::NAMES.contains(&text) && !Host::ALL.iter().any(|(name, _)| *name == text);
    if is_elsewhere {
        return malformed(format!("the host {text:?} is run by the npm package"));
    }
    choose(text, &Host::ALL).map_err(|error| error.within("--host"))
}
