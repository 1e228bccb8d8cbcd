use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::*;

#[test]
fn the_first_rank_is_as_frequent_as_zipf_says() {
    let mut random = Random::new(1);
    let zipf = Zipf::new(100, 1.0, &mut random);
    let mut counts = vec![0u32; 100];
    (0..100_000).for_each(|_| counts[zipf.draw(&mut random) as usize] += 1);
    counts.sort_unstable();
    // 1 / (1 + 1/2 + ... + 1/100) = 0.1928, and half of it.
    assert!((18_800..19_800).contains(&counts[99]), "{}", counts[99]);
    assert!((9_200..10_100).contains(&counts[98]), "{}", counts[98]);
}

#[test]
fn a_scan_comes_once() {
    let requests = scanned_zipf((10, 0.9), (5, 3), 1, 24);
    let scanned: Vec<u32> =
        requests.iter().map(|request| request.key).filter(|key| *key >= 10).collect();
    assert_eq!(scanned, [10, 11, 12, 13, 14, 15, 16, 17, 18]);
}

#[test]
fn a_trace_is_read_or_refused() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let write = |text: &str| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).expect("writing to memory");
        std::fs::write(file.path(), gzip.finish().expect("writing to memory")).expect("a write");
    };
    write("0 10\n7 20\n");
    let read = trace(file.path()).expect("it is a trace");
    assert_eq!(read, [Request { key: 0, size: 10 }, Request { key: 7, size: 20 }]);
    write("0 10\nseven 20\n");
    assert_eq!(trace(file.path()).expect_err("no number").kind(), ErrorKind::InvalidData);
}

#[test]
fn a_key_has_24_bytes() {
    assert_eq!(key(42).len(), 24);
}
