//! The Rust part, compiled for WebAssembly.

use std::{env, fs, path::PathBuf};

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
    match host.run(cargo.env("RUSTFLAGS", flags(host, &toolchain))) {
        Outcome::Failed(why) => Err(why),
        _ => Ok(()),
    }
}

/// What keeps the paths of this machine out of the messages of panics, which the module carries.
fn flags(host: &Host, toolchain: &Toolchain) -> String {
    let mut folders = vec![host.root.clone()];
    folders.extend(toolchain.sources(host));
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    folders.extend(registries.into_iter().flatten().flatten().map(|registry| registry.path()));
    folders.sort();
    let flags = folders.iter().map(|path| format!("--remap-path-prefix={}=", path.display()));
    flags.collect::<Vec<_>>().join(" ")
}
