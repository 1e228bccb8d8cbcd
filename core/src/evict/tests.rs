use alloc::{collections::BTreeMap, vec, vec::Vec};

use proptest::{collection, prelude::*};

use super::{ghost::Ghost, *};

const KINDS: [PolicyKind; 4] =
    [PolicyKind::Lru, PolicyKind::Fifo, PolicyKind::Size, PolicyKind::S3Fifo];

/// Well spread, as the hash of a key is.
fn fingerprint(key: u64) -> u64 {
    let mixed = (key ^ 0x5bd1_e995).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
}

/// A policy with the `weights`, in slots from 0 up.
fn policy(kind: PolicyKind, weights: &[u64]) -> Policy {
    let mut policy = Policy::new(kind);
    for (id, &weight) in (0..).zip(weights) {
        policy.insert(id, weight, fingerprint(id.into()), Standing::default());
    }
    policy
}

fn drain(policy: &mut Policy) -> Vec<u32> {
    core::iter::from_fn(|| policy.evict()).collect()
}

#[test]
fn every_kind_has_a_name() {
    for kind in KINDS {
        assert_eq!(PolicyKind::parse(kind.as_str()), Ok(kind));
        assert_eq!(Policy::new(kind).kind(), kind);
    }
    let error = PolicyKind::parse("LRU").expect_err("names are in lower case");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let sentence = r#""LRU" is no eviction policy; choose lru, fifo, size or s3fifo"#;
    assert_eq!(error.message(), sentence);
}

#[test]
fn lru_gives_up_what_was_not_used_for_longest() {
    let mut policy = policy(PolicyKind::Lru, &[1; 4]);
    assert!(!policy.touch_shared(0), "a hit takes exclusive access");
    policy.touch(0);
    policy.touch(2);
    policy.touch(2);
    assert_eq!(drain(&mut policy), [1, 3, 0, 2]);
}

#[test]
fn fifo_gives_up_what_came_first() {
    let mut policy = policy(PolicyKind::Fifo, &[1; 4]);
    assert!(policy.touch_shared(0));
    policy.touch(1);
    policy.remove(2);
    policy.insert(2, 1, 0, Standing::default());
    assert_eq!(drain(&mut policy), [0, 1, 3, 2]);
}

#[test]
fn size_gives_up_the_largest() {
    let mut policy = policy(PolicyKind::Size, &[5, 9, 0, 9, 7]);
    assert!(policy.touch_shared(1));
    policy.reweigh(2, 8);
    assert_eq!(drain(&mut policy), [3, 1, 2, 4, 0]);
}

