//! URLs that carry their own signature.

use core::time::Duration;

use tiered_storage_core::{Error, ErrorKind, Key};

use super::{Inner, Method, S3Tier, keys::Name, request::Call};
use crate::tier::{Presign, PresignMethod};

const EXPIRES_MIN: Duration = Duration::from_secs(1);
/// Signature Version 4 knows no longer time.
const EXPIRES_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

impl S3Tier {
    /// A URL that lets its holder do one thing with one object, without credentials, until it expires. Nothing is sent.
    ///
    /// What it gets is the object as it is stored: gzip where the entry is compressed (the entry's metadata says so).
    /// What it puts is an object that another program wrote; no storage notices. Temporary credentials end the URL when
    /// they end. The time counts from now, by this host's clock, or by the server's where this tier has found them apart.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
    /// use std::time::Duration;
    /// use tiered_storage::{Presign, PresignMethod, S3Tier, StaticCredentials};
    ///
    /// let credentials = StaticCredentials::new("AKIAIOSFODNN7EXAMPLE", "the secret");
    /// let cold = S3Tier::builder("assets").endpoint("http://127.0.0.1:9000").credentials(credentials).build()?;
    /// let url = cold.presign("logo.svg", Presign::new(PresignMethod::Get, Duration::from_secs(60))).await?;
    /// assert!(url.starts_with("http://127.0.0.1:9000/assets/logo.svg?X-Amz-Algorithm="));
    /// # Ok::<(), tiered_storage::Error>(()) }).expect("the example works");
    /// ```
    ///
    /// # Errors
    ///
    /// `Invalid` for an illegal key, for a time that is not 1 second to 7 days, for a tier without an access key of its
    /// own, and for getting or putting an object whose key is too long to be its name; what the provider of credentials
    /// says.
    pub async fn presign(&self, key: impl AsRef<str>, presign: Presign) -> Result<String, Error> {
        let key = Key::new(key)?;
        self.0.presign(&key, presign).await.map_err(|error| error.with_key(&key))
    }
}

impl Inner {
    pub(super) async fn presign(&self, key: &Key, presign: Presign) -> Result<String, Error> {
        let invalid = |message| Err(Error::new(ErrorKind::Invalid, message));
        if !(EXPIRES_MIN..=EXPIRES_MAX).contains(&presign.expires) {
            return invalid("a presigned URL lasts 1 second to 7 days; give a time in between");
        }
        let expires_secs = u32::try_from(presign.expires.as_secs()).expect("7 days fit");
        let name = self.names.name(key);
        let method = match presign.method {
            PresignMethod::Get => Method::Get,
            PresignMethod::Head => Method::Head,
            PresignMethod::Put => Method::Put,
            PresignMethod::Delete => Method::Delete,
        };
        if let (Name::Hashed(_), Method::Get | Method::Put) = (&name, method) {
            return invalid(
                "an object of so long a key holds the key beside the body, which a URL would show; \
                 use a shorter key",
            );
        }
        let mut call = Call::delete(name.as_str());
        call.method = method;
        self.client.presign(&call, expires_secs).await
    }
}

#[cfg(test)]
mod tests;
