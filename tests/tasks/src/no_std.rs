//! Whether core compiles for a target that has no std.

use crate::{
    Outcome,
    host::{Host, has_apt, is_root},
};

const TARGET: &str = "thumbv7em-none-eabihf";
const CHECK: &str = "check --package tiered-storage-core --target thumbv7em-none-eabihf";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "rust-web-llvm", "lld-19"];

/// Compiles it with whichever of three ways the machine allows, and says which.
pub(crate) fn check(host: &Host) -> Outcome {
    if has_target(host) {
        return said(host.run(&mut host.cargo(CHECK)), "with the installed target");
    }
    if has_debian_sources(host) || install_debian_sources(host) {
        return said(check_with_sources(host), "with Debian's rustc and the sources of core");
    }
    println!("the target {TARGET} is missing: installing it with rustup");
    let added = host.run(host.command("rustup").args(["target", "add", TARGET]));
    if let Outcome::Failed(why) = added {
        return Outcome::Failed(format!("there is no way to compile for {TARGET}: {why}"));
    }
    said(host.run(&mut host.cargo(CHECK)), "with the target that rustup installed")
}

fn check_with_sources(host: &Host) -> Outcome {
    let mut check = host.cargo(CHECK);
    check.args(["-Zbuild-std=core,alloc", "--target-dir", "target/no-std"]);
    // Another compiler's results must not mix with those of the other checks; nor is its age of interest here.
    check.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").arg("--ignore-rust-version");
    host.run(&mut check)
}

fn has_target(host: &Host) -> bool {
    let mut rustc = host.command("rustc");
    let Some(folder) = host.output(rustc.args(["--print", "target-libdir", "--target", TARGET]))
    else {
        return false;
    };
    let files = std::fs::read_dir(folder.trim()).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
}

fn has_debian_sources(host: &Host) -> bool {
    let Some(root) = host.output(host.command(DEBIAN_RUSTC).args(["--print", "sysroot"])) else {
        return false;
    };
    std::path::Path::new(root.trim()).join("lib/rustlib/src/rust/library/core").is_dir()
}

fn install_debian_sources(host: &Host) -> bool {
    if !(has_apt() && is_root()) {
        return false;
    }
    println!("the target {TARGET} is missing: installing {}", DEBIAN_PACKAGES.join(", "));
    let mut update = host.command("apt-get");
    let mut install = host.command("apt-get");
    install.args(["install", "-y", "--no-install-recommends"]).args(DEBIAN_PACKAGES);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    let done = Outcome::Passed(String::new());
    host.run(update.args(["update", "-qq"])) == done
        && host.run(&mut install) == done
        && has_debian_sources(host)
}

fn said(outcome: Outcome, how: &str) -> Outcome {
    match outcome {
        Outcome::Passed(_) => Outcome::Passed(how.to_owned()),
        other => other,
    }
}
