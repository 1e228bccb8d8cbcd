//! An S3 server on loopback for tests and the demo: strict signatures, conditional writes, and faults on demand.
//!
//! The `s3s` crate speaks the protocol and verifies the signatures; objects live in memory. It runs on a
//! thread of its own, so that a client that blocks its runtime does not starve it.

mod auth;
mod backend;
pub mod client;
mod cors;
mod faults;
mod fields;
mod http;
mod kind;
mod listing;
mod multipart;
mod store;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use tiered_storage::s3::{S3Tier, S3TierBuilder, StaticCredentials};
use tokio::sync::oneshot;

pub use self::cors::CorsMode;
pub use self::faults::{Fault, Faults, Rule};
pub use self::kind::{Counts, Kind};
pub use self::store::{Damage, Object};

pub(crate) use self::auth::parse_amz_date;
use self::auth::{Gate, Keys};
use self::backend::Backend;
use self::client::Client;
use self::cors::Cors;
use self::fields::Heeded;
use self::http::Front;
use self::kind::Counter;
use self::store::Store;

/// How a [`Server`] starts. The default has one bucket named `bucket`, a random port, and no CORS.
#[derive(Clone)]
pub struct Options {
    /// The buckets to create.
    pub buckets: Vec<String>,
    /// Those of them that anyone may list and read, unsigned. To change them takes the key.
    pub public_buckets: Vec<String>,
    /// The one key id that is known.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The session token that every request must carry, if any.
    pub session_token: Option<String>,
    /// The region that requests must be signed for.
    pub region: String,
    /// The port on 127.0.0.1; any free one if `None`.
    pub port: Option<u16>,
    /// The origins that browsers may ask from; `*` is all.
    pub cors_origins: Vec<String>,
    /// What each part of an upload but the last must at least be; S3's own is 5 MiB.
    pub part_bytes_min: u64,
    /// What one request copies at most; S3's own is 5 GiB.
    pub copied_bytes_max: u64,
    /// Whether `If-Match` and `If-None-Match` of writes are passed over, as some servers do.
    pub ignores_conditions: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            buckets: vec!["bucket".to_owned()],
            public_buckets: Vec::new(),
            access_key: "access-key".to_owned(),
            secret_key: "secret-key".to_owned(),
            session_token: None,
            region: "us-east-1".to_owned(),
            port: None,
            cors_origins: Vec::new(),
            part_bytes_min: 5 << 20,
            copied_bytes_max: 5 << 30,
            ignores_conditions: false,
        }
    }
}

impl Options {
    /// A tier over the first bucket of a server that was started so and is at `endpoint`, with its keys.
    pub fn tier(&self, endpoint: impl Into<String>) -> S3TierBuilder {
        let bucket = self.buckets.first().expect("the server has a bucket");
        let keys = StaticCredentials::new(&*self.access_key, &*self.secret_key);
        S3Tier::builder(bucket).endpoint(endpoint).credentials(keys)
    }
}

/// Without the secrets.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("buckets", &self.buckets)
            .field("public_buckets", &self.public_buckets)
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .field("port", &self.port)
            .field("cors_origins", &self.cors_origins)
            .finish_non_exhaustive()
    }
}

/// A running S3 server on loopback; dropping it stops it.
///
/// ```
/// # use tiered_storage_tests::server::{Fault, Kind, Options, Rule, Server};
/// let server = Server::start(Options::default()).expect("a port is free");
/// server.faults().add(Rule::new(Fault::SLOW_DOWN).on(Kind::Get));
/// assert!(server.endpoint().starts_with("http://127.0.0.1:"));
/// assert_eq!(server.counts().requests(), 0);
/// ```
pub struct Server {
    options: Options,
    store: Arc<Store>,
    front: Arc<Front>,
    address: SocketAddr,
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts a server. Returns when its port accepts connections; fails if the port is taken.
    pub fn start(options: Options) -> io::Result<Self> {
        let store = Arc::new(Store::default());
        for bucket in &options.buckets {
            store.lock().create(bucket).map_err(io::Error::other)?;
        }
        let faults = Arc::new(Faults::new());
        let front = Arc::new(Front {
            service: service(&options, Arc::clone(&store), Arc::clone(&faults)),
            faults,
            counter: Counter::default(),
            cors: Cors::new(options.cors_origins.clone()),
            region: options.region.clone(),
            answered: AtomicU64::new(0),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port.unwrap_or(0)))?;
        let address = listener.local_addr()?;
        let running = Mutex::new(Some(serve(listener, Arc::clone(&front))?));
        Ok(Self { options, store, front, address, running })
    }

    /// The URL that clients are given, such as `http://127.0.0.1:40001`. Buckets are the first segment of the path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the server was started with.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// A client with the server's credentials.
    pub fn client(&self) -> Client {
        Client {
            endpoint: self.endpoint(),
            access_key: self.options.access_key.clone(),
            secret_key: self.options.secret_key.clone(),
            session_token: self.options.session_token.clone(),
            region: self.options.region.clone(),
            service: "s3".to_owned(),
        }
    }

