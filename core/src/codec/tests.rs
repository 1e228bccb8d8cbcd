use std::io::{Read, Write};

use flate2::{Compression, GzBuilder, read::MultiGzDecoder, write::GzEncoder};
use proptest::{collection, prelude::*};

use super::*;

/// "hello, tiers\n" as CPython's zlib writes it, with every optional field: FEXTRA, FNAME, FCOMMENT and FHCRC.
const EVERY_FIELD: &str = "\
    1f8b081f15cd5b070203060041420200787961206e616d65006120636f6d6d656e7400048ccb48cdc9c9d75128c94c2d\
    2ae60200979605230d000000";

const HEADER_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;

fn every_field() -> Vec<u8> {
    let digits = EVERY_FIELD.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("hex"), 16).expect("hex"))
        .collect()
}

fn theirs(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).expect("a Vec takes every write");
    encoder.finish().expect("a Vec takes every write")
}

fn unpack_in_pieces(packed: &[u8], piece_bytes: usize, bound: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut decompressor = Decompressor::new(bound);
    for piece in packed.chunks(piece_bytes) {
        decompressor.push(piece, &mut bytes)?;
    }
    decompressor.finish()?;
    Ok(bytes)
}

/// Text-like bytes that deflate into several blocks with long and short matches.
fn prose(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let number = [b' ', b'0' + (state >> 16) as u8 % 10, b'0' + (state >> 8) as u8 % 10];
        let words = [&b" cold"[..], b" warm", b" hot", b" tier\n", b", {\"key\": 7}", &number];
        words[(state >> 24) as usize % words.len()].to_vec()
    };
    core::iter::repeat_with(word).flatten().take(len).collect()
}

#[track_caller]
fn check_corrupt(packed: &[u8], size_bytes: u64, sentence: &str) {
    for piece_bytes in [1, packed.len().max(1)] {
        let error = unpack_in_pieces(packed, piece_bytes, size_bytes).expect_err("it is not whole");
        assert_eq!((error.kind(), error.message()), (ErrorKind::Corrupt, sentence));
    }
    let error = decompress(packed, size_bytes).expect_err("it is not whole");
    assert_eq!(error.message(), sentence);
}

#[test]
fn the_header_is_the_same_for_all_time() {
    assert_eq!(compress(b"x")[..HEADER_BYTES], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    let mut packed = Vec::new();
    Compressor::new().finish(&mut packed);
    assert_eq!(packed, compress(b""));
    assert_eq!(decompress(&packed, 0).expect("an empty member"), b"");
}

#[test]
fn text_gets_much_smaller() {
    let text = prose(64 * 1_024);
    assert!(compress(&text).len() * 3 < text.len());
}

#[test]
fn every_optional_field_is_read_over() {
    for piece_bytes in [1, 2, 7, 1_024] {
        let bytes = unpack_in_pieces(&every_field(), piece_bytes, 13).expect("a whole member");
        assert_eq!(bytes, b"hello, tiers\n");
    }
}

#[test]
fn each_optional_field_alone_is_read_over() {
    for builder in [
        GzBuilder::new().extra([1, 2, 3]),
        GzBuilder::new().extra([]),
        GzBuilder::new().filename("f"),
        GzBuilder::new().comment("c"),
        GzBuilder::new().mtime(1_700_000_000).operating_system(3),
    ] {
        let mut encoder = builder.write(Vec::new(), Compression::fast());
        encoder.write_all(b"body").expect("a Vec takes every write");
        let packed = encoder.finish().expect("a Vec takes every write");
        assert_eq!(decompress(&packed, 4).expect("a whole member"), b"body");
        assert_eq!(unpack_in_pieces(&packed, 1, 4).expect("a whole member"), b"body");
    }
}

#[test]
fn members_in_a_row_are_one_body() {
    let packed = [theirs(b"one ", 9), compress(b""), every_field(), compress(b"two")].concat();
    for piece_bytes in [1, 3, packed.len()] {
        let bytes = unpack_in_pieces(&packed, piece_bytes, 20).expect("whole members");
        assert_eq!(bytes, b"one hello, tiers\ntwo");
    }
}

/// A member may refer back as far as the window goes, however the window is filled.
#[test]
fn matches_over_the_whole_window_are_found() {
    let mut state = 7_u32;
    let noise = core::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    });
    let noise: Vec<u8> = noise.take(WINDOW_BYTES - 300).collect();
    let bytes = noise.repeat(5);
    let packed = theirs(&bytes, 9);
    assert!(packed.len() < 2 * noise.len(), "the copies are matches");
    for piece_bytes in [1, 1_000, packed.len()] {
        let unpacked = unpack_in_pieces(&packed, piece_bytes, bytes.len() as u64);
        assert!(unpacked.expect("a whole member") == bytes);
    }
}

