//! The signer of browsers and other hosts of wasm, where `aws-sigv4` alone would take 52 KiB of the download.
//!
//! It signs what this library sends and no more: URLs that are encoded already, headers that survive the way
//! unchanged, bodies whose hash is known. `tests` hold it equal to `aws-sigv4`, request by request.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tiered_storage_core::{Error, ErrorKind, Timestamp};
use zeroize::Zeroizing;

use super::{Scope, Sign};
use crate::s3::{Request, keys::push_hex};

/// Signs with AWS Signature Version 4 in headers.
#[derive(Clone, Copy, Debug)]
pub(in crate::s3) struct CompactSigner;

impl Sign for CompactSigner {
    fn sign(&self, request: &mut Request, scope: &Scope<'_>) -> Result<(), Error> {
        request.headers.push(("x-amz-date", amz_date(scope.now)));
        request.headers.push(("x-amz-content-sha256", scope.payload_sha256.to_owned()));
        if let Some(token) = scope.credentials.session_token() {
            request.headers.push(("x-amz-security-token", token.to_owned()));
        }
        let authorization = authorization(request, scope, "s3").ok_or_else(|| {
            Error::new(ErrorKind::Internal, "a request to S3 cannot be signed; please report it")
        })?;
        request.headers.push(("authorization", authorization));
        Ok(())
    }
}

/// The header that proves who sent `request`, which has all other headers already. `None` if it cannot be signed.
fn authorization(request: &Request, scope: &Scope<'_>, service: &str) -> Option<String> {
    const ALGORITHM: &str = "AWS4-HMAC-SHA256";
    let key_id = scope.credentials.access_key_id()?;
    let secret = scope.credentials.secret_access_key()?;
    let (names, canonical) = canonical(request, scope.payload_sha256)?;

    let time = amz_date(scope.now);
    let parts = [&time[..8], scope.region, service, "aws4_request"];
    let place = parts.join("/");
    let mut text = format!("{ALGORITHM}\n{time}\n{place}\n");
    push_hex(&mut text, &Sha256::digest(canonical));

    let secret = Zeroizing::new(["AWS4", secret].concat());
    let mut key = Zeroizing::new(hmac(secret.as_bytes(), parts[0]));
    for part in &parts[1..] {
        *key = hmac(&*key, part);
    }
    let mut header =
        format!("{ALGORITHM} Credential={key_id}/{place}, SignedHeaders={names}, Signature=");
    push_hex(&mut header, &hmac(&*key, &text));
    Some(header)
}

/// The names of the signed headers, and the request as both sides write it down to hash it.
fn canonical(request: &Request, payload_sha256: &str) -> Option<(String, String)> {
    let (_scheme, rest) = request.url.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let (host, target) = rest.split_at(rest.find('/')?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));

    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let parameters =
        parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let parameters = sorted(parameters, |one, other| one <= other);

    let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
    // Values of one name stay in order.
    let headers = sorted(headers.chain([("host", host)]), |one, other| one.0 <= other.0);

    let mut text = format!("{}\n{path}\n", request.method.as_str());
    for (at, (name, value)) in parameters.into_iter().enumerate() {
        text.extend([if at == 0 { "" } else { "&" }, name, "=", value]);
    }
    let mut names = String::new();
    let mut last = "";
    for (name, value) in headers {
        if !value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            return None;
        }
        if name == last {
            text.push(',');
        } else {
            names.extend([if last.is_empty() { "" } else { ";" }, name]);
            text.extend(["\n", name, ":"]);
            last = name;
        }
        // Servers take several spaces for one.
        let words = value.split(' ').filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            text.extend([if at == 0 { "" } else { " " }, word]);
        }
    }
    text.extend(["\n\n", &names, "\n", payload_sha256]);
    Some((names, text))
}

/// A dozen pairs in order: each is put behind those that it may follow. The library's sorts are far larger.
fn sorted<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    may_follow: fn((&str, &str), (&str, &str)) -> bool,
) -> Vec<(&'a str, &'a str)> {
    let mut sorted: Vec<(&str, &str)> = Vec::new();
    for pair in pairs {
        let at = sorted.iter().rposition(|before| may_follow(*before, pair));
        sorted.insert(at.map_or(0, |at| at + 1), pair);
    }
    sorted
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(text).finalize().into_bytes().into()
}

/// Such as `20130524T000000Z`.
fn amz_date(time: Timestamp) -> String {
    let mut text = time.to_rfc3339();
    text.truncate("2013-05-24T00:00:00".len());
    text.retain(|c| !matches!(c, '-' | ':'));
    text.push('Z');
    text
}

#[cfg(test)]
mod tests;

#[cfg(all(web_tests, target_arch = "wasm32"))]
mod web;
