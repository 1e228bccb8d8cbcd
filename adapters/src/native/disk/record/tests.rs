use expect_test::expect;
use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// These bytes lie on users' disks: a change of them is a new format, in a data root of another name.
#[test]
fn the_bytes_are_those_of_version_1() {
    expect!["54536469736b53010807060504030201"]
        .assert_eq(&hex(&segment_header(0x0102_0304_0506_0708)));
    expect!["54537201035bd95307000000000000000900000000000000010009000400000050c93f26000000006b313b733d343b633d30626f64790000"]
        .assert_eq(&hex(&record(7, 9, "k", "1;s=4;c=0", b"body")));
    expect!["6b313b733d343b633d3050c93f26040000000000000009000000000000000100090000000000945acc9354536469736b4f01"]
        .assert_eq(&hex(&object_footer(9, "k", "1;s=4;c=0", 4, &chunk_crcs(b"body"))));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        key in "[a-z/]{1,40}",
        line in "[a-z0-9;=]{0,60}",
        body in proptest::collection::vec(any::<u8>(), 0..300),
        generation: u64,
        salt: u64,
    ) {
        let small = record(salt, generation, &key, &line, &body);
        prop_assert_eq!(small.len() as u64, record_bytes(key.len(), line.len(), body.len() as u64));
        let said = record_whole(&small, salt).expect("a whole record");
        prop_assert_eq!((said.generation, said.key, said.line), (generation, &*key, &*line));
        prop_assert_eq!(&small[said.body], &*body);
        prop_assert_eq!(record_whole(&small, salt ^ 1), None);

        let mut large = body.clone();
        large.extend(object_footer(generation, &key, &line, body.len() as u64, &chunk_crcs(&body)));
        prop_assert_eq!(large.len() as u64, object_bytes(key.len(), line.len(), body.len() as u64));
        let said = object_whole(&large, body.len() as u64).expect("a whole object");
        prop_assert_eq!((said.generation, said.key, said.line), (generation, &*key, &*line));
    }

    /// A CRC32C finds every change within 32 bits; the padding of a record is the only part that means nothing.
    #[test]
    fn a_changed_byte_is_found(at: prop::sample::Index, flip in 1..=255_u8) {
        let body = vec![3; 100];
        let whole = record(1, 2, "key", "1;s=100;c=0", &body);
        let meaning = record_head_bytes(3, 11) + body.len();
        let mut changed = whole;
        changed[at.index(meaning)] ^= flip;
        prop_assert_eq!(record_whole(&changed, 1), None);

        let mut object = body.clone();
        object.extend(object_footer(2, "key", "1;s=100;c=0", body.len() as u64, &chunk_crcs(&body)));
        let place = at.index(object.len());
        object[place] ^= flip;
        prop_assert_eq!(object_whole(&object, 100), None);
    }

    #[test]
    fn no_bytes_make_a_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200), salt: u64) {
        let _ = record_whole(&bytes, salt);
        let _ = object_lengths(&bytes);
        let _ = object_foot(&bytes);
        let _ = object_whole(&bytes, bytes.len() as u64 / 2);
        let _ = segment_salt(&bytes);
        prop_assert_eq!(records(&bytes, salt, 0).count(), 0);
    }
}

#[test]
fn each_chunk_has_a_checksum_of_its_own() {
    let chunk = OBJECT_CHUNK_BYTES as usize;
    let body = vec![5; 2 * chunk + 1];
    let footer = object_footer(1, "k", "1;s=1;c=0", body.len() as u64, &chunk_crcs(&body));
    let (_, crcs) = object_foot(&footer).expect("a whole footer");
    let expected: Vec<u8> =
        body.chunks(chunk).flat_map(|chunk| crc32c::crc32c(chunk).to_le_bytes()).collect();
    assert_eq!(crcs, expected);
    assert_eq!(crcs.len(), 12);
}
