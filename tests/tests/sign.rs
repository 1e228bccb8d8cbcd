//! `cargo sign`: what it signs, and what it says of files that are not right.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tiered_storage_tests::sign::{sign, signer};

const SIGNERS: [&str; 2] = ["native", "web"];

fn run(words: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_sign")).args(words).output();
    output.expect("the binary was built with this test")
}

fn signed(signer_name: &str, form: &Value) -> Result<Vec<Value>, String> {
    let signer = signer(signer_name).expect("a signer");
    let text = sign(signer, &form.to_string())?;
    Ok(serde_json::from_str(&text).expect("an array"))
}

fn form(vectors: Value) -> Value {
    json!({
        "time": "20260203T040506Z", "region": "eu-central-1", "access_key": "AKID", "secret_key": "s3cr3t",
        "vectors": vectors,
    })
}

#[test]
fn the_documented_requests_are_signed_from_a_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/s3-signatures.json");
    let text = fs::read_to_string(&path).expect("the file is in the repository");
    let form: Value = serde_json::from_str(&text).expect("JSON");
    let expected = form["vectors"].as_array().expect("vectors");
    assert_eq!(expected.len(), 4);
    for signer in SIGNERS {
        let output = run(&["--signer", signer, path.to_str().expect("a plain path")]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let made: Vec<Value> = serde_json::from_slice(&output.stdout).expect("an array");
        assert_eq!(made.len(), expected.len());
        for (made, vector) in made.iter().zip(expected) {
            let signature = vector["signature"].as_str().expect("a signature");
            let authorization = made["authorization"].as_str().expect("a header");
            assert!(authorization.ends_with(signature), "{signer}: {vector} {made}");
            let names: Vec<&String> = made.as_object().expect("an object").keys().collect();
            assert_eq!(names, ["authorization", "x-amz-content-sha256", "x-amz-date"]);
        }
    }
}

#[test]
fn every_given_header_is_signed_and_both_signers_agree() {
    let headers = json!({
        "accept-encoding": "identity", "content-length": "4", "expect": "100-continue", "host": "other.test",
        "transfer-encoding": "chunked", "user-agent": "me", "x-amz-meta-a": "  a   b ", "x-amzn-trace-id": "t",
    });
    let form = form(json!([
        {"method": "PUT", "url": "http://h:80/b/a%20b?x=1&a=b/c+d", "headers": headers, "body": "\u{fc}", "token": "t", "unsigned": false},
        {"method": "DELETE", "url": "https://h", "headers": {}, "body": "", "token": null, "unsigned": true},
        {"method": "HEAD", "url": "https://h:444?a"},
    ]));
    let made = signed("native", &form).expect("it can be signed");
    assert_eq!(signed("web", &form).as_ref(), Ok(&made));
    let names = "SignedHeaders=accept-encoding;content-length;expect;host;transfer-encoding;user-agent;\
                 x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-amz-security-token;x-amzn-trace-id,";
    let authorization = made[0]["authorization"].as_str().expect("a header");
    assert!(authorization.contains(names), "{authorization}");
    assert_eq!(made[0]["x-amz-security-token"], "t");
    assert_eq!(made[0].as_object().map(serde_json::Map::len), Some(4));
    assert_eq!(made[1]["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
    assert_eq!(made[1]["x-amz-date"], "20260203T040506Z");
    assert_eq!(made[1].as_object().map(serde_json::Map::len), Some(3));
}

#[test]
fn a_file_that_is_not_right_is_told_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("form.json");
    let path = path.to_str().expect("a plain path");
    let wrong = |text: &str, words: &str| {
        fs::write(path, text).expect("the folder is writable");
        for signer in SIGNERS {
            let output = run(&["--signer", signer, path]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                (output.status.code(), said.lines().count()),
                (Some(2), 1),
                "{text}: {said}"
            );
            assert!(said.contains(words) && said.contains(path), "{text}: {said}");
            assert!(output.stdout.is_empty() && !said.contains("s3cr3t"), "{text}: {said}");
        }
    };
    let vector = |method: &str, url: &str, headers: Value| {
        form(json!([{"method": method, "url": url, "headers": headers}])).to_string()
    };
    wrong("", "EOF");
    wrong("{\"time\": \"20260203T040506Z\"}", "missing field");
    wrong("[1]", "invalid");
    let time = form(json!([])).to_string();
    wrong(&time.replace("20260203T040506Z", "2026-02-03T04:05:06Z"), "time");
    wrong(&time.replace("20260203T040506Z", "20260230T040506Z"), "time");
    wrong(&time.replace("20260203T040506Z", "20T60203040506ZZ"), "time");
    wrong(&vector("PATCH", "http://h/", json!({})), "vectors[0]: the method");
    for url in ["h/b", "ftp://h/", "http://", "http://h/a b", "http://h/#a", "http://a@h/", ""] {
        wrong(&vector("GET", url, json!({})), "vectors[0]: the URL");
    }
    wrong(&vector("GET", "http://h/", json!({"A": "b"})), "lower case");
    wrong(&vector("GET", "http://h/", json!({"a b": "b"})), "name of a header");
    wrong(&vector("GET", "http://h/", json!({"a": "b\n"})), "printable");
    wrong(&vector("GET", "http://h/", json!({"a": 1})), "string");
}

#[test]
fn wrong_arguments_are_told_how_it_is_used() {
    for words in [&[][..], &["--signer", "web"], &["--signer", "other", "f"], &["f"]] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage: cargo sign"));
    }
    let helped = run(&["--help"]);
    assert!(helped.status.success() && helped.stdout.starts_with(b"usage: cargo sign"));
    let missing = run(&["--signer", "web", "nowhere.json"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.json"));
}
