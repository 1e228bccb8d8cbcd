//! The configuration of an S3 tier: checked once, then trusted.

use core::fmt;
use std::sync::{Arc, Mutex};

use tiered_storage_core::{Error, ErrorKind};

use super::{
    CredentialsProvider, Environment, Http, Profile, S3Tier, Sign, SignRequest,
    client::{Client, Learnt},
    credentials::Cache,
    host::Host,
    keys::{AREA, Names, has_dot_segment, is_xml_safe},
    limit::Limit,
    meter::Meter,
    profile::Flags,
    request::{Address, Site},
    retry::Budget,
    signing::Signing,
    skew::Skew,
};

/// The longest prefix, in bytes: it leaves room for the names of keys that are not ordinary.
const PREFIX_BYTES_MAX: usize = 512;

/// How URLs name the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addressing {
    /// As the first segment of the path; what most stores other than Amazon's want.
    Path,
    /// As part of the host; what Amazon wants.
    VirtualHost,
}

/// The configuration of an [`S3Tier`].
pub struct S3TierBuilder {
    bucket: String,
    endpoint: Option<String>,
    profile: Option<Profile>,
    region: Option<String>,
    prefix: String,
    addressing: Option<Addressing>,
    credentials: Arc<dyn CredentialsProvider>,
    http: Option<Arc<dyn Http>>,
    environment: Option<Arc<dyn Environment>>,
    signer: Option<Arc<dyn Sign>>,
    function: Option<Arc<dyn SignRequest>>,
    concurrency_max: usize,
    timeout_ms: u64,
    connect_timeout_ms: u64,
    attempts_max: u32,
}

impl S3TierBuilder {
    pub(super) fn new(bucket: String) -> Self {
        Self {
            bucket,
            endpoint: None,
            profile: None,
            region: None,
            prefix: String::new(),
            addressing: None,
            credentials: default_credentials(),
            http: None,
            environment: None,
            signer: None,
            function: None,
            concurrency_max: 32,
            timeout_ms: 30_000,
            connect_timeout_ms: 5_000,
            attempts_max: 4,
        }
    }

    /// Where the store is, such as `https://s3.example.org` or `http://127.0.0.1:9000`. Default: Amazon's, in the
    /// region.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Whose store it is, by which defaults are chosen. Default: [`Profile::Aws`] without an endpoint of its own, else
    /// [`Profile::Custom`] with nothing known.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// The region that requests are signed for. Default: the profile's, `us-east-1` without one. If the store says that
    /// the bucket is in another one, that one is used from then on.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Where credentials come from. Default [`EnvironmentCredentials`](crate::s3::EnvironmentCredentials).
    #[must_use]
    pub fn credentials(mut self, provider: impl CredentialsProvider + 'static) -> Self {
        self.credentials = Arc::new(provider);
        self
    }

    /// What the names of all objects of this tier start with, as a path of at most 512 bytes: a slash is put at its
    /// end where it has none. Default: nothing, so that the tier has the whole bucket.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How URLs name the bucket. Default: as part of the host for [`Profile::Aws`] (unless the bucket's name has a dot,
    /// which TLS certificates do not cover, or the endpoint is an IP address), else as a path.
    #[must_use]
    pub fn addressing(mut self, addressing: Addressing) -> Self {
        self.addressing = Some(addressing);
        self
    }

    /// How many requests run at once; others wait. Default 32.
    #[must_use]
    pub fn concurrency_max(mut self, requests: usize) -> Self {
        self.concurrency_max = requests;
        self
    }

    /// How long one attempt at a request may take, its whole body included, in milliseconds. Default 30,000. Waiting
    /// for other requests, or between attempts, does not count.
    #[must_use]
    pub fn timeout_ms(mut self, ms: u64) -> Self {
        self.timeout_ms = ms;
        self
    }

    /// How long connecting may take, in milliseconds, where the host's transport can tell. Default 5,000.
    #[must_use]
    pub fn connect_timeout_ms(mut self, ms: u64) -> Self {
        self.connect_timeout_ms = ms;
        self
    }

