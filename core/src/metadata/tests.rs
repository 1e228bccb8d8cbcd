use super::*;

fn metadata() -> Metadata {
    Metadata::new(Key::new("k").expect("a legal key"), 3, Timestamp::from_millis(1_000))
}

#[test]
fn extensions_are_in_order_and_found() {
    assert!(MIME_TYPES.is_sorted_by_key(|(extension, _)| extension));
    for (key, expected) in [
        ("site/index.html", Some("text/html")),
        ("A.PNG", Some("image/png")),
        ("a.tar.gz", Some("application/gzip")),
        ("dir.css/readme", None),
        ("noextension", None),
        ("trailing.", None),
        ("x.unknown", None),
    ] {
        assert_eq!(mime_type_of(key).as_deref(), expected, "{key}");
    }
}

#[test]
fn an_entry_is_live_up_to_and_with_its_expiry() {
    let mut entry = metadata();
    assert!(entry.is_live(Timestamp::from_millis(u64::MAX)));
    entry.expires_at = Some(Timestamp::from_millis(5));
    assert!(entry.is_live(Timestamp::from_millis(5)));
    assert!(!entry.is_live(Timestamp::from_millis(6)));
}

#[test]
fn versions_are_told_apart_by_write_then_store_then_content() {
    let ours = |id| metadata().with_write_id(WriteId(id));
    let theirs = |etag| Metadata { etag: Some(ETag::new(etag)), ..metadata() };
    assert!(ours(1).is_same_version(&ours(1)));
    assert!(!ours(1).is_same_version(&ours(2)));
    assert!(!ours(1).is_same_version(&metadata()));
    assert!(theirs("a").is_same_version(&theirs("a")));
    assert!(!theirs("a").is_same_version(&theirs("b")));
    assert!(metadata().is_same_version(&metadata()));
    assert!(!metadata().is_same_version(&metadata().with_checksum(Checksum([1; 32]))));
}

#[test]
fn a_checksum_is_lowercase_hex() {
    let text = "00ff".repeat(16);
    assert_eq!(Checksum::from_hex(&text).map(|sum| sum.to_string()), Some(text));
    assert_eq!(Checksum::from_hex("zz"), None);
    assert_eq!(Checksum::from_hex(&"g".repeat(64)), None);
}
