use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

fn url(bytes: &[u8]) -> String {
    let mut text = String::new();
    push_url(&mut text, bytes);
    text
}

#[test]
fn vectors_of_the_rfc() {
    for (plain, padded) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(standard(plain.as_bytes()), padded);
        assert_eq!(parse_standard(padded).as_deref(), Some(plain.as_bytes()));
        assert_eq!(url(plain.as_bytes()), padded.trim_end_matches('='));
        assert_eq!(parse_url(padded.trim_end_matches('=')).as_deref(), Some(plain.as_bytes()));
    }
    assert_eq!(
        (standard(&[0xfb, 0xff]), url(&[0xfb, 0xff])),
        ("+/8=".to_string(), "-_8".to_string())
    );
}

#[test]
fn what_nobody_writes_is_refused() {
    for text in ["A", "AAAAA", "AB", "AAB", "AA=", "AA==", "A A", "A+", "A/", "é"] {
        assert_eq!(parse_url(text), None, "{text}");
    }
    for text in
        ["A", "AA", "AA=", "AAA", "AAAA=", "AAAA==", "AB==", "A===", "====", "AA==AA==", "A-=="]
    {
        assert_eq!(parse_standard(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(parse_url(&url(&bytes)), Some(bytes.clone()));
        prop_assert_eq!(parse_standard(&standard(&bytes)), Some(bytes));
    }
}
