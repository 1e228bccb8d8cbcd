//! Builds the npm package in `pkg/dist`: `cargo run --package tiered-storage-build`.
//!
//! It compiles the Rust part for WebAssembly, makes the glue, shrinks the module, checks the TypeScript, and bundles the
//! entries. What it needs and does not find, it installs, and says so. Steps whose inputs have not changed are left out.
//!
//! With the words `glue MODULE FOLDER NAME` it only makes the glue of another module.

use std::{env, fs, io, path::Path, process::ExitCode, time::Instant};

use tiered_storage_tasks::{Outcome, host::Host, npm, seconds};

mod glue;
mod module;
mod pack;
mod shrink;
mod split;
mod step;

use step::Step;

/// What the types are made of, and the settings of the compiler.
const TYPESCRIPT: &[&str] = &["ts", "tsconfig.json", "tsconfig.web.json"];
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

fn main() -> ExitCode {
    let started = Instant::now();
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let built = match words[..] {
        [] => Host::new().and_then(|host| build(&host)).map(|()| "pkg/dist"),
        ["glue", module, folder, name] => {
            glue::generate(Path::new(module), Path::new(folder), name).map(|_| folder)
        }
        _ => Err("the words must be none, or `glue MODULE FOLDER NAME`".to_owned()),
    };
    match built {
        Ok(built) => {
            println!("built {built} after {}", seconds(started.elapsed()));
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("it cannot be built: {message}");
            ExitCode::FAILURE
        }
    }
}

fn build(host: &Host) -> Result<(), String> {
    let package = &host.root.join("pkg");
    // Another version of a tool shows in the lock.
    let step = |name| Step::new(host, name).reads(package, &["package-lock.json"]);

    npm::install(host, "pkg")?;
    module::compile(host)?;
    step("module")
        .reads(&host.root, &[module::COMPILED])
        .reads(package, &["build/src"])
        .makes(package, &["generated/tiers.js", "generated/tiers.wasm", "generated/tiers.gz"])
        .run(|| {
            let compiled = host.root.join(module::COMPILED);
            let made = glue::generate(&compiled, &package.join("generated"), "tiers")?;
            let module = package.join("generated/tiers.wasm");
            shrink::shrink(host, &made, &module, &package.join("generated/tiers.js"))?;
            pack(&module, &package.join("generated/tiers.gz"))
        })?;
    step("types").reads(package, TYPESCRIPT).makes(package, &["dist/types/index.d.ts"]).run(
        || {
            let tsc = "pkg/node_modules/typescript/bin/tsc";
            remove(&package.join("dist/types"))?;
            succeed(host, "node", &[tsc, "--project", "pkg/tsconfig.web.json"])?;
            let words = ["--project", "pkg", "--declaration", "--emitDeclarationOnly"];
            succeed(host, "node", &[&[tsc][..], &words].concat())
        },
    )?;
    step("entries")
        .reads(package, TYPESCRIPT)
        .reads(package, &["generated", "build/bundle.mjs"])
        .makes(package, &["dist/inline.js", "dist/tiers.wasm"])
        .run(|| succeed(host, "node", &["pkg/build/bundle.mjs"]))?;
    for name in LICENCES {
        fs::copy(host.root.join(name), package.join(name))
            .map_err(|error| format!("{name} cannot be copied: {error}"))?;
    }
    Ok(())
}

fn pack(from: &Path, to: &Path) -> Result<(), String> {
    let told = |error: io::Error| format!("{} cannot be packed: {error}", from.display());
    let module = fs::read(from).map_err(told)?;
    let sorted = split::split(&module)?;
    pack::pack(&sorted).and_then(|packed| fs::write(to, packed)).map_err(told)
}

fn remove(folder: &Path) -> Result<(), String> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder)
        .map_err(|error| format!("{} cannot be removed: {error}", folder.display()))
}

/// Runs a program in the root of the workspace; an error if it does not succeed.
fn succeed(host: &Host, program: &str, words: &[&str]) -> Result<(), String> {
    match host.run(host.command(program).args(words)) {
        Outcome::Failed(why) => Err(why),
        _ => Ok(()),
    }
}
