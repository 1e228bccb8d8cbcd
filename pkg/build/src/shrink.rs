//! Makes the module smaller, and shortens the names by which it and the glue know each other.

use std::{fs, path::Path};

use tiered_storage_tasks::host::Host;

const PROGRAM: &str = "pkg/node_modules/binaryen/bin/wasm-opt";
/// Nothing but the end of the stack lies below 1 KiB, which lets additions become offsets.
const FLAGS: [&str; 3] = ["-Oz", "--low-memory-unused", "--minify-imports-and-exports-and-modules"];

/// Shrinks the module, and renames in its glue what was renamed in it.
pub(crate) fn shrink(host: &Host, from: &Path, to: &Path, glue: &Path) -> Result<(), String> {
    let mut command = host.command("node");
    command.arg(PROGRAM).args(FLAGS).arg(from).arg("-o").arg(to);
    let renamed = host.output(&mut command).ok_or("wasm-opt failed")?;
    let shorter = |text: String| fs::write(glue, shortened(&text, &renamed));
    let written = fs::read_to_string(glue).and_then(shorter);
    written.map_err(|error| format!("{}: {error}", glue.display()))
}

/// The glue with other names: `renamed` has a line for each, in JSON, of which the last two texts are the old name and the
/// new one. What the module imports has a text more: the place that it came from, which is called `a` now.
fn shortened(glue: &str, renamed: &str) -> String {
    renamed.lines().fold(glue.to_owned(), |glue, line| {
        let texts: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        match texts[..] {
            [place, old, new] => replaced(&glue, &format!("{old}:"), &format!("{new}:"))
                .replace(&format!("\"{place}\":"), "\"a\":"),
            [old, new] => replaced(&glue, &format!("wasm.{old}"), &format!("wasm.{new}")),
            _ => glue,
        }
    })
}

/// Replaces whole names.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (before, after) = (&rest[..at], &rest[at + old.len()..]);
        let is_whole =
            !before.ends_with(is_name) && (!after.starts_with(is_name) || old.ends_with(':'));
        replaced.push_str(before);
        replaced.push_str(if is_whole { new } else { old });
        rest = after;
    }
    replaced + rest
}

#[cfg(test)]
mod tests;
