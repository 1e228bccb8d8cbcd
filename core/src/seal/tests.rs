use alloc::vec;

use super::*;

fn draft(key: &str) -> Draft {
    let key = Key::new(key).expect("a legal key");
    Draft::new(key, Timestamp::from_millis(1_000), WriteId(7))
}

fn packed(key: &str, body: &[u8]) -> (Metadata, Option<Vec<u8>>) {
    Draft { compression: Compression::Gzip, ..draft(key) }.seal(body).expect("a legal draft")
}

#[test]
fn what_was_sealed_opens_to_the_same_bytes() {
    let body = vec![b'x'; 10_000];
    let (metadata, stored) = packed("k.txt", &body);
    let stored = stored.expect("ten thousand times the same byte gets smaller");
    assert_eq!(
        (metadata.size(), metadata.is_compressed(), metadata.encoding()),
        (10_000, true, Some("gzip"))
    );
    assert_eq!(open(&metadata, &stored, Verify::Digest), Ok(Cow::Owned(body.clone())));
    let (metadata, none) = draft("k").seal(&body).expect("a legal draft");
    assert_eq!((none, metadata.is_compressed()), (None, false));
    assert_eq!(open(&metadata, &body, Verify::Digest), Ok(Cow::Borrowed(&body[..])));
}

#[test]
fn compression_is_left_out_where_it_cannot_pay() {
    let noise: Vec<u8> = (0..64_u8).flat_map(|at| checksum(&[at]).0).collect();
    for (key, body) in
        [("small.txt", vec![b'x'; 255]), ("a.png", vec![b'x'; 10_000]), ("noise.txt", noise)]
    {
        let (metadata, stored) = packed(key, &body);
        assert_eq!((stored, metadata.is_compressed()), (None, false), "{key}");
    }
}

#[test]
fn what_was_changed_is_corrupt() {
    let body = vec![b'x'; 1_000];
    let (metadata, stored) = packed("k.txt", &body);
    let stored = stored.expect("it gets smaller");
    let kind = |bytes: &[u8], verify| {
        open(&metadata, bytes, verify).map(drop).map_err(|error| error.kind())
    };
    assert_eq!(kind(&stored[..stored.len() - 1], Verify::Length), Err(ErrorKind::Corrupt));
    let (other, _) = packed("k.txt", &[b'y'; 1_000]);
    assert_eq!(
        open(&other, &stored, Verify::Digest).map_err(|error| error.kind()),
        Err(ErrorKind::Corrupt)
    );
    let (plain, _) = draft("k").seal(&body).expect("a legal draft");
    let mut flipped = body.clone();
    flipped[500] ^= 1;
    assert_eq!(
        open(&plain, &flipped, Verify::Digest).map_err(|error| error.kind()),
        Err(ErrorKind::Corrupt)
    );
    assert!(
        open(&plain, &flipped, Verify::Length).is_ok(),
        "the digest is what finds a flipped bit"
    );
    assert_eq!(
        open(&plain, &body[1..], Verify::Length).map_err(|error| error.kind()),
        Err(ErrorKind::Corrupt)
    );
}

#[test]
fn too_much_metadata_is_refused() {
    let custom = Map::from([("x".into(), "y".repeat(2_000))]);
    let refused = Draft { custom, ..draft("k") }.seal(b"v").map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(ErrorKind::Invalid));
}

#[test]
fn time_to_live_is_absolute_and_the_type_is_guessed() {
    let (metadata, _) =
        Draft { ttl_ms: Some(500), ..draft("a/b.html") }.seal(b"v").expect("a legal draft");
    assert_eq!(metadata.expires_at, Some(Timestamp::from_millis(1_500)));
    assert_eq!(metadata.mime_type(), Some("text/html"));
    let given = Draft { mime_type: Some("x/y".into()), ..draft("a/b.html") };
    assert_eq!(given.seal(b"v").expect("a legal draft").0.mime_type(), Some("x/y"));
}
