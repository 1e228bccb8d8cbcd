//! What is checked, in order: what fails fast comes first.

use std::time::Duration;

use tiered_storage_tasks::{Outcome, host::Host};

use crate::{no_std, tree, wasm_tests, web};

/// How long one of our own programs may take; they take seconds.
const PROGRAM_LIMIT: Duration = Duration::from_secs(5 * 60);

/// One check.
#[derive(Debug)]
pub(crate) struct Check {
    /// One word, by which it can be asked for.
    pub(crate) name: &'static str,
    /// What it makes sure of.
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Host) -> Outcome,
}

/// All checks.
pub(crate) const CHECKS: &[Check] = &[
    Check { name: "tools", about: "what the checks need is installed", run: tools },
    Check { name: "format", about: "the sources are formatted", run: format },
    Check { name: "core-tree", about: "core knows no runtime, HTTP or clock", run: tree::check },
    Check { name: "lints", about: "clippy and rustc warn of nothing", run: lints },
    Check { name: "docs", about: "the documentation builds without warnings", run: docs },
    Check { name: "no-std", about: "core compiles where there is no std", run: no_std::check },
    Check { name: "licences", about: "dependencies are allowed and licensed", run: licences },
    Check { name: "tests", about: "every test passes", run: tests },
    Check { name: "doctests", about: "every example in the documentation runs", run: doctests },
    Check { name: "programs", about: "examples, benches and programs build", run: programs },
    Check { name: "package", about: "the npm package builds", run: web::package },
    Check { name: "types", about: "the tests of the package have types", run: web::types },
    Check { name: "wasm-lints", about: "clippy warns of nothing for wasm", run: web::lints },
    Check { name: "wasm-tests", about: "the tests for wasm pass", run: wasm_tests::check },
    Check { name: "web-tests", about: "the tests of the package pass", run: web::tests },
    Check { name: "size", about: "a page downloads no more than it did", run: web::size },
    Check { name: "pack", about: "the tarball holds what it should", run: web::pack },
    Check { name: "loaders", about: "runtimes and bundlers load the package", run: web::loaders },
    Check { name: "browsers", about: "browsers keep what is stored", run: web::browsers },
    Check { name: "app", about: "the web app works, offline too", run: web::app },
    Check { name: "scenarios", about: "the scenarios hold on every host", run: scenarios },
    Check { name: "demo", about: "real files pass through all tiers", run: demo },
];

/// Browsers in which the npm package is tested: the programs, the first of which is also Debian's package.
const BROWSERS: [(&str, &[&str]); 2] = [
    ("Chromium", &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]),
    ("Firefox", &["firefox-esr", "firefox"]),
];

fn tools(host: &Host) -> Outcome {
    for (component, words) in [("rustfmt", "fmt --version"), ("clippy", "clippy --version")] {
        if host.succeeds(&mut host.cargo(words)) {
            continue;
        }
        println!("{component} is missing: installing it with rustup");
        let added = host.run(host.command("rustup").args(["component", "add", component]));
        if added != Outcome::Passed(String::new()) {
            return added;
        }
    }
    let programs = [("node", "20"), ("npm", "10"), ("python3", "3")];
    for (program, version) in programs {
        match host.output(host.command(program).arg("--version")) {
            Some(found) => println!("{program} {}", found.trim()),
            None => {
                return Outcome::Failed(format!(
                    "{program} is missing: install version {version} or later"
                ));
            }
        }
    }
    for (name, programs) in BROWSERS {
        if programs.iter().any(|program| host.succeeds(host.command(program).arg("--version"))) {
            continue;
        }
        println!("{name} is missing");
        if !host.install(&[programs[0]]) {
            return Outcome::Failed(format!("{name} is missing: install it"));
        }
    }
    // It makes the film of the web app's tests.
    if !host.succeeds(host.command("ffmpeg").arg("-version")) {
        println!("ffmpeg is missing");
        if !host.install(&["ffmpeg"]) {
            return Outcome::Failed("ffmpeg is missing: install it".to_owned());
        }
    }
    let version = host.output(&mut host.cargo("version")).unwrap_or_default();
    Outcome::Passed(version.trim().to_owned())
}

fn format(host: &Host) -> Outcome {
    host.run(&mut host.cargo("fmt --all --check"))
}

fn lints(host: &Host) -> Outcome {
    host.run(&mut host.cargo("clippy --workspace --all-targets --all-features -- -D warnings"))
}

fn docs(host: &Host) -> Outcome {
    let mut doc = host.cargo("doc --workspace --all-features --no-deps");
    host.run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn licences(host: &Host) -> Outcome {
    if !host.succeeds(&mut host.cargo("deny --version")) {
        return Outcome::Skipped("cargo-deny is not installed".to_owned());
    }
    host.run(&mut host.cargo("deny --all-features check licenses bans sources"))
}

fn tests(host: &Host) -> Outcome {
    if host.succeeds(&mut host.cargo("nextest --version")) {
        return host.run(&mut host.cargo("nextest run --workspace --all-features --no-fail-fast"));
    }
    println!("cargo-nextest is not installed: running the tests with cargo test");
    let words = "test --workspace --all-features --no-fail-fast --lib --bins --tests --examples";
    host.run(&mut host.cargo(words))
}

fn doctests(host: &Host) -> Outcome {
    host.run(&mut host.cargo("test --workspace --all-features --no-fail-fast --doc"))
}

fn programs(host: &Host) -> Outcome {
    host.run(&mut host.cargo("build --workspace --all-features --bins --examples --benches"))
}

fn scenarios(host: &Host) -> Outcome {
    let path = "tests/scenarios";
    let native = ["memory", "disk-s3"]
        .map(|place| (place, program(host, PROGRAM_LIMIT, "scenarios", &["--host", place, path])));
    let web = ["node", "chromium"].map(|place| (place, web::scenarios(host, place, path)));
    let outcomes = || native.iter().chain(&web);
    let failed = outcomes().find(|(_, outcome)| !matches!(outcome, Outcome::Passed(_)));
    failed.map_or_else(
        || {
            let places: Vec<_> = outcomes().map(|(place, _)| *place).collect();
            Outcome::Passed(format!("on {}", places.join(", ")))
        },
        |(_, outcome)| outcome.clone(),
    )
}

fn demo(host: &Host) -> Outcome {
    program(host, PROGRAM_LIMIT, "demo", &["--reads", "4000"])
}

/// Runs what `programs` built: building it on its own would choose other features, and build all anew.
pub(crate) fn program(host: &Host, limit: Duration, name: &str, words: &[&str]) -> Outcome {
    let Some(program) = host.built(name) else {
        return Outcome::Failed(format!("{name} was not built; run the check `programs` first"));
    };
    host.run_for(limit, host.command(&program.to_string_lossy()).args(words))
}
