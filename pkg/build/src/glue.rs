//! The JavaScript between the module and the TypeScript, as `wasm-bindgen` makes it.

use std::path::{Path, PathBuf};

use wasm_bindgen_cli_support::Bindgen;

/// Writes `NAME.js` into the folder, and gives the module that belongs to it.
///
/// Nothing of it is public, so it comes without types; and each entry says itself where the module is.
pub(crate) fn generate(compiled: &Path, folder: &Path, name: &str) -> Result<PathBuf, String> {
    let mut bindgen = Bindgen::new();
    let bindgen = bindgen.input_path(compiled).out_name(name).typescript(false);
    bindgen
        .web(true)
        .map(|bindgen| bindgen.omit_default_module_path(true).remove_producers_section(true))
        .and_then(|bindgen| bindgen.generate(folder))
        .map_err(|error| format!("wasm-bindgen failed: {error:#}"))?;
    Ok(folder.join(format!("{name}_bg.wasm")))
}