#[test]
fn a_bomb_stops_at_the_bound() {
    let bomb = compress(&vec![0; 10_000_000]);
    assert!(bomb.len() < 10_100, "deflate makes a thousandth of it");
    for bound in [0, 1, 1_000, WINDOW_BYTES as u64, 9_999_999] {
        let mut bytes = Vec::new();
        let mut decompressor = Decompressor::new(bound);
        let error = decompressor.push(&bomb, &mut bytes).expect_err("it holds more");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(bytes.len() as u64 <= bound, "{} bytes came out of {bound}", bytes.len());
        for piece in [&b""[..], b"x"] {
            let again = decompressor.push(piece, &mut bytes);
            assert_eq!(again.expect_err("it has failed"), error);
        }
        assert_eq!(decompressor.finish().expect_err("it has failed"), error);
        check_corrupt(&bomb, bound, "the compressed body holds more bytes than were recorded");
    }
}

#[test]
fn many_members_share_one_bound() {
    let packed = compress(b"0123456789").repeat(3);
    assert_eq!(decompress(&packed, 30).expect("whole members").len(), 30);
    check_corrupt(&packed, 29, "the compressed body holds more bytes than were recorded");
}

/// A recorded size is not trusted with memory: the record may be what is corrupt.
#[test]
fn an_absurd_recorded_size_reserves_nothing() {
    let error = decompress(&compress(b"small"), u64::MAX).expect_err("it holds less");
    assert_eq!(error.message(), "the compressed body holds fewer bytes than were recorded");
}

#[test]
fn every_cut_is_noticed() {
    let packed = every_field();
    for len in 0..packed.len() {
        check_corrupt(&packed[..len], 13, "the compressed body is cut short");
    }
    let two = packed.repeat(2);
    check_corrupt(&two[..packed.len() + 1], 26, "the compressed body is cut short");
}

#[test]
fn garbage_is_named() {
    let good = compress(b"hello");
    let end = good.len();
    let flipped = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        bad
    };
    for (at, sentence) in [
        (0, "the compressed body is not gzip"),
        (1, "the compressed body is not gzip"),
        (2, "the compressed body is not gzip"),
        (3, "the compressed body uses gzip flags that do not exist"),
        (end - 8, "the checksum inside the compressed body does not match"),
        (end - 5, "the checksum inside the compressed body does not match"),
        (end - 4, "the size inside the compressed body does not match"),
        (end - 1, "the size inside the compressed body does not match"),
    ] {
        check_corrupt(&flipped(at), 5, sentence);
    }
    for tail in [&b"\0"[..], b"x", b"\x1fx", b"\x1f\x8b\x07"] {
        let bad = [&good, tail].concat();
        check_corrupt(&bad, 5, "the compressed body has something behind its end");
    }
    let bad = [&good[..HEADER_BYTES], &[0b111], &good[end - TRAILER_BYTES..]].concat();
    check_corrupt(&bad, 5, "the compressed body is not valid deflate");
}

#[test]
fn a_damaged_header_checksum_is_noticed() {
    let good = every_field();
    // The two bytes behind the comment's end.
    let at = good.windows(2).position(|pair| pair == b"t\0").expect("the comment") + 2;
    for at in [at, at + 1, 4] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        check_corrupt(&bad, 13, "the checksum of the gzip header does not match");
    }
}

