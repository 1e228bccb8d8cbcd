use super::*;
use crate::s3::{
    HttpErrorKind,
    fake::{Reply, World, answer},
    providers::tests::{asked, surroundings},
};

const GIVEN: &str = r#"{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ID", "SecretAccessKey": "s3cr3t",
    "Token": "t0k3n", "Expiration": "2026-01-01T06:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z"}"#;

fn provider(world: &World, variables: &[(&str, &str)]) -> InstanceCredentials {
    InstanceCredentials::new(surroundings(world, variables))
}

fn script() -> [Reply; 3] {
    [answer(200, &[], "imds-t0k3n"), answer(200, &[], "my-role\n"), answer(200, &[], GIVEN)]
}

#[test]
fn the_role_of_an_instance_is_asked_for_with_a_token() {
    let world = World::new(script());
    assert_eq!(asked(&world, &provider(&world, &[])), "ID s3cr3t t0k3n 2026-01-01T06:00:00.000Z");
    let at = "http://169.254.169.254/latest";
    assert_eq!(
        world.log(),
        format!(
            "     0 PUT {at}/api/token [unsigned] -> 200\n     \
             0 GET {at}/meta-data/iam/security-credentials/ [unsigned] -> 200\n     \
             0 GET {at}/meta-data/iam/security-credentials/my-role [unsigned] -> 200\n"
        )
    );
    let sent = world.sent();
    assert_eq!(sent[0].header("x-aws-ec2-metadata-token-ttl-seconds"), Some("300"));
    for request in &sent[1..] {
        assert_eq!(request.header("x-aws-ec2-metadata-token"), Some("imds-t0k3n"));
    }
}

#[test]
fn the_service_is_where_it_is_said_to_be() {
    for (variables, start) in [
        (
            &[("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")][..],
            "http://[fd00:ec2::254]/latest",
        ),
        (&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://imds.test/")], "http://imds.test/latest"),
    ] {
        let world = World::new(script());
        assert!(asked(&world, &provider(&world, variables)).starts_with("ID "));
        assert!(world.sent().iter().all(|request| request.url.starts_with(start)));
    }
}

#[test]
fn a_service_that_is_not_there_costs_a_second_a_minute() {
    let world = World::new([Reply::Silence]);
    let provider = provider(&world, &[]);
    for _ in 0..3 {
        assert!(
            asked(&world, &provider).starts_with("Denied: the instance metadata service gives no")
        );
    }
    assert!(world.log().starts_with("     0 PUT"));
    assert_eq!(provider.surroundings.now().millis_since(crate::s3::fake::START), 1_000);

    let world = World::new([Reply::Fails(HttpErrorKind::Connect)].into_iter().chain(script()));
    let provider = InstanceCredentials::new(surroundings(&world, &[]));
    assert!(asked(&world, &provider).starts_with("Denied"));
    let clone = provider.clone();
    assert!(asked(&world, &clone).starts_with("Denied"), "a clone knows it, too");
    let wait = |ms| world.run(crate::s3::Environment::sleep(&world, ms));
    wait(ABSENT_MS - 1);
    assert!(asked(&world, &provider).starts_with("Denied"));
    assert_eq!(world.sent().len(), 1);
    wait(1);
    assert!(asked(&world, &provider).starts_with("ID "));
}

#[test]
fn without_a_token_nothing_is_asked() {
    for reply in [
        answer(403, &[], ""),
        answer(404, &[], "t0k3n"),
        answer(500, &[], ""),
        answer(200, &[], ""),
        answer(200, &[], "<html> t0k3n"),
    ] {
        let world = World::new([reply]);
        assert!(asked(&world, &provider(&world, &[])).starts_with("Denied"));
        assert_eq!(world.sent().len(), 1);
    }
    let world = World::new([]);
    let disabled = [("AWS_EC2_METADATA_DISABLED", "True")];
    assert!(asked(&world, &provider(&world, &disabled)).starts_with("Denied"));
}

#[test]
fn a_service_that_is_there_and_gives_none_is_told() {
    let token = || answer(200, &[], "imds-t0k3n");
    let told = |script: Vec<Reply>| {
        let world = World::new(script);
        asked(&world, &provider(&world, &[]))
    };
    assert!(
        told(vec![token(), answer(404, &[], "")])
            .starts_with("Denied: the instance metadata service gives no")
    );
    let answered = "Unavailable: the instance metadata service answered with the status";
    assert!(told(vec![token(), answer(200, &[], " ")]).starts_with(&format!("{answered} 200")));
    let role = || answer(200, &[], "r");
    assert!(
        told(vec![token(), role(), answer(404, &[], "")]).starts_with(&format!("{answered} 404"))
    );
    let failed = GIVEN.replace("Success", "Failed");
    assert!(
        told(vec![token(), role(), answer(200, &[], &failed)])
            .starts_with(&format!("{answered} 200"))
    );
    let late = told(vec![token(), Reply::Silence, Reply::Silence]);
    assert!(late.starts_with("Unavailable: the instance metadata service did not"), "{late}");
}
