//! The suite of AWS once more, compiled for the hosts that this signer is for.

use wasm_bindgen::{JsError, prelude::wasm_bindgen};

use super::*;
use crate::{
    s3::{Credentials, Method},
    web::testing::{Tested, same},
};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[wasm_bindgen]
pub fn requests_are_signed_as_the_suite_of_aws_says() -> Tested {
    let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let now =
        Timestamp::parse_rfc3339("2015-08-30T12:36:00Z").ok_or_else(|| JsError::new("no date"))?;
    let mut cases = 0;
    for line in include_str!("suite.txt").lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.splitn(5, ' ').collect();
        let method = if parts[0] == "GET" { Method::Get } else { Method::Post };
        let headers = parts.get(4).copied().unwrap_or_default().split('|');
        let headers = headers.filter_map(|text| text.split_once(':'));
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers.push(("x-amz-date".into(), "20150830T123600Z".to_owned()));
        let url = format!("https://example.amazonaws.com{}", parts[1]);
        let request = Request { method, url, headers, body: Default::default() };
        let payload_sha256 = request.header("x-amz-content-sha256").unwrap_or(EMPTY);
        let scope = Scope { credentials: &credentials, region: "us-east-1", now, payload_sha256 };
        let made = authorization(&request, &scope, "service").unwrap_or_default();
        same!((line, made.rsplit('=').next()), (line, Some(parts[2])));
        cases += 1;
    }
    same!(cases, 29);
    Ok(())
}
