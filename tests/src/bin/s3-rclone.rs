//! Serves a bucket with rclone, for tests that are no Rust.
//!
//! It prints one line: `{"endpoint", "bucket", "accessKeyId", "secretAccessKey"}`, or `{"missing": REASON}` where rclone
//! cannot be had. It ends when its standard input does.

use std::io::{self, Read as _};
use std::process::ExitCode;

use serde_json::json;
use tiered_storage_tests::peers::{Failure, Rclone};

#[tokio::main]
async fn main() -> ExitCode {
    let rclone = match Rclone::start().await {
        Ok(rclone) => rclone,
        Err(Failure::Unreachable(reason)) => {
            println!("{}", json!({ "missing": reason }));
            return ExitCode::SUCCESS;
        }
        Err(failure) => {
            eprintln!("{failure}");
            return ExitCode::FAILURE;
        }
    };
    let client = rclone.client();
    let place = json!({
        "endpoint": client.endpoint,
        "bucket": rclone.bucket(),
        "accessKeyId": client.access_key,
        "secretAccessKey": client.secret_key,
    });
    println!("{place}");
    // It has an end in any case.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}
