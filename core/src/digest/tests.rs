use alloc::{string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::*;

#[test]
fn the_examples_of_fips_180_are_computed() {
    for (bytes, expected) in [
        (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            &vec![b'a'; 1_000_000],
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
    ] {
        assert_eq!(checksum(bytes).to_string(), expected);
    }
}

proptest! {
    #[test]
    fn the_cuts_make_no_difference(pieces: Vec<Vec<u8>>) {
        let mut hasher = Sha256::new();
        pieces.iter().for_each(|piece| hasher.update(piece));
        prop_assert_eq!(hasher.finish(), checksum(&pieces.concat()));
    }
}
