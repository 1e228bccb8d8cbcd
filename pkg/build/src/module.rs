//! The Rust part, compiled for WebAssembly.

use tiered_storage_tasks::{Outcome, host::Host, toolchain::Toolchain};

const TARGET: &str = "wasm32-unknown-unknown";
/// Where the module is then, from the root of the workspace.
pub(crate) const COMPILED: &str =
    "target/wasm/wasm32-unknown-unknown/wasm/tiered_storage_wasm.wasm";
/// Apart from the native builds, which therefore do not wait for this one.
const TARGET_DIR: &str = "target/wasm";

/// Compiles it with whichever way the machine allows, and says which.
pub(crate) fn compile(host: &Host) -> Result<(), String> {
    let toolchain = Toolchain::find(host, TARGET)?;
    println!("compiling for {TARGET} {}", toolchain.name());
    let words = "build --package tiered-storage-wasm --profile wasm";
    let mut cargo = toolchain.cargo(host, words, "std,panic_abort", TARGET_DIR);
    match host.run(&mut cargo) {
        Outcome::Failed(why) => Err(why),
        _ => Ok(()),
    }
}
