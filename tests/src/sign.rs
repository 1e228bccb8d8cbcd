//! Signs requests that a JSON file describes, as one of the hosts does, for comparison with other signers.
//!
//! The file is `{"time": "20260203T040506Z", "region", "access_key", "secret_key", "vectors": [...]}`, and each vector
//! `{"method", "url", "headers": {...}, "body": "...", "token": null or "...", "unsigned": true|false}`. The service is
//! `s3`; all headers are signed. `unsigned` leaves the body out of the signature.

use std::{collections::BTreeMap, fmt::Write as _};

use hyper::{Uri, header::HeaderName};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tiered_storage::s3::{
    AwsSigner, CompactSigner, Credentials, Method, Request, Scope, Sign, UNSIGNED_PAYLOAD,
};

use crate::server::parse_amz_date;

/// What is said of wrong arguments.
pub const USAGE: &str = r#"usage: cargo sign --signer native|web FILE

Signs the requests of a JSON file as either host does, and prints the headers that this adds to each. The file is
  {"time": "20260203T040506Z", "region": "...", "access_key": "...", "secret_key": "...", "vectors": [
    {"method": "GET", "url": "...", "headers": {...}, "body": "...", "token": null, "unsigned": false}]}
where a vector needs no more than `method` and `url`, and `unsigned` leaves the body out of the signature."#;

/// The signer of a host, by its name.
pub fn signer(name: &str) -> Option<&'static dyn Sign> {
    match name {
        "native" => Some(&AwsSigner),
        "web" => Some(&CompactSigner),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Form {
    time: String,
    region: String,
    access_key: String,
    secret_key: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    unsigned: bool,
}

/// The headers that signing adds to one request.
type Added = BTreeMap<String, String>;

/// Signs what `form` describes, and gives the added headers of each request as a JSON array.
///
/// # Errors
/// One line that says what is wrong with the form.
pub fn sign(signer: &dyn Sign, form: &str) -> Result<String, String> {
    let form: Form = serde_json::from_str(form).map_err(|error| error.to_string())?;
    if parse_amz_date(&form.time).is_none() {
        return Err(format!("the time {:?} is not one such as \"20260203T040506Z\"", form.time));
    }
    let signed = form.vectors.iter().enumerate().map(|(at, vector)| {
        sign_one(signer, &form, vector).map_err(|error| format!("vectors[{at}]: {error}"))
    });
    let signed = signed.collect::<Result<Vec<Added>, String>>()?;
    serde_json::to_string_pretty(&signed).map_err(|error| error.to_string())
}

fn sign_one(signer: &dyn Sign, form: &Form, vector: &Vector) -> Result<Added, String> {
    let body = vector.body.clone().unwrap_or_default();
    let payload_sha256 = if vector.unsigned {
        UNSIGNED_PAYLOAD.to_owned()
    } else {
        Sha256::digest(&body).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes every write");
            text
        })
    };
    let credentials = Credentials::new(&form.access_key, &form.secret_key);
    let credentials = match vector.token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => credentials.with_session_token(token),
        None => credentials,
    };
    let scope = Scope {
        credentials: &credentials,
        region: &form.region,
        now: parse_amz_date(&form.time).ok_or("the time is not one")?,
        payload_sha256: &payload_sha256,
    };
    check_url(&vector.url)?;
    let mut headers = Vec::new();
    for (name, value) in &vector.headers {
        HeaderName::from_lowercase(name.as_bytes())
            .map_err(|_| format!("{name:?} is not the name of a header in lower case"))?;
        headers.push((name.clone(), value.clone()));
    }
    let method = method(&vector.method)?;
    let mut request = Request { method, url: vector.url.clone(), headers, body: body.into() };
    signer
        .sign(&mut request, &scope)
        .map_err(|_| "it cannot be signed; headers must be printable ASCII".to_owned())?;
    let is_added = |name: &str| {
        matches!(
            name,
            "authorization" | "x-amz-content-sha256" | "x-amz-date" | "x-amz-security-token"
        )
    };
    Ok(request.headers.into_iter().filter(|(name, _)| is_added(name)).collect())
}

fn method(name: &str) -> Result<Method, String> {
    let all = [Method::Get, Method::Head, Method::Put, Method::Post, Method::Delete];
    all.into_iter()
        .find(|method| method.as_str() == name)
        .ok_or_else(|| format!("the method {name:?} is not GET, HEAD, PUT, POST or DELETE"))
}

/// Takes `http(s)://host[:port][/path][?query]`.
fn check_url(url: &str) -> Result<(), String> {
    let is_absolute = url.starts_with("http://") || url.starts_with("https://");
    let uri = url.parse::<Uri>().ok().filter(|_| is_absolute && !url.contains('#'));
    let authority = uri.as_ref().and_then(Uri::authority);
    match authority {
        Some(authority) if !authority.as_str().contains('@') => Ok(()),
        _ => Err(format!("the URL {url:?} is not http(s)://host/path?query, percent-encoded")),
    }
}
