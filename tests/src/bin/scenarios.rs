//! Runs scenario files against the library: see `tests/scenarios/README.md`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use tiered_storage_tests::scenario::{Args, run};

fn main() -> ExitCode {
    if std::env::args_os().skip(1).any(|word| word == "-h" || word == "--help") {
        println!("{}", Args::USAGE);
        return ExitCode::SUCCESS;
    }
    let args = match Args::parse(std::env::args_os().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n{}", Args::USAGE);
            return ExitCode::from(2);
        }
    };
    let mut out = io::stdout().lock();
    match run(&args, &mut out, &mut io::stderr()).and_then(|summary| out.flush().map(|()| summary))
    {
        Ok(summary) => summary.exit_code(),
        Err(error) => {
            eprintln!("cannot write: {error}");
            ExitCode::from(2)
        }
    }
}
