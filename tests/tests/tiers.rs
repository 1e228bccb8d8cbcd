//! Every tier of the library keeps what the trait promises, alone and behind the fault wrapper, against two servers
//! that know nothing of each other.

use std::sync::Arc;

use tiered_storage::{
    conformance::{self, FaultTier},
    native::disk::{DiskOptions, DiskTier, Durability},
    s3::{S3Tier, StaticCredentials},
    tier::StorageTier,
};
use tiered_storage_tests::{
    ministack::Ministack,
    server::{Options, Server},
};

async fn check(tier: Arc<dyn StorageTier>) {
    conformance::run_all(&*tier).await;
    let wrapped = FaultTier::new(tier.clone());
    tier.clear().await.expect("a tier can be cleared");
    conformance::run_all(&wrapped).await;
    tier.close().await.expect("a tier can be closed");
}

fn s3(endpoint: &str, bucket: &str, keys: (&str, &str), prefix: &str) -> Arc<dyn StorageTier> {
    let tier = S3Tier::builder(bucket)
        .endpoint(endpoint)
        .region("us-east-1")
        .credentials(StaticCredentials::new(keys.0, keys.1))
        .prefix(prefix)
        .build();
    Arc::new(tier.expect("the settings are right"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk() {
    for durability in [Durability::Checkpoint, Durability::Object, Durability::Full] {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let options = DiskOptions::new().durability(durability);
        let tier = DiskTier::open(folder.path(), options).expect("an empty folder can be opened");
        check(Arc::new(tier)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_on_the_embedded_server() {
    let server = Server::start(Options::default()).expect("loopback can be listened on");
    let keys = (server.options().access_key.as_str(), server.options().secret_key.as_str());
    for prefix in ["", "a/prefix/", "odd prefix+%/"] {
        check(s3(&server.endpoint(), "bucket", keys, prefix)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_on_ministack() {
    let server = Ministack::start().await.expect("ministack can be installed and started");
    let client = server.client();
    let keys = (client.access_key.as_str(), client.secret_key.as_str());
    check(s3(&client.endpoint, server.bucket(), keys, "a/prefix/")).await;
}
