//! Packages of npm, as a lock file names them.

use std::fs;

use crate::{Outcome, host::Host};

/// Installs what the lock file of a folder (its path from the root) names, unless that is installed.
pub fn install(host: &Host, folder: &str) -> Result<(), String> {
    let path = host.root.join(folder);
    let lock = path.join("package-lock.json");
    let lock = fs::read(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let installed = path.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    println!("installing the packages of npm that {folder} needs");
    // `npm ci` refuses a lock without the packages of other systems, which not every registry has.
    let words = ["install", "--no-save", "--loglevel=error", "--prefix", folder];
    match host.run(host.command("npm").args(words)) {
        Outcome::Failed(why) => Err(why),
        _ => {
            fs::write(&installed, lock).map_err(|error| format!("{}: {error}", installed.display()))
        }
    }
}
