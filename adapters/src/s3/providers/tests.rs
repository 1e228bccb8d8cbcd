//! A host for providers: variables of a list, files of a folder, and the network and clock of a script.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
};

use tiered_storage_core::Timestamp;

use super::*;
use crate::s3::{CredentialsProvider, fake::World};

pub(super) fn surroundings(world: &World, variables: &[(&str, &str)]) -> Surroundings {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let lookup = move |name: &str| {
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    Surroundings::default().variables(lookup).http(world.clone()).environment(world.clone())
}

/// What `provider` gives, in one line without a secret's name; secrets of tests are told.
pub(super) fn asked(world: &World, provider: &dyn CredentialsProvider) -> String {
    match world.run(provider.credentials(Timestamp::default())) {
        Ok(credentials) => {
            let parts = [
                credentials.access_key_id(),
                credentials.secret_access_key(),
                credentials.session_token(),
            ];
            let expiry = credentials.expires_at().map(|expiry| expiry.to_rfc3339());
            let shown = format!("{credentials:?} {provider:?}");
            assert!(!shown.contains("s3cr3t") && !shown.contains("t0k3n"), "{shown}");
            let parts = parts.into_iter().chain([expiry.as_deref()]);
            parts.map(Option::unwrap_or_default).collect::<Vec<_>>().join(" ").trim_end().to_owned()
        }
        Err(error) => {
            let shown = format!("{error:?} {provider:?}");
            assert!(!shown.contains("s3cr3t") && !shown.contains("t0k3n"), "{shown}");
            format!("{:?}: {}", error.kind(), error.message())
        }
    }
}

#[test]
fn the_default_surroundings_are_the_process() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let url = format!("http://{}/creds", listener.local_addr().expect("bound"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut buffer = [0; 4096];
        let len = stream.read(&mut buffer).expect("a request");
        let body = r#"{"AccessKeyId": "ID", "SecretAccessKey": "s3cr3t"}"#;
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            .expect("sent");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    });
    let lookup =
        move |name: &str| (name == "AWS_CONTAINER_CREDENTIALS_FULL_URI").then(|| url.clone());
    let provider = ContainerCredentials::new(Surroundings::default().variables(lookup));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = provider.credentials(Timestamp::default());
    let credentials = runtime.expect("a runtime").block_on(asked).expect("an answer");
    assert_eq!(credentials.secret_access_key(), Some("s3cr3t"));
    assert!(server.join().expect("no panic").starts_with("GET /creds HTTP/1.1"));
    assert_eq!(Surroundings::default().variable("PATH"), std::env::var("PATH").ok());
}