#[test]
fn s3fifo_keeps_what_was_read_on_trial() {
    let mut policy = policy(PolicyKind::S3Fifo, &[1; 20]);
    assert!(policy.touch_shared(0) && policy.touch_shared(2));
    let first: Vec<_> = (0..16).map_while(|_| policy.evict()).collect();
    assert_eq!(first, [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
}

/// In the main queue a hit buys one more round; more than three hits buy three.
#[test]
fn s3fifo_counts_three_hits() {
    let mut policy = policy(PolicyKind::S3Fifo, &[1; 40]);
    let keep = [0, 1, 2];
    keep.iter().for_each(|&id| policy.touch(id));
    while policy.len() > 4 {
        policy.evict();
    }
    (0..100).for_each(|_| policy.touch(0));
    (0..3).for_each(|_| policy.touch(1));
    policy.touch(2);
    assert_eq!(drain(&mut policy), [39, 2, 0, 1], "0 and 1 have as many rounds, and 0 is older");
}

#[test]
fn s3fifo_takes_back_what_it_gave_up_too_early() {
    let mut policy = policy(PolicyKind::S3Fifo, &[1; 20]);
    assert_eq!(policy.evict(), Some(0), "on trial, although nothing is in the main queue yet");
    policy.insert(0, 1, fingerprint(0), Standing::default());
    let rest = drain(&mut policy);
    assert!(rest[..17] == (1..18).collect::<Vec<_>>(), "{rest:?}");
    // Once more: the name was taken out when it came back, and from the main queue nothing leaves a name.
    policy.insert(0, 1, fingerprint(0), Standing::default());
    policy.insert(1, 1, fingerprint(99), Standing::default());
    assert_eq!(drain(&mut policy), [0, 1]);
}

/// An overwrite must not send an entry that had made its way back on trial, nor take its hits away.
#[test]
fn a_standing_outlives_an_overwrite() {
    let mut policy = policy(PolicyKind::S3Fifo, &[1; 40]);
    policy.touch(0);
    while policy.len() > 20 {
        policy.evict();
    }
    policy.touch(0);
    let standing = policy.remove(0);
    // Into another slot, even.
    policy.insert(50, 1, fingerprint(0), standing);
    let order = drain(&mut policy);
    assert_eq!(order.last(), Some(&50), "{order:?}");
}

#[test]
fn another_weight_leaves_the_place() {
    for kind in [PolicyKind::Lru, PolicyKind::Fifo, PolicyKind::S3Fifo] {
        let mut policy = policy(kind, &[10, 20, 30]);
        policy.reweigh(0, 25);
        assert_eq!(policy.weight_total(), 75);
        assert_eq!(policy.evict(), Some(0), "{kind}");
        assert_eq!(policy.weight_total(), 50);
    }
}

#[test]
fn late_hits_are_passed_over() {
    for kind in KINDS {
        let mut policy = policy(kind, &[1, 1]);
        policy.remove(0);
        for id in [0, 7, u32::MAX] {
            policy.touch(id);
            policy.touch_shared(id);
        }
        // They are not counted for the next in the slot, either.
        policy.insert(0, 1, fingerprint(9), Standing::default());
        policy.remove(1);
        policy.insert(1, 1, fingerprint(8), Standing::default());
        let expected: &[u32] = if kind == PolicyKind::Size { &[1, 0] } else { &[0, 1] };
        assert_eq!(drain(&mut policy), expected, "{kind}");
    }
}

#[test]
fn a_slot_is_used_once_at_a_time() {
    for kind in KINDS {
        let twice = || policy(kind, &[1]).insert(0, 1, 0, Standing::default());
        let unknown = || policy(kind, &[1]).remove(1);
        let gone = || {
            let mut policy = policy(kind, &[1, 1]);
            policy.remove(0);
            policy.reweigh(0, 2);
        };
        assert!(std::panic::catch_unwind(twice).is_err(), "{kind}");
        assert!(std::panic::catch_unwind(unknown).is_err(), "{kind}");
        assert!(std::panic::catch_unwind(gone).is_err(), "{kind}");
    }
}

/// A cache of `items_max` items that keeps count of its hits.
fn hits(kind: PolicyKind, items_max: usize, keys: impl Iterator<Item = u64>) -> usize {
    let mut policy = Policy::new(kind);
    let mut slots = BTreeMap::new();
    let mut held = vec![0; items_max];
    let mut hits = 0;
    for key in keys {
        if let Some(&id) = slots.get(&key) {
            hits += 1;
            if !policy.touch_shared(id) {
                policy.touch(id);
            }
            continue;
        }
        let id = if policy.len() < items_max {
            policy.len() as u32
        } else {
            let id = policy.evict().expect("it is full");
            slots.remove(&held[id as usize]);
            id
        };
        held[id as usize] = key;
        slots.insert(key, id);
        policy.insert(id, 1, fingerprint(key), Standing::default());
    }
    hits
}

/// Readers of sixty pages, and a crawler that fetches everything once.
#[test]
fn s3fifo_outlasts_a_scan_that_lru_does_not() {
    let mut random = 1_u64;
    let keys = (0..40_000_u64).map(move |at| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if at % 3 == 0 { (random >> 33) % 60 } else { 1_000 + at }
    });
    let reads = 40_000 / 3;
    let (s3fifo, lru) =
        (hits(PolicyKind::S3Fifo, 100, keys.clone()), hits(PolicyKind::Lru, 100, keys));
    assert!(s3fifo * 100 > reads * 97, "{s3fifo} of {reads}");
    assert!(lru * 100 < reads * 60, "{lru} of {reads}");
}

/// Every entry comes back, but later than the trial queue is long: the names alone can tell.
#[test]
fn s3fifo_starts_to_learn_before_its_main_queue_has_anything() {
    let keys = (0..4_000_u64).map(|at| if at % 2 == 0 { at / 2 % 60 } else { 1_000 + at });
    let s3fifo = hits(PolicyKind::S3Fifo, 100, keys.clone());
    let fifo = hits(PolicyKind::Fifo, 100, keys);
    assert_eq!(fifo, 0);
    assert!(s3fifo > 1_700, "{s3fifo} of 2000");
}

#[test]
fn a_policy_is_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Policy>();
}

