//! What `check` does, where all of it was looked at already: `pkg/ts/s3.ts` does, and to do so twice would be a part of
//! every page.

use tiered_storage_core::Error;

use super::{Profile, S3TierBuilder};
use crate::s3::request::Site;

pub(super) fn check_numbers(_: &S3TierBuilder) -> Result<(), Error> {
    Ok(())
}

pub(super) fn check_bucket(_: &str, _: bool) -> Result<(), Error> {
    Ok(())
}

pub(super) fn check_provider(_: Profile, _: Option<&str>) -> Result<(), Error> {
    Ok(())
}

pub(super) fn check_region(region: Option<String>, _: Profile) -> Result<String, Error> {
    Ok(region.unwrap_or_default())
}

pub(super) fn check_prefix(mut prefix: String) -> Result<String, Error> {
    if !prefix.is_empty() && !prefix.ends_with('/') {
        prefix.push('/');
    }
    Ok(prefix)
}

pub(super) fn check_endpoint(url: &str) -> Result<Site, Error> {
    let url = url.to_ascii_lowercase();
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (scheme, default_port) = match scheme {
        "http" => ("http", ":80"),
        _ => ("https", ":443"),
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let host = host.strip_suffix(default_port).unwrap_or(host).to_owned();
    Ok(Site::Custom { scheme, host })
}
