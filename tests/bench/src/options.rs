//! What a bench is told on its command line.

use std::{fs::OpenOptions, io::Write, path::PathBuf, process::exit};

use serde_json::{Value, json};

use crate::table::Table;

/// How long a bench may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every bench decides on each")]
pub enum Scale {
    /// Some seconds at most, with sizes that show nothing but that the bench works: without `--bench`, which `cargo
    /// bench` gives and `cargo test` does not.
    Smoke,
    /// `--quick`.
    Quick,
    /// What the README quotes.
    Full,
}

/// The command line of a bench: `[--quick] [--json FILE] [TRACE...]`.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the bench may take.
    pub scale: Scale,
    /// Request traces to replay, where the bench does that.
    pub traces: Vec<PathBuf>,
    bench: &'static str,
    json: Option<PathBuf>,
}

impl Options {
    /// Reads the command line of this process, for the bench of this name. Ends the process if there is nothing to do
    /// or the command line is wrong.
    pub fn parse(bench: &'static str) -> Self {
        let mut options = Self { scale: Scale::Smoke, traces: Vec::new(), bench, json: None };
        let mut is_quick = false;
        let mut arguments = std::env::args_os().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--bench") => options.scale = Scale::Full,
                Some("--quick") => is_quick = true,
                Some("--json") => {
                    let file = arguments.next().unwrap_or_else(|| refuse(bench));
                    options.json = Some(file.into());
                }
                // A test runner asks what tests there are: none.
                Some("--list") => exit(0),
                Some("-h" | "--help") => {
                    println!("{}", usage(bench));
                    exit(0)
                }
                Some(text) if text.starts_with('-') => refuse(bench),
                _ => options.traces.push(argument.into()),
            }
        }
        if is_quick && options.scale == Scale::Full {
            options.scale = Scale::Quick;
        }
        options
    }

    /// The value for this scale.
    pub fn pick<T>(&self, smoke: T, quick: T, full: T) -> T {
        match self.scale {
            Scale::Smoke => smoke,
            Scale::Quick => quick,
            Scale::Full => full,
        }
    }

    /// Prints a table, and appends each of its numbers as a line of JSON to the file of `--json`.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    pub fn show(&self, table: &Table) {
        println!("{table}");
        let Some(path) = &self.json else { return };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the file of --json can be opened");
        for (row, column, value) in table.numbers() {
            let line: Value = json!({
                "bench": self.bench, "table": table.title(), "row": row, "column": column, "value": value,
            });
            writeln!(file, "{line}").expect("the file of --json can be written");
        }
    }
}

fn usage(bench: &str) -> String {
    format!(
        "usage: cargo bench -p tiered-storage-bench --bench {bench} -- [--quick] [--json FILE] [TRACE...]"
    )
}

fn refuse(bench: &str) -> ! {
    eprintln!("{}", usage(bench));
    exit(2)
}
