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
    /// Signs `request`, and says with which credentials: in its headers, or in its URL for so many seconds. `now` is the
    /// time by the server's clock.
    pub(super) async fn sign(
        &self,
        request: &mut Request,
        region: &str,
        payload_sha256: &str,
        now: impl Fn() -> Timestamp,
        url_secs: Option<u32>,
    ) -> Result<Credentials, Error> {
        let invalid = |message| Err(Error::new(ErrorKind::Invalid, message));
        match self {
            Self::Keys { signer, credentials } => {
                let credentials = credentials.credentials(now()).await?;
                let is_anonymous = credentials.access_key_id().is_none();
                let scope = Scope { credentials: &credentials, region, now: now(), payload_sha256 };
                match url_secs {
                    Some(_) if is_anonymous => {
                        return invalid(
                            "anonymous credentials cannot presign a URL; give the S3 tier an access key",
                        );
                    }
                    Some(secs) => signer.presign(request, &scope, secs)?,
                    None if is_anonymous => {}
                    None => signer.sign(request, &scope)?,
                }
                Ok(credentials)
            }
            Self::Function(function) => {
                if url_secs.is_some() {
                    return invalid(
                        "a function signs the requests of this tier; have it presign URLs, too",
                    );
                }
                let unsigned = Unsigned { request, payload_sha256, region };
                let headers = function.sign(unsigned).await?;
                add(request, headers)?;
                Ok(Credentials::anonymous())
            }
        }
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
        request.headers.retain(|(known, _)| *known != name);
        request.headers.push((name, value));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
