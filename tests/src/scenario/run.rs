//! Files in, lines out.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    args::{Args, Host},
    fields::{Malformed, Parsed, malformed},
    form::Scenario,
    play::{Ending, play},
    stage::Site,
};

/// How many scenarios ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// As expected.
    pub passed: usize,
    /// Otherwise.
    pub failed: usize,
    /// Of other hosts.
    pub skipped: usize,
    /// Files that could not be read or ask for what the runner does not know.
    pub unusable: usize,
}

impl Summary {
    /// 0 if all is well, 1 if a scenario failed, 2 if one could not be run.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self { unusable: 1.., .. } => ExitCode::from(2),
            Self { failed: 1.., .. } => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        }
    }
}

/// The last line, and one before it where scenarios were skipped.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skipped > 0 {
            writeln!(f, "{} skipped", self.skipped)?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Runs all scenarios that `args` names: a line each to `out`, and what is wrong with a file to `problems`.
///
/// # Errors
///
/// Of writing, and of starting the server.
pub fn run(args: &Args, out: &mut dyn Write, problems: &mut dyn Write) -> io::Result<Summary> {
    let mut summary = Summary::default();
    let mut files = Vec::new();
    for path in &args.paths {
        if let Err(Malformed(message)) = collect(path, &mut files) {
            summary.unusable += 1;
            writeln!(problems, "{}: {message}", path.display())?;
        }
    }
    let mut site = Site::new(args.host, files.len())?;
    for path in files {
        let ending = read(&path, args.host).map(|scenario| {
            let Some(scenario) = scenario else { return (String::new(), None) };
            let ending = play(&scenario, &mut site);
            (scenario.name, Some(ending))
        });
        match ending {
            Ok((_, None)) => summary.skipped += 1,
            Ok((name, Some(Ending::Passed))) => {
                summary.passed += 1;
                writeln!(out, "ok {name}")?;
            }
            Ok((name, Some(Ending::Failed(step, wrong)))) => {
                summary.failed += 1;
                let line = format!("step {step}: expected {}, got {}", wrong.expected, wrong.got);
                writeln!(out, "FAIL {name}: {}", line.replace(['\n', '\r'], " "))?;
            }
            Ok((_, Some(Ending::Unusable(Malformed(message))))) | Err(Malformed(message)) => {
                summary.unusable += 1;
                writeln!(problems, "{}: {message}", path.display())?;
            }
        }
    }
    writeln!(out, "{summary}")?;
    Ok(summary)
}

/// A scenario; `None` if it is not for this host.
fn read(path: &Path, host: Host) -> Parsed<Option<Scenario>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return malformed(format!("it cannot be read: {error}")),
    };
    let scenario = Scenario::parse(path, &text)?;
    if !scenario.runs_on(host) {
        return Ok(None);
    }
    scenario
        .check(host)
        .map_err(|error| error.within(&format!("on the host {}", host.as_str())))?;
    Ok(Some(scenario))
}

/// Adds the file, or all `*.json` files in the folder and those below it, by name.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Parsed<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let before = files.len();
    walk(path, files).map_err(|error| Malformed(format!("it cannot be read: {error}")))?;
    if files.len() == before {
        return malformed("there is no scenario in it");
    }
    Ok(())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}