    /// How often a request is tried. Default 4. Attempts that put right a clock, a region or a session do not count.
    #[must_use]
    pub fn attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts;
        self
    }

    /// What sends requests. Default: the host's.
    #[must_use]
    pub fn http(mut self, http: impl Http + 'static) -> Self {
        self.http = Some(Arc::new(http));
        self
    }

    /// What tells the time and throws dice. Default: the host's.
    #[must_use]
    pub fn environment(mut self, environment: impl Environment + 'static) -> Self {
        self.environment = Some(Arc::new(environment));
        self
    }

    /// What signs requests. Default: the host's.
    #[must_use]
    pub fn signer(mut self, signer: impl Sign + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Has requests signed by a function, in place of credentials and a signer: for hosts that must not have the keys.
    #[must_use]
    pub fn sign_with(mut self, function: impl SignRequest + 'static) -> Self {
        self.function = Some(Arc::new(function));
        self
    }

    /// Makes the tier. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `Invalid` if a part of the configuration cannot be right.
    pub fn build(self) -> Result<S3Tier, Error> {
        let profile = self.profile.unwrap_or_else(|| match self.endpoint {
            None => Profile::Aws,
            Some(_) => Profile::Custom(Flags::default()),
        });
        let region = region(self.region, profile)?;
        let names = Names::new(check_prefix(self.prefix)?);
        let at_least_one = [
            ("concurrency_max", self.concurrency_max as u64),
            ("timeout_ms", self.timeout_ms),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("attempts_max", self.attempts_max.into()),
        ];
        if let Some((name, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(invalid(format!("{name} is 0; give it at least 1")));
        }
        let address = address(self.bucket, self.endpoint.as_deref(), self.addressing, profile)?;
        let host = Host::new(&address, self.connect_timeout_ms);
        let signing = match self.function {
            Some(function) => Signing::Function(function),
            None => Signing::Keys {
                signer: self.signer.map_or_else(|| host.signer(), Ok)?,
                credentials: Cache::new(self.credentials),
            },
        };
        let client = Client {
            http: self.http.map_or_else(|| host.http(), Ok)?,
            environment: self.environment.map_or_else(|| host.environment(), Ok)?,
            signing,
            address,
            limit: Limit::new(self.concurrency_max),
            timeout_ms: self.timeout_ms,
            attempts_max: self.attempts_max,
            profile: profile.flags(),
            learnt: Mutex::new(Learnt { region, skew: Skew::default(), budget: Budget::new() }),
            meter: Meter::default(),
        };
        Ok(S3Tier::new(client, names))
    }
}

/// Shows the endpoint without a password that may stand in it.
impl fmt::Debug for S3TierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3TierBuilder")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint.as_deref().map(without_user_info))
            .field("region", &self.region)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// JavaScript hosts have no environment that all of them would share.
fn default_credentials() -> Arc<dyn CredentialsProvider> {
    #[cfg(target_arch = "wasm32")]
    return Arc::new(super::Anonymous);
    #[cfg(not(target_arch = "wasm32"))]
    Arc::new(super::EnvironmentCredentials)
}

fn address(
    bucket: String,
    endpoint: Option<&str>,
    addressing: Option<Addressing>,
    profile: Profile,
) -> Result<Address, Error> {
    if endpoint.is_none() && profile.needs_endpoint() {
        return Err(invalid(format!("{profile:?} is at no endpoint of its own; give it one")));
    }
    let site = endpoint.map_or(Ok(Site::Aws), check_endpoint)?;
    let addressing = addressing.unwrap_or_else(|| match &site {
        _ if bucket.contains('.') => Addressing::Path,
        Site::Aws => Addressing::VirtualHost,
        Site::Custom { host, .. } if profile == Profile::Aws && !is_ip_address(host) => {
            Addressing::VirtualHost
        }
        Site::Custom { .. } => Addressing::Path,
    });
    if let (Addressing::VirtualHost, Site::Custom { host, .. }) = (addressing, &site)
        && is_ip_address(host)
    {
        let message = format!("{host} cannot have a bucket in front; use Addressing::Path");
        return Err(invalid(message));
    }
    let is_strict = addressing == Addressing::VirtualHost || matches!(site, Site::Aws);
    check_bucket(&bucket, is_strict)?;
    Ok(Address { bucket, site, addressing })
}

fn check_bucket(bucket: &str, is_strict: bool) -> Result<(), Error> {
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = bucket.as_bytes();
    let is_good = if is_strict {
        let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        (3..=63).contains(&bytes.len())
            && bytes.iter().all(is_allowed)
            && is_end(bytes.first())
            && is_end(bytes.last())
            && bucket.split('.').all(|label| !label.is_empty())
    } else {
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
        (1..=255).contains(&bytes.len()) && bytes.iter().all(is_allowed) && is_end(bytes.first())
    };
    if is_good {
        return Ok(());
    }
    Err(invalid(format!(
        "{bucket:?} is not the name of a bucket; give 3 to 63 lowercase letters, digits, dots and hyphens"
    )))
}

fn region(given: Option<String>, profile: Profile) -> Result<String, Error> {
    let region = given.or_else(|| profile.region().map(str::to_owned)).ok_or_else(|| {
        invalid(format!("{profile:?} needs its region; give the one that its endpoint names"))
    })?;
    check_region(&region).map(|()| region)
}

fn check_region(region: &str) -> Result<(), Error> {
    let is_allowed =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    if (1..=64).contains(&region.len()) && region.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "{region:?} is not a region; give one such as \"eu-central-1\" or \"auto\""
    )))
}

