//! What the benches share: options, medians, tables and workloads.
//!
//! A bench measures every subject once per round and all subjects in each round, so that what disturbs the machine
//! disturbs them alike; what it prints are medians over the rounds. It writes no file unless it is told to.

mod options;
mod table;
mod workload;

pub use options::{Options, Scale};
pub use table::{Rounds, Table};
pub use workload::{Random, Request, Zipf, key, scanned_zipf, trace};
