//! Runs ministack (a package of the Python index), an S3 that others wrote: the second opinion on our client.

use std::io;
use std::process::Command;

use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Failure, Process, programs};
use crate::server::client::{Answer, Call, Client};

const BUCKET: &str = "bucket";
const REGION: &str = "us-east-1";
/// The user may do all of S3 and nothing else.
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;

/// A running ministack with one bucket and one IAM user, whose signatures it verifies; dropping it kills it.
///
/// ```no_run
/// # use tiered_storage_tests::peers::{Failure, Ministack};
/// # async fn example() -> Result<(), Failure> {
/// let ministack = Ministack::start().await?;
/// println!("{} has the bucket {}", ministack.client().endpoint, ministack.bucket());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Ministack {
    client: Client,
    process: Process,
}

impl Ministack {
    /// Installs ministack if it is not there, starts it on a free port of 127.0.0.1, and creates user, key and bucket.
    ///
    /// The first start takes as long as the installation, later ones below 1 s.
    pub async fn start() -> Result<Self, Failure> {
        let python = programs().await?.join("python");
        let mut process = Process::start("ministack", |port, scratch| {
            let mut command = Command::new(python);
            command
                .args(["-m", "ministack"])
                .env("AUTH", "true")
                .env("BIND_HOST", "127.0.0.1")
                .env("GATEWAY_PORT", port.to_string())
                .env("TMPDIR", scratch);
            Ok(command)
        })?;
        let root = Client {
            endpoint: process.endpoint(),
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
            session_token: None,
            region: REGION.to_owned(),
            service: "iam".to_owned(),
        };
        process.until_ready(&root, "/_ministack/health").await?;
        let client = create_user(root).await?;
        let created = client.send(Call::new(Method::PUT, format!("/{BUCKET}"))).await;
        accept("the bucket", created)?;
        Ok(Self { client, process })
    }

    /// A client with the user's credentials: it knows endpoint, region, key id and secret.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The bucket.
    pub const fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The end of what ministack printed, for messages of failed tests.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

async fn create_user(root: Client) -> Result<Client, String> {
    let iam = |action: &str| {
        let body = format!("Version=2010-05-08&UserName=tiered-storage&Action={action}");
        Call::new(Method::POST, "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    };
    accept("the user", root.send(iam("CreateUser")).await)?;
    let policy = utf8_percent_encode(POLICY, NON_ALPHANUMERIC);
    let allow = format!("PutUserPolicy&PolicyName=s3&PolicyDocument={policy}");
    accept("the policy", root.send(iam(&allow)).await)?;
    let key = accept("the access key", root.send(iam("CreateAccessKey")).await)?;
    let (access_key, secret_key) = (key.element("AccessKeyId"), key.element("SecretAccessKey"));
    if access_key.is_empty() || secret_key.is_empty() {
        return Err("ministack created an access key and did not say which".to_owned());
    }
    Ok(Client { access_key, secret_key, service: "s3".to_owned(), ..root })
}

fn accept(what: &str, answer: io::Result<Answer>) -> Result<Answer, String> {
    let answer = answer.map_err(|error| format!("ministack did not create {what}: {error}"))?;
    if answer.status == 200 {
        return Ok(answer);
    }
    Err(format!("ministack did not create {what}: {} {}", answer.status, answer.text()))
}
