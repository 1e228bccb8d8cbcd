//! Serves a bucket with a server that others wrote, `rclone` or `ministack`, for tests that are no Rust.
//!
//! It prints one line: `{"endpoint", "bucket", "accessKeyId", "secretAccessKey"}`, or `{"missing": REASON}` where the
//! server cannot be had. It ends when its standard input does.

use std::io::{self, Read as _};
use std::process::ExitCode;

use serde_json::{Value, json};
use tiered_storage_tests::peers::{Failure, Ministack, Rclone};
use tiered_storage_tests::server::client::Client;

#[tokio::main]
async fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("rclone") => {
            serve(Rclone::start().await, |rclone| place(rclone.client(), rclone.bucket()))
        }
        Some("ministack") => serve(Ministack::start().await, |ministack| {
            place(ministack.client(), ministack.bucket())
        }),
        _ => {
            eprintln!("usage: s3-peer rclone|ministack");
            ExitCode::from(2)
        }
    }
}

fn place(client: &Client, bucket: &str) -> Value {
    json!({
        "endpoint": client.endpoint,
        "bucket": bucket,
        "accessKeyId": client.access_key,
        "secretAccessKey": client.secret_key,
    })
}

/// Tells where the server is, and holds it until nobody needs it.
fn serve<T>(started: Result<T, Failure>, place: impl FnOnce(&T) -> Value) -> ExitCode {
    let server = match started {
        Ok(server) => server,
        Err(Failure::Unreachable(reason)) => {
            println!("{}", json!({ "missing": reason }));
            return ExitCode::SUCCESS;
        }
        Err(failure) => {
            eprintln!("{failure}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", place(&server));
    // It has an end in any case.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    drop(server);
    ExitCode::SUCCESS
}
