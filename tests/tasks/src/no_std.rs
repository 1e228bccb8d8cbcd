//! Whether core compiles for a target that has no std.

use tiered_storage_tasks::{
    Outcome,
    host::Host,
    toolchain::{MICROCONTROLLER, Toolchain},
};

/// Compiles it with whichever way the machine allows, and says which.
pub(crate) fn check(host: &Host) -> Outcome {
    let toolchain = match Toolchain::find(host, &MICROCONTROLLER) {
        Ok(toolchain) => toolchain,
        Err(why) => return Outcome::Failed(why),
    };
    let words = "check --package tiered-storage-core";
    match host.run(&mut toolchain.cargo(host, words)) {
        Outcome::Passed(_) => Outcome::Passed(toolchain.name().to_owned()),
        other => other,
    }
}
