//! Credentials of a role, for a token that says who asks.

use async_trait::async_trait;
use tiered_storage_core::{Error, ErrorKind, Timestamp};
use zeroize::Zeroizing;

use super::{
    Surroundings, required,
    surroundings::{assembled, misanswered, unanswered, wipe},
};
use crate::s3::{
    Credentials, CredentialsProvider, Method, Request, Response, keys::encode_value, xml,
};

const TIMEOUT_MS: u64 = 5_000;
const ATTEMPTS: u32 = 3;

/// The credentials that STS gives for a role to whoever has a token of a provider of identities, as pods on EKS do.
///
/// The file that `AWS_WEB_IDENTITY_TOKEN_FILE` names has the token, and is read each time; `AWS_ROLE_ARN` is the role.
/// `AWS_ROLE_SESSION_NAME` names the session, `AWS_REGION` (or `AWS_DEFAULT_REGION`) says whose STS to ask, and
/// `AWS_ENDPOINT_URL_STS` another one. One request, of at most 5 seconds, tried three times.
#[derive(Clone, Debug, Default)]
pub struct WebIdentityCredentials {
    surroundings: Surroundings,
    endpoint: Option<String>,
}

impl WebIdentityCredentials {
    /// What the surroundings name.
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, endpoint: None }
    }

    /// Asks another STS, such as `https://sts.example.org`.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// `None` if no file with a token is named.
    pub(super) async fn find(&self) -> Result<Option<Credentials>, Error> {
        let Some(path) = self.surroundings.path("AWS_WEB_IDENTITY_TOKEN_FILE") else {
            return Ok(None);
        };
        let role = self.surroundings.variable("AWS_ROLE_ARN").ok_or_else(|| {
            let message = "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not; set it, too";
            Error::new(ErrorKind::Invalid, message)
        })?;
        let token = self.surroundings.file(&path)?.ok_or_else(|| {
            let message = format!("there is no token in {}; put it there", path.display());
            Error::new(ErrorKind::Denied, message)
        })?;
        let request = self.request(&role, token.trim())?;
        let answer = self.surroundings.send(request, TIMEOUT_MS, ATTEMPTS).await;
        let answer = answer.map_err(|error| unanswered("STS", error))?;
        taken(answer).map(Some)
    }

    fn request(&self, role: &str, token: &str) -> Result<Request, Error> {
        let session = self.surroundings.variable("AWS_ROLE_SESSION_NAME");
        let session =
            session.unwrap_or_else(|| format!("tiered-storage-{:x}", self.surroundings.random()));
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", &session),
            ("WebIdentityToken", token),
        ];
        let mut body = Zeroizing::new(String::new());
        for (name, value) in form {
            let separator = if body.is_empty() { "" } else { "&" };
            body.extend([separator, name, "=", &encode_value(value)]);
        }
        Ok(Request {
            method: Method::Post,
            url: self.url()?,
            headers: vec![(
                "content-type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body: body.as_bytes().to_vec().into(),
        })
    }

    fn url(&self) -> Result<String, Error> {
        let variable = |name| self.surroundings.variable(name);
        let endpoint = self.endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL_STS"));
        if let Some(endpoint) = endpoint {
            return Ok(format!("{}/", endpoint.trim_end_matches('/')));
        }
        let Some(region) = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")) else {
            return Ok("https://sts.amazonaws.com/".to_owned());
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !region.bytes().all(is_name) {
            let message = "AWS_REGION is not a region; give one such as eu-central-1";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        Ok(format!("https://sts.{region}.amazonaws.com{suffix}/"))
    }
}

/// The credentials in an answer of STS.
fn taken(answer: Response) -> Result<Credentials, Error> {
    let (mut id, mut secret, mut token) =
        (String::new(), Zeroizing::new(String::new()), Zeroizing::new(String::new()));
    let (mut expiration, mut code) = (None, String::new());
    xml::walk(&answer.body, &mut |path, text| {
        let (parents, element) = path.rsplit_once('/').unwrap_or_default();
        let parent = parents.rsplit('/').next().unwrap_or_default();
        match (parent, element) {
            ("Credentials", "AccessKeyId") => text.clone_into(&mut id),
            ("Credentials", "SecretAccessKey") => text.clone_into(&mut secret),
            ("Credentials", "SessionToken") => text.clone_into(&mut token),
            ("Credentials", "Expiration") => expiration = Some(text.to_owned()),
            ("Error", "Code") => text.clone_into(&mut code),
            _ => {}
        }
    });
    let Response { status, body, .. } = answer;
    wipe(body);
    let advice = match code.as_str() {
        "ExpiredTokenException" => "the token has expired; renew its file",
        "InvalidIdentityToken" => "STS does not take the token; check who made it, and for whom",
        "AccessDenied" => "the token may not have the role; check the role's trust policy",
        "IDPCommunicationError" | "Throttling" => {
            return Err(Error::new(ErrorKind::Unavailable, "STS cannot tell now; try again later"));
        }
        _ if status == 200 => {
            let made = assembled(&id, &secret, Some(&token), expiration);
            return made.ok_or_else(|| misanswered("STS", status));
        }
        _ => return Err(misanswered("STS", status)),
    };
    Err(Error::new(ErrorKind::Denied, advice))
}

#[async_trait]
impl CredentialsProvider for WebIdentityCredentials {
    async fn credentials(&self, _now: Timestamp) -> Result<Credentials, Error> {
        let message = "AWS_WEB_IDENTITY_TOKEN_FILE is not set; set it or give the S3 tier others";
        required(self.find().await?, message)
    }
}

#[cfg(test)]
mod tests;
