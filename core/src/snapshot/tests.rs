use super::*;
use crate::{
    metadata::WriteId,
    stats::{Hits, TierStats},
};

fn snapshot() -> Snapshot {
    let mut entry =
        Metadata::new(Key::new("a/b").expect("a legal key"), 3, Timestamp::from_millis(5))
            .with_checksum(Checksum([0xab; 32]))
            .with_write_id(WriteId(1))
            .with_mime_type("text/plain")
            .with_custom(BTreeMap::from([("owner".into(), "ada".into())]));
    entry.expires_at = Some(Timestamp::from_millis(9));
    let counted = Hits { hits: [2, 0, 1], absent: 1 };
    let stats = Stats::new([None, None, Some(TierStats::holding(3, 1, None))], &counted);
    Snapshot::new(Timestamp::from_millis(6), &[entry], stats)
}

/// Upstream's dates stayed strings after a round trip through JSON.
#[test]
fn json_and_back_is_the_same() {
    let text = serde_json::to_string(&snapshot()).expect("a snapshot is JSON");
    assert!(text.contains(r#""exportedAt":"1970-01-01T00:00:00.006Z""#), "{text}");
    assert!(text.contains(r#""customMetadata":{"owner":"ada"}"#), "{text}");
    assert!(text.contains(r#""totalHits":3,"totalMisses":1,"hitRate":0.75"#), "{text}");
    let read: Snapshot = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(read, snapshot());
    assert_eq!(
        read.entries().expect("a legal snapshot")[0].expires_at,
        Some(Timestamp::from_millis(9))
    );
}

#[test]
fn another_version_is_invalid() {
    let snapshot = Snapshot { version: 2, ..snapshot() };
    assert_eq!(snapshot.entries().map_err(|error| error.kind()).err(), Some(ErrorKind::Invalid));
}

#[test]
fn what_is_no_checksum_or_key_is_invalid() {
    let mut bad = snapshot();
    bad.metadata.get_mut("a/b").expect("it is there").checksum = "xyz".into();
    assert_eq!(bad.entries().map_err(|error| error.kind()).err(), Some(ErrorKind::Invalid));
    let mut bad = snapshot();
    let record = bad.metadata.remove("a/b").expect("it is there");
    bad.metadata.insert(String::new(), record);
    assert_eq!(bad.entries().map_err(|error| error.kind()).err(), Some(ErrorKind::Invalid));
}
