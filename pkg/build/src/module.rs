//! The Rust part, compiled for WebAssembly.

use tiered_storage_tasks::{
    Outcome,
    host::Host,
    toolchain::{Toolchain, WASM},
};

/// Where the module is then, from the root of the workspace.
pub(crate) const COMPILED: &str =
    "target/wasm/wasm32-unknown-unknown/wasm/tiered_storage_wasm.wasm";

/// Compiles it with whichever way the machine allows, and says which.
pub(crate) fn compile(host: &Host) -> Result<(), String> {
    let toolchain = Toolchain::find(host, &WASM)?;
    println!("compiling for WebAssembly {}", toolchain.name());
    let words = "build --package tiered-storage-wasm --profile wasm";
    let mut cargo = toolchain.cargo(host, words);
    match host.run(&mut cargo) {
        Outcome::Failed(why) => Err(why),
        _ => Ok(()),
    }
}
