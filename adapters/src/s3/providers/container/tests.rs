use std::fs;

use super::*;
use crate::s3::{
    fake::{Reply, World, answer},
    providers::tests::{asked, surroundings},
};

const GIVEN: &str = r#"{"RoleArn": "r", "AccessKeyId": "ID", "SecretAccessKey": "s3cr3t", "Token": "t0k3n",
    "Expiration": "2026-01-01T01:00:00Z"}"#;
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";

fn found(world: &World, variables: &[(&str, &str)]) -> String {
    asked(world, &ContainerCredentials::new(surroundings(world, variables)))
}

#[test]
fn a_task_is_given_credentials() {
    let world = World::new([answer(200, &[], GIVEN)]);
    let variables = [(RELATIVE, "/v2/creds?id=1"), (FULL, "http://s3.test/not/asked")];
    assert_eq!(found(&world, &variables), "ID s3cr3t t0k3n 2026-01-01T01:00:00.000Z");
    assert_eq!(world.log(), "     0 GET http://169.254.170.2/v2/creds?id=1 [unsigned] -> 200\n");
    assert_eq!(world.sent()[0].headers, []);
}

#[test]
fn a_token_is_sent_where_there_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    fs::write(&path, "Basic t0k3n-file\n").expect("a file");
    let file = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path.to_str().expect("a plain path"));
    let variable = (TOKEN, "Basic t0k3n");
    let full = (FULL, "https://vault.test/creds");
    for (variables, expected) in
        [(&[full, variable][..], "Basic t0k3n"), (&[full, variable, file], "Basic t0k3n-file")]
    {
        let world = World::new([answer(200, &[], GIVEN)]);
        assert!(found(&world, variables).starts_with("ID "));
        assert_eq!(world.sent()[0].header("authorization"), Some(expected));
        assert_eq!(world.sent()[0].url, "https://vault.test/creds");
    }
    let world = World::new([]);
    assert!(found(&world, &[full, (TOKEN, "t0k3n\r\nx: y")]).starts_with("Invalid: the token"));
    let missing = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token");
    assert!(found(&world, &[full, missing]).starts_with("Denied: there is no token in"));
}

#[test]
fn by_http_only_hosts_that_are_near_are_asked() {
    for url in [
        "https://anywhere.test/c",
        "http://127.0.0.1/c",
        "http://127.9.9.9:80/c",
        "http://localhost:8080/c",
        "http://[::1]:8080/c",
        "http://169.254.170.2/c",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
    ] {
        let world = World::new([answer(200, &[], GIVEN)]);
        assert!(found(&world, &[(FULL, url)]).starts_with("ID "), "{url}");
    }
    for url in [
        "http://anywhere.test/c",
        "http://127.0.0.1.evil.test/c",
        "http://127.0.0.1@evil.test/c",
        "http://localhost@evil.test/",
        "http://169.254.169.254/c",
        "http://[fd00:ec2::254]/c",
        "http://169.254.170.2.evil.test",
        "ftp://127.0.0.1/c",
        "127.0.0.1/c",
        "http://",
    ] {
        let told = found(&World::new([]), &[(FULL, url)]);
        assert!(told.starts_with("Invalid: AWS_CONTAINER_CREDENTIALS_FULL_URI"), "{url}: {told}");
    }
    let told = found(&World::new([]), &[(RELATIVE, "@evil.test/")]);
    assert!(told.starts_with("Invalid: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), "{told}");
}

#[test]
fn an_endpoint_that_fails_is_told_without_its_words() {
    let failing = |script: Vec<Reply>| found(&World::new(script), &[(RELATIVE, "/c")]);
    let answered = "the endpoint for credentials of containers answered with the status";
    assert!(
        failing(vec![answer(403, &[], "s3cr3t")]).starts_with(&format!("Denied: {answered} 403"))
    );
    assert!(
        failing(vec![answer(404, &[], "s3cr3t")])
            .starts_with(&format!("Unavailable: {answered} 404"))
    );
    for body in ["", "s3cr3t", "[]", r#"{"AccessKeyId": "ID"}"#, &GIVEN.replace("01:00:00Z", "")] {
        let told = failing(vec![answer(200, &[], body)]);
        assert!(told.starts_with(&format!("Unavailable: {answered} 200")), "{body}: {told}");
    }
    let late = failing(vec![Reply::Silence, Reply::Silence, Reply::Silence]);
    assert!(
        late.starts_with("Unavailable: the endpoint for credentials of containers did not"),
        "{late}"
    );
    assert!(failing(vec![answer(500, &[], ""), answer(200, &[], GIVEN)]).starts_with("ID "));
}
