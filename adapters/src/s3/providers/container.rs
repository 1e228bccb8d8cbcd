//! Credentials of a task on ECS, or of a pod on EKS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_trait::async_trait;
use tiered_storage_core::{Error, ErrorKind, Timestamp};

use super::{
    Surroundings, required,
    surroundings::{from_json, misanswered, unanswered},
};
use crate::s3::{Credentials, CredentialsProvider, Method, Request};

const TIMEOUT_MS: u64 = 2_000;
const ATTEMPTS: u32 = 3;
const ECS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
const EKS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 23);
const EKS_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23);

/// The credentials that ECS and EKS Pod Identity give to what runs in a container.
///
/// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` names a path on the endpoint of ECS, `AWS_CONTAINER_CREDENTIALS_FULL_URI` any
/// place by `https`, and by `http` this host alone and the addresses of ECS and EKS. The file that
/// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` names, or `AWS_CONTAINER_AUTHORIZATION_TOKEN`, has what is sent as
/// `authorization`. One request, of at most 2 seconds, tried three times.
#[derive(Clone, Debug, Default)]
pub struct ContainerCredentials {
    surroundings: Surroundings,
}

impl ContainerCredentials {
    /// What the surroundings name.
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings }
    }

    /// `None` if no place is named.
    pub(super) async fn find(&self) -> Result<Option<Credentials>, Error> {
        let Some(url) = self.url()? else { return Ok(None) };
        let headers = self.token()?.map(|token| ("authorization".to_owned(), token));
        let headers = headers.into_iter().collect();
        let request = Request { method: Method::Get, url, headers, body: Default::default() };
        let what = "the endpoint for credentials of containers";
        let answer = self.surroundings.send(request, TIMEOUT_MS, ATTEMPTS).await;
        let answer = answer.map_err(|error| unanswered(what, error))?;
        let status = answer.status;
        let made = Some(answer.body).filter(|_| status == 200).and_then(from_json);
        made.map(Some).ok_or_else(|| misanswered(what, status))
    }

    fn url(&self) -> Result<Option<String>, Error> {
        if let Some(path) = self.surroundings.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            if !path.starts_with('/') {
                let message = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not start with a slash; correct it";
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            return Ok(Some(format!("http://{ECS}{path}")));
        }
        let url = self.surroundings.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        if url.as_deref().is_some_and(|url| !is_allowed(url)) {
            let message = "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this host, of ECS \
                           or of EKS; correct it";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(url)
    }

    fn token(&self) -> Result<Option<String>, Error> {
        let token = match self.surroundings.path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(path) => {
                let text = self.surroundings.file(&path)?.ok_or_else(|| {
                    let message = format!("there is no token in {}; put it there", path.display());
                    Error::new(ErrorKind::Denied, message)
                })?;
                Some(text.trim_ascii_end().to_owned())
            }
            None => self.surroundings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        // A line break would begin another header.
        if token
            .as_deref()
            .is_some_and(|token| !token.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        {
            let message = "the token for credentials of containers is not one line of printable ASCII; correct it";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(token)
    }
}

/// Credentials must not come from, and the token must not go to, whoever is on the way.
fn is_allowed(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    if authority.contains('@') {
        return false;
    }
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || [ECS, EKS].contains(&address),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address == EKS_V6,
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[async_trait]
impl CredentialsProvider for ContainerCredentials {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        let message =
            "no AWS_CONTAINER_CREDENTIALS variable is set; set one or give the S3 tier others";
        required(self.find().await?, message)
    }
}

#[cfg(test)]
mod tests;
