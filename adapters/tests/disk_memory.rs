//! A body that is far larger than the memory it goes through. The only test of its process, whose memory it measures.
#![cfg(all(target_os = "linux", feature = "disk"))]

use bytes::Bytes;
use futures::TryStreamExt;
use tiered_storage::{
    ByteRange, Key, Metadata, Timestamp,
    native::disk::{DiskOptions, DiskTier},
    tier::{Body, Contents, Read, StorageTier},
};

const BODY_BYTES: u64 = 512 << 20;
const EXTRA_BYTES_MAX: u64 = 32 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_gibibyte_is_staged_stored_and_opened_in_32_mib() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tier = DiskTier::open(directory.path(), DiskOptions::new()).expect("it opens");
    let key = Key::new("large").expect("a legal key");
    let before = resident_bytes_max();

    let mut stage = tier.stage(&key).await.expect("it is open").expect("it has a place");
    for number in 0..BODY_BYTES >> 16 {
        stage.write(Bytes::from(vec![number as u8; 1 << 16])).await.expect("it is taken");
    }
    let source = stage.finish().await.expect("it is staged");
    let metadata = Metadata::new(key.clone(), BODY_BYTES, Timestamp::from_millis(1));
    let stored = tier.store(&key, &metadata, Contents::Staged(source), None).await;
    assert_eq!(stored, Ok(None));

    let Ok(Read::Found(opened)) = tier.open(&key, None).await else { panic!("it is there") };
    let Body::Pieces(mut pieces) = opened.body else { panic!("it comes in pieces") };
    let mut at = 0;
    while let Some(piece) = pieces.try_next().await.expect("it is read") {
        for chunk in piece.chunks(1 << 16) {
            let expected = (at >> 16) as u8;
            assert_eq!((chunk[0], chunk[chunk.len() - 1]), (expected, expected));
            at += chunk.len() as u64;
        }
    }
    assert_eq!(at, BODY_BYTES);
    let range = ByteRange::Between(BODY_BYTES / 2, BODY_BYTES / 2 + 9);
    let Ok(Some(Read::Found(part))) = tier.read_range(&key, range, None).await else {
        panic!("a part is there")
    };
    assert_eq!(part.body.len(), 9);

    let extra = resident_bytes_max() - before;
    assert!(extra < EXTRA_BYTES_MAX, "{extra} bytes more were resident");
    tier.close().await.expect("it closes");
}

/// The most memory that this process had at once.
fn resident_bytes_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it tells this");
    let kib = line.trim().strip_suffix(" kB").expect("it counts in kB");
    kib.parse::<u64>().expect("a number") << 10
}
