//! The web app, built for production.

use crate::{Outcome, host::Host, npm};

/// Where it is then, from the root of the workspace.
pub const BUILT: &str = "www/dist";

/// Builds the npm package, which the app is made of.
pub fn build_package(host: &Host) -> Result<(), String> {
    succeed(host, host.cargo("run --quiet --package tiered-storage-build"))
}

/// Builds the app over the package as it is built.
pub fn build(host: &Host) -> Result<(), String> {
    npm::install(host, "www")?;
    let mut vite = host.command("node");
    vite.args(["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"]);
    vite.current_dir(host.root.join("www"));
    succeed(host, vite)
}

fn succeed(host: &Host, mut command: std::process::Command) -> Result<(), String> {
    match host.run(&mut command) {
        Outcome::Failed(why) => Err(why),
        _ => Ok(()),
    }
}
