//! Who the requests are from: credentials, where they come from, and how long they are kept.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tiered_storage_core::{Error, ErrorKind, Timestamp};
use zeroize::Zeroizing;

use super::limit::Limit;
use crate::tier::Shareable;

/// Credentials are asked for anew when they have less than this left, or less than half of what they had.
const REFRESH_BEFORE_MS: u64 = 5 * 60_000;
/// Where asking fails while what is there is still good, that is used for so long before it is tried again: else each request
/// would wait for another failure.
const PAUSE_MS: u64 = 5_000;

/// Where credentials come from.
///
/// The tier keeps what it was given until five minutes before it expires (what is good for less than ten, for half of that
/// time), and asks once for all who wait. If asking fails, what is there is used until it does expire, and not before five
/// seconds have passed is it asked for again.
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

    fn are_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// When to ask for others, if these were given `now`.
    fn ask_at(&self, now: Timestamp) -> Option<Timestamp> {
        let left_ms = self.expires_at?.millis_since(now);
        Some(now.plus_millis(left_ms.saturating_sub(REFRESH_BEFORE_MS).max(left_ms / 2)))
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
    kept: Mutex<Kept>,
    /// One asks at a time; the others wait for it.
    turn: Limit,
}

#[derive(Debug, Default)]
struct Kept {
    credentials: Option<Credentials>,
    /// When to ask for others.
    ask_at: Option<Timestamp>,
    /// How often was asked, and how that failed the last time, if it did.
    asked: u64,
    failure: Option<Error>,
}

impl Kept {
    fn good(&self, now: Timestamp) -> Option<Credentials> {
        self.credentials.clone().filter(|kept| kept.are_good(now))
    }

    /// What there is, unless it is time to ask.
    fn fresh(&self, now: Timestamp) -> Option<Credentials> {
        self.good(now).filter(|_| self.ask_at.is_none_or(|at| now < at))
    }
}

impl Cache {
    pub(super) fn new(provider: Arc<dyn CredentialsProvider>) -> Self {
        Self { provider, kept: Mutex::default(), turn: Limit::new(1) }
    }

    pub(super) async fn credentials(&self, now: Timestamp) -> Result<Credentials, Error> {
        let asked = {
            let kept = self.kept();
            if let Some(fresh) = kept.fresh(now) {
                return Ok(fresh);
            }
            kept.asked
        };
        let _turn = self.turn.enter().await;
        {
            let kept = self.kept();
            if let Some(fresh) = kept.fresh(now) {
                return Ok(fresh);
            }
            // Whoever waited for an answer shares it, also where it is that there is none.
            if let Some(failure) = kept.failure.as_ref().filter(|_| kept.asked != asked) {
                return Err(failure.clone());
            }
        }
        let answer = self.provider.credentials(now).await;
        let mut kept = self.kept();
        kept.asked += 1;
        match answer {
            Ok(credentials) => {
                kept.ask_at = credentials.ask_at(now);
                kept.credentials = Some(credentials.clone());
                kept.failure = None;
                Ok(credentials)
            }
            Err(error) => {
                kept.ask_at = Some(now.plus_millis(PAUSE_MS));
                kept.failure = Some(error.clone());
                kept.good(now).ok_or(error)
            }
        }
    }

    /// Forgets `refused`, unless others have replaced it since.
    pub(super) fn forget(&self, refused: &Credentials) {
        let mut kept = self.kept();
        if kept.credentials.as_ref().is_some_and(|kept| kept.is_same(refused)) {
            kept.credentials = None;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests;
