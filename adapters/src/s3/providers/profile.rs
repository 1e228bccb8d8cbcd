//! Credentials in AWS's shared files.

use std::path::PathBuf;

use async_trait::async_trait;
use tiered_storage_core::{Error, ErrorKind, Timestamp};

use super::{
    Surroundings,
    ini::{Section, parse},
    required,
    surroundings::assembled,
};
use crate::s3::{Credentials, CredentialsProvider};

const KEY_ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
const TOKEN: &str = "aws_session_token";

/// Says who is to be instead of the keys beside it.
const ALWAYS_ELSEWHERE: [&str; 5] =
    ["role_arn", "source_profile", "sso_session", "sso_start_url", "web_identity_token_file"];
/// Counts where there are no keys beside it.
const ELSE_ELSEWHERE: [&str; 2] = ["credential_process", "credential_source"];

/// The keys of a profile in `~/.aws/credentials` and `~/.aws/config`; of what is in both, the former counts.
///
/// `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` name other files, and `AWS_PROFILE` another profile than `default`.
/// The files are read each time that credentials are asked for. A profile that says to get its credentials elsewhere (a
/// role, single sign-on, another program) is an error.
#[derive(Clone, Debug, Default)]
pub struct ProfileCredentials {
    surroundings: Surroundings,
    name: Option<String>,
}

impl ProfileCredentials {
    /// The profile that the surroundings name.
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, name: None }
    }

    /// A profile by its name.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// `None` if nobody named a profile and there is no default one.
    pub(super) fn find(&self) -> Result<Option<Credentials>, Error> {
        let given = self.name.clone().or_else(|| self.surroundings.variable("AWS_PROFILE"));
        let name = given.as_deref().unwrap_or("default");
        let config = self.section("AWS_CONFIG_FILE", "config", |sections| {
            let profile = sections(&format!("profile {name}"));
            profile.or_else(|| sections(name).filter(|_| name == "default"))
        })?;
        let credentials =
            self.section("AWS_SHARED_CREDENTIALS_FILE", "credentials", |sections| sections(name))?;
        let mut profile = match (config, credentials) {
            (None, None) if given.is_none() => return Ok(None),
            (None, None) => {
                let message = format!(
                    "there is no profile {name:?} in AWS's shared files; correct AWS_PROFILE or add it"
                );
                return Err(Error::new(ErrorKind::Denied, message));
            }
            (config, credentials) => {
                let mut profile = config.unwrap_or_default();
                profile.extend(credentials.unwrap_or_default());
                profile
            }
        };
        profile.retain(|_, value| !value.is_empty());
        keys(name, &profile, given.is_some())
    }

    /// What `pick` takes of the sections of a file.
    fn section(
        &self,
        variable: &str,
        file: &str,
        pick: impl Fn(&mut dyn FnMut(&str) -> Option<Section>) -> Option<Section>,
    ) -> Result<Option<Section>, Error> {
        let path = self.surroundings.path(variable);
        let default = || Some(self.surroundings.home()?.join(".aws").join(file));
        let Some(path): Option<PathBuf> = path.or_else(default) else { return Ok(None) };
        let Some(text) = self.surroundings.file(&path)? else { return Ok(None) };
        let mut sections = parse(&text).map_err(|line| {
            let message = format!("line {line} of {} cannot be read; correct it", path.display());
            Error::new(ErrorKind::Invalid, message)
        })?;
        Ok(pick(&mut |name| sections.remove(name)))
    }
}

/// `None` if the default profile has other things than credentials, such as a region.
fn keys(name: &str, profile: &Section, is_named: bool) -> Result<Option<Credentials>, Error> {
    let value = |name: &str| profile.get(name).map(|value| value.as_str());
    let is_partial = value(KEY_ID).is_some() != value(SECRET).is_some();
    let has_keys = value(KEY_ID).is_some() && value(SECRET).is_some();
    let elsewhere = ELSE_ELSEWHERE.iter().filter(|_| !has_keys).chain(&ALWAYS_ELSEWHERE);
    if let Some(found) = elsewhere.into_iter().find(|name| value(name).is_some()) {
        let message = format!(
            "the profile {name:?} says `{found}`, which this library does not follow; give it keys, or the S3 tier \
             a provider of credentials that does"
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    if is_partial || (is_named && !has_keys) {
        let message = format!("the profile {name:?} lacks `{KEY_ID}` or `{SECRET}`; add it");
        return Err(Error::new(ErrorKind::Denied, message));
    }
    let (Some(id), Some(secret)) = (value(KEY_ID), value(SECRET)) else { return Ok(None) };
    Ok(assembled(id, secret, value(TOKEN), None))
}

#[async_trait]
impl CredentialsProvider for ProfileCredentials {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        let message =
            "there are no credentials in ~/.aws; add a profile or give the S3 tier others";
        required(self.find()?, message)
    }
}

#[cfg(test)]
mod tests;
