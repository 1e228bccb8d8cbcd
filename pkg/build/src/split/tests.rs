use super::{KINDS, split};

/// A module with one function, of these bytes behind the number of its locals.
fn module(body: &[u8]) -> Vec<u8> {
    let (size, len) = (body.len() as u8, body.len() as u8 + 2);
    [b"\0asm\x01\0\0\0\x01\x01\0\x0a", &[len, 1, size][..], body, b"\0\x02xy"].concat()
}

/// The bytes of each kind.
fn sorted(body: &[u8]) -> Vec<Vec<u8>> {
    let split = split(&module(body)).expect("it is known");
    let (sizes, mut rest) = split.split_at(4 * (1 + KINDS));
    let sizes = sizes.chunks(4).map(|size| u32::from_le_bytes(size.try_into().expect("four")));
    let sorted = sizes.skip(1).map(|size| {
        let (bytes, left) = rest.split_at(size as usize);
        rest = left;
        bytes.to_vec()
    });
    sorted.collect()
}

#[test]
fn bytes_are_sorted_by_what_they_are() {
    let body = [
        &[1, 2, 0x7f][..],            // Two locals of one type.
        &[0x02, 0x40, 0x03, 0x7f],    // A block without a value, and a loop with one.
        &[0x20, 5, 0x21, 6, 0x22, 7], // Locals.
        &[0x20, 1, 0x41, 0, 0x41, 2], // What is shortened, and what is not.
        &[0x28, 2, 0x90, 0x01],       // A load, with an offset of two bytes.
        &[0x28, 0, 8, 0x37, 3, 24],   // One that is not aligned, and a store.
        &[0x41, 0x7f, 0x42, 3],       // Integers.
        &[0x41, 0xf0, 0, 0x6b],       // One that is subtracted.
        &[0x43, 1, 2, 3, 4],
        &[0x44, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x10, 9, 0x11, 4, 0],
        &[0x0c, 1, 0x0d, 2, 0x0e, 2, 3, 4, 5],
        &[0x1c, 1, 0x7f],
        &[0xfc, 0x0a, 0, 0, 0xfc, 0x0b, 0, 0xfc, 1],
        &[0xd0, 0x70, 0xd2, 8, 0x6a, 0x0b, 0x0b],
    ]
    .concat();
    let kinds = sorted(&body);
    let operations = [
        &[0x02, 0x13, 0x7f, 0x20, 0x21, 0x22, 0x07, 0x08, 0x41][..],
        &[0x28, 0xe0, 0, 0x37, 0x41, 0x42, 0x41, 0x6b, 0x43, 0x44, 0x10, 0x11, 4, 0],
        &[0x0c, 0x0d, 0x0e, 0x1c, 1, 0x7f, 0xfc, 0x0a, 0, 0, 0xfc, 0x0b, 0, 0xfc, 1],
        &[0xd0, 0x70, 0xd2, 0x6a, 0x0b, 0x0b],
    ];
    assert_eq!(kinds[1], operations.concat());
    assert_eq!(kinds[2..4], [vec![5], vec![6, 7]]);
    assert_eq!(kinds[4..6], [vec![0x90, 0x01, 8], vec![24]]);
    assert_eq!(kinds[6..8], [vec![2, 0x7f], vec![0xf0, 0]]);
    assert_eq!(kinds[8], [3, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(kinds[9..13], [vec![9, 8], vec![1], vec![2], vec![2, 3, 4, 5]]);
    assert_eq!(kinds[13..], [vec![1, 2, 0x7f], b"\0\x02xy".to_vec()]);
    // Left out: of a block, of `local.get` and `i32.const`, of a load and a store, and the function's size.
    assert_eq!(kinds.concat().len(), module(&body).len() - 6);
}

#[test]
fn what_is_not_known_is_refused() {
    for body in [&[0, 0x06, 0x0b][..], &[0, 0xfc, 18, 0x0b], &[0, 0x41], &[0, 0x0e, 1, 0]] {
        assert!(split(&module(body)).is_err(), "{body:?}");
    }
    assert!(split(b"\0asm\x01\0\0\0\x01\x01\0").is_err());
}