fn check_prefix(mut prefix: String) -> Result<String, Error> {
    if prefix.is_empty() {
        return Ok(prefix);
    }
    if !prefix.ends_with('/') {
        prefix.push('/');
    }
    let problem = if prefix.len() > PREFIX_BYTES_MAX {
        "is longer than 512 bytes; shorten it"
    } else if prefix.starts_with('/') {
        "starts with a slash; leave it out, since names of objects have none"
    } else if has_dot_segment(&prefix) {
        "has a segment `.` or `..`, which URLs cannot carry; leave it out"
    } else if !prefix.chars().all(is_xml_safe) {
        "has a control character; leave it out"
    } else if prefix.split('/').any(|segment| AREA.strip_suffix('/') == Some(segment)) {
        "has the segment that this library keeps for itself; choose another"
    } else {
        return Ok(prefix);
    };
    Err(invalid(format!("the prefix {prefix:?} {problem}")))
}

/// Takes `http(s)://host[:port]`, with at most a slash behind it.
fn check_endpoint(url: &str) -> Result<Site, Error> {
    let bad = || {
        invalid(format!(
            "the endpoint {:?} is not a URL such as \"https://s3.example.org\"; give scheme, host and port alone",
            without_user_info(url)
        ))
    };
    let (scheme, rest) = url.split_once(':').ok_or_else(bad)?;
    let rest = rest.strip_prefix("//").ok_or_else(bad)?;
    let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "http" => ("http", ":80"),
        "https" => ("https", ":443"),
        _ => return Err(bad()),
    };
    let host = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host.as_str(), None),
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let is_ipv6 = |name: &str| {
        let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let is_allowed = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
        inner.is_some_and(|inner| inner.contains(':') && inner.bytes().all(is_allowed))
    };
    if !(is_name(name) || is_ipv6(name)) || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(bad());
    }
    let host = host.strip_suffix(default_port).unwrap_or(&host).to_owned();
    Ok(Site::Custom { scheme, host })
}

/// The URL as it may be shown: a password may stand in front of the host.
fn without_user_info(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

fn is_ip_address(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_byte = |part: &str| part.parse::<u8>().is_ok();
    host.starts_with('[') || (name.split('.').count() == 4 && name.split('.').all(is_byte))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests;
