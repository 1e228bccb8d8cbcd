use std::io::Read;

use lzma_rust2::LzmaReader;

use super::pack;

#[test]
fn what_is_packed_comes_back() {
    let text = b"tiers of storage, stored in tiers; ".repeat(3_000);
    for plain in [&[][..], &[1], &text] {
        let packed = pack(plain).expect("it is small enough");
        let (size, packed) = packed.split_first_chunk().expect("the size comes first");
        assert_eq!(u32::from_le_bytes(*size) as usize, plain.len());
        let size = plain.len() as u64;
        let mut reader = LzmaReader::new(packed, size, 3, 0, 0, 1 << 26, None).expect("options");
        let mut unpacked = Vec::new();
        reader.read_to_end(&mut unpacked).expect("it is whole");
        assert_eq!(unpacked, plain);
    }
    assert!(pack(&text).expect("it is small enough").len() < 200);
}
