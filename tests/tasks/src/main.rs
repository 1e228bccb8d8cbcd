//! Runs every check of the project: `cargo verify`.
//!
//! It installs what is missing and says so, goes on after a failure, and ends with a line such as
//! `11 passed, 0 failed`. Its exit status is 0 only if nothing failed. With names, as in `cargo verify format tests`, it
//! runs only those checks.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

mod checks;
mod no_std;
mod tree;
mod wasm_tests;
mod web;

use checks::{CHECKS, Check};
use tiered_storage_tasks::{Outcome, host::Host, seconds};

/// A check that was run.
#[derive(Debug)]
struct Ran {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
    /// What the test runners said at their ends.
    closing: Vec<String>,
}

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.iter().any(|name| matches!(name.as_str(), "-h" | "--help" | "help")) {
        println!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let chosen = match choose(&names) {
        Ok(chosen) => chosen,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let host = match Host::new() {
        Ok(host) => host,
        Err(message) => {
            eprintln!("cannot start: {message}");
            return ExitCode::FAILURE;
        }
    };
    let started = Instant::now();
    let ran: Vec<Ran> = chosen
        .iter()
        .enumerate()
        .map(|(at, check)| run(&host, check, at + 1, chosen.len()))
        .collect();
    summarize(&ran, started.elapsed());
    if ran.iter().any(|ran| matches!(ran.outcome, Outcome::Failed(_))) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// The checks with these names, in their own order; all of them if there are no names.
fn choose(names: &[String]) -> Result<Vec<&'static Check>, String> {
    if let Some(unknown) =
        names.iter().find(|name| CHECKS.iter().all(|check| check.name != name.as_str()))
    {
        return Err(format!("{unknown} is not a check\n\n{}", usage()));
    }
    Ok(CHECKS
        .iter()
        .filter(|check| names.is_empty() || names.iter().any(|name| name == check.name))
        .collect())
}

/// What can be asked for.
fn usage() -> String {
    let list: Vec<String> =
        CHECKS.iter().map(|Check { name, about, .. }| format!("  {name:<13}{about}")).collect();
    format!(
        "usage: cargo verify [CHECK...]\n\nRuns every check, or those that are named:\n{}",
        list.join("\n"),
    )
}

fn run(host: &Host, check: &Check, number: usize, total: usize) -> Ran {
    println!("\n== {number}/{total} {}: {}", check.name, check.about);
    let started = Instant::now();
    let outcome = (check.run)(host);
    let took = started.elapsed();
    let (state, note) = describe(&outcome);
    let separator = if note.is_empty() { "" } else { ": " };
    println!("-- {} {state} after {}{separator}{note}", check.name, seconds(took));
    Ran { name: check.name, outcome, took, closing: host.take_closing_lines() }
}

fn summarize(ran: &[Ran], took: Duration) {
    println!("\n== summary");
    for Ran { name, outcome, took, closing } in ran {
        let (state, note) = describe(outcome);
        println!("{}", format!("{state:<8}{name:<13}{:>8}  {note}", seconds(*took)).trim_end());
        closing.iter().for_each(|line| println!("{:<31}{line}", ""));
    }
    println!("{:<21}{:>8}", "all", seconds(took));
    println!("{}", tally(ran.iter().map(|ran| &ran.outcome)));
}

fn describe(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Outcome::Passed(note) => ("passed", note),
        Outcome::Failed(note) => ("FAILED", note),
        Outcome::Skipped(note) => ("skipped", note),
    }
}

/// The closing line: `3 passed, 1 failed`, and `, 1 skipped` where any was.
fn tally<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let [mut passed, mut failed, mut skipped] = [0; 3];
    for outcome in outcomes {
        *match outcome {
            Outcome::Passed(_) => &mut passed,
            Outcome::Failed(_) => &mut failed,
            Outcome::Skipped(_) => &mut skipped,
        } += 1;
    }
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    format!("{passed} passed, {failed} failed{skipped}")
}

#[cfg(test)]
mod tests;
