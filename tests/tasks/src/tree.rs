//! Whether core depends on nothing that does I/O, keeps time or throws dice.

use tiered_storage_tasks::{Outcome, host::Host};

/// Runtimes, HTTP, sockets, clocks, randomness, and the bindings to a JavaScript host.
const DENIED: &[&str] = &[
    "async-executor",
    "async-io",
    "async-std",
    "chrono",
    "curl",
    "fastrand",
    "futures-executor",
    "getrandom",
    "http",
    "hyper",
    "instant",
    "isahc",
    "jiff",
    "js-sys",
    "mio",
    "quanta",
    "rand",
    "reqwest",
    "smol",
    "socket2",
    "time",
    "tokio",
    "ureq",
    "wasm-bindgen",
    "web-sys",
    "web-time",
];

pub(crate) fn check(host: &Host) -> Outcome {
    let words = "tree --package tiered-storage-core --all-features --edges normal --target all";
    let mut tree = host.cargo(words);
    let Some(tree) = host.output(tree.args(["--prefix", "none", "--format", "{p}"])) else {
        return Outcome::Failed("cargo tree failed".to_owned());
    };
    let crates = names(&tree);
    println!("core depends on {}", crates[1..].join(", "));
    let denied = denied(&crates);
    if denied.is_empty() {
        return Outcome::Passed(format!("{} crates", crates.len() - 1));
    }
    Outcome::Failed(format!("core depends on {}", denied.join(", ")))
}

/// The names in what cargo prints, each once, in its order; the first is core itself.
pub(crate) fn names(tree: &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in tree.lines().filter_map(|line| line.split_whitespace().next()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Those of the crates that core must not know.
pub(crate) fn denied<'a>(crates: &[&'a str]) -> Vec<&'a str> {
    crates.iter().copied().filter(|name| DENIED.contains(name)).collect()
}
