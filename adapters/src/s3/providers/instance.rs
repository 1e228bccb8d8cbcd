//! Credentials of an instance on EC2.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tiered_storage_core::{Error, Timestamp};

use super::{
    Surroundings, required,
    surroundings::{from_json, misanswered, unanswered},
};
use crate::s3::{Credentials, CredentialsProvider, HttpError, Method, Request, Response};

/// Where there is no such service, nothing answers at all: it is near, or it is not there.
const TIMEOUT_MS: u64 = 1_000;
const ATTEMPTS: u32 = 2;
/// How long it counts as not there.
const ABSENT_MS: u64 = 60_000;
const TOKEN_SECS: &str = "300";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// The credentials of the role of an instance, from the instance metadata service of EC2, version 2.
///
/// Three requests, of at most 1 second each. Where the service does not answer, which is so in containers that are further
/// away from it than its hop limit allows, it is not asked again for a minute. `AWS_EC2_METADATA_DISABLED=true` has it not
/// asked at all; `AWS_EC2_METADATA_SERVICE_ENDPOINT` names another place, and `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6`
/// its address in that network. A clone shares what is known.
#[derive(Clone, Debug, Default)]
pub struct InstanceCredentials {
    surroundings: Surroundings,
    /// When it was last found not to be there.
    absent: Arc<Mutex<Option<Timestamp>>>,
}

impl InstanceCredentials {
    /// What the surroundings name.
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, absent: Arc::default() }
    }

    /// `None` if there is no such service, or it has no role to give.
    pub(super) async fn find(&self) -> Result<Option<Credentials>, Error> {
        let disabled = self.surroundings.variable("AWS_EC2_METADATA_DISABLED");
        let now = self.surroundings.now();
        let is_absent = |since: Timestamp| now < since.plus_millis(ABSENT_MS);
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || self.absent().is_some_and(is_absent)
        {
            return Ok(None);
        }
        let endpoint = self.endpoint();
        let Some(token) = self.token(&endpoint).await else {
            *self.lock() = Some(self.surroundings.now());
            return Ok(None);
        };
        *self.lock() = None;
        let roles = self.get(&format!("{endpoint}{ROLES}"), &token).await?;
        let role = core::str::from_utf8(&roles.body).unwrap_or_default();
        let role = role.lines().next().unwrap_or_default().trim();
        match roles.status {
            404 => return Ok(None),
            200 if !role.is_empty() => {}
            status => return Err(misanswered(WHAT, status)),
        }
        let answer = self.get(&format!("{endpoint}{ROLES}{role}"), &token).await?;
        let status = answer.status;
        let made = Some(answer.body).filter(|_| status == 200).and_then(from_json);
        made.map(Some).ok_or_else(|| misanswered(WHAT, status))
    }

    fn endpoint(&self) -> String {
        let variable = |name| self.surroundings.variable(name);
        if let Some(endpoint) = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            return endpoint.trim_end_matches('/').to_owned();
        }
        let mode = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        let is_v6 = mode.is_some_and(|mode| mode.eq_ignore_ascii_case("IPv6"));
        if is_v6 { "http://[fd00:ec2::254]" } else { "http://169.254.169.254" }.to_owned()
    }

    /// What proves that it is not a proxy, tricked by someone, that asks. `None` if nobody gives it.
    async fn token(&self, endpoint: &str) -> Option<String> {
        let header = ("x-aws-ec2-metadata-token-ttl-seconds".to_owned(), TOKEN_SECS.to_owned());
        let request = Request {
            method: Method::Put,
            url: format!("{endpoint}/latest/api/token"),
            headers: vec![header],
            body: Default::default(),
        };
        let answer = self.surroundings.send(request, TIMEOUT_MS, 1).await.ok()?;
        let token = core::str::from_utf8(&answer.body).ok()?.trim();
        let is_token = !token.is_empty() && token.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        (answer.status == 200 && is_token).then(|| token.to_owned())
    }

    async fn get(&self, url: &str, token: &str) -> Result<Response, Error> {
        let request = Request {
            method: Method::Get,
            url: url.to_owned(),
            headers: vec![("x-aws-ec2-metadata-token".to_owned(), token.to_owned())],
            body: Default::default(),
        };
        let answer: Result<Response, HttpError> =
            self.surroundings.send(request, TIMEOUT_MS, ATTEMPTS).await;
        answer.map_err(|error| unanswered(WHAT, error))
    }

    fn absent(&self) -> Option<Timestamp> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.absent.lock().expect("no holder of this lock panics")
    }
}

const WHAT: &str = "the instance metadata service";

#[async_trait]
impl CredentialsProvider for InstanceCredentials {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        let message = "the instance metadata service gives no credentials here; give the instance a role (and \
                       containers a hop limit of 2), or the S3 tier other credentials";
        required(self.find().await?, message)
    }
}

#[cfg(test)]
mod tests;
