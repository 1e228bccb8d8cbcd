//! Runs the embedded S3 server until it is killed: for the demo and for tests in browsers.
//!
//! Prints the endpoint on one line when it is ready. With `--obey` it does what the lines on its standard input say, such
//! as failing on purpose, and ends with them: see `orders::obey`.

use std::{io, process::ExitCode, sync::Arc};

use tiered_storage_tests::{
    orders::obey,
    server::{Options, Server},
};

const USAGE: &str = "usage: s3-server [--port PORT] [--bucket NAME]... \
[--public-bucket NAME]... [--access-key ID] [--secret-key KEY] [--session-token TOKEN] \
[--region REGION] [--cors-origin ORIGIN]... [--obey]";

/// What the flags say.
#[derive(Default)]
struct Flags {
    options: Options,
    /// Whether standard input says what to do.
    is_obedient: bool,
}

fn main() -> ExitCode {
    let Flags { options, is_obedient } = match parse(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match serve(options, is_obedient) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: Options, is_obedient: bool) -> io::Result<()> {
    let server = Arc::new(Server::start(options)?);
    println!("{}", server.endpoint());
    if is_obedient {
        return obey(&server, io::stdin().lock(), io::stdout());
    }
    loop {
        std::thread::park();
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Flags, String> {
    let Flags { mut options, mut is_obedient } = Flags::default();
    let mut buckets = Vec::new();
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--port" => {
                let port = value()?;
                options.port = Some(port.parse().map_err(|_| format!("{port:?} is not a port"))?);
            }
            "--bucket" => buckets.push(value()?),
            "--public-bucket" => {
                let bucket = value()?;
                options.public_buckets.push(bucket.clone());
                buckets.push(bucket);
            }
            "--access-key" => options.access_key = value()?,
            "--secret-key" => options.secret_key = value()?,
            "--session-token" => options.session_token = Some(value()?),
            "--region" => options.region = value()?,
            "--cors-origin" => options.cors_origins.push(value()?),
            "--obey" => is_obedient = true,
            _ => return Err(format!("{flag} is not a flag")),
        }
    }
    if !buckets.is_empty() {
        options.buckets = buckets;
    }
    Ok(Flags { options, is_obedient })
}
