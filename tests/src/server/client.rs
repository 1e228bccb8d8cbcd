//! A client that signs and sends one request as it is told, for tests of servers and for setting scenes.

use std::fmt;
use std::io;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpStream;

const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Sends signed requests over a connection each. It neither retries nor follows.
///
/// ```no_run
/// # use tiered_storage_tests::server::{Options, Server, client::Call};
/// # async fn example() -> std::io::Result<()> {
/// let server = Server::start(Options::default())?;
/// let answer = server.client().send(Call::put("bucket", "a+b", "hello")).await?;
/// assert_eq!(answer.status, 200);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    /// The server's URL.
    pub endpoint: String,
    /// The key id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The session token, if the credentials are temporary.
    pub session_token: Option<String>,
    /// The region to sign for.
    pub region: String,
    /// The service to sign for: `s3`, or `iam`.
    pub service: String,
}

impl Client {
    /// Signs and sends a request, and reads the whole answer. A body cut short is an error.
    pub async fn send(&self, call: Call) -> io::Result<Answer> {
        self.send_request(self.sign(call)).await
    }

    /// Sends a request as it is. `None` of an authority: the endpoint's.
    pub async fn send_request(&self, request: Request<Full<Bytes>>) -> io::Result<Answer> {
        let stream = TcpStream::connect(self.authority()).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let connection = tokio::spawn(connection);
        let answer = async {
            let response = sender.send_request(request).await.map_err(io::Error::other)?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let answer = answer.await;
        connection.abort();
        answer
    }

    /// Signs a request for S3: the path encoded once, the hash of the body in a header.
    pub fn sign(&self, call: Call) -> Request<Full<Bytes>> {
        let uri = call.uri();
        let mut settings = SigningSettings::default();
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let token = self.session_token.clone();
        let identity =
            Credentials::new(&self.access_key, &self.secret_key, token, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(call.at)
            .settings(settings)
            .build()
            .expect("every parameter is set")
            .into();
        let signed_body = call.signed_body.as_ref().unwrap_or(&call.body);
        let url = format!("{}{uri}", self.endpoint);
        let headers = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(
            call.method.as_str(),
            &url,
            headers,
            SignableBody::Bytes(signed_body),
        )
        .expect("the path and the query are encoded");
        let (instructions, _) =
            sign(signable, &params).expect("the request is signable").into_parts();
        let mut request = Request::builder().method(call.method).uri(uri);
        request = request.header("host", self.authority());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::new(call.body)).expect("a test's headers are headers");
        instructions.apply_to_request_http1x(&mut request);
        request
    }

    fn authority(&self) -> &str {
        self.endpoint.split_once("://").map_or(&self.endpoint, |(_, authority)| authority)
    }
}

/// Without the secrets.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path before it is encoded, such as `/bucket/a b`.
    pub path: String,
    /// The parameters of the query, before they are encoded.
    pub query: Vec<(String, String)>,
    /// The headers beside those of the signature.
    pub headers: Vec<(String, String)>,
    /// The body to send.
    pub body: Bytes,
    /// The body to sign, if it is another.
    pub signed_body: Option<Bytes>,
    /// The time to sign with.
    pub at: SystemTime,
}

impl Call {
    /// A request without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            signed_body: None,
            at: SystemTime::now(),
        }
    }

    /// GetObject.
    pub fn get(bucket: &str, key: &str) -> Self {
        Self::new(Method::GET, format!("/{bucket}/{key}"))
    }

    /// HeadObject.
    pub fn head(bucket: &str, key: &str) -> Self {
        Self::new(Method::HEAD, format!("/{bucket}/{key}"))
    }

    /// PutObject.
    pub fn put(bucket: &str, key: &str, body: impl Into<Bytes>) -> Self {
        Self::new(Method::PUT, format!("/{bucket}/{key}")).body(body)
    }

    /// DeleteObject.
    pub fn delete(bucket: &str, key: &str) -> Self {
        Self::new(Method::DELETE, format!("/{bucket}/{key}"))
    }

    /// ListObjectsV2.
    pub fn list(bucket: &str) -> Self {
        Self::new(Method::GET, format!("/{bucket}")).query("list-type", "2")
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header, which is signed.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the time to sign with.
    #[must_use]
    pub const fn at(mut self, at: SystemTime) -> Self {
        self.at = at;
        self
    }

    fn uri(&self) -> String {
        let path = utf8_percent_encode(&self.path, PATH).to_string();
        let encode = |text: &str| utf8_percent_encode(text, &UNRESERVED).to_string();
        let pair = |(name, value): &(String, String)| format!("{}={}", encode(name), encode(value));
        let query: Vec<String> = self.query.iter().map(pair).collect();
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A header's value; empty if it is absent or not text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of each XML element of this name, unescaped, in the order of the body.
    pub fn elements(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let text = self.text();
        let inner = text.split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
        inner.map(|(value, _)| unescape(value)).collect()
    }

    /// The text of the first XML element of this name; empty if there is none.
    pub fn element(&self, name: &str) -> String {
        self.elements(name).into_iter().next().unwrap_or_default()
    }
}

fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&apos;", "'").replace("&amp;", "&")
}
