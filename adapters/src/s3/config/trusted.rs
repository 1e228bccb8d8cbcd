//! What `check` does, where all of it was looked at already: `pkg/ts/s3.ts` does, and to do so twice would be a part of
//! every page.

use tiered_storage_core::Error;

use super::{Profile, S3TierBuilder};

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

pub(super) fn check_prefix(_: &str) -> Result<(), Error> {
    Ok(())
}

pub(super) fn check_endpoint(_: &str) -> Result<(), Error> {
    Ok(())
}

pub(super) fn check_host(_: &str) -> Result<(), Error> {
    Ok(())
}

/// Who gives an address says how URLs name the bucket.
pub(super) fn is_ip_address(_: &str) -> bool {
    false
}
