//! The tests of what only JavaScript's hosts have, compiled to WebAssembly and run in Node and Chromium.
//!
//! They stand beside what they test, behind `cfg(web_tests)`, and are exports that `tests/web/wasm` calls. So they need
//! neither a runner of their own nor a driver for the browser, and what they test is optimised as it is in the package.

use tiered_storage_tasks::{
    Outcome,
    host::Host,
    toolchain::{Toolchain, WASM},
};

use crate::{checks::program, web};

const COMPILE: &str = "rustc --package tiered-storage --lib --crate-type cdylib --no-default-features --features s3 \
                       --profile wasm";
const COMPILED: &str = "target/wasm/wasm32-unknown-unknown/wasm/tiered_storage.wasm";
/// Where `tests/web/wasm` looks for the module and its glue.
const FOLDER: &str = "target/web-tests";

pub(crate) fn check(host: &Host) -> Outcome {
    compile(host)
        .and_then(|()| {
            passed(program(
                host,
                web::LIMIT,
                "tiered-storage-build",
                &["glue", COMPILED, FOLDER, "tests"],
            ))
        })
        .map_or_else(Outcome::Failed, |()| web::run(host, &["wasm"]))
}

fn compile(host: &Host) -> Result<(), String> {
    let mut cargo = Toolchain::find(host, &WASM)?.cargo(host, COMPILE);
    passed(host.run(cargo.args(["--", "--cfg", "web_tests", "-D", "warnings"])))
}

fn passed(outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Failed(why) => Err(why),
        _ => Ok(()),
    }
}
