use std::sync::{Arc, Mutex as StdMutex};

use super::*;
use crate::s3::{
    fake::{Reply, World, answer},
    providers::tests::asked,
};

const GIVEN: &str = r#"{"AccessKeyId": "FAR", "SecretAccessKey": "s3cr3t"}"#;

type Variables = Arc<StdMutex<Vec<(&'static str, &'static str)>>>;

/// A chain over variables that a test can change.
fn chain(
    world: &World,
    variables: &[(&'static str, &'static str)],
) -> (CredentialsChain, Variables) {
    let variables = Arc::new(StdMutex::new(variables.to_vec()));
    let shared = Arc::clone(&variables);
    let lookup = move |name: &str| {
        let variables = shared.lock().expect("no panic");
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let surroundings = Surroundings::default().variables(lookup);
    let surroundings = surroundings.http(world.clone()).environment(world.clone());
    (CredentialsChain::new(surroundings), variables)
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t")];
const CONTAINER: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c");

#[test]
fn the_environment_comes_first_and_the_instance_last() {
    let world = World::new([]);
    let (first, _) = chain(&world, &[KEYS[0], KEYS[1], CONTAINER]);
    assert_eq!(asked(&world, &first), "ENV s3cr3t");

    let world = World::new([answer(200, &[], GIVEN)]);
    let (container, _) = chain(&world, &[CONTAINER]);
    assert_eq!(asked(&world, &container), "FAR s3cr3t");
    assert!(world.log().contains("GET http://169.254.170.2/c"));

    let texts = ["imds-t0k3n", "role", GIVEN];
    let world = World::new(texts.map(|text| answer(200, &[], text)));
    let (instance, _) = chain(&world, &[]);
    assert_eq!(asked(&world, &instance), "FAR s3cr3t");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("credentials");
    std::fs::write(&path, "[default]\naws_access_key_id=FILE\naws_secret_access_key=s3cr3t")
        .expect("a file");
    let path: &'static str = path.to_str().expect("a plain path").to_owned().leak();
    let world = World::new([]);
    let (profile, _) = chain(&world, &[("AWS_SHARED_CREDENTIALS_FILE", path), CONTAINER]);
    assert_eq!(asked(&world, &profile), "FILE s3cr3t");
}

#[test]
fn nobody_has_any() {
    let world = World::new([Reply::Silence]);
    let (chain, _) = chain(&world, &[]);
    assert!(asked(&world, &chain).starts_with("Denied: this host has no credentials"));
    assert!(
        asked(&world, &chain).starts_with("Denied"),
        "and the instance is not waited for again"
    );
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn a_place_that_is_set_up_and_fails_ends_the_search() {
    let world = World::new([]);
    let (half, _) = chain(&world, &[KEYS[0], CONTAINER]);
    assert!(asked(&world, &half).starts_with("Denied: AWS_SECRET_ACCESS_KEY is not set"));
    let (other_half, _) = chain(&world, &[KEYS[1], CONTAINER]);
    assert!(asked(&world, &other_half).starts_with("Denied: AWS_ACCESS_KEY_ID is not set"));
    let (identity, _) = chain(&world, &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"), CONTAINER]);
    assert!(asked(&world, &identity).starts_with("Invalid: AWS_WEB_IDENTITY_TOKEN_FILE"));
    let world = World::new([answer(403, &[], "")]);
    let (container, _) = chain(&world, &[CONTAINER]);
    assert!(
        asked(&world, &container).starts_with("Denied: the endpoint for credentials of containers")
    );
}

#[test]
fn the_place_that_answered_is_asked_first() {
    let world = World::new([answer(200, &[], GIVEN), answer(200, &[], GIVEN)]);
    let (chain, variables) = chain(&world, &[CONTAINER]);
    assert_eq!(asked(&world, &chain), "FAR s3cr3t");
    *variables.lock().expect("no panic") = vec![KEYS[0], KEYS[1], CONTAINER];
    assert_eq!(asked(&world, &chain), "FAR s3cr3t");
    *variables.lock().expect("no panic") = KEYS.to_vec();
    assert_eq!(asked(&world, &chain), "ENV s3cr3t", "until it has none");
}
