//! The web app's files over HTTP on loopback, as a production server would give them.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What every answer carries: the policy under which the app runs, for one.
const HEADERS: &str = include_str!("../../../../www/headers.json");

/// A file as it is served.
#[derive(Clone, Debug)]
struct Served {
    body: Bytes,
    content_type: &'static str,
    /// Whether its name has a hash of its contents.
    is_immutable: bool,
}

/// The files, read once: what is not among them is not there, whatever a path says.
#[derive(Debug)]
pub(crate) struct Site {
    files: HashMap<String, Served>,
    headers: HeaderMap,
}

impl Site {
    /// The files of a folder by their paths, and `/` for its `index.html`.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut files = HashMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(&next)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let parts = path.strip_prefix(folder).expect("it was found in the folder").iter();
                let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
                let name = format!("/{}", parts.join("/"));
                let is_immutable = name.starts_with("/assets/");
                let body = fs::read(&path)?.into();
                let served = Served { body, content_type: content_type(&name), is_immutable };
                files.insert(name, served);
            }
        }
        if let Some(page) = files.get("/index.html").cloned() {
            files.insert("/".to_owned(), page);
        }
        Ok(Self { files, headers: headers()? })
    }

    /// Adds a file that no folder has.
    pub(crate) fn add(&mut self, path: &str, body: String) {
        let served =
            Served { body: body.into(), content_type: content_type(path), is_immutable: false };
        self.files.insert(path.to_owned(), served);
    }

    /// Serves until the process ends.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let site = Arc::new(self);
        loop {
            // A connection that was reset before it was accepted is the client's business.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let site = Arc::clone(&site);
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = site.answer(request.method(), request.uri().path());
                    async move { Ok::<_, Infallible>(answer) }
                });
                // A connection ends in an error whenever the client leaves.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let is_read = method == Method::GET || method == Method::HEAD;
        let found = self.files.get(path).filter(|_| is_read);
        let status = match found {
            Some(_) => StatusCode::OK,
            None if is_read => StatusCode::NOT_FOUND,
            None => StatusCode::METHOD_NOT_ALLOWED,
        };
        let (body, content_type, is_immutable) = match found {
            Some(file) => (file.body.clone(), file.content_type, file.is_immutable),
            None => (Bytes::from_static(b"There is no such file.\n"), "text/plain", false),
        };
        let cache = if is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        // For `HEAD`, hyper leaves the body out and keeps its length.
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = self.headers.clone();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        if path == "/sw.js" {
            headers.insert("service-worker-allowed", HeaderValue::from_static("/"));
        }
        response
    }
}

/// Listens on this port of loopback; on any other where somebody has it.
pub(crate) async fn listen(port: u16) -> io::Result<TcpListener> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(at(port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => TcpListener::bind(at(0)).await,
        bound => bound,
    }
}

fn headers() -> io::Result<HeaderMap> {
    let listed: HashMap<String, String> = serde_json::from_str(HEADERS)?;
    let one = |(name, value): (String, String)| -> io::Result<(HeaderName, HeaderValue)> {
        let name = name.parse().map_err(io::Error::other)?;
        Ok((name, value.parse().map_err(io::Error::other)?))
    };
    listed.into_iter().map(one).collect()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_served_with_the_headers_of_the_app_and_nothing_else_is_there() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let inside = folder.path().join("assets");
        fs::create_dir(&inside).expect("so can another");
        let written = [("index.html", "page"), ("sw.js", "worker"), ("assets/a-1.js", "code")];
        for (name, text) in written {
            fs::write(folder.path().join(name), text).expect("a file can be written");
        }
        let mut site = Site::read(folder.path()).expect("the folder can be read");
        site.add("/config.json", "{}".to_owned());
        let ask = |method: &Method, path: &str| {
            let answer = site.answer(method, path);
            let header = |name: &str| {
                let value = answer.headers().get(name).map(|value| value.to_str());
                value.map(|value| value.expect("it is text").to_owned()).unwrap_or_default()
            };
            let policy = header("content-security-policy");
            assert!(policy.contains("'wasm-unsafe-eval'") && !policy.contains("'unsafe-eval'"));
            (answer.status().as_u16(), header("content-type"), header("cache-control"))
        };
        let (no_cache, html) = ("no-cache".to_owned(), "text/html; charset=utf-8".to_owned());
        assert_eq!(ask(&Method::GET, "/"), (200, html, no_cache.clone()));
        assert_eq!(ask(&Method::GET, "/sw.js").2, no_cache);
        assert!(ask(&Method::HEAD, "/assets/a-1.js").2.ends_with("immutable"));
        assert_eq!(ask(&Method::GET, "/config.json").1, "application/json");
        assert_eq!(ask(&Method::GET, "/../Cargo.toml").0, 404);
        assert_eq!(ask(&Method::POST, "/").0, 405);
    }
}
