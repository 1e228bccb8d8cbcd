//! Runs boto3 (Amazon's own client in Python) as another program that reads and writes a bucket.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Failure, programs, run};
use crate::server::client::Client;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/boto.py");

/// boto3, for one bucket of one server.
#[derive(Debug)]
pub struct Boto {
    python: PathBuf,
    client: Client,
    bucket: String,
}

impl Boto {
    /// Installs boto3 if it is not there.
    pub async fn new(client: &Client, bucket: &str) -> Result<Self, Failure> {
        let python = programs().await?.join("python");
        Ok(Self { python, client: client.clone(), bucket: bucket.to_owned() })
    }

    /// Does what `orders` say, one after the other, and gives what came of each. See `assets/boto.py` for what they are.
    ///
    /// # Panics
    /// If boto3 fails.
    pub async fn run(&self, orders: Value) -> Vec<Value> {
        let mut command = Command::new(&self.python);
        command
            .arg(Path::new(SCRIPT))
            .args([&self.client.endpoint, &self.bucket, &self.client.region])
            .arg(orders.to_string())
            .env("AWS_ACCESS_KEY_ID", &self.client.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.client.secret_key)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE");
        let told = tokio::task::spawn_blocking(move || run(command)).await;
        let told = told.expect("running does not panic").expect("boto3 does as it is told");
        serde_json::from_str(&told).expect("the script prints a JSON array")
    }
}