/// The policies as lists that are searched from end to end.
struct Model {
    kind: PolicyKind,
    trial: Vec<Item>,
    main: Vec<Item>,
    ghost: Ghost,
}

#[derive(Clone, Copy)]
struct Item {
    id: u32,
    weight: u64,
    fingerprint: u64,
    hits: u8,
}

impl Model {
    fn new(kind: PolicyKind) -> Self {
        Self { kind, trial: Vec::new(), main: Vec::new(), ghost: Ghost::default() }
    }

    fn len(&self) -> usize {
        self.trial.len() + self.main.len()
    }

    fn weight(&self) -> u64 {
        self.trial.iter().chain(&self.main).map(|item| item.weight).sum()
    }

    fn ids(&self) -> Vec<u32> {
        self.trial.iter().chain(&self.main).map(|item| item.id).collect()
    }

    fn item(&mut self, id: u32) -> Option<&mut Item> {
        self.trial.iter_mut().chain(&mut self.main).find(|item| item.id == id)
    }

    /// `standing` is whether it was in the main queue, and its hits.
    fn insert(&mut self, mut item: Item, standing: Option<(bool, u8)>) {
        let count = self.len();
        let is_main = match (self.kind, standing) {
            (PolicyKind::S3Fifo, Some((is_main, hits))) => {
                item.hits = hits;
                is_main
            }
            (PolicyKind::S3Fifo, None) => self.ghost.take(item.fingerprint, count),
            _ => true,
        };
        if is_main { self.main.push(item) } else { self.trial.push(item) }
    }

    fn touch(&mut self, id: u32) {
        match self.kind {
            PolicyKind::Lru => {
                if let Some(at) = self.main.iter().position(|item| item.id == id) {
                    let item = self.main.remove(at);
                    self.main.push(item);
                }
            }
            PolicyKind::S3Fifo => {
                if let Some(item) = self.item(id) {
                    item.hits = (item.hits + 1).min(3);
                }
            }
            _ => {}
        }
    }

    fn remove(&mut self, id: u32) -> (Item, (bool, u8)) {
        let is_main = self.main.iter().any(|item| item.id == id);
        let queue = if is_main { &mut self.main } else { &mut self.trial };
        let at = queue.iter().position(|item| item.id == id).expect("it is there");
        let item = queue.remove(at);
        (Item { hits: 0, ..item }, (is_main, item.hits))
    }

    fn evict(&mut self) -> Option<u32> {
        let main = &mut self.main;
        match self.kind {
            PolicyKind::Lru | PolicyKind::Fifo => (!main.is_empty()).then(|| main.remove(0).id),
            PolicyKind::Size => {
                let id = main.iter().max_by_key(|item| (item.weight, item.id))?.id;
                Some(self.remove(id).0.id)
            }
            PolicyKind::S3Fifo => self.evict_s3fifo(),
        }
    }

