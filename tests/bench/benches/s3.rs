//! Bodies from and to an S3 server on loopback: the S3 tier beside plain reqwest and object_store.
//!
//! The server is the embedded one, on a thread of its own in this process: it shares the processors with its clients, and
//! it hashes what it is sent: by SHA-256, once for the signature and once more, and by MD5 for the ETag. That is most of
//! what an upload costs here. Everything is hashed and signed while the clock runs, but for the row that says so.
//!
//! All rows of uploads give the same guarantees: the server has checked every byte against a signed hash. As one request, a
//! body is hashed before its first byte leaves, and by the server once it has the last; in parts, both hash at the same
//! time, and the server puts the parts together, which is a copy of all bytes more. A body that is staged is copied by the
//! server once more, to its name.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStoreExt, WriteMultipart, aws::AmazonS3Builder, path::Path};
use reqwest::Method;
use tiered_storage::{
    Key, Metadata, Timestamp,
    s3::{S3Tier, StaticCredentials},
    tier::{Body, Contents, Read, StorageTier},
};
use tiered_storage_bench::{Options, Rounds};
use tiered_storage_tests::server::{self, Object, Server, client::Call};

const BUCKET: &str = "bucket";
const LARGE: &str = "large";
const SMALL_BYTES: usize = 16 << 10;
/// How many small bodies are under way at once.
const IN_FLIGHT: usize = 32;
const PART_BYTES: usize = 8 << 20;
const PARTS_IN_FLIGHT: usize = 4;

/// All clients of one server.
struct Clients {
    server: Server,
    tier: S3Tier,
    raw: reqwest::Client,
    peer: object_store::aws::AmazonS3,
}

fn main() {
    let options = Options::parse("s3");
    // object_store takes whichever provider of TLS the process has, also where it speaks none.
    rustls::crypto::ring::default_provider().install_default().expect("it is the first");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let clients = Clients::new();
        let rounds = options.pick(1, 3, 7);
        let large = options.pick(18 << 20, 64 << 20, 256 << 20);
        options.show(&clients.downloads(large, rounds).await.medians());
        options.show(&clients.uploads(large, rounds).await.medians());
        let count = options.pick(20, 500, 1_000);
        options.show(&clients.small(count, rounds).await.medians());
    });
}

impl Clients {
    fn new() -> Self {
        let server =
            Server::start(server::Options::default()).expect("loopback can be listened on");
        let server::Options { access_key, secret_key, .. } = server.options();
        let tier = S3Tier::builder(BUCKET)
            .endpoint(server.endpoint())
            .credentials(StaticCredentials::new(&**access_key, &**secret_key))
            .build()
            .expect("the settings are right");
        let peer = AmazonS3Builder::new()
            .with_endpoint(server.endpoint())
            .with_allow_http(true)
            .with_bucket_name(BUCKET)
            .with_region("us-east-1")
            .with_access_key_id(access_key)
            .with_secret_access_key(secret_key)
            .build()
            .expect("the settings are right");
        let raw = reqwest::Client::builder().http1_only().no_proxy().tcp_nodelay(true).build();
        Self { tier, raw: raw.expect("a client"), peer, server }
    }

    /// Signs a call, and gives what sends it.
    fn signed(&self, call: Call) -> reqwest::RequestBuilder {
        let body = call.body.clone();
        let (parts, _) = self.server.client().sign(call).into_parts();
        let url = format!("{}{}", self.server.endpoint(), parts.uri);
        self.raw.request(parts.method, url).headers(parts.headers).body(body)
    }

    async fn sent(&self, call: Call) -> reqwest::Response {
        answer(self.signed(call)).await
    }

