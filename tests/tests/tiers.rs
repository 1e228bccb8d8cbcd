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
    peers::{Ministack, Rclone, or_skip},
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
    let Some(server) = or_skip(Ministack::start().await) else { return };
    let client = server.client();
    let keys = (client.access_key.as_str(), client.secret_key.as_str());
    check(s3(&client.endpoint, server.bucket(), keys, "a/prefix/")).await;
}

/// All cases but those that files in folders cannot pass: a key that is another's folder (`odd_keys`, `listing_prefixes`,
/// `clearing`), and reads while the file is overwritten in its place (`torn_reads`, `dropped_futures`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_on_rclone() {
    let Some(server) = or_skip(Rclone::start().await) else { return };
    let client = server.client();
    let keys = (client.access_key.as_str(), client.secret_key.as_str());
    let tier = s3(&client.endpoint, server.bucket(), keys, "a/prefix/");
    macro_rules! run {
        ($($case:ident)*) => {$(
            tier.clear().await.expect("a tier can be cleared");
            conformance::$case(&*tier).await;
        )*};
    }
    run! {
        round_trip every_field overwrites longest_keys body_sizes patches conditional_reads peeks announcements
        listing_pages listing_while_removing
        removal removal_of_versions usage
    }
}
