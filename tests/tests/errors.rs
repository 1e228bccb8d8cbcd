//! Wrong input and configuration: a typed error in one sentence that says what to do, nothing half-written, no secret.

use std::{
    fmt::{self, Debug, Display, Write},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use expect_test::{Expect, expect};
use futures::TryStreamExt;
use tiered_storage::{
    Error, ErrorKind, Key, SetOptions, Tier, TieredStorage,
    memory::{MemoryOptions, MemoryTier},
    native::disk::{DiskOptions, DiskTier},
    s3::{Addressing, Credentials, S3Tier, S3TierBuilder, StaticCredentials},
    tier::StorageTier,
};
use tiered_storage_tests::server::{Fault, Options, Rule, Server};
use tracing::{Metadata, Subscriber, field::Visit, span};

const SECRET: &str = "a-secret-that-nobody-may-see";
const TOKEN: &str = "a-token-that-nobody-may-see";

fn server() -> Server {
    let options = Options {
        secret_key: SECRET.to_owned(),
        session_token: Some(TOKEN.to_owned()),
        ..Options::default()
    };
    Server::start(options).expect("loopback can be listened on")
}

fn credentials(id: &str, secret: &str) -> StaticCredentials {
    Credentials::new(id, secret).with_session_token(TOKEN).into()
}

fn tier(server: &Server, bucket: &str) -> S3TierBuilder {
    S3Tier::builder(bucket)
        .endpoint(server.endpoint())
        .credentials(credentials("access-key", SECRET))
        .attempts_max(1)
}

async fn storage(cold: impl StorageTier + 'static) -> TieredStorage {
    let hot = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
    let builder = TieredStorage::builder(Arc::new(cold)).hot(Arc::new(hot));
    builder.open().await.expect("the settings are right")
}

/// One line per error.
fn check<E: Display>(errors: impl IntoIterator<Item = E>, expected: Expect) {
    let mut lines = String::new();
    for error in errors {
        let error = error.to_string();
        let error = error.split_once(", request id").map_or(&*error, |(said, _)| said);
        let error = error.replace(&"a".repeat(600), "aaa...");
        writeln!(lines, "{error}").expect("a String takes every write");
    }
    expected.assert_eq(&lines);
}

#[test]
fn settings_of_s3() {
    let builder = || S3Tier::builder("bucket").endpoint("http://127.0.0.1:9000");
    let builders = [
        builder().endpoint("127.0.0.1:9000"),
        builder().endpoint("ftp://host"),
        builder().endpoint("http://user:password@host/path"),
        builder().endpoint("http://"),
        builder().endpoint("http://host:99999"),
        builder().addressing(Addressing::VirtualHost),
        S3Tier::builder("").endpoint("http://host"),
        S3Tier::builder("a/b").endpoint("http://host"),
        S3Tier::builder("Bucket"),
        builder().region("eu central 1"),
        builder().prefix("/a"),
        builder().prefix("a/../b"),
        builder().prefix("a".repeat(600)),
        builder().concurrency_max(0),
        builder().timeout_ms(0),
        builder().connect_timeout_ms(0),
        builder().attempts_max(0),
    ];
    let errors: Vec<Error> =
        builders.into_iter().map(|builder| builder.build().expect_err("it is wrong")).collect();
    assert!(errors.iter().all(|error| !error.to_string().contains("password")));
    check(
        errors,
        expect![[r#"
        invalid: the endpoint "127.0.0.1:9000" is not a URL such as "https://s3.example.org"; give scheme, host and port alone
        invalid: the endpoint "ftp://host" is not a URL such as "https://s3.example.org"; give scheme, host and port alone
        invalid: the endpoint "host/path" is not a URL such as "https://s3.example.org"; give scheme, host and port alone
        invalid: the endpoint "http://" is not a URL such as "https://s3.example.org"; give scheme, host and port alone
        invalid: the endpoint "http://host:99999" is not a URL such as "https://s3.example.org"; give scheme, host and port alone
        invalid: 127.0.0.1:9000 cannot have a bucket in front; use Addressing::Path
        invalid: "" is not the name of a bucket; give 3 to 63 lowercase letters, digits, dots and hyphens
        invalid: "a/b" is not the name of a bucket; give 3 to 63 lowercase letters, digits, dots and hyphens
        invalid: "Bucket" is not the name of a bucket; give 3 to 63 lowercase letters, digits, dots and hyphens
        invalid: "eu central 1" is not a region; give one such as "eu-central-1" or "auto"
        invalid: the prefix "/a/" starts with a slash; leave it out, since names of objects have none
        invalid: the prefix "a/../b/" has a segment `.` or `..`, which URLs cannot carry; leave it out
        invalid: the prefix "aaa.../" is longer than 512 bytes; shorten it
        invalid: concurrency_max is 0; give it at least 1
        invalid: timeout_ms is 0; give it at least 1
        invalid: connect_timeout_ms is 0; give it at least 1
        invalid: attempts_max is 0; give it at least 1
    "#]],
    );
}

#[tokio::test]
async fn settings_of_memory_disk_and_storage() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let memory = |options| MemoryTier::new(options).map(drop).expect_err("it is wrong");
    let disk = |options| DiskTier::open(folder.path(), options).map(drop).expect_err("it is wrong");
    let cold = || Arc::new(MemoryTier::new(MemoryOptions::new()).expect("the limits are right"));
    let none = TieredStorage::builder(cold()).access_flush_interval(Duration::ZERO);
    let one = cold();
    let twice = TieredStorage::builder(one.clone()).hot(one);
    let errors = [
        memory(MemoryOptions::new().size_bytes_max(0)),
        memory(MemoryOptions::new().items_max(0)),
        disk(DiskOptions::new().size_bytes_max(0)),
        disk(DiskOptions::new().items_max(0)),
        disk(DiskOptions::new().segment_bytes(0)),
        disk(DiskOptions::new().inline_bytes_max(2 << 20)),
        disk(DiskOptions::new().checkpoint_interval_ms(0)),
        none.open().await.map(drop).expect_err("it is wrong"),
        twice.open().await.map(drop).expect_err("it is wrong"),
    ];
    let made = std::fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(made, 0, "wrong settings have left files");
    check(
        errors,
        expect![[r#"
        invalid: a memory tier with a limit of 0 holds nothing; leave the tier out instead
        invalid: a memory tier with a limit of 0 holds nothing; leave the tier out instead
        invalid: size_bytes_max is less than 512 bytes; give the disk tier more, or leave it out
        invalid: items_max is 0; give at least 1, or leave the disk tier out
        invalid: segment_bytes must be from 16 MiB to 64 MiB
        invalid: inline_bytes_max must be at most 1 MiB
        invalid: checkpoint_interval_ms must be from 10 to 3,600,000
        invalid: the access flush interval is 0; it must be at least a millisecond
        invalid: one tier stands in two places; give each place a tier of its own
    "#]],
    );
}

#[test]
fn a_storage_needs_a_runtime() {
    let cold = Arc::new(MemoryTier::new(MemoryOptions::new()).expect("the limits are right"));
    let opened = futures::executor::block_on(TieredStorage::builder(cold).open());
    check(
        [opened.map(drop).expect_err("there is none")],
        expect![[r#"
        invalid: there is no tokio runtime here; open the storage inside one
    "#]],
    );
}

/// Every call against a cold tier that refuses it.
async fn refused(cold: S3TierBuilder, port: &str, expected: Expect) {
    let storage = storage(cold.build().expect("the settings are possible")).await;
    let errors = [
        storage.get("k").await.map(drop),
        storage.metadata("k").await.map(drop),
        storage.set("k", "body").await.map(drop),
        storage.touch("k", Some(Duration::from_secs(1))).await,
        storage.delete("k").await,
        storage.invalidate("").await.map(drop),
        storage.keys("").try_collect::<Vec<_>>().await.map(drop),
        storage.stats().await.map(drop),
    ];
    let errors = errors.map(|outcome| outcome.expect_err("it is refused"));
    let tiers: Vec<_> = errors.iter().map(Error::tier).collect();
    assert_eq!(tiers, [Some(Tier::Cold); 8]);
    assert!(errors.iter().all(|error| !error.is_timeout()));
    // What was not acknowledged is nowhere.
    assert!(storage.get("k").await.is_err());
    let mut said: Vec<String> = errors
        .iter()
        .map(|error| error.to_string().replace(port, "HOST").replace(" [key \"k\"]", ""))
        .map(|said| {
            said.split_once(", request id").map_or_else(|| said.clone(), |it| it.0.to_owned())
        })
        .collect();
    said.dedup();
    check(said, expected);
}

#[tokio::test]
async fn credentials_and_places_that_are_wrong() {
    let server = server();
    let port = server.endpoint().replace("http://", "");
    refused(tier(&server, "other"), &port, expect![[r#"
        invalid (cold tier): there is no bucket "other" at HOST; create it or correct its name (NoSuchBucket, status 404
    "#]]).await;
    let wrong = credentials("access-key", "another-secret");
    refused(tier(&server, "bucket").credentials(wrong), &port, expect![[r#"
        denied (cold tier): S3 refused the signature; check the secret access key and the region, and that no proxy changes requests (SignatureDoesNotMatch, status 403
    "#]]).await;
    let unknown = credentials("unknown-key", SECRET);
    refused(tier(&server, "bucket").credentials(unknown), &port, expect![[r#"
        denied (cold tier): HOST does not know the access key; check its id (InvalidAccessKeyId, status 403
    "#]]).await;
    let region = tier(&server, "bucket").region("eu-north-7");
    let mended = storage(region.build().expect("it is possible")).await;
    mended.set("k", "body").await.expect("the server says where the bucket is");
    mended.delete("k").await.expect("the region is known now");
    assert!(server.objects("bucket").is_empty());
    server.stop();
    refused(
        tier(&server, "bucket"),
        &port,
        expect![[r#"
        unavailable (cold tier): no connection to HOST; check the endpoint and the network
    "#]],
    )
    .await;
}

#[tokio::test]
async fn directories_that_will_not_do() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").expect("it can be written");
    let open = |path: &Path| DiskTier::open(path, DiskOptions::new());
    let used = folder.path().join("used");
    let first = open(&used).expect("it is new");
    let key = Key::new("k").expect("it is a key");
    let errors = [open(&file), open(&file.join("below")), open(&used)];
    let root = folder.path().display().to_string();
    let errors = errors.map(|opened| opened.expect_err("it will not do").to_string());
    check(
        errors.map(|error| error.replace(&root, "ROOT")),
        expect![[r#"
        invalid: opening the disk tier's directory failed: File exists (os error 17); give the disk tier a directory of its own
        invalid: opening the disk tier's directory failed: Not a directory (os error 20); give the disk tier a directory of its own
        unavailable: the disk tier's directory is in use; close the storage or process that has it, or give this one a directory of its own
    "#]],
    );
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
    assert_eq!(first.head(&key).await, Ok(None), "the first one goes on");

    if cfg!(target_os = "linux") {
        // Nobody may make a folder there, whoever this runs as.
        let denied = open(Path::new("/sys/tiered-storage")).expect_err("it is not allowed");
        assert_eq!(denied.kind(), ErrorKind::Denied, "{denied}");
        let advice = "give this process the right to write there";
        assert!(denied.message().ends_with(advice), "{denied}");
    }

    let child = Command::new(env!("CARGO_BIN_EXE_crash-child"))
        .arg(&used)
        .args(["http://127.0.0.1:1", "checkpoint", "1", "1"])
        .output()
        .expect("the child can be started");
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success() && said.contains("is in use; close"), "{said}");
    first.close().await.expect("it can be closed");
    drop(first);
    drop(open(&used).expect("nobody has it any more"));
}

#[tokio::test]
async fn keys_and_entries_that_are_not_possible() {
    let server = server();
    let storage = storage(tier(&server, "bucket").build().expect("right")).await;
    server.reset_counts();
    let long = "x".repeat(1_025);
    let mut errors = Vec::new();
    for key in ["", &long] {
        errors.extend([
            storage.get(key).await.map(drop),
            storage.set(key, "body").await.map(drop),
            storage.delete(key).await,
            storage.touch(key, None).await,
            storage.exists(key).await.map(drop),
        ]);
    }
    let large = || SetOptions::default().field("f", "v".repeat(2_000));
    errors.extend([
        storage.set_with("k", "body", large()).await.map(drop),
        storage
            .set_json("k", &std::collections::BTreeMap::from([((1, 2), 3)]), large())
            .await
            .map(drop),
    ]);
    assert_eq!(server.counts().requests(), 0, "it was asked before the input was checked");
    let errors: Vec<_> =
        errors.into_iter().filter_map(Result::err).map(|it| it.to_string()).collect();
    let mut distinct = errors.clone();
    distinct.dedup();
    check(
        distinct,
        expect![[r#"
        invalid: the key is empty; give it at least one byte
        invalid: the key has 1025 bytes; at most 1024 are allowed
        invalid: the metadata takes 2095 bytes; shorten it to 1945 (1.9 KiB) at most
        invalid: the value cannot be written as JSON [key "k"]
    "#]],
    );

    storage.set("k", "not json").await.expect("it is written");
    let error = storage.get_json::<u32>("k").await.expect_err("it is no number");
    check(
        [error],
        expect![[r#"
        invalid: the entry is not JSON of the type that was asked for [key "k"]
    "#]],
    );
    assert_eq!(storage.get("k").await, Ok(Some("not json".into())));
    let widest = "é".repeat(512);
    storage.set(&widest, "body").await.expect("1,024 bytes are allowed");
    assert_eq!(storage.get(&widest).await, Ok(Some("body".into())));
    storage.close().await.expect("it can be closed");
    check(
        [storage.get("k").await.expect_err("it is closed")],
        expect![[r#"
        closed: the storage was closed; open it again
    "#]],
    );
}

/// Everything that can be shown, and everything that is logged, without the secret and the token.
#[test]
fn nobody_sees_a_secret() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let mut shown = String::new();
    tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(async {
            let server = server();
            let right = credentials("access-key", SECRET);
            shown += &format!("{right:?} {:?}", tier(&server, "bucket"));
            let with_password =
                tier(&server, "bucket").endpoint(format!("http://me:{SECRET}@host/x"));
            shown += &format!("{with_password:?}");
            show(&mut shown, &with_password.build().expect_err("it is no endpoint"));
            let wrong = credentials("access-key", &format!("{SECRET}-not"));
            let faults = server.faults();
            for (bucket, credentials) in
                [("bucket", right.clone()), ("bucket", wrong), ("other", right)]
            {
                let tier = tier(&server, bucket).credentials(credentials).build().expect("right");
                shown += &format!("{tier:?}");
                let storage = storage(tier).await;
                shown += &format!("{storage:?}");
                let outcomes = [
                    storage.set("k", "body").await.map(drop),
                    storage.get("k").await.map(drop),
                    storage.touch("k", Some(Duration::from_secs(9))).await,
                    storage.delete("k").await,
                ];
                outcomes
                    .iter()
                    .filter_map(|it| it.as_ref().err())
                    .for_each(|it| show(&mut shown, it));
                for fault in [
                    Fault::EXPIRED_TOKEN,
                    Fault::DropBefore,
                    Fault::Redirect("http://127.0.0.1:1/".into()),
                ] {
                    faults.add(Rule::new(fault).always());
                    show(&mut shown, &storage.get("k").await.expect_err("it fails"));
                    show(&mut shown, &storage.set("k", "body").await.expect_err("it fails"));
                    faults.clear();
                }
                shown += &format!("{storage:?}");
            }
        });
    });
    let logged = log.0.lock().expect("no holder panics").clone();
    assert!(logged.contains("S3 request") && logged.contains("TierFailed"), "nothing was logged");
    assert!(shown.contains("denied") && shown.contains("access-key"), "nothing was shown");
    for text in [shown, logged] {
        for secret in [SECRET, TOKEN] {
            assert!(!text.contains(secret), "a secret is seen: {text}");
        }
    }
}

/// An error in all its forms, with all its causes.
fn show(shown: &mut String, error: &Error) {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        writeln!(shown, "{error} {error:?}").expect("a String takes every write");
        cause = error.source();
    }
}

/// Keeps all that is logged, at every level.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        span.record(&mut Fields(&mut self.0.lock().expect("no holder panics")));
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().expect("no holder panics")));
    }

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Fields(&mut self.0.lock().expect("no holder panics")));
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        let kept: fmt::Result = writeln!(self.0, "{}={value:?}", field.name());
        kept.expect("a String takes every write");
    }
}