    async fn downloads(&self, bytes: usize, rounds: usize) -> Rounds {
        let title = format!("Downloading a body of {} MiB", bytes >> 20);
        let mut speeds = Rounds::new(title, &[("MiB/s", 0), ("first byte, ms", 2)]);
        self.server.put_object_raw(BUCKET, LARGE, Object::new(vec![b'x'; bytes]));
        let key = Key::new(LARGE).expect("a key");
        let mut add = |row: &str, (first, all): (Duration, Duration)| {
            speeds.add(row, "MiB/s", mebibytes(bytes) / all.as_secs_f64());
            speeds.add(row, "first byte, ms", first.as_secs_f64() * 1e3);
        };
        for _ in 0..rounds {
            let raw = async || {
                let response = self.sent(Call::get(BUCKET, LARGE)).await;
                response.bytes_stream()
            };
            add("reqwest, in pieces", drained(raw, bytes).await);
            let ours = async || {
                let read = self.tier.open(&key, None).await.expect("it is read");
                let Read::Found(opened) = read else { panic!("it was put") };
                let Body::Pieces(pieces) = opened.body else { panic!("it is large") };
                pieces
            };
            add("S3Tier::open, in pieces", drained(ours, bytes).await);
            let peer = async || {
                let got = self.peer.get(&Path::from(LARGE)).await.expect("it is read");
                got.into_stream()
            };
            add("object_store, in pieces", drained(peer, bytes).await);
            let whole = async || {
                let response = self.sent(Call::get(BUCKET, LARGE)).await;
                stream::iter([response.bytes().await])
            };
            add("reqwest, whole", drained(whole, bytes).await);
            let whole = async || {
                let read = self.tier.read(&key, None).await.expect("it is read");
                let Read::Found(stored) = read else { panic!("it was put") };
                stream::iter([Ok::<_, ()>(stored.body)])
            };
            add("S3Tier::read, whole", drained(whole, bytes).await);
        }
        speeds
    }

    async fn uploads(&self, bytes: usize, rounds: usize) -> Rounds {
        let title = format!("Uploading a body of {} MiB", bytes >> 20);
        let mut speeds = Rounds::new(title, &[("MiB/s", 0)]);
        let body = Bytes::from(vec![b'x'; bytes]);
        let key = Key::new(LARGE).expect("a key");
        let metadata = Metadata::new(key.clone(), bytes as u64, Timestamp::from_millis(1));
        let store = async |contents| {
            self.tier.store(&key, &metadata, contents, None).await.expect("it is stored");
        };
        for _ in 0..rounds {
            let put = answer(self.signed(Call::put(BUCKET, LARGE, body.clone())));
            let rows = [
                ("reqwest, one request, hashed before", seconds(async { drop(put.await) }).await),
                (
                    "reqwest, one request",
                    seconds(async {
                        drop(self.sent(Call::put(BUCKET, LARGE, body.clone())).await)
                    })
                    .await,
                ),
                ("reqwest, in parts", seconds(self.put_parts(&body)).await),
                ("S3Tier::store, in parts", seconds(store(Contents::Whole(body.clone()))).await),
                (
                    "S3Tier::stage and store",
                    seconds(async {
                        let stage = self.tier.stage(&key).await.expect("it can");
                        let mut stage = stage.expect("it can");
                        for at in (0..bytes).step_by(64 << 10) {
                            let piece = body.slice(at..bytes.min(at + (64 << 10)));
                            stage.write(piece).await.expect("it is taken");
                        }
                        let source = stage.finish().await.expect("it is whole");
                        store(Contents::Staged(source)).await;
                    })
                    .await,
                ),
                ("object_store, in parts", seconds(self.put_parts_of_peer(&body)).await),
            ];
            for (row, seconds) in rows {
                speeds.add(row, "MiB/s", mebibytes(bytes) / seconds);
            }
        }
        speeds
    }

