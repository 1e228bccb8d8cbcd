//! The signer of browsers and other hosts of wasm, where `aws-sigv4` alone would take 52 KiB of the download.
//!
//! It signs what can be sent: URLs that are encoded already, headers in printable ASCII with names in lower case.
//! `tests` hold it equal to `aws-sigv4`, request by request.

use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use tiered_storage_core::{Error, Timestamp};
use zeroize::Zeroizing;

use super::{Scope, Sign, strip, unsignable};
use crate::s3::{
    Request,
    keys::{encode_value, push_hex, push_parameter},
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Signs with AWS Signature Version 4 in a tenth of the code that `aws-sigv4` takes. It gives the same signatures.
#[derive(Clone, Copy, Debug)]
pub struct CompactSigner;

impl Sign for CompactSigner {
    fn sign(&self, request: &mut Request, scope: &Scope<'_>) -> Result<(), Error> {
        strip(request);
        request.headers.push(("x-amz-date".into(), amz_date(scope.now)));
        request.headers.push(("x-amz-content-sha256".into(), scope.payload_sha256.to_owned()));
        if let Some(token) = scope.credentials.session_token() {
            request.headers.push(("x-amz-security-token".into(), token.to_owned()));
        }
        let authorization = authorization(request, scope, "s3").ok_or_else(unsignable)?;
        request.headers.push(("authorization".into(), authorization));
        Ok(())
    }

    fn presign(
        &self,
        request: &mut Request,
        scope: &Scope<'_>,
        expires_secs: u32,
    ) -> Result<(), Error> {
        strip(request);
        add_query(request, scope, expires_secs, "s3").ok_or_else(unsignable)
    }
}

/// The header that proves who sent `request`, which has all other headers already. `None` if it cannot be signed.
fn authorization(request: &Request, scope: &Scope<'_>, service: &str) -> Option<String> {
    let (names, canonical) = canonical(request, scope.payload_sha256)?;
    let (credential, signature) = signature(&canonical, scope, service)?;
    Some(format!(
        "{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    ))
}

/// Adds the parameters that prove who made the URL. `None` if it cannot be signed.
fn add_query(
    request: &mut Request,
    scope: &Scope<'_>,
    expires_secs: u32,
    service: &str,
) -> Option<()> {
    let (names, _) = canonical(request, "")?;
    let (credential, _) = signature("", scope, service)?;
    let (time, expiry) = (amz_date(scope.now), expires_secs.to_string());
    let mut push = |name, value: &str| push_parameter(&mut request.url, name, value);
    push("X-Amz-Algorithm", ALGORITHM);
    push("X-Amz-Credential", &credential);
    push("X-Amz-Date", &time);
    push("X-Amz-Expires", &expiry);
    push("X-Amz-SignedHeaders", &names);
    if let Some(token) = scope.credentials.session_token() {
        push("X-Amz-Security-Token", token);
    }
    let (_, canonical) = canonical(request, scope.payload_sha256)?;
    let (_, signature) = signature(&canonical, scope, service)?;
    push_parameter(&mut request.url, "X-Amz-Signature", &signature);
    Some(())
}

/// Who signs and for what, and the signature. `None` for anonymous credentials.
fn signature(canonical: &str, scope: &Scope<'_>, service: &str) -> Option<(String, String)> {
    let key_id = scope.credentials.access_key_id()?;
    let secret = scope.credentials.secret_access_key()?;
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
    let mut signature = String::new();
    push_hex(&mut signature, &hmac(&*key, &text));
    Some((format!("{key_id}/{place}"), signature))
}

/// The names of the signed headers, and the request as both sides write it down to hash it.
fn canonical(request: &Request, payload_sha256: &str) -> Option<(String, String)> {
    let (scheme, rest) = request.url.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = if path.is_empty() { "/" } else { path };
    // A transport leaves the scheme's own port out.
    let host = host.strip_suffix(if scheme == "http" { ":80" } else { ":443" }).unwrap_or(host);

    // Servers decode parameters, and encode them anew.
    let recoded = |text: &str| {
        let text = text.replace('+', " ");
        Some(encode_value(&percent_decode_str(&text).decode_utf8().ok()?))
    };
    let mut parameters = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        parameters.push((recoded(name)?, recoded(value)?));
    }
    let parameters = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let parameters = sorted(parameters, |one, other| one <= other);

    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let host = request.header("host").is_none().then_some(("host", host));
    // Values of one name stay in order.
    let headers = sorted(headers.chain(host), |one, other| one.0 <= other.0);

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
