//! Who the requests are from: credentials, where they come from, and how long they are kept.

use core::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tiered_storage_core::{Error, ErrorKind, Timestamp};
use zeroize::Zeroizing;

use super::limit::Limit;
use crate::tier::Shareable;

/// Credentials are asked for anew when they have less than this left.
const REFRESH_BEFORE_MS: u64 = 5 * 60_000;

/// Where credentials come from.
///
/// The tier keeps what it was given until five minutes before it expires, and asks once for all who wait. If asking
/// fails, what is there is used until it does expire.
///
/// ```
/// use tiered_storage::{Error, Timestamp, s3::{Credentials, CredentialsProvider}};
///
/// #[derive(Debug)]
/// struct Vault;
///
/// #[async_trait::async_trait]
/// impl CredentialsProvider for Vault {
///     async fn credentials(&self, now: Timestamp) -> Result<Credentials, Error> {
///         let (id, secret, token) = ("AKIAIOSFODNN7EXAMPLE", "from the vault", "for an hour");
///         Ok(Credentials::new(id, secret).with_session_token(token).with_expiry(now.plus_millis(3_600_000)))
///     }
/// }
/// ```
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait CredentialsProvider: fmt::Debug + Shareable {
    /// Gives credentials that are good at `now` and, if it can, for some time after.
    ///
    /// # Errors
    ///
    /// `Denied` if there are none, `Unavailable` if asking again later may help.
    async fn credentials(&self, now: Timestamp) -> Result<Credentials, Error>;
}

/// An access key, its secret, and how long both are good. A clone is a reference count.
///
/// The secret and the session token are wiped from memory when the last clone goes; `Debug` shows neither.
#[derive(Clone)]
pub struct Credentials {
    keys: Option<Arc<Keys>>,
    session_token: Option<Arc<Zeroizing<String>>>,
    expires_at: Option<Timestamp>,
}

struct Keys {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
}

impl Credentials {
    /// Credentials that do not expire.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        let keys = Keys {
            access_key_id: access_key_id.into(),
            secret_access_key: Zeroizing::new(secret_access_key.into()),
        };
        Self { keys: Some(Arc::new(keys)), session_token: None, expires_at: None }
    }

    /// No credentials: requests go unsigned.
    pub const fn anonymous() -> Self {
        Self { keys: None, session_token: None, expires_at: None }
    }

    /// With the token of a temporary session.
    #[must_use]
    pub fn with_session_token(mut self, token: impl Into<String>) -> Self {
        if self.keys.is_some() {
            self.session_token = Some(Arc::new(Zeroizing::new(token.into())));
        }
        self
    }

    /// Good until `expires_at`.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// The access key's id; `None` if they are anonymous.
    pub fn access_key_id(&self) -> Option<&str> {
        self.keys.as_ref().map(|keys| keys.access_key_id.as_str())
    }

    /// The secret access key, for a signer; `None` if they are anonymous.
    pub fn secret_access_key(&self) -> Option<&str> {
        self.keys.as_ref().map(|keys| keys.secret_access_key.as_str())
    }

    /// The session token, for a signer; `None` if there is none.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(|token| token.as_str())
    }

    /// When they stop being good; `None` if they do not.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    fn lasts(&self, now: Timestamp, ms: u64) -> bool {
        self.expires_at.is_none_or(|expiry| now.plus_millis(ms) < expiry)
    }

    fn is_same(&self, other: &Self) -> bool {
        // Clones share these.
        let keys = |credentials: &Self| credentials.keys.as_ref().map(Arc::as_ptr);
        let token = |credentials: &Self| credentials.session_token.as_ref().map(Arc::as_ptr);
        keys(self) == keys(other) && token(self) == token(other)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Credentials that were given once and never change.
#[derive(Clone, Debug)]
pub struct StaticCredentials(Credentials);

impl StaticCredentials {
    /// The credentials of an access key.
    ///
    /// ```
    /// use tiered_storage::s3::StaticCredentials;
    ///
    /// let credentials = StaticCredentials::new("AKIAIOSFODNN7EXAMPLE", "the secret");
    /// assert!(!format!("{credentials:?}").contains("secret"));
    /// ```
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self(Credentials::new(access_key_id, secret_access_key))
    }
}

impl From<Credentials> for StaticCredentials {
    fn from(credentials: Credentials) -> Self {
        Self(credentials)
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl CredentialsProvider for StaticCredentials {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        Ok(self.0.clone())
    }
}

/// No credentials: requests go unsigned, for public buckets.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl CredentialsProvider for Anonymous {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        Ok(Credentials::anonymous())
    }
}

/// The credentials in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, where it is set, `AWS_SESSION_TOKEN`.
///
/// The environment is read when credentials are first needed, and again after the server refused them.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentCredentials;

impl EnvironmentCredentials {
    pub(in crate::s3) fn read(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Credentials, Error> {
        let required = |name: &str| {
            variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                let message = format!("{name} is not set; set it or give the S3 tier credentials");
                Error::new(ErrorKind::Denied, message)
            })
        };
        let credentials =
            Credentials::new(required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
        Ok(match variable("AWS_SESSION_TOKEN").filter(|value| !value.is_empty()) {
            Some(token) => credentials.with_session_token(token),
            None => credentials,
        })
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl CredentialsProvider for EnvironmentCredentials {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        Self::read(|name| std::env::var(name).ok())
    }
}

/// The credentials that a tier has now. Whoever finds them stale asks for new ones while the others wait.
#[derive(Debug)]
pub(super) struct Cache {
    provider: Arc<dyn CredentialsProvider>,
    kept: Mutex<Option<Credentials>>,
    /// One asks at a time; the others wait for it.
    turn: Limit,
}

impl Cache {
    pub(super) fn new(provider: Arc<dyn CredentialsProvider>) -> Self {
        Self { provider, kept: Mutex::new(None), turn: Limit::new(1) }
    }

    pub(super) async fn credentials(&self, now: Timestamp) -> Result<Credentials, Error> {
        let fresh = || self.kept().filter(|kept| kept.lasts(now, REFRESH_BEFORE_MS));
        if let Some(fresh) = fresh() {
            return Ok(fresh);
        }
        let _turn = self.turn.enter().await;
        if let Some(fresh) = fresh() {
            return Ok(fresh);
        }
        match self.provider.credentials(now).await {
            Ok(credentials) => {
                *self.kept.lock().expect("no holder of this lock panics") =
                    Some(credentials.clone());
                Ok(credentials)
            }
            Err(error) => self.kept().filter(|kept| kept.lasts(now, 0)).ok_or(error),
        }
    }

    /// Forgets `refused`, unless others have replaced it since.
    pub(super) fn forget(&self, refused: &Credentials) {
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        if kept.as_ref().is_some_and(|kept| kept.is_same(refused)) {
            *kept = None;
        }
    }

    fn kept(&self) -> Option<Credentials> {
        self.kept.lock().expect("no holder of this lock panics").clone()
    }
}

#[cfg(test)]
mod tests;