    async fn put_parts(&self, body: &Bytes) {
        let path = format!("/{BUCKET}/{LARGE}");
        let create = Call::new(Method::POST, path.clone()).query("uploads", "");
        let created = self.sent(create).await.text().await.expect("an answer");
        let id = between(&created, "<UploadId>", "</UploadId>");
        let parts = (0..body.len()).step_by(PART_BYTES).enumerate().map(|(at, start)| {
            let part = body.slice(start..body.len().min(start + PART_BYTES));
            let call = Call::put(BUCKET, LARGE, part).query("partNumber", &(at + 1).to_string());
            async move {
                let response = self.sent(call.query("uploadId", id)).await;
                let etag = response.headers()["etag"].to_str().expect("text").to_owned();
                format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", at + 1)
            }
        });
        let parts: Vec<String> = stream::iter(parts).buffered(PARTS_IN_FLIGHT).collect().await;
        let parts = parts.concat();
        let xml = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        self.sent(Call::new(Method::POST, path).query("uploadId", id).body(xml)).await;
    }

    async fn put_parts_of_peer(&self, body: &Bytes) {
        let upload = self.peer.put_multipart(&Path::from(LARGE)).await.expect("it begins");
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        for start in (0..body.len()).step_by(PART_BYTES) {
            upload.wait_for_capacity(PARTS_IN_FLIGHT - 1).await.expect("it goes on");
            upload.put(body.slice(start..body.len().min(start + PART_BYTES)));
        }
        upload.finish().await.expect("it is whole");
    }

    async fn small(&self, count: usize, rounds: usize) -> Rounds {
        let title = format!("{count} GETs of 16 KiB, {IN_FLIGHT} at once");
        let mut speeds = Rounds::new(title, &[("gets/s", 0)]);
        let names: Arc<[String]> = (0..count).map(|number| format!("small/{number}")).collect();
        for name in names.iter() {
            self.server.put_object_raw(BUCKET, name, Object::new(vec![b'x'; SMALL_BYTES]));
        }
        for _ in 0..rounds {
            let raw = names.iter().map(|name| async move {
                let response = self.sent(Call::get(BUCKET, name)).await;
                response.bytes().await.expect("a body").len()
            });
            let raw = all(raw).await;
            let ours = names.iter().map(|name| async move {
                let key = Key::new(&**name).expect("a key");
                let read = self.tier.read(&key, None).await.expect("it is read");
                let Read::Found(stored) = read else { panic!("it was put") };
                stored.body.len()
            });
            let ours = all(ours).await;
            let peer = names.iter().map(|name| async move {
                let got = self.peer.get(&Path::from(&**name)).await.expect("it is read");
                got.bytes().await.expect("a body").len()
            });
            let peer = all(peer).await;
            for (row, seconds) in [("reqwest", raw), ("S3Tier::read", ours), ("object_store", peer)]
            {
                speeds.add(row, "gets/s", count as f64 / seconds);
            }
        }
        speeds
    }
}

async fn answer(request: reqwest::RequestBuilder) -> reqwest::Response {
    let response = request.send().await.expect("an answer");
    response.error_for_status().expect("a success")
}

/// Opens a body and reads it to its end: how long until its first bytes, and until its last.
async fn drained<S, E: std::fmt::Debug>(
    open: impl AsyncFnOnce() -> S,
    bytes: usize,
) -> (Duration, Duration)
where
    S: futures::Stream<Item = Result<Bytes, E>>,
{
    let start = Instant::now();
    let mut pieces = std::pin::pin!(open().await);
    let mut first = None;
    let mut read = 0;
    while let Some(piece) = pieces.try_next().await.expect("it is read") {
        first.get_or_insert_with(|| start.elapsed());
        read += piece.len();
    }
    assert_eq!(read, bytes);
    (first.expect("it is not empty"), start.elapsed())
}

async fn all(reads: impl Iterator<Item = impl Future<Output = usize>>) -> f64 {
    let reads = stream::iter(reads).buffer_unordered(IN_FLIGHT);
    seconds(reads.for_each(async |len| assert_eq!(len, SMALL_BYTES))).await
}

async fn seconds(work: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    work.await;
    start.elapsed().as_secs_f64()
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).expect("it is there");
    rest.split_once(end).expect("it is there").0
}
