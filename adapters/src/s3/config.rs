//! The configuration of an S3 tier: checked once, then trusted.

use core::fmt;
use std::sync::{Arc, Mutex};

use tiered_storage_core::Error;

use super::{
    CredentialsProvider, Environment, Http, Profile, S3Tier, Sign, SignRequest,
    client::{Client, Learnt},
    credentials::Cache,
    host::Host,
    keys::Names,
    limit::Limit,
    meter::Meter,
    profile::Flags,
    request::{Address, Site},
    retry::Budget,
    signing::Signing,
    skew::Skew,
    upload::PartLimits,
};

#[cfg_attr(target_arch = "wasm32", path = "config/trusted.rs")]
mod check;

use check::{
    check_bucket, check_endpoint, check_host, check_numbers, check_prefix, check_provider,
    check_region, is_ip_address,
};

/// From where on, and how, bodies go in parts where the user does not say so. Pages hold each part that is on its way
/// several times: as bytes, for `fetch`, and for the process that sends them.
const PARTS: PartLimits = if cfg!(target_arch = "wasm32") {
    PartLimits { threshold_bytes: 16 << 20, part_bytes: 5 << 20, in_flight_max: 2 }
} else {
    PartLimits { threshold_bytes: 16 << 20, part_bytes: 8 << 20, in_flight_max: 3 }
};

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
    parts: PartLimits,
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
            parts: PARTS,
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

    /// How long one attempt at a request may take, in milliseconds. Default 30,000. A body that is sent may take a second
    /// more for each 64 kB, and what the server copies or puts together four times as long. Of a body over 1 MiB that is received, it is each piece that may take so long. Waiting for
    /// other requests, or between attempts, does not count.
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

    /// Bodies of more bytes are written in parts, and read in several requests at once; 5 MiB to 5 GiB. Default 16 MiB.
    ///
    /// A bucket that is written to in parts should have a lifecycle rule that aborts incomplete uploads
    /// (`AbortIncompleteMultipartUpload`): a process that dies in mid-upload leaves parts, which are billed.
    #[must_use]
    pub fn multipart_threshold_bytes(mut self, bytes: u64) -> Self {
        self.parts.threshold_bytes = bytes;
        self
    }

    /// How many bytes a part has, 5 MiB to 5 GiB; more where there would be over 10,000 parts. Default 8 MiB. A body of
    /// unknown length can have 10,000 times that.
    #[must_use]
    pub fn part_bytes(mut self, bytes: u64) -> Self {
        self.parts.part_bytes = bytes;
        self
    }

    /// How many parts of one body are on their way at once. Default 3, with which a body that is not in memory takes less
    /// than 64 MiB of it, what the allocator keeps included: an upload from where the body lies ready holds as many parts,
    /// and one of a body on its way one more.
    #[must_use]
    pub fn parts_in_flight_max(mut self, parts: usize) -> Self {
        self.parts.in_flight_max = parts;
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
        check_numbers(&self)?;
        let default_region = || profile.region().map(str::to_owned);
        let region = check_region(self.region.or_else(default_region), profile)?;
        let prefix = folder(self.prefix);
        check_prefix(&prefix)?;
        let names = Names::new(prefix);
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
        Ok(S3Tier::new(client, names, self.parts))
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
    check_provider(profile, endpoint)?;
    endpoint.map_or(Ok(()), check_endpoint)?;
    let site = endpoint.map_or(Site::Aws, site);
    let addressing = addressing.unwrap_or_else(|| match &site {
        _ if bucket.contains('.') => Addressing::Path,
        Site::Aws => Addressing::VirtualHost,
        Site::Custom { host, .. } if profile == Profile::Aws && !is_ip_address(host) => {
            Addressing::VirtualHost
        }
        Site::Custom { .. } => Addressing::Path,
    });
    if let (Addressing::VirtualHost, Site::Custom { host, .. }) = (addressing, &site) {
        check_host(host)?;
    }
    let is_strict = addressing == Addressing::VirtualHost || matches!(site, Site::Aws);
    check_bucket(&bucket, is_strict)?;
    Ok(Address { bucket, site, addressing })
}

/// A prefix with a slash behind it, where there is one.
fn folder(mut prefix: String) -> String {
    if !prefix.is_empty() && !prefix.ends_with('/') {
        prefix.push('/');
    }
    prefix
}

/// The site at a URL of an endpoint.
fn site(url: &str) -> Site {
    let url = url.to_ascii_lowercase();
    let (scheme, default_port, rest) = match url.strip_prefix("http://") {
        Some(rest) => ("http", ":80", rest),
        None => ("https", ":443", url.strip_prefix("https://").unwrap_or_default()),
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    Site::Custom { scheme, host: host.strip_suffix(default_port).unwrap_or(host).to_owned() }
}

/// The URL as it may be shown: a password may stand in front of the host.
fn without_user_info(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

#[cfg(test)]
mod tests;
