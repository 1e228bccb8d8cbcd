//! What a bucket, a region, a prefix and an endpoint may be.

use std::ops::RangeInclusive;

use tiered_storage_core::{Error, ErrorKind};

use super::{Profile, S3TierBuilder, without_user_info};
use crate::s3::keys::{AREA, has_dot_segment, is_xml_safe};

/// What S3 allows for a part that is not the last one, and for a body in one request.
const PART_BYTES: RangeInclusive<u64> = 5 << 20..=5 << 30;
/// The longest prefix, in bytes: it leaves room for the names of keys that are not ordinary.
const PREFIX_BYTES_MAX: usize = 512;

/// What must be at least 1, and the sizes of parts.
pub(super) fn check_numbers(given: &S3TierBuilder) -> Result<(), Error> {
    let at_least_one = [
        ("concurrency_max", given.concurrency_max as u64),
        ("timeout_ms", given.timeout_ms),
        ("connect_timeout_ms", given.connect_timeout_ms),
        ("attempts_max", given.attempts_max.into()),
        ("parts_in_flight_max", given.parts.in_flight_max as u64),
    ];
    if let Some((name, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
        return Err(invalid(format!("{name} is 0; give it at least 1")));
    }
    let sizes = [
        ("multipart_threshold_bytes", given.parts.threshold_bytes),
        ("part_bytes", given.parts.part_bytes),
    ];
    if let Some((name, bytes)) = sizes.iter().find(|(_, bytes)| !PART_BYTES.contains(bytes)) {
        let message = format!("{name} is {bytes}; give it 5 MiB to 5 GiB, which S3 allows");
        return Err(invalid(message));
    }
    Ok(())
}

/// Whether the provider has an endpoint of its own where none is given.
pub(super) fn check_provider(profile: Profile, endpoint: Option<&str>) -> Result<(), Error> {
    if endpoint.is_none() && profile.needs_endpoint() {
        return Err(invalid(format!("{profile:?} is at no endpoint of its own; give it one")));
    }
    Ok(())
}

/// Whether a bucket can stand in front of the host.
pub(super) fn check_host(host: &str) -> Result<(), Error> {
    if is_ip_address(host) {
        let message = format!("{host} cannot have a bucket in front; use Addressing::Path");
        return Err(invalid(message));
    }
    Ok(())
}

pub(super) fn is_ip_address(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_byte = |part: &str| part.parse::<u8>().is_ok();
    host.starts_with('[') || (name.split('.').count() == 4 && name.split('.').all(is_byte))
}

pub(super) fn check_bucket(bucket: &str, is_strict: bool) -> Result<(), Error> {
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

/// A region, which some providers need to be told.
pub(super) fn check_region(region: Option<String>, profile: Profile) -> Result<String, Error> {
    let region = region.ok_or_else(|| {
        invalid(format!("{profile:?} needs its region; give the one that its endpoint names"))
    })?;
    let is_allowed =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    if (1..=64).contains(&region.len()) && region.bytes().all(is_allowed) {
        return Ok(region);
    }
    Err(invalid(format!(
        "{region:?} is not a region; give one such as \"eu-central-1\" or \"auto\""
    )))
}

/// A prefix that ends with a slash, or none.
pub(super) fn check_prefix(prefix: &str) -> Result<(), Error> {
    let problem = if prefix.len() > PREFIX_BYTES_MAX {
        "is longer than 512 bytes; shorten it"
    } else if prefix.starts_with('/') {
        "starts with a slash; leave it out, since names of objects have none"
    } else if has_dot_segment(prefix) {
        "has a segment `.` or `..`, which URLs cannot carry; leave it out"
    } else if !prefix.chars().all(is_xml_safe) {
        "has a control character; leave it out"
    } else if prefix.split('/').any(|segment| AREA.strip_suffix('/') == Some(segment)) {
        "has the segment that this library keeps for itself; choose another"
    } else {
        return Ok(());
    };
    Err(invalid(format!("the prefix {prefix:?} {problem}")))
}

/// Takes `http(s)://host[:port]`, with at most a slash behind it.
pub(super) fn check_endpoint(url: &str) -> Result<(), Error> {
    let bad = || {
        invalid(format!(
            "the endpoint {:?} is not a URL such as \"https://s3.example.org\"; give scheme, host and port alone",
            without_user_info(url)
        ))
    };
    let (scheme, rest) = url.split_once(':').ok_or_else(bad)?;
    let rest = rest.strip_prefix("//").ok_or_else(bad)?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let is_ipv6 = |name: &str| {
        let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let is_allowed = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
        inner.is_some_and(|inner| inner.contains(':') && inner.bytes().all(is_allowed))
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    if is_http && (is_name(name) || is_ipv6(name)) && port.is_none_or(is_port) {
        Ok(())
    } else {
        Err(bad())
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}
