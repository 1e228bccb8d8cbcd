//! What the checks and the build of the npm package share: running commands, and finding a compiler for a target.

use std::time::Duration;

pub mod app;
pub mod host;
pub mod npm;
pub mod toolchain;

/// How a check ended, and what there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed(String),
    /// It does not, or could not be looked at.
    Failed(String),
    /// It was left out, and why.
    Skipped(String),
}

/// A duration as the checks show it: `1.2 s`.
pub fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
