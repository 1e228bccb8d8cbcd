//! Queued writes over the embedded S3 server: cut off and back, lost answers, another writer, and killed processes.

mod killed;
mod outages;

use std::sync::Arc;

use tiered_storage::TieredStorage;
use tiered_storage_tests::server::{Options, Server};

fn server() -> Server {
    Server::start(Options::default()).expect("loopback can be listened on")
}

async fn storage(server: &Server) -> TieredStorage {
    let cold = server
        .options()
        .tier(server.endpoint())
        .attempts_max(2)
        .build()
        .expect("the settings are right");
    TieredStorage::builder(Arc::new(cold)).open().await.expect("the settings are right")
}
