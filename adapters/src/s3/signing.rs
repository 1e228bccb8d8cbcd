//! Who signs a tier's requests: this host, which has keys, or a function of the user's.

use std::sync::Arc;

use tiered_storage_core::{Error, ErrorKind, Timestamp};

use super::{Credentials, Request, Scope, Sign, SignRequest, Unsigned, credentials::Cache};

#[derive(Debug)]
pub(super) enum Signing {
    Keys { signer: Arc<dyn Sign>, credentials: Cache },
    Function(Arc<dyn SignRequest>),
}

impl Signing {
    /// Who signs at `now`, by the server's clock. A function says so in what it gives.
    pub(super) async fn credentials(&self, now: Timestamp) -> Result<Credentials, Error> {
        match self {
            Self::Keys { credentials, .. } => credentials.credentials(now).await,
            Self::Function(_) => Ok(Credentials::anonymous()),
        }
    }

    /// Signs `request`: in its headers, or in its URL for so many seconds.
    pub(super) async fn sign(
        &self,
        request: &mut Request,
        scope: &Scope<'_>,
        url_secs: Option<u32>,
    ) -> Result<(), Error> {
        let is_anonymous = scope.credentials.access_key_id().is_none();
        let refusal = match (self, url_secs) {
            (Self::Keys { .. }, Some(_)) if is_anonymous => {
                "anonymous credentials cannot presign a URL; give the S3 tier an access key"
            }
            (Self::Keys { signer, .. }, Some(secs)) => return signer.presign(request, scope, secs),
            (Self::Keys { .. }, None) if is_anonymous => return Ok(()),
            (Self::Keys { signer, .. }, None) => return signer.sign(request, scope),
            (Self::Function(function), None) => {
                let Scope { payload_sha256, region, .. } = *scope;
                let headers = function.sign(Unsigned { request, payload_sha256, region }).await?;
                return add(request, headers);
            }
            (Self::Function(_), Some(_)) => {
                "a function signs the requests of this tier; have it presign URLs, too"
            }
        };
        Err(Error::new(ErrorKind::Invalid, refusal))
    }

    /// Forgets credentials that were refused.
    pub(super) fn forget(&self, refused: &Credentials) {
        if let Self::Keys { credentials, .. } = self {
            credentials.forget(refused);
        }
    }
}

/// Adds what a function signed with, in place of headers of the same name.
fn add(request: &mut Request, headers: Vec<(String, String)>) -> Result<(), Error> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        // What JavaScript gives was checked there.
        let is_good = cfg!(target_arch = "wasm32")
            || !name.is_empty()
                && name.bytes().all(is_name)
                && value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        if !is_good {
            let message = "the function that signs gave what is not a header; have it give names \
                           and values in printable ASCII";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        // The transport's matter.
        if name == "host" || name == "content-length" {
            continue;
        }
        request.remove_header(&name);
        request.headers.push((name, value));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