    /// The faults that wait for requests, and the clock.
    pub fn faults(&self) -> &Faults {
        &self.front.faults
    }

    /// What arrived and left since the start or the last [`Server::reset_counts`].
    pub fn counts(&self) -> Counts {
        self.front.counter.counts()
    }

    /// Starts to count anew.
    pub fn reset_counts(&self) {
        self.front.counter.reset();
    }

    /// Changes how the CORS rules are written.
    pub fn set_cors(&self, mode: CorsMode) {
        self.front.cors.set_mode(mode);
    }

    /// The objects of a bucket in the order of their keys; none if there is no such bucket.
    pub fn objects(&self, bucket: &str) -> Vec<(String, Object)> {
        let mut buckets = self.store.lock();
        let Ok(bucket) = buckets.bucket(bucket) else { return Vec::new() };
        bucket.objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    /// One object, past all faults and uncounted.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Object> {
        self.store.lock().object(bucket, key).ok().cloned()
    }

    /// How many uploads in parts were begun, and neither completed nor aborted.
    pub fn uploads(&self, bucket: &str) -> usize {
        self.store.lock().bucket(bucket).map_or(0, |bucket| bucket.uploads.len())
    }

    /// The names of the objects that they are to become, one for each of these uploads.
    pub fn uploads_named(&self, bucket: &str) -> Vec<String> {
        let mut buckets = self.store.lock();
        let Ok(bucket) = buckets.bucket(bucket) else { return Vec::new() };
        bucket.uploads.values().map(|upload| upload.key.clone()).collect()
    }

    /// Puts an object in place as it is, as another writer would.
    ///
    /// # Panics
    /// If there is no such bucket.
    pub fn put_object_raw(&self, bucket: &str, key: &str, object: Object) {
        let mut buckets = self.store.lock();
        let bucket = buckets.bucket(bucket).expect("a test names a bucket that is there");
        bucket.objects.insert(key.to_owned(), object);
    }

    /// Changes a stored body and leaves its ETag and its headers as they were.
    ///
    /// # Panics
    /// If there is no such object, or no such byte in it.
    pub fn damage(&self, bucket: &str, key: &str, how: Damage) {
        let mut buckets = self.store.lock();
        let object = buckets.object(bucket, key).expect("a test damages an object that is there");
        how.apply(&mut object.body);
    }

    /// Closes the port and every connection, and returns when they are closed. The objects stay.
    pub fn stop(&self) {
        let running = self.lock_running().take();
        if let Some(Running { stop, thread }) = running {
            // The thread may have ended by itself; then nobody listens.
            let _ = stop.send(());
            thread.join().expect("the server's thread does not panic");
        }
    }

    /// Opens the same port again, over the same objects. Does nothing if the server runs.
    pub fn restart(&self) -> io::Result<()> {
        let mut running = self.lock_running();
        if running.is_none() {
            let listener = TcpListener::bind(self.address)?;
            *running = Some(serve(listener, Arc::clone(&self.front))?);
        }
        Ok(())
    }

    fn lock_running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().expect("nothing panics while it starts or stops the server")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

fn service(options: &Options, store: Arc<Store>, faults: Arc<Faults>) -> s3s::service::S3Service {
    let mut builder = S3ServiceBuilder::new(Backend {
        store,
        faults,
        region: options.region.clone(),
        part_bytes_min: options.part_bytes_min,
        copied_bytes_max: options.copied_bytes_max,
        heeded: if options.ignores_conditions { Heeded::No } else { Heeded::Yes },
    });
    builder.set_auth(Keys {
        access_key: options.access_key.clone(),
        secret_key: options.secret_key.clone(),
    });
    builder.set_access(Gate {
        session_token: options.session_token.clone(),
        public_buckets: options.public_buckets.clone(),
    });
    // The front checks the clock, since it can be set wrong; the service would use the machine's.
    let mut config = S3Config::default();
    config.presigned_url_max_skew_time_secs = u32::MAX;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.build()
}

/// Serves on a thread of its own. Dropping the thread's runtime is what closes the connections.
fn serve(listener: TcpListener, front: Arc<Front>) -> io::Result<Running> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _guard = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("s3-server".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(listener, front) => {}
                _ = stopped => {}
            }
        });
    })?;
    Ok(Running { stop, thread })
}

async fn accept(listener: tokio::net::TcpListener, front: Arc<Front>) {
    loop {
        // A connection that was reset before it was accepted is the client's business.
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Small answers must not wait for the client's acknowledgements; where it cannot be set, they do.
        let _ = stream.set_nodelay(true);
        let front = Arc::clone(&front);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let front = Arc::clone(&front);
                async move { front.answer(request).await }
            });
            // A connection ends in an error whenever a fault drops it or the client leaves.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
