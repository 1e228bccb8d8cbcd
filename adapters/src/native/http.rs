//! [`Http`] over reqwest, and the clock of native hosts.

use core::time::Duration;
use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use reqwest::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_platform_verifier::BuilderVerifierExt;
use tiered_storage_core::{Error, ErrorKind, Timestamp};

use crate::{
    host::Task,
    s3::{Environment, Http, HttpError, HttpErrorKind, Method, Opening, Request, Response},
};

/// Headers whose values no log of the transport may show.
const SECRET: [&str; 3] = ["authorization", "x-amz-security-token", "x-aws-ec2-metadata-token"];

/// How connections are secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tls {
    /// Certificates are verified with the operating system's roots, as its administrator set them: stores inside
    /// a company are often signed by a company.
    Verified,
    /// Only plain `http` is spoken, so that no roots need be there.
    Never,
}

/// Sends requests with reqwest: HTTP/1.1, which is what S3 speaks, over pooled connections.
///
/// Redirects are not followed, bodies are not decoded, and proxies are not taken from the environment: a signature
/// covers the host, and a variable meant for something else must not send cold data elsewhere.
/// A clone shares the connections. It needs a tokio runtime with time and I/O.
#[derive(Clone, Debug)]
pub struct ReqwestHttp(reqwest::Client);

impl ReqwestHttp {
    /// A client of its own connections, which gives up connecting after `connect_timeout_ms`.
    ///
    /// # Errors
    ///
    /// `Invalid` if the operating system has no root certificates.
    pub fn new(tls: Tls, connect_timeout_ms: u64) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(tls)?)
            .connect_timeout(Duration::from_millis(connect_timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(60))
            .pool_idle_timeout(Duration::from_secs(20))
            .build();
        client.map(Self).map_err(|error| {
            let message = "the HTTP client cannot be set up on this host";
            Error::new(ErrorKind::Internal, message).with_source(error.without_url())
        })
    }
}

/// The provider is named here, so that nothing depends on one being installed for the process.
fn tls_config(tls: Tls) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions of TLS");
    let builder = match tls {
        Tls::Never => builder.with_root_certificates(RootCertStore::empty()),
        Tls::Verified => builder.with_platform_verifier().map_err(|error| {
            let message =
                "this host has no usable root certificates; install them (ca-certificates)";
            Error::new(ErrorKind::Invalid, message).with_source(error)
        })?,
    };
    Ok(builder.with_no_client_auth())
}

#[async_trait]
impl Http for ReqwestHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.open(request, u64::MAX).await.map(|(response, _)| response)
    }

    async fn open(&self, request: Request, whole_bytes_max: u64) -> Result<Opening, HttpError> {
        let request = translate(request)?;
        let is_of_body = request.method() != reqwest::Method::HEAD;
        let response = self.0.execute(request).await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let mut head = Response { status, headers, ..Response::default() };
        if is_of_body && head.announced_bytes().is_some_and(|bytes| bytes > whole_bytes_max) {
            return Ok((head, Some(response.bytes_stream().map_err(failed).boxed())));
        }
        head.body = response.bytes().await.map_err(failed)?;
        Ok((head, None))
    }
}

fn translate(request: Request) -> Result<reqwest::Request, HttpError> {
    let unsendable =
        |message: &str| HttpError { kind: HttpErrorKind::Unsendable, message: message.to_owned() };
    let url = reqwest::Url::parse(&request.url).map_err(|_| unsendable("the URL is not one"))?;
    // The signature is over the URL as it was written; a parser that changes it must not send it elsewhere.
    if url.as_str() != request.url {
        return Err(unsendable("the URL would be changed on the way"));
    }
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Put => reqwest::Method::PUT,
        Method::Post => reqwest::Method::POST,
        Method::Delete => reqwest::Method::DELETE,
    };
    let mut translated = reqwest::Request::new(method, url);
    for (name, value) in request.headers {
        let refused = || unsendable("a header cannot be sent");
        let mut value = HeaderValue::try_from(value).map_err(|_| refused())?;
        value.set_sensitive(SECRET.contains(&name.as_str()));
        let name = HeaderName::try_from(name).map_err(|_| refused())?;
        translated.headers_mut().append(name, value);
    }
    if !request.body.is_empty() {
        *translated.body_mut() = Some(request.body.into());
    } else if request.method == Method::Put {
        // S3 refuses a PUT without a length, and hyper gives an empty one none.
        let zero = HeaderValue::from_static("0");
        translated.headers_mut().insert(CONTENT_LENGTH, zero);
    }
    Ok(translated)
}

fn failed(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_builder() {
        HttpErrorKind::Unsendable
    } else {
        HttpErrorKind::Broken
    };
    let error = error.without_url();
    let mut message = error.to_string();
    let mut source = core::error::Error::source(&error);
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    HttpError { kind, message }
}

/// The operating system's clock, tokio's timer and fastrand's dice.
#[derive(Clone, Copy, Debug)]
pub struct TokioEnvironment;

#[async_trait]
impl Environment for TokioEnvironment {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    async fn sleep(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    fn spawn(&self, task: Task) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(task);
        }
    }
}

#[cfg(test)]
mod tests;
