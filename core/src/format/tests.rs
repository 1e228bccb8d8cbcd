use proptest::prelude::*;

use super::*;

fn key() -> Key {
    Key::new("k").expect("a legal key")
}

fn full() -> Metadata {
    let custom = [("owner", "ada"), ("städte", "東京と大阪"), ("sp ace", " a  b "), ("", ";:=%~")];
    let mut metadata = Metadata::new(key(), 11, Timestamp::from_millis(1_767_225_600_000))
        .with_checksum(Checksum([0xb9; 32]))
        .with_write_id(WriteId(0x2a))
        .with_compressed(true)
        .with_content(Content::Json)
        .with_mime_type("text/plain; charset=utf-8")
        .with_custom(custom.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect());
    metadata.expires_at = Some(Timestamp::from_millis(1_767_225_660_000));
    metadata.last_accessed = Timestamp::from_millis(1_767_225_601_000);
    metadata.access_count = 7;
    metadata.fresh_at = Timestamp::from_millis(1_767_225_602_000);
    metadata.etag = Some(ETag::new("\"abc\""));
    metadata
}

/// The bytes that are in buckets and on disks already: a change here needs a new version, and a reader of both.
#[test]
fn golden_bytes() {
    let plain = Metadata::new(key(), 11, Timestamp::from_millis(1_767_225_600_000));
    assert_eq!(encode(&plain, Audience::Shared), "1;s=11;c=1767225600000");
    assert_eq!(
        encode(&full(), Audience::Local),
        "1;s=11;c=1767225600000;h=ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubk;w=000000000000002a;z=1;k=j;x=1767225660000;\
         a=1767225601000;n=7;f=1767225602000;e=\"abc\";m=text/plain%3B charset%3Dutf-8;u=:~Ozo9JX4;\
         u=owner:ada;u=sp ace:~IGEgIGIg;u=st%C3%A4dte:~5p2x5Lqs44Go5aSn6Ziq"
    );
}

#[test]
fn what_only_this_host_knows_is_not_shared() {
    let shared = encode(&full(), Audience::Shared);
    assert!(!shared.contains(";e=") && !shared.contains(";f="), "{shared}");
    let read = decode(&key(), &shared).expect("what was written can be read");
    assert_eq!((read.etag, read.fresh_at), (None, full().created_at()));
}

#[test]
fn unknown_fields_are_passed_over_and_unknown_versions_refused() {
    let read = decode(&key(), "1;s=1;c=2;Q=new").expect("a later writer's field is no error");
    assert_eq!(read.size(), 1);
    for line in [
        "",
        "2;s=1;c=2",
        "1;",
        "1;c=2;s=1",
        "1;s=x;c=2",
        "1;s=1;c=2;k=q",
        "1;s=1;c=2;m=%G0",
        "1;s=1;c=2;h=AA",
    ] {
        assert_eq!(
            decode(&key(), line).map_err(|error| error.kind()),
            Err(ErrorKind::Corrupt),
            "{line}"
        );
    }
}

#[test]
fn too_large_is_invalid() {
    let with = |len| full().with_custom(Map::from([("x".to_string(), "y".repeat(len))]));
    assert!(check_size(&with(1_700)).is_ok());
    assert_eq!(check_size(&with(1_945)).map_err(|error| error.kind()), Err(ErrorKind::Invalid));
}

proptest! {
    #[test]
    fn everything_survives(
        custom in proptest::collection::btree_map(".{0,20}", ".{0,40}", 0..5),
        mime in proptest::option::of(".{0,20}"),
        size: u64,
        count: u64,
        audience in prop_oneof![Just(Audience::Shared), Just(Audience::Local)],
    ) {
        let mut metadata = Metadata::new(key(), size, Timestamp::from_millis(9)).with_custom(custom);
        if let Some(mime) = mime {
            metadata = metadata.with_mime_type(mime);
        }
        metadata.access_count = count;
        let line = encode(&metadata, audience);
        prop_assert!(line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{}", line);
        prop_assert!(!line.contains("  ") && !line.ends_with(' '));
        prop_assert_eq!(decode(&key(), &line), Ok(metadata));
    }

    #[test]
    fn no_line_panics(line in "(1;s=1;c=2;)?.{0,60}") {
        let _ = decode(&key(), &line);
    }
}
