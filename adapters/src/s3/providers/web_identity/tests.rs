use std::fs;

use super::*;
use crate::s3::{
    HttpErrorKind,
    fake::{Reply, World, answer},
    providers::tests::{asked, surroundings},
};

const GIVEN: &str = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ID</AccessKeyId>\
    <SecretAccessKey>s3cr3t</SecretAccessKey><SessionToken>t0k3n</SessionToken>\
    <Expiration>2026-01-01T01:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
    </AssumeRoleWithWebIdentityResponse>";

/// What a pod with a token gets.
fn found(world: &World, variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    fs::write(&path, "web+t0k3n\n").expect("a file");
    let path = path.to_str().expect("a plain path");
    let known = [("AWS_WEB_IDENTITY_TOKEN_FILE", path), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")];
    let variables = [variables, &known].concat();
    asked(world, &WebIdentityCredentials::new(surroundings(world, &variables)))
}

fn refused(status: u16, code: &str) -> Reply {
    answer(
        status,
        &[],
        &format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>s3cr3t</Message></Error></ErrorResponse>"
        ),
    )
}

#[test]
fn a_role_is_asked_for_with_the_token() {
    let world = World::new([answer(200, &[], GIVEN)]);
    let variables = [("AWS_REGION", "eu-central-1"), ("AWS_ROLE_SESSION_NAME", "me & you")];
    assert_eq!(found(&world, &variables), "ID s3cr3t t0k3n 2026-01-01T01:00:00.000Z");
    assert_eq!(
        world.log(),
        "     0 POST https://sts.eu-central-1.amazonaws.com/ [unsigned] -> 200\n"
    );
    let sent = &world.sent()[0];
    assert_eq!(sent.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        sent.body,
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr\
         &RoleSessionName=me%20%26%20you&WebIdentityToken=web%2Bt0k3n"
    );
}

#[test]
fn sts_is_where_it_is_said_to_be() {
    let asked_at = |variables: &[(&str, &str)]| {
        let world = World::new([answer(200, &[], GIVEN)]);
        assert!(found(&world, variables).starts_with("ID "));
        world.sent()[0].url.clone()
    };
    assert_eq!(asked_at(&[]), "https://sts.amazonaws.com/");
    assert_eq!(
        asked_at(&[("AWS_DEFAULT_REGION", "cn-north-1")]),
        "https://sts.cn-north-1.amazonaws.com.cn/"
    );
    assert_eq!(asked_at(&[("AWS_ENDPOINT_URL_STS", "http://sts.test/")]), "http://sts.test/");
    let world = World::new([]);
    let provider = WebIdentityCredentials::new(surroundings(&world, &[]));
    assert_eq!(provider.endpoint("http://mine").url().as_deref(), Ok("http://mine/"));
    assert!(found(&world, &[("AWS_REGION", "evil.test/")]).starts_with("Invalid: AWS_REGION"));
}

#[test]
fn an_outage_is_tried_again_and_a_refusal_is_not() {
    let world =
        World::new([Reply::Fails(HttpErrorKind::Broken), Reply::Silence, answer(200, &[], GIVEN)]);
    assert!(found(&world, &[]).starts_with("ID "));
    assert_eq!(world.sent().len(), 3);
    let world = World::new([answer(503, &[], ""), answer(500, &[], ""), answer(429, &[], "")]);
    assert_eq!(found(&world, &[]), "Unavailable: STS did not give credentials; try again later");
    for (code, told) in [
        ("ExpiredTokenException", "Denied: the token has expired"),
        ("InvalidIdentityToken", "Denied: STS does not take the token"),
        ("AccessDenied", "Denied: the token may not have the role"),
        ("IDPCommunicationError", "Unavailable: STS cannot tell now"),
        ("Other", "Unavailable: STS answered with the status 400"),
    ] {
        let world = World::new([refused(400, code)]);
        let found = found(&world, &[]);
        assert!(found.starts_with(told), "{found}");
        assert_eq!(world.sent().len(), 1);
    }
    let redirected = World::new([Reply::Fails(HttpErrorKind::Redirected)]);
    assert!(found(&redirected, &[]).starts_with("Invalid: STS"));
}

#[test]
fn half_an_answer_gives_no_credentials() {
    for cut in ["<SecretAccessKey>s3cr3t</SecretAccessKey>", "<AccessKeyId>ID</AccessKeyId>"] {
        let world = World::new([answer(200, &[], &GIVEN.replace(cut, ""))]);
        assert!(
            found(&world, &[]).starts_with("Unavailable: STS answered with the status 200 and no")
        );
    }
    let world = World::new([answer(200, &[], &GIVEN.replace("01:00:00Z", "late"))]);
    assert!(found(&world, &[]).starts_with("Unavailable: STS"));
}

#[test]
fn what_is_not_set_up_is_told() {
    let world = World::new([]);
    let found = |variables: &[(&str, &str)]| {
        asked(&world, &WebIdentityCredentials::new(surroundings(&world, variables)))
    };
    assert!(found(&[]).starts_with("Denied: AWS_WEB_IDENTITY_TOKEN_FILE is not set"));
    let file = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
    assert!(
        found(&[file])
            .starts_with("Invalid: AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not")
    );
    let missing = found(&[file, ("AWS_ROLE_ARN", "r")]);
    assert_eq!(missing, "Denied: there is no token in /nowhere/token; put it there");
}
