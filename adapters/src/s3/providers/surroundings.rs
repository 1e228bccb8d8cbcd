//! What providers see of their host: variables, files, the network, the clock.

use core::fmt;
use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use tiered_storage_core::{Error, ErrorKind, Timestamp};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    native::http::{ReqwestHttp, Tls, TokioEnvironment},
    s3::{
        Credentials, Environment, Http, HttpError, HttpErrorKind, Request, Response,
        http::within_timeout,
        retry::{Pace, delay_ms},
    },
};

/// No file with credentials is larger.
const FILE_BYTES_MAX: u64 = 1 << 20;

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What providers see of their host. The default is the process: its variables, its network, its clock.
///
/// A clone is a reference count.
#[derive(Clone)]
pub struct Surroundings {
    variables: Arc<Lookup>,
    http: Arc<dyn Http>,
    environment: Arc<dyn Environment>,
}

impl Surroundings {
    /// With other variables than those of the process.
    #[must_use]
    pub fn variables(
        mut self,
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.variables = Arc::new(lookup);
        self
    }

    /// With something else that sends requests.
    #[must_use]
    pub fn http(mut self, http: impl Http + 'static) -> Self {
        self.http = Arc::new(http);
        self
    }

    /// With another clock.
    #[must_use]
    pub fn environment(mut self, environment: impl Environment + 'static) -> Self {
        self.environment = Arc::new(environment);
        self
    }

    /// A variable that is set, and not to nothing.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    /// The path in a variable; `~` is the user's home.
    pub(super) fn path(&self, variable: &str) -> Option<PathBuf> {
        let path = self.variable(variable)?;
        match path.strip_prefix("~/") {
            Some(rest) => Some(self.home()?.join(rest)),
            None => Some(path.into()),
        }
    }

    pub(super) fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").or_else(|| self.variable("USERPROFILE")).map(PathBuf::from)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.environment.now()
    }

    pub(super) fn random(&self) -> u64 {
        self.environment.random()
    }

    /// The text of a file; `None` if there is none. Files of credentials are small and read once an hour.
    pub(super) fn file(&self, path: &PathBuf) -> Result<Option<Zeroizing<String>>, Error> {
        let failed =
            |kind, advice: &str| Error::new(kind, format!("the file {} {advice}", path.display()));
        let read = || {
            if fs::metadata(path)?.len() > FILE_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            fs::read(path)
        };
        let bytes = match read() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(failed(ErrorKind::Denied, "cannot be read; let this process read it")
                    .with_source(error));
            }
        };
        String::from_utf8(bytes).map(|text| Some(Zeroizing::new(text))).map_err(|error| {
            error.into_bytes().zeroize();
            failed(ErrorKind::Invalid, "is not text; correct it")
        })
    }

    /// Sends `request` up to `attempts` times. What it is answered has a status that is no outage's.
    pub(super) async fn send(
        &self,
        request: Request,
        timeout_ms: u64,
        attempts: u32,
    ) -> Result<Response, HttpError> {
        let mut attempt = 0;
        loop {
            let sending = self.http.send(request.clone());
            let outcome = within_timeout(&*self.environment, timeout_ms, sending).await;
            let outcome = match outcome {
                Ok(response) if matches!(response.status, 429 | 500..) => Err(HttpError {
                    kind: HttpErrorKind::Broken,
                    message: format!("the answer has the status {}", response.status),
                }),
                outcome => outcome,
            };
            attempt += 1;
            let error = match outcome {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let is_final =
                matches!(error.kind, HttpErrorKind::Unsendable | HttpErrorKind::Redirected);
            if is_final || attempt == attempts {
                return Err(error);
            }
            let ms = delay_ms(Pace::Transient, attempt - 1, self.random(), None);
            self.environment.sleep(ms).await;
        }
    }
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            variables: Arc::new(|name| std::env::var(name).ok()),
            http: Arc::new(HostHttp::default()),
            environment: Arc::new(TokioEnvironment),
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// Sends with a client that is made when it is first needed: where nobody asks by `https`, no roots need be there.
#[derive(Debug, Default)]
struct HostHttp {
    plain: OnceLock<ReqwestHttp>,
    secure: OnceLock<ReqwestHttp>,
}

const CONNECT_TIMEOUT_MS: u64 = 1_000;

#[async_trait]
impl Http for HostHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (client, tls) = if request.url.starts_with("https:") {
            (&self.secure, Tls::Verified)
        } else {
            (&self.plain, Tls::Never)
        };
        if client.get().is_none() {
            let made = ReqwestHttp::new(tls, CONNECT_TIMEOUT_MS).map_err(|error| HttpError {
                kind: HttpErrorKind::Unsendable,
                message: error.message().to_owned(),
            })?;
            // Another request may have made one meanwhile, which is as good.
            drop(client.set(made));
        }
        client.get().expect("it was made").send(request).await
    }
}

/// The error for an endpoint that gave no answer.
pub(super) fn unanswered(what: &str, error: HttpError) -> Error {
    let message = format!("{what} did not give credentials; try again later");
    let kind = match error.kind {
        HttpErrorKind::Timeout => return Error::timed_out(message).with_source(error),
        HttpErrorKind::Unsendable | HttpErrorKind::Redirected => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, message).with_source(error)
}

/// The error for an endpoint whose answer holds no credentials. Its body may hold half of them, and is not told.
pub(super) fn misanswered(what: &str, status: u16) -> Error {
    let message = format!("{what} answered with the status {status} and no credentials");
    match status {
        401 | 403 => Error::new(ErrorKind::Denied, format!("{message}; check what is allowed")),
        _ => Error::new(ErrorKind::Unavailable, format!("{message}; check its set-up")),
    }
}

/// As containers and instances are answered.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

/// The credentials in a document of JSON; `None` if they are not there.
pub(super) fn from_json(body: Bytes) -> Option<Credentials> {
    let document = serde_json::from_slice::<Document>(&body).ok();
    wipe(body);
    let Document { code, access_key_id, secret_access_key, token, expiration } = document?;
    let secret = Zeroizing::new(secret_access_key?);
    let token = token.map(Zeroizing::new);
    if code.is_some_and(|code| code != "Success") {
        return None;
    }
    let expiration = expiration.filter(|text| !text.is_empty());
    assembled(&access_key_id?, &secret, token.as_ref().map(|token| token.as_str()), expiration)
}

/// `None` if a part is missing, or no time.
pub(super) fn assembled(
    id: &str,
    secret: &str,
    token: Option<&str>,
    expiration: Option<String>,
) -> Option<Credentials> {
    if id.is_empty() || secret.is_empty() {
        return None;
    }
    let mut credentials = Credentials::new(id, secret);
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        credentials = credentials.with_session_token(token);
    }
    if let Some(text) = expiration {
        credentials = credentials.with_expiry(Timestamp::parse_rfc3339(&text)?);
    }
    Some(credentials)
}

/// Overwrites an answer that held secrets, where nobody else has it.
pub(super) fn wipe(body: Bytes) {
    if let Ok(mut body) = body.try_into_mut() {
        body.zeroize();
    }
}
