use std::sync::Mutex;

use async_trait::async_trait;
use tiered_storage_core::Key;

use super::*;
use crate::{
    s3::{
        S3Tier,
        fake::{Reply, World, answer, fault},
    },
    tier::{Presign, PresignMethod, StorageTier as _},
};

/// Signs with what it is told to, and notes what it was asked.
#[derive(Debug)]
struct Gatekeeper {
    asked: Arc<Mutex<Vec<String>>>,
    answer: Result<Vec<(&'static str, &'static str)>, Error>,
}

#[async_trait]
impl SignRequest for Gatekeeper {
    async fn sign(&self, unsigned: Unsigned<'_>) -> Result<Vec<(String, String)>, Error> {
        let Unsigned { request, payload_sha256, region, .. } = unsigned;
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_ref()).collect();
        let (method, url, names) = (request.method.as_str(), &request.url, names.join(","));
        let hash = &payload_sha256[..8];
        self.asked
            .lock()
            .expect("no panic")
            .push(format!("{method} {url} {names} {hash} {region}"));
        let headers = self.answer.clone()?.into_iter();
        Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn tier(
    world: &World,
    answer: Result<Vec<(&'static str, &'static str)>, Error>,
) -> (S3Tier, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::default();
    let gatekeeper = Gatekeeper { asked: Arc::clone(&asked), answer };
    (world.builder().sign_with(gatekeeper).build().expect("right"), asked)
}

fn key() -> Key {
    Key::new("k").expect("a key")
}

#[test]
fn a_function_signs_every_attempt_anew() {
    let missing = answer(404, &[], "<Error><Code>NoSuchKey</Code></Error>");
    let world = World::new([fault(503, "SlowDown"), Reply::Silence, missing]);
    let headers = vec![
        ("Authorization", "mine"),
        ("x-amz-content-sha256", "e3b0"),
        ("x-amz-checksum-mode", "other"),
        ("host", "s3.test"),
        ("content-length", "0"),
    ];
    let (tier, asked) = tier(&world, Ok(headers));
    world.run(tier.read(&key(), None)).expect("an answer");
    let line = "GET http://s3.test/bkt/k x-amz-checksum-mode e3b0c442 us-east-1";
    assert_eq!(*asked.lock().expect("no panic"), [line; 3]);
    for sent in world.sent() {
        let headers: Vec<_> =
            sent.headers.iter().map(|(name, value)| (name.as_ref(), value.as_str())).collect();
        assert_eq!(
            headers,
            [
                ("authorization", "mine"),
                ("x-amz-content-sha256", "e3b0"),
                ("x-amz-checksum-mode", "other")
            ]
        );
    }
}

#[test]
fn what_the_function_says_is_the_error() {
    let world = World::new([]);
    let denied = Error::new(ErrorKind::Denied, "log in first");
    let (tier, _) = tier(&world, Err(denied));
    let error = world.run(tier.read(&key(), None)).expect_err("denied");
    assert_eq!((error.kind(), error.message()), (ErrorKind::Denied, "log in first"));
}

#[test]
fn what_is_no_header_is_not_sent_nor_told() {
    for bad in
        [("authorization", "s3cr3t\nx"), ("", "s3cr3t"), ("a b", "s3cr3t"), ("\u{e9}", "s3cr3t")]
    {
        let world = World::new([]);
        let (tier, _) = tier(&world, Ok(vec![bad]));
        let error = world.run(tier.read(&key(), None)).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
        assert_eq!(world.log(), "");
    }
}

#[test]
fn a_stale_session_of_the_function_is_tried_again_once() {
    let world = World::new([fault(400, "ExpiredToken"), fault(400, "ExpiredToken")]);
    let (tier, asked) = tier(&world, Ok(vec![("authorization", "mine")]));
    let error = world.run(tier.read(&key(), None)).expect_err("denied");
    assert_eq!((error.kind(), asked.lock().expect("no panic").len()), (ErrorKind::Denied, 2));
}

#[test]
fn a_function_presigns_nothing() {
    let world = World::new([]);
    let (tier, asked) = tier(&world, Ok(Vec::new()));
    let presign = Presign::new(PresignMethod::Get, core::time::Duration::from_secs(1));
    let error = world.run(tier.presign("k", presign)).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("a function signs"), "{error}");
    assert_eq!(*asked.lock().expect("no panic"), [""; 0]);
}