    fn evict_s3fifo(&mut self) -> Option<u32> {
        while self.len() > 0 {
            let trial: u64 = self.trial.iter().map(|item| item.weight).sum();
            let tenth = self.weight() / 10;
            if !self.trial.is_empty() && (trial > tenth || self.main.is_empty()) {
                let item = self.trial.remove(0);
                if item.hits == 0 {
                    self.ghost.insert(item.fingerprint, self.len());
                    return Some(item.id);
                }
                self.main.push(Item { hits: 0, ..item });
            } else {
                let item = self.main.remove(0);
                if item.hits == 0 {
                    return Some(item.id);
                }
                self.main.push(Item { hits: item.hits - 1, ..item });
            }
        }
        None
    }
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Insert { weight: u64, key: u64 },
    Touch(u32),
    Remove(prop::sample::Index),
    Overwrite(prop::sample::Index, u64),
    Reweigh(prop::sample::Index, u64),
    Evict,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let weight = || prop_oneof![Just(0_u64), Just(1), 0..100_u64, Just(1_000)];
    let call = prop_oneof![
        6 => (weight(), 0..40_u64).prop_map(|(weight, key)| Call::Insert { weight, key }),
        6 => (0..24_u32).prop_map(Call::Touch),
        1 => any::<prop::sample::Index>().prop_map(Call::Remove),
        2 => (any::<prop::sample::Index>(), weight()).prop_map(|(at, weight)| Call::Overwrite(at, weight)),
        1 => (any::<prop::sample::Index>(), weight()).prop_map(|(at, weight)| Call::Reweigh(at, weight)),
        4 => Just(Call::Evict),
    ];
    collection::vec(call, 0..200)
}

/// Makes one call of the policy and of the model alike, and compares what it answers.
fn step(policy: &mut Policy, model: &mut Model, call: Call) -> Result<(), TestCaseError> {
    let ids = model.ids();
    match call {
        Call::Insert { weight, key } => {
            let id = (0..).find(|id| !ids.contains(id)).expect("there are more ids than slots");
            let fingerprint = fingerprint(key);
            policy.insert(id, weight, fingerprint, Standing::default());
            model.insert(Item { id, weight, fingerprint, hits: 0 }, None);
        }
        Call::Touch(id) => {
            if !policy.touch_shared(id) {
                policy.touch(id);
            }
            model.touch(id);
        }
        Call::Evict => prop_assert_eq!(policy.evict(), model.evict()),
        Call::Remove(_) | Call::Overwrite(..) | Call::Reweigh(..) if ids.is_empty() => {}
        Call::Remove(at) => {
            policy.remove(*at.get(&ids));
            model.remove(*at.get(&ids));
        }
        Call::Overwrite(at, weight) => {
            let id = *at.get(&ids);
            let (item, standing) = model.remove(id);
            model.insert(Item { weight, ..item }, Some(standing));
            let standing = policy.remove(id);
            policy.insert(id, weight, item.fingerprint, standing);
        }
        Call::Reweigh(at, weight) => {
            let id = *at.get(&ids);
            model.item(id).expect("it is there").weight = weight;
            policy.reweigh(id, weight);
        }
    }
    prop_assert_eq!(policy.len(), model.len());
    prop_assert_eq!(policy.is_empty(), model.len() == 0);
    prop_assert_eq!(policy.weight_total(), model.weight());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_kind_does_what_its_model_does(kind in prop::sample::select(&KINDS[..]), calls in calls()) {
        let (mut policy, mut model) = (Policy::new(kind), Model::new(kind));
        for call in calls {
            step(&mut policy, &mut model, call)?;
        }
        let mut left = model.ids();
        let order: Vec<u32> = core::iter::from_fn(|| model.evict()).collect();
        let mut drained = drain(&mut policy);
        prop_assert_eq!(&drained, &order);
        drained.sort_unstable();
        left.sort_unstable();
        prop_assert_eq!(drained, left, "each entry goes once");
        prop_assert_eq!((policy.len(), policy.weight_total()), (0, 0));
    }
}
