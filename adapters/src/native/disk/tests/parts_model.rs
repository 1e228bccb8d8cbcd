//! Random parts, writes and removals against a map, under limits.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    parts::{keep, range, stored},
    *,
};

const CHUNK: usize = 64 << 10;
const NAMES: [&str; 4] = ["a", "a/b", "b", "c"];
/// One is larger than the share of parts, and one than the limit.
const SIZES: [usize; 5] = [CHUNK, 2 * CHUNK + 1, 5 * CHUNK, 9 * CHUNK - 1, 40 * CHUNK];
const LIMIT: u64 = 32 * CHUNK as u64;
const ITEMS_MAX: u64 = 3;

#[derive(Clone, Debug)]
enum Op {
    /// Of the version that is there, or of a new one, with a size of its own.
    Keep {
        name: usize,
        chunk: usize,
        count: usize,
        size: Option<usize>,
    },
    Write(usize, usize),
    Remove(usize),
    Patch(usize),
    Clear,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let name = 0..NAMES.len();
    let size = prop_oneof![6 => Just(None), 1 => (0..SIZES.len()).prop_map(Some)];
    prop_oneof![
        16 => (name.clone(), 0..9_usize, 1..4_usize, size)
            .prop_map(|(name, chunk, count, size)| Op::Keep { name, chunk, count, size }),
        2 => (name.clone(), 0..4_usize).prop_map(|(name, size)| Op::Write(name, size)),
        1 => name.clone().prop_map(Op::Remove),
        2 => name.prop_map(Op::Patch),
        1 => Just(Op::Clear),
        1 => Just(Op::Reopen),
    ]
}

/// What may be there: a version, and which chunks of it. Any of it may have been given up, but nothing else is there.
type Model = BTreeMap<&'static str, (Stored, BTreeSet<usize>)>;

async fn run(ops: Vec<Op>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let limits = options().size_bytes_max(LIMIT).items_max(ITEMS_MAX);
    let mut tier = DiskTier::open(directory.path(), limits.clone()).expect("it opens");
    let mut model = Model::new();
    for (version, op) in (1..).zip(ops) {
        match op {
            Op::Keep { name, chunk, count, size } => {
                let name = NAMES[name];
                let known = model.remove(name).filter(|_| size.is_none());
                let size = SIZES[size.unwrap_or(2)];
                let (whole, mut there) =
                    known.unwrap_or_else(|| (stored(name, version, size), BTreeSet::new()));
                let chunks = whole.body.len().div_ceil(CHUNK);
                let chunk = chunk % chunks;
                let end = (chunk + count).min(chunks);
                keep(&tier, &whole, chunk..end).await;
                there.extend(chunk..end);
                model.insert(name, (whole, there));
            }
            Op::Write(name, size) => {
                let whole = stored(NAMES[name], version, SIZES[size]);
                tier.write(&key(NAMES[name]), whole.clone()).await.expect("it fits");
                model.insert(NAMES[name], (whole, (0..9).collect()));
            }
            Op::Remove(name) => {
                remove(&tier, NAMES[name]).await;
                model.remove(NAMES[name]);
            }
            Op::Patch(name) => {
                if let Some((whole, _)) = model.get_mut(NAMES[name]) {
                    whole.metadata.access_count = version;
                    tier.patch(&key(NAMES[name]), &whole.metadata).await.expect("that version");
                }
            }
            Op::Clear => {
                tier.clear().await.expect("it is cleared");
                model.clear();
            }
            Op::Reopen => {
                tier.close().await.expect("it closes");
                drop(tier);
                tier = DiskTier::open(directory.path(), limits.clone()).expect("it opens");
            }
        }
        check_limits(&tier, directory.path()).await;
        check_bodies(&tier, &mut model).await;
    }
}

async fn check_limits(tier: &DiskTier, root: &Path) {
    let kept_bytes = tier.inner.lock().parts.bytes;
    assert!(kept_bytes <= LIMIT / 4);
    assert!(tier.disk_bytes() <= LIMIT);
    let data = root.join("v1");
    let whole: u64 = ["segments", "objects"].iter().map(|it| bytes_below(&data.join(it))).sum();
    assert_eq!(whole + kept_bytes, tier.disk_bytes());
    let (count, usage) = (list(tier, "").await.len() as u64, tier.usage().await.expect("usage"));
    assert!(count <= ITEMS_MAX && usage.items == count);
    let drafts = fs::read_dir(data.join("new")).expect("the folder is read").count();
    assert!(drafts <= tier.inner.lock().parts.len());
}

async fn check_bodies(tier: &DiskTier, model: &mut Model) {
    for name in NAMES {
        let head = tier.head(&key(name)).await.expect("it is asked");
        let whole = read(tier, name).await;
        let Some((wanted, there)) = model.get_mut(name) else {
            assert_eq!((head, whole), (None, Read::Missing), "{name}");
            continue;
        };
        let Some(head) = head else {
            assert_eq!(whole, Read::Missing, "{name}");
            // What was given up does not come back by itself.
            model.remove(name);
            continue;
        };
        assert_eq!(head, wanted.metadata, "{name}");
        let is_whole = matches!(whole, Read::Found(_));
        for chunk in 0..wanted.body.len().div_ceil(CHUNK) {
            let bytes = chunk * CHUNK..wanted.body.len().min((chunk + 1) * CHUNK);
            match range(tier, name, bytes.clone()).await {
                Some(found) => {
                    assert!(there.contains(&chunk) && found == wanted.body[bytes], "{name}");
                }
                None => {
                    assert!(!is_whole, "{name}");
                    there.remove(&chunk);
                }
            }
        }
        match whole {
            Read::Found(found) => assert_eq!(found, *wanted),
            other => assert_eq!(other, Read::Missing),
        }
        let size = wanted.body.len();
        assert_eq!(is_whole, there.len() >= size.div_ceil(CHUNK), "{name}: {there:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_are_what_was_written_and_keep_the_limits(ops in proptest::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(run(ops));
    }
}
