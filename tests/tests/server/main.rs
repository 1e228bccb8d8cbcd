//! The embedded S3 server: what it does as S3 does, and each fault.

mod auth;
mod binary;
mod conditions;
mod cors;
mod faults;
mod listing;
mod multipart;
mod objects;
mod presigned;

use tiered_storage_tests::server::client::{Answer, Call, Client};
use tiered_storage_tests::server::{Options, Server};

const BUCKET: &str = "bucket";

fn start() -> (Server, Client) {
    start_with(Options::default())
}

fn start_with(options: Options) -> (Server, Client) {
    let server = Server::start(options).expect("a port is free");
    let client = server.client();
    (server, client)
}

async fn send(client: &Client, call: Call) -> Answer {
    client.send(call).await.expect("the server answers")
}

/// Status and error code: what a client decides by.
async fn verdict(client: &Client, call: Call) -> (u16, String) {
    let answer = send(client, call).await;
    (answer.status, answer.element("Code"))
}

/// How [`verdict`] says that a request was refused.
fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// How [`verdict`] says that a request was granted.
fn granted(status: u16) -> (u16, String) {
    (status, String::new())
}
