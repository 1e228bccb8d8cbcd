use std::fs;

use tempfile::TempDir;

use super::*;
use crate::s3::{
    fake::World,
    providers::tests::{asked, surroundings},
};

/// A home with these files.
fn home(config: &str, credentials: &str) -> TempDir {
    let home = tempfile::tempdir().expect("a folder");
    fs::create_dir(home.path().join(".aws")).expect("a folder");
    for (name, text) in [("config", config), ("credentials", credentials)] {
        fs::write(home.path().join(".aws").join(name), text).expect("a file");
    }
    home
}

fn found(home: &TempDir, variables: &[(&str, &str)]) -> String {
    let path = home.path().to_str().expect("a plain path");
    let variables = [&[("HOME", path)], variables].concat();
    let world = World::new([]);
    asked(&world, &ProfileCredentials::new(surroundings(&world, &variables))).replace(path, "~")
}

const KEYS: &str = "aws_access_key_id = ID\naws_secret_access_key = s3cr3t\n";
const NONE: &str =
    "Denied: there are no credentials in ~/.aws; add a profile or give the S3 tier others";

#[test]
fn the_default_profile_is_in_either_file() {
    for (config, credentials) in [
        (String::new(), format!("[default]\n{KEYS}")),
        (format!("[default]\nregion = x\n{KEYS}"), String::new()),
        (format!("[profile default]\n{KEYS}"), String::new()),
    ] {
        assert_eq!(found(&home(&config, &credentials), &[]), "ID s3cr3t");
    }
    let both = home(
        "[default]\naws_access_key_id = OLD\naws_secret_access_key = s3cr3t-old",
        &format!("[default]\n{KEYS}aws_session_token = t0k3n"),
    );
    assert_eq!(found(&both, &[]), "ID s3cr3t t0k3n");
}

#[test]
fn without_one_there_are_none() {
    assert_eq!(found(&tempfile::tempdir().expect("a folder"), &[]), NONE);
    assert_eq!(
        found(&home("[default]\nregion = eu-central-1", &format!("[other]\n{KEYS}")), &[]),
        NONE
    );
    let world = World::new([]);
    assert_eq!(asked(&world, &ProfileCredentials::new(surroundings(&world, &[]))), NONE, "no home");
}

#[test]
fn another_profile_is_named() {
    let home = home(&format!("[profile a]\n{KEYS}[b]\n{KEYS}"), &format!("[c]\n{KEYS}"));
    assert_eq!(found(&home, &[("AWS_PROFILE", "a")]), "ID s3cr3t");
    assert_eq!(found(&home, &[("AWS_PROFILE", "c")]), "ID s3cr3t");
    let missing = found(&home, &[("AWS_PROFILE", "b")]);
    assert!(missing.starts_with("Denied: there is no profile \"b\""), "{missing}");
    let path = home.path().to_str().expect("a plain path");
    let world = World::new([]);
    let given = surroundings(&world, &[("HOME", path), ("AWS_PROFILE", "b")]);
    assert_eq!(asked(&world, &ProfileCredentials::new(given).profile("c")), "ID s3cr3t");
}

#[test]
fn other_files_are_named() {
    let home = home("", "");
    fs::write(home.path().join("keys"), format!("[default]\n{KEYS}")).expect("a file");
    let path = home.path().join("keys");
    let path = path.to_str().expect("a plain path");
    for path in [path, "~/keys"] {
        assert_eq!(found(&home, &[("AWS_SHARED_CREDENTIALS_FILE", path)]), "ID s3cr3t");
        assert_eq!(found(&home, &[("AWS_CONFIG_FILE", path)]), "ID s3cr3t");
    }
}

#[test]
fn what_a_profile_cannot_do_here_is_told() {
    for (profile, words) in [
        ("role_arn = r\nsource_profile = default\n", "`role_arn`"),
        ("sso_session = s\n", "`sso_session`"),
        ("web_identity_token_file = f\n", "`web_identity_token_file`"),
    ] {
        for keys in ["", KEYS] {
            let told = found(&home(&format!("[default]\n{profile}{keys}"), ""), &[]);
            assert!(told.starts_with("Invalid: the profile \"default\" says "), "{told}");
            assert!(told.contains(words), "{told}");
        }
    }
    let process = "[default]\ncredential_process = run\n";
    assert!(found(&home(process, ""), &[]).contains("`credential_process`"));
    assert_eq!(found(&home(&format!("{process}{KEYS}"), ""), &[]), "ID s3cr3t");
}

#[test]
fn what_is_not_right_is_told() {
    let half =
        found(&home("", "[default]\naws_access_key_id = ID\naws_secret_access_key =\n"), &[]);
    assert!(half.starts_with("Denied: the profile \"default\" lacks"), "{half}");
    let empty = found(&home("[profile a]\nregion = x", ""), &[("AWS_PROFILE", "a")]);
    assert!(empty.starts_with("Denied: the profile \"a\" lacks"), "{empty}");
    let broken = found(&home("", "[default]\ns3cr3t\n"), &[]);
    assert_eq!(broken, "Invalid: line 2 of ~/.aws/credentials cannot be read; correct it");

    let home = home("", "");
    let folder = found(&home, &[("AWS_CONFIG_FILE", "~/.aws")]);
    assert_eq!(folder, "Denied: the file ~/.aws cannot be read; let this process read it");
    fs::write(home.path().join("binary"), [0xff, 0xfe]).expect("a file");
    let binary = found(&home, &[("AWS_CONFIG_FILE", "~/binary")]);
    assert_eq!(binary, "Invalid: the file ~/binary is not text; correct it");
    let large = fs::File::create(home.path().join("large")).expect("a file");
    large.set_len((1 << 20) + 1).expect("a sparse file");
    assert!(
        found(&home, &[("AWS_CONFIG_FILE", "~/large")]).starts_with("Denied: the file ~/large")
    );
}
