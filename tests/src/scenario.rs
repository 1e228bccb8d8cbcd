//! Runs scenarios: JSON files that drive the public API and say what must come back, the same on every host.
//!
//! | file | one line |
//! |---|---|
//! | `args`, `form`, `calls`, `config`, `value`, `fields` | what a command line and a file say, checked as a whole before anything runs |
//! | `run` | files in, lines out |
//! | `play` | one scenario, step by step |
//! | `answer`, `expect` | what a step gave, and whether that is what the file asked for |
//! | `stage`, `instance`, `seat`, `damage` | the tiers of a host, and ways to them behind the storage's back |
//! | `clock`, `machine` | virtual time, and who drives the futures |
//! | `remote` | damage for a runner that is not in this process |
//!
//! Instances other than the first have hot and warm tiers of their own and share cold: a fault, hold or count of cold
//! is that of all instances.

mod answer;
mod args;
mod calls;
mod clock;
mod config;
mod damage;
mod expect;
mod fields;
mod form;
mod instance;
mod machine;
mod play;
mod remote;
mod run;
mod seat;
mod stage;
mod value;

pub use self::{
    args::{Args, Host},
    remote::damage_object,
    run::{Summary, run},
};
