//! The machine that the checks run on: commands, what they print, and what is installed.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use crate::Outcome;

/// What no command takes, whatever it does.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// Where the checks run.
#[derive(Debug)]
pub struct Host {
    /// The root of the workspace, where all commands run.
    pub root: PathBuf,
    cargo: String,
    closing: Mutex<Vec<String>>,
}

impl Host {
    /// The host, with the repository that this process was started in.
    pub fn new() -> Result<Self, String> {
        let here = env::current_dir().map_err(|error| format!("there is no directory: {error}"))?;
        let is_root = |path: &&Path| path.join("tests/tasks/Cargo.toml").is_file();
        let root = here.ancestors().find(is_root).ok_or("run it inside of the repository")?;
        Ok(Self {
            root: root.to_owned(),
            cargo: env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()),
            closing: Mutex::default(),
        })
    }

    /// A command that runs cargo with these words.
    pub fn cargo(&self, words: &str) -> Command {
        let mut command = self.command(&self.cargo);
        command.args(words.split_whitespace());
        if io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        command
    }

    /// A command that runs in the workspace's root, without what cargo tells the programs that it runs.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// A program that cargo built beside this one.
    pub fn built(&self, name: &str) -> Option<PathBuf> {
        let built = env::current_exe().ok()?.with_file_name(name);
        built.is_file().then_some(built)
    }

    /// Runs a command, shows what it prints, and keeps the lines with which test runners close.
    pub fn run(&self, command: &mut Command) -> Outcome {
        self.run_for(LIMIT, command)
    }

    /// As [`Host::run`], and ends the command when it has taken so long.
    pub fn run_for(&self, limit: Duration, command: &mut Command) -> Outcome {
        let line = show(command);
        println!("$ {line}");
        match self.pass_through(command, limit) {
            Ok(status) if status.success() => Outcome::Passed(String::new()),
            Ok(status) => Outcome::Failed(format!("{line}: {status}")),
            Err(error) => Outcome::Failed(format!("{line}: {error}")),
        }
    }

    /// What a command prints to its standard output, if it can be run and succeeds.
    pub fn output(&self, command: &mut Command) -> Option<String> {
        let output = command.stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether a command can be run and succeeds.
    pub fn succeeds(&self, command: &mut Command) -> bool {
        self.output(command).is_some()
    }

    /// Installs packages with apt, where the system has it and this process may; says what it does.
    pub fn install(&self, packages: &[&str]) -> bool {
        if !(Path::new("/usr/bin/apt-get").is_file() && is_root()) {
            return false;
        }
        println!("installing {}", packages.join(", "));
        let mut install = self.command("apt-get");
        install.args(["install", "-y", "--no-install-recommends"]).args(packages);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        let done = Outcome::Passed(String::new());
        self.run(self.command("apt-get").args(["update", "-qq"])) == done
            && self.run(&mut install) == done
    }

    /// The lines with which test runners closed since the last call.
    pub fn take_closing_lines(&self) -> Vec<String> {
        std::mem::take(&mut self.closing.lock().expect("nothing panics while it adds a line"))
    }

    fn pass_through(&self, command: &mut Command, limit: Duration) -> io::Result<ExitStatus> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (running, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let also_running = running.clone();
            scope.spawn(move || (self.copy(out, io::stdout()), drop(also_running)));
            scope.spawn(move || (self.copy(err, io::stderr()), drop(running)));
            // Nothing is ever sent: the channel closes when the program has closed its outputs.
            if ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                println!("ended after {} minutes", limit.as_secs() / 60);
                child.kill()?;
            }
            child.wait()
        })
    }

    fn copy(&self, from: Option<impl Read>, mut to: impl Write) {
        let mut lines = from.map(BufReader::new);
        let mut line = Vec::new();
        while let Some(lines) = &mut lines {
            line.clear();
            if !lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                break;
            }
            // Where nobody reads what is shown, the check goes on all the same.
            let _ = to.write_all(&line).and_then(|()| to.flush());
            if let Some(closing) = closing_line(&String::from_utf8_lossy(&line)) {
                self.closing.lock().expect("nothing panics while it adds a line").push(closing);
            }
        }
    }
}

/// A line in which a test runner sums up, without colours.
pub(crate) fn closing_line(line: &str) -> Option<String> {
    let escaped = without_escapes(line);
    let plain = escaped.trim();
    // Crates without tests have nothing to say; and what nextest shows of single tests, it indents.
    let is_closing = plain.starts_with("Summary [")
        || (escaped.starts_with("test result:") && !plain.contains("0 passed; 0 failed"))
        || (plain.ends_with(" failed") && plain.contains(" passed, "));
    is_closing.then(|| plain.to_owned())
}

/// Whether this process may install packages.
fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

fn without_escapes(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain
}

fn show(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter(|(name, _)| *name != "CARGO_TERM_COLOR")
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| format!("{}={:?} ", name.to_string_lossy(), value.to_string_lossy()));
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    variables.collect::<String>() + &words.join(" ")
}

#[cfg(test)]
mod tests;
