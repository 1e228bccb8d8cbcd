//! Runs the embedded S3 server until it is killed: for the demo and for tests in browsers.
//!
//! Prints the endpoint on one line when it is ready.

use std::process::ExitCode;

use tiered_storage_tests::server::{Options, Server};

const USAGE: &str = "usage: s3-server [--port PORT] [--bucket NAME]... [--access-key ID] \
[--secret-key KEY] [--cors-origin ORIGIN]...";

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match Server::start(options) {
        Ok(server) => {
            println!("{}", server.endpoint());
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut buckets = Vec::new();
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--port" => {
                let port = value()?;
                options.port = Some(port.parse().map_err(|_| format!("{port:?} is not a port"))?);
            }
            "--bucket" => buckets.push(value()?),
            "--access-key" => options.access_key = value()?,
            "--secret-key" => options.secret_key = value()?,
            "--cors-origin" => options.cors_origins.push(value()?),
            _ => return Err(format!("{flag} is not a flag")),
        }
    }
    if !buckets.is_empty() {
        options.buckets = buckets;
    }
    Ok(options)
}
