//! Random calls against a map.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{super::state::State, *};

const NAMES: [&str; 6] = ["a", "a/b", "a/c", "b", "b/", "c"];
const SIZES: [usize; 5] = [0, 10, SMALL, 32 << 10, LARGE];

#[derive(Clone, Debug)]
enum Op {
    Write(usize, usize),
    Read(usize),
    Head(usize),
    Remove(usize),
    Patch(usize, u64),
    List(usize),
    Reclaim,
    Checkpoint,
    Clear,
    Reopen,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    let name = 0..NAMES.len();
    prop_oneof![
        6 => (name.clone(), 0..SIZES.len()).prop_map(|(name, size)| Op::Write(name, size)),
        4 => name.clone().prop_map(Op::Read),
        2 => name.clone().prop_map(Op::Head),
        2 => name.clone().prop_map(Op::Remove),
        2 => (name.clone(), 0..100_u64).prop_map(|(name, expiry)| Op::Patch(name, expiry)),
        1 => name.prop_map(Op::List),
        1 => Just(Op::Reclaim),
        1 => Just(Op::Checkpoint),
        1 => Just(Op::Clear),
        1 => Just(Op::Reopen),
        1 => Just(Op::Crash),
    ]
}

#[derive(Debug)]
struct Model {
    durability: Durability,
    entries: BTreeMap<&'static str, (Stored, bool)>,
    /// Keys that were removed before a crash: an old copy may be back, if it is suspect.
    ghosts: BTreeSet<&'static str>,
    removed: BTreeSet<&'static str>,
}

async fn run(durability: Durability, ops: Vec<Op>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let open = || DiskTier::open(directory.path(), options().durability(durability));
    let mut tier = open().expect("it opens");
    let mut model = Model {
        durability,
        entries: BTreeMap::new(),
        ghosts: BTreeSet::new(),
        removed: BTreeSet::new(),
    };
    for (version, op) in (1..).zip(ops) {
        match op {
            Op::Clear => {
                tier.clear().await.expect("it is cleared");
                model.entries.clear();
                model.ghosts.clear();
                model.removed.clear();
            }
            Op::Reopen => {
                // A listing waits until recovery is over; a close before that leaves no clean mark.
                list(&tier, "").await;
                tier.close().await.expect("it closes");
                drop(tier);
                tier = open().expect("it opens");
            }
            Op::Crash => {
                drop(tier);
                tier = open().expect("it opens");
                // Until recovery is over, an older record may answer, as suspect.
                list(&tier, "").await;
                model.crash();
            }
            Op::Checkpoint => tier.inner.checkpoint().expect("a checkpoint is made"),
            Op::Reclaim => {
                list(&tier, "").await;
                let wasteful = {
                    let mut state = tier.inner.lock();
                    let State { segments, debris, .. } = &mut *state;
                    segments.seal(debris);
                    segments.wasteful()
                };
                if let Some(segment) = wasteful {
                    tier.inner.reclaim(segment);
                }
            }
            op => model.call(&tier, version, op).await,
        }
    }
    for name in NAMES {
        model.check_read(&tier, name).await;
    }
}

impl Model {
    fn crash(&mut self) {
        if self.durability == Durability::Checkpoint {
            self.entries.values_mut().for_each(|(_, is_suspect)| *is_suspect = true);
        }
        self.ghosts.append(&mut self.removed);
    }

    async fn call(&mut self, tier: &DiskTier, version: u64, op: Op) {
        match op {
            Op::Write(name, size) => {
                let (name, bytes) = (NAMES[name], SIZES[size]);
                put(tier, name, version, bytes).await;
                self.entries.insert(name, (entry(name, version, bytes), false));
                self.removed.remove(name);
                self.ghosts.remove(name);
            }
            Op::Read(name) => self.check_read(tier, NAMES[name]).await,
            Op::Head(name) => {
                let name = NAMES[name];
                let head = tier.head(&key(name)).await.expect("a head");
                match self.entries.get(name) {
                    Some((stored, false)) => assert_eq!(head.as_ref(), Some(&stored.metadata)),
                    _ if self.ghosts.contains(name)
                        && self.durability != Durability::Checkpoint => {}
                    _ => assert_eq!(head, None),
                }
            }
            Op::Remove(name) => {
                let name = NAMES[name];
                remove(tier, name).await;
                self.entries.remove(name);
                self.ghosts.remove(name);
                self.removed.insert(name);
            }
            Op::Patch(name, expiry) => {
                let name = NAMES[name];
                list(tier, "").await;
                if let Some((stored, is_suspect)) = self.entries.get_mut(name) {
                    stored.metadata.expires_at = Some(Timestamp::from_millis(expiry));
                    let done = tier.patch(&key(name), &stored.metadata).await;
                    assert_eq!(done, Ok(Patched::Done(None)));
                    *is_suspect = false;
                }
            }
            Op::List(name) => {
                let prefix = NAMES[name];
                let mut listed = list(tier, prefix).await;
                listed.retain(|name| !self.ghosts.contains(name.as_str()));
                let names = self.entries.keys().filter(|name| name.starts_with(prefix));
                assert_eq!(listed, names.copied().collect::<Vec<_>>());
            }
            _ => unreachable!("the caller does the rest"),
        }
    }

    async fn check_read(&self, tier: &DiskTier, name: &str) {
        match (read(tier, name).await, self.entries.get(name)) {
            (Read::Found(found), Some((stored, false))) => assert_eq!(found, *stored),
            // What a patch changed is in the index alone, and the index was lost.
            (Read::Suspect(found), Some((stored, true))) => {
                assert_eq!(found.body, stored.body);
                assert_eq!(found.metadata.write_id(), stored.metadata.write_id());
            }
            (Read::Missing, None) => {}
            (Read::Suspect(_), None) => assert!(self.ghosts.contains(name), "{name}"),
            (Read::Found(_), None) => {
                assert!(self.ghosts.contains(name), "{name}");
                assert_ne!(self.durability, Durability::Checkpoint);
            }
            (read, model) => panic!("{name}: read {read:?}, expected {model:?}"),
        }
    }
}

fn check(durability: Durability, ops: Vec<Op>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(run(durability, ops));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_do_what_a_map_does(ops in proptest::collection::vec(op(), 1..60)) {
        check(Durability::Checkpoint, ops);
    }

    #[test]
    fn calls_do_what_a_map_does_when_each_is_durable(ops in proptest::collection::vec(op(), 1..30)) {
        check(Durability::Full, ops);
    }
}
