use super::*;

fn environment(set: &[(&str, &str)]) -> Result<Credentials, Error> {
    EnvironmentCredentials::read(|name| {
        set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_environment_names_what_is_missing() {
    for (set, missing) in [
        (&[][..], "AWS_ACCESS_KEY_ID"),
        (&[("AWS_ACCESS_KEY_ID", "")], "AWS_ACCESS_KEY_ID"),
        (&[("AWS_ACCESS_KEY_ID", "AKID")], "AWS_SECRET_ACCESS_KEY"),
    ] {
        let error = environment(set).expect_err(missing);
        assert_eq!(error.kind(), ErrorKind::Denied);
        let message = format!("{missing} is not set; set it or give the S3 tier credentials");
        assert_eq!(error.message(), message);
    }
}

#[test]
fn the_environment_may_name_a_session() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t")];
    let credentials = environment(&keys).expect("set");
    assert_eq!(credentials.access_key_id(), Some("AKID"));
    assert_eq!(
        (credentials.secret_access_key(), credentials.session_token()),
        (Some("s3cr3t"), None)
    );
    let session = [&keys[..], &[("AWS_SESSION_TOKEN", "t")]].concat();
    assert_eq!(environment(&session).expect("set").session_token(), Some("t"));
}

#[test]
fn debug_shows_no_secret() {
    let credentials = Credentials::new("AKID", "s3cr3t").with_session_token("t0k3n");
    let shown = format!(
        "{credentials:?} {:?} {:?}",
        StaticCredentials::from(credentials.clone()),
        Cache::new(Arc::new(StaticCredentials::from(credentials.clone())))
    );
    assert!(shown.contains("AKID") && !shown.contains("s3cr3t") && !shown.contains("t0k3n"));
}

#[test]
fn only_what_was_refused_is_forgotten() {
    let cache = Cache::new(Arc::new(StaticCredentials::new("AKID", "s3cr3t")));
    let now = Timestamp::default();
    let kept = futures::executor::block_on(cache.credentials(now)).expect("static");
    cache.forget(&Credentials::new("AKID", "s3cr3t"));
    assert!(cache.kept().is_some(), "others replaced those");
    cache.forget(&kept);
    assert!(cache.kept().is_none());
}