#[test]
fn small_and_packed_bodies_are_not_worth_it() {
    for (size_bytes, mime_type, expected) in [
        (255, None, false),
        (256, None, true),
        (255, Some("text/html"), false),
        (256, Some("text/html"), true),
        (9_999, Some("TEXT/HTML; charset=utf-8"), true),
        (9_999, Some("application/json"), true),
        (9_999, Some("application/wasm"), true),
        (9_999, Some("application/octet-stream"), true),
        (9_999, Some("font/ttf"), true),
        (9_999, Some("font/woff"), false),
        (9_999, Some("Font/WOFF2 "), false),
        (9_999, Some("image/png"), false),
        (9_999, Some("image/svg+xml"), true),
        (9_999, Some("IMAGE/SVG+XML;x=image/png"), true),
        (9_999, Some("image/bmp"), true),
        (9_999, Some("image/x-ms-bmp"), true),
        (9_999, Some("audio/mpeg"), false),
        (9_999, Some("video/mp4; codecs=\"avc1\""), false),
        (9_999, Some("application/zip;x=1"), false),
        (9_999, Some("application/gzip"), false),
        (9_999, Some("application/zstd"), false),
        (9_999, Some("application/x-7z-compressed"), false),
        (9_999, Some("application/x-bzip2"), false),
        (9_999, Some("application/epub+zip"), false),
        (9_999, Some("application/pdf"), false),
        (
            9_999,
            Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            false,
        ),
        (9_999, Some("imag"), true),
        (9_999, Some("imagé/png"), true),
        (9_999, Some(""), true),
    ] {
        let worth = worth_compressing(size_bytes, mime_type);
        assert_eq!(worth, expected, "{size_bytes} {mime_type:?}");
    }
}

/// Bytes between noise and repetition.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        collection::vec(any::<u8>(), 0..300),
        (any::<u8>(), 0..3_000_usize).prop_map(|(byte, len)| vec![byte; len]),
        (0..20_000_usize).prop_map(prose),
    ];
    collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_we_pack_others_unpack(bytes in body(), piece_bytes in 1..5_000_usize) {
        let mut packed = Vec::new();
        let mut compressor = Compressor::new();
        for piece in bytes.chunks(piece_bytes) {
            compressor.push(piece, &mut packed);
        }
        compressor.finish(&mut packed);
        prop_assert_eq!(&packed, &compress(&bytes), "the cuts make no difference");
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(&packed[..]).read_to_end(&mut unpacked).expect("valid gzip");
        prop_assert!(unpacked == bytes);
        prop_assert!(decompress(&packed, bytes.len() as u64) == Ok(bytes));
    }

    #[test]
    fn what_others_pack_we_unpack(bytes in body(), level in 0..10_u32, piece_bytes in 1..70_000_usize) {
        let packed = theirs(&bytes, level);
        prop_assert!(decompress(&packed, bytes.len() as u64) == Ok(bytes.clone()));
        prop_assert!(unpack_in_pieces(&packed, piece_bytes, bytes.len() as u64) == Ok(bytes));
    }

    #[test]
    fn a_wrong_size_is_corrupt(bytes in body(), off in 1..100_u64) {
        let packed = compress(&bytes);
        let len = bytes.len() as u64;
        for size_bytes in [len + off, len.wrapping_sub(off)] {
            let kind = decompress(&packed, size_bytes).map_err(|error| error.kind());
            prop_assert_eq!(kind, Err(ErrorKind::Corrupt));
        }
    }

    /// Damage where it does no harm, as in the header's time, may pass; other bytes than the true ones never do.
    #[test]
    fn damage_never_passes(bytes in body(), at: prop::sample::Index, bit in 0..8_u32, piece_bytes in 1..99_usize) {
        let mut packed = compress(&bytes);
        let at = at.index(packed.len());
        packed[at] ^= 1 << bit;
        let whole = decompress(&packed, bytes.len() as u64);
        let pieces = unpack_in_pieces(&packed, piece_bytes, bytes.len() as u64);
        prop_assert_eq!(whole.is_ok(), pieces.is_ok());
        prop_assert!(whole.is_err() || whole == Ok(bytes), "bit {} at {} of {}", bit, at, packed.len());
    }

    #[test]
    fn noise_stays_within_the_bound(noise: Vec<u8>, bound in 0..5_000_u64) {
        let mut bytes = Vec::new();
        let mut decompressor = Decompressor::new(bound);
        let packed = [&header::PLAIN[..], &noise].concat();
        let result = decompressor.push(&packed, &mut bytes).and_then(|()| decompressor.finish());
        prop_assert!(bytes.len() as u64 <= bound);
        prop_assert!(result.is_err() || result == Ok(bytes.len() as u64));
    }
}
