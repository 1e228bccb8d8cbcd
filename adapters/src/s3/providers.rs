//! Where hosts of AWS's and their tools leave credentials.
//!
//! | provider | asks |
//! |---|---|
//! | [`EnvironmentCredentials`] | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` |
//! | [`ProfileCredentials`] | `~/.aws/credentials` and `~/.aws/config` |
//! | [`WebIdentityCredentials`] | STS, with a token of the cluster's (EKS and others) |
//! | [`ContainerCredentials`] | the endpoint of ECS, or of EKS Pod Identity |
//! | [`InstanceCredentials`] | the instance metadata service of EC2, version 2 |
//! | [`CredentialsChain`] | all of these, in this order |
//!
//! ```no_run
//! # fn main() -> Result<(), tiered_storage::Error> {
//! use tiered_storage::s3::{S3Tier, providers::CredentialsChain};
//!
//! let cold = S3Tier::builder("assets").credentials(CredentialsChain::default()).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! What runs other programs (`credential_process`), single sign-on, and roles that a profile assumes are left to other
//! providers of yours: a profile that asks for them is an error, not passed over.

use tiered_storage_core::{Error, ErrorKind};

use super::{Credentials, EnvironmentCredentials};

mod chain;
mod container;
mod ini;
mod instance;
mod profile;
mod surroundings;
mod web_identity;

pub use chain::CredentialsChain;
pub use container::ContainerCredentials;
pub use instance::InstanceCredentials;
pub use profile::ProfileCredentials;
pub use surroundings::Surroundings;
pub use web_identity::WebIdentityCredentials;

/// What a provider that stands alone says when this host has nothing for it.
fn required(found: Option<Credentials>, message: &'static str) -> Result<Credentials, Error> {
    found.ok_or_else(|| Error::new(ErrorKind::Denied, message))
}

#[cfg(test)]
mod tests;
