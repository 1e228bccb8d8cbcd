//! The providers one after the other.

use std::sync::Mutex;

use async_trait::async_trait;
use tiered_storage_core::{Error, ErrorKind, Timestamp};

use super::{
    ContainerCredentials, EnvironmentCredentials, InstanceCredentials, ProfileCredentials,
    Surroundings, WebIdentityCredentials,
};
use crate::s3::{Credentials, CredentialsProvider};

const PLACES: usize = 5;

/// The credentials of the first place that has any: environment, shared files, web identity, container, instance.
///
/// What answered is asked first from then on. A place that is set up and fails is an error: nobody is to be somebody else
/// because of a typing error.
#[derive(Debug)]
pub struct CredentialsChain {
    surroundings: Surroundings,
    profile: ProfileCredentials,
    web_identity: WebIdentityCredentials,
    container: ContainerCredentials,
    instance: InstanceCredentials,
    /// The place that answered last.
    answered: Mutex<Option<usize>>,
}

impl CredentialsChain {
    /// The places that the surroundings name.
    pub fn new(surroundings: Surroundings) -> Self {
        let of = || surroundings.clone();
        Self {
            profile: ProfileCredentials::new(of()),
            web_identity: WebIdentityCredentials::new(of()),
            container: ContainerCredentials::new(of()),
            instance: InstanceCredentials::new(of()),
            answered: Mutex::default(),
            surroundings,
        }
    }

    async fn find(&self, place: usize) -> Result<Option<Credentials>, Error> {
        match place {
            0 => self.environment(),
            1 => self.profile.find(),
            2 => self.web_identity.find().await,
            3 => self.container.find().await,
            _ => self.instance.find().await,
        }
    }

    /// `None` if neither the id nor the secret is set.
    fn environment(&self) -> Result<Option<Credentials>, Error> {
        let variable = |name: &str| self.surroundings.variable(name);
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        if names.into_iter().all(|name| variable(name).is_none()) {
            return Ok(None);
        }
        EnvironmentCredentials::read(variable).map(Some)
    }

    fn answered(&self) -> std::sync::MutexGuard<'_, Option<usize>> {
        self.answered.lock().expect("no holder of this lock panics")
    }
}

impl Default for CredentialsChain {
    fn default() -> Self {
        Self::new(Surroundings::default())
    }
}

#[async_trait]
impl CredentialsProvider for CredentialsChain {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        let last = *self.answered();
        for place in last.into_iter().chain(0..PLACES) {
            if let Some(credentials) = self.find(place).await? {
                *self.answered() = Some(place);
                return Ok(credentials);
            }
        }
        let message = "this host has no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, add a profile to \
                       ~/.aws, or give the S3 tier others";
        Err(Error::new(ErrorKind::Denied, message))
    }
}

#[cfg(test)]
mod tests;
