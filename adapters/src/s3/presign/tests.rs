use std::sync::Arc;

use super::*;
use crate::{
    TieredStorage,
    memory::{MemoryOptions, MemoryTier},
    s3::{
        Anonymous, CompactSigner, Credentials, StaticCredentials,
        fake::{World, answer},
    },
    tier::StorageTier,
};

const MINUTE: Duration = Duration::from_secs(60);

fn get(expires: Duration) -> Presign {
    Presign::new(PresignMethod::Get, expires)
}

/// The parameters of a URL behind the object's name; the signature is only there.
fn shape(url: &str) -> String {
    let (head, signature) = url.rsplit_once("&X-Amz-Signature=").expect("a signature");
    assert!(signature.len() >= 64, "{url}");
    head.replace("&X-Amz-", " ").replace("?X-Amz-", " ")
}

#[test]
fn a_url_names_the_object_and_sends_nothing() {
    let world = World::new([]);
    let builder = || world.builder().prefix("p").region("eu-central-1");
    let native = builder().build().expect("right");
    let compact = builder().signer(CompactSigner).build().expect("right");
    let url = |key: &str| {
        let made = world.run(native.presign(key, get(MINUTE))).expect("a URL");
        assert_eq!(world.run(compact.presign(key, get(MINUTE))).as_ref(), Ok(&made));
        shape(&made)
    };
    assert_eq!(
        url("a b"),
        "http://s3.test/bkt/p/a%20b Algorithm=AWS4-HMAC-SHA256 \
         Credential=AKID%2F20260101%2Feu-central-1%2Fs3%2Faws4_request Date=20260101T000000Z \
         Expires=60 SignedHeaders=host"
    );
    assert!(url("../?").starts_with("http://s3.test/bkt/p/~tiered-storage/~-~-/%3F Algorithm"));
    assert_eq!(world.log(), "");
}

#[test]
fn each_method_has_a_signature_of_its_own() {
    let world = World::new([]);
    let tier = world.tier();
    let methods =
        [PresignMethod::Get, PresignMethod::Head, PresignMethod::Put, PresignMethod::Delete];
    let mut urls = methods
        .map(|method| world.run(tier.presign("k", Presign::new(method, MINUTE))).expect("a URL"))
        .to_vec();
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 4);
}

#[test]
fn a_time_that_is_not_one_second_to_seven_days_is_refused() {
    let world = World::new([]);
    let tier = world.tier();
    let made = |expires| world.run(tier.presign("k", get(expires)));
    let week = Duration::from_secs(604_800);
    for (expires, seconds) in [
        (Duration::from_secs(1), "Expires=1 "),
        (Duration::from_millis(2_999), "Expires=2 "),
        (week, "Expires=604800 "),
    ] {
        assert!(shape(&made(expires).expect("a URL")).contains(seconds), "{expires:?}");
    }
    let long = week + Duration::from_millis(1);
    for expires in [Duration::ZERO, Duration::from_millis(999), long, Duration::MAX] {
        let error = made(expires).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("1 second to 7 days"), "{error}");
    }
}

#[test]
fn only_who_has_keys_can_presign() {
    let world = World::new([]);
    let anonymous = world.builder().credentials(Anonymous).build().expect("right");
    let error = world.run(anonymous.presign("k", get(MINUTE))).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("anonymous"), "{error}");

    let session = Credentials::new("AKID", "s3cr3t").with_session_token("a+token/=");
    let builder = || world.builder().credentials(StaticCredentials::from(session.clone()));
    for tier in [builder(), builder().signer(CompactSigner)] {
        let tier = tier.build().expect("right");
        let url = world.run(tier.presign("k", get(MINUTE))).expect("a URL");
        assert!(url.contains("X-Amz-Security-Token=a%2Btoken%2F%3D"), "{url}");
        assert!(!url.contains("s3cr3t"), "{url}");
    }
}

#[test]
fn an_object_that_holds_its_key_can_be_asked_for_and_removed_and_no_more() {
    let world = World::new([]);
    let tier = world.builder().prefix("p").build().expect("right");
    let key = "k".repeat(1024);
    let made = |method| world.run(tier.presign(&key, Presign::new(method, MINUTE)));
    for method in [PresignMethod::Head, PresignMethod::Delete] {
        assert!(
            made(method).expect("a URL").starts_with("http://s3.test/bkt/p/~tiered-storage/~h")
        );
    }
    for method in [PresignMethod::Get, PresignMethod::Put] {
        let error = made(method).expect_err("refused");
        assert_eq!(
            (error.kind(), error.key().map(|key| key.len())),
            (ErrorKind::Invalid, Some(1024))
        );
    }
}

#[test]
fn the_time_is_the_servers_once_it_is_known() {
    let date = [("date", "Thu, 01 Jan 2026 01:00:00 GMT")];
    let skewed = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    let world = World::new([answer(403, &date, skewed), answer(404, &[], "")]);
    let tier = world.tier();
    let key = Key::new("k").expect("a key");
    let date = || shape(&world.run(tier.presign("k", get(MINUTE))).expect("a URL"));
    assert!(date().contains("Date=20260101T000000Z"), "{}", date());
    world.run(StorageTier::read(&tier, &key, None)).expect("an answer");
    assert!(date().contains("Date=20260101T010000Z"), "{}", date());
}

#[test]
fn a_storage_presigns_where_cold_does() {
    let world = World::new([]);
    let open = |cold: Arc<dyn StorageTier>| {
        futures::executor::block_on(TieredStorage::builder(cold).open()).expect("it opens")
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let storage = open(Arc::new(world.tier()));
    let direct = world.run(world.tier().presign("k", get(MINUTE)));
    assert_eq!(world.run(storage.presign("k", get(MINUTE))), direct);
    let error = world.run(storage.presign("", get(MINUTE))).expect_err("no key");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    runtime.block_on(storage.close()).expect("closed");
    let error = world.run(storage.presign("k", get(MINUTE))).expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Closed);

    let memory = MemoryTier::new(MemoryOptions::new()).expect("right");
    let storage = open(Arc::new(memory));
    let error = world.run(storage.presign("k", get(MINUTE))).expect_err("no URLs");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.tier(), Some(tiered_storage_core::Tier::Cold));
    assert_eq!(error.key().map(|key| key.as_str()), Some("k"));
}
