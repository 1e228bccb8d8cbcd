//! The checks of the npm package, in the runtimes that it is for.

use std::time::Duration;

use crate::checks::program;
use tiered_storage_tasks::{
    Outcome, app,
    host::Host,
    npm,
    toolchain::{Toolchain, WASM},
};

const WEB: &str = "tests/web";
/// Folders whose tests are checks of their own.
const APART: [&str; 6] = ["app", "browsers", "loaders", "pack", "size", "wasm"];
pub(crate) const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Builds the package.
pub(crate) fn package(host: &Host) -> Outcome {
    program(host, LIMIT, "tiered-storage-build", &[])
}

/// Compiles the tests, and with them the sources that they import.
pub(crate) fn types(host: &Host) -> Outcome {
    with_packages(host, || {
        if let Err(why) = npm::install(host, "www") {
            return Outcome::Failed(why);
        }
        let tsc = "pkg/node_modules/typescript/bin/tsc";
        match host.run(host.command("node").args([tsc, "--project", WEB])) {
            Outcome::Passed(_) => host.run(host.command("node").args([tsc, "--project", "www"])),
            other => other,
        }
    })
}

/// Lints what is compiled for WebAssembly only.
pub(crate) fn lints(host: &Host) -> Outcome {
    match Toolchain::find(host, &WASM) {
        Err(why) => Outcome::Failed(why),
        Ok(toolchain) => {
            match toolchain.clippy(host, "--package tiered-storage-wasm --profile wasm") {
                Ok(mut clippy) => host.run(&mut clippy),
                Err(why) => Outcome::Skipped(why),
            }
        }
    }
}

/// Runs every test that is not in a folder of its own.
pub(crate) fn tests(host: &Host) -> Outcome {
    run(host, &[&[".", "--except"], &APART[..]].concat())
}

pub(crate) fn size(host: &Host) -> Outcome {
    run(host, &["size"])
}

pub(crate) fn pack(host: &Host) -> Outcome {
    run(host, &["pack"])
}

pub(crate) fn loaders(host: &Host) -> Outcome {
    run(host, &["loaders"])
}

pub(crate) fn browsers(host: &Host) -> Outcome {
    run(host, &["browsers"])
}

/// Builds the web app over the package, and has browsers use it.
pub(crate) fn app(host: &Host) -> Outcome {
    match app::build(host) {
        Ok(()) => run(host, &["app"]),
        Err(why) => Outcome::Failed(why),
    }
}

/// Runs scenarios on a host of the npm package.
pub(crate) fn scenarios(host: &Host, place: &str, path: &str) -> Outcome {
    let words = ["run", "--silent", "scenarios", "--prefix", "pkg", "--", "--host", place, path];
    with_packages(host, || host.run_for(LIMIT, host.command("npm").args(words)))
}

pub(crate) fn run(host: &Host, names: &[&str]) -> Outcome {
    with_packages(host, || {
        let runner = format!("{WEB}/run.mjs");
        host.run_for(LIMIT, host.command("node").arg(runner).args(names))
    })
}

fn with_packages(host: &Host, work: impl FnOnce() -> Outcome) -> Outcome {
    match npm::install(host, WEB) {
        Ok(()) => work(),
        Err(why) => Outcome::Failed(why),
    }
}
