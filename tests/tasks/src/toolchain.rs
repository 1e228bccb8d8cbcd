//! A compiler for a target that may not be installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, host::Host};

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "rust-web-llvm", "lld-19"];
const DEBIAN_CLIPPY: &str = "/usr/bin/clippy-driver";
const DEBIAN_CLIPPY_PACKAGE: &str = "rust-web-clippy";
const DEBIAN_WASM_LINKER: &str = "wasm-ld-19";

/// A target that may not be installed.
#[derive(Debug)]
pub struct Target {
    name: &'static str,
    /// What is needed of the standard library.
    libraries: &'static str,
    /// Where its results are kept, apart from those for this machine.
    folder: &'static str,
    /// What makes them smaller, where the standard library is compiled along.
    shrinks: bool,
}

/// JavaScript's hosts.
pub const WASM: Target = Target {
    name: "wasm32-unknown-unknown",
    libraries: "std",
    folder: "target/wasm",
    shrinks: true,
};

/// A microcontroller, which has no std.
pub const MICROCONTROLLER: Target = Target {
    name: "thumbv7em-none-eabihf",
    libraries: "core,alloc",
    folder: "target/no-std",
    shrinks: false,
};

/// A way to compile for a target.
#[derive(Debug)]
pub struct Toolchain {
    target: &'static Target,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Installed,
    AddedByRustup,
    /// Debian's rustc compiles the standard library from its sources.
    DebianSources,
}

impl Toolchain {
    /// The first of three ways that this machine allows: the installed target, Debian's rustc and the sources of its
    /// standard library (which root installs where they are missing), or the target from rustup.
    pub fn find(host: &Host, target: &'static Target) -> Result<Self, String> {
        let name = target.name;
        if has_target(host, name) {
            return Ok(Self { target, way: Way::Installed });
        }
        if has_debian_sources(host) || install_debian_sources(host, name) {
            return Ok(Self { target, way: Way::DebianSources });
        }
        println!("the target {name} is missing: installing it with rustup");
        match host.run(host.command("rustup").args(["target", "add", name])) {
            Outcome::Failed(why) => Err(format!(
                "there is no way to compile for {name}: {why}; install it with `rustup target add {name}`, or on \
                 a Debian as root with `apt-get install {}`",
                DEBIAN_PACKAGES.join(" "),
            )),
            _ => Ok(Self { target, way: Way::AddedByRustup }),
        }
    }

    /// Which way it is, to be shown.
    pub fn name(&self) -> &'static str {
        match self.way {
            Way::Installed => "with the installed target",
            Way::AddedByRustup => "with the target that rustup installed",
            Way::DebianSources => "with Debian's rustc and the sources of its standard library",
        }
    }

    /// A command that lints packages for the target; what warns, fails.
    pub fn clippy(&self, host: &Host, words: &str) -> Result<Command, String> {
        if self.way != Way::DebianSources {
            let mut clippy = self.cargo(host, &format!("clippy {words}"));
            clippy.args(["--", "-D", "warnings"]);
            return Ok(clippy);
        }
        if !host.succeeds(host.command(DEBIAN_CLIPPY).arg("--version"))
            && !host.install(&[DEBIAN_CLIPPY_PACKAGE])
        {
            return Err(format!("{DEBIAN_CLIPPY_PACKAGE} is not installed"));
        }
        let mut clippy = self.cargo(host, &format!("check {words}"));
        // As `cargo clippy` does it, with the clippy of that compiler.
        clippy.env("RUSTC_WORKSPACE_WRAPPER", DEBIAN_CLIPPY);
        clippy.env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
        Ok(clippy)
    }

    /// A command that runs cargo with these words for the target, with its own target directory.
    pub fn cargo(&self, host: &Host, words: &str) -> Command {
        let Target { name, libraries, folder, shrinks } = self.target;
        let mut cargo = host.cargo(words);
        let mut flags = self.flags(host);
        if *shrinks {
            // SHA-256 with its rounds in a loop: a fifth of the code, for what is shorter than 8 KiB.
            flags += " --cfg sha2_backend_soft=\"compact\"";
        }
        cargo.args(["--target", name, "--target-dir", folder]);
        if self.way == Way::DebianSources {
            // Another compiler's results must not mix with those of others; nor is its age of interest here.
            cargo.arg(format!("-Zbuild-std={libraries}")).arg("--ignore-rust-version");
            cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_WASM_LINKER);
            if *shrinks {
                // A panic is a trap either way: nobody hears its message there.
                cargo.env("CARGO_PROFILE_WASM_PANIC", "immediate-abort");
                cargo.args(["-Zpanic-immediate-abort", "-Zbuild-std-features=optimize_for_size"]);
                flags += " -Zlocation-detail=none";
            }
        }
        cargo.env("RUSTFLAGS", flags);
        cargo
    }

    /// What keeps the paths of this machine out of the messages of panics, which are in what is compiled.
    fn flags(&self, host: &Host) -> String {
        let is_compiled = self.way == Way::DebianSources;
        let library = is_compiled.then(|| debian_sources(host)).flatten();
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
        let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
        let registries = registries.into_iter().flatten().flatten().map(|registry| registry.path());
        let mut folders: Vec<_> = registries.chain(library).chain([host.root.clone()]).collect();
        folders.sort();
        let flags = folders.iter().map(|path| format!("--remap-path-prefix={}=", path.display()));
        flags.collect::<Vec<_>>().join(" ")
    }
}

fn has_target(host: &Host, target: &str) -> bool {
    let mut rustc = host.command("rustc");
    let Some(folder) = host.output(rustc.args(["--print", "target-libdir", "--target", target]))
    else {
        return false;
    };
    let files = fs::read_dir(folder.trim()).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
}

fn has_debian_sources(host: &Host) -> bool {
    let has_linker = host.succeeds(host.command(DEBIAN_WASM_LINKER).arg("--version"));
    has_linker && debian_sources(host).is_some_and(|path| path.join("library/core").is_dir())
}

fn debian_sources(host: &Host) -> Option<PathBuf> {
    let root = host.output(host.command(DEBIAN_RUSTC).args(["--print", "sysroot"]))?;
    Some(Path::new(root.trim()).join("lib/rustlib/src/rust"))
}

fn install_debian_sources(host: &Host, target: &str) -> bool {
    println!("the target {target} is missing");
    host.install(&DEBIAN_PACKAGES) && has_debian_sources(host)
}
