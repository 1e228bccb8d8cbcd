//! What is sent when, and that no crash, lost answer or other writer makes it lose or repeat anything.

use alloc::{collections::BTreeMap, format, vec, vec::Vec};
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn key(name: &str) -> Key {
    Key::new(name).expect("the tests' keys are right")
}

fn tag(version: u64) -> ETag {
    ETag::new(format!("v{version}"))
}

fn at(version: u64) -> Condition {
    Condition::Version(tag(version))
}

fn queue() -> Queue {
    Queue::new(Limits { writes_max: 100, bytes_max: 1_000 })
}

/// A queue of writes, named by their ids, of these keys.
fn of(keys: &[&str]) -> Queue {
    let mut queue = queue();
    for (id, name) in (1..).zip(keys) {
        let over = Over::Named(at(0));
        queue.enter(Queued::new(id, key(name), Kind::Set, 1), over).expect("there is room");
    }
    queue
}

fn begun(queue: &mut Queue) -> Option<u64> {
    queue.begin().map(|write| write.id)
}

fn condition(queue: &Queue, id: u64) -> Option<Condition> {
    queue.write(id).expect("it is queued").condition.clone()
}

#[test]
fn first_in_is_first_out() {
    let mut queue = of(&["a", "b", "a"]);
    for id in 1..=3 {
        assert_eq!(begun(&mut queue), Some(id));
        assert_eq!(queue.finish(id, Outcome::Sent(Some(tag(id))), 0), Verdict::Done);
    }
    assert_eq!(begun(&mut queue), None);
    assert_eq!(queue.writes().count(), 0);
}

#[test]
fn what_is_held_up_holds_up_its_key_alone() {
    for (outcome, verdict) in [
        (Outcome::Overtaken(Some(tag(9))), Verdict::Conflict),
        (Outcome::Failed(ErrorKind::Denied), Verdict::Failed),
        (Outcome::Failed(ErrorKind::Full), Verdict::Failed),
    ] {
        let mut queue = of(&["a", "a", "b"]);
        assert_eq!(begun(&mut queue), Some(1));
        assert_eq!(queue.finish(1, outcome, 0), verdict);
        assert_eq!(begun(&mut queue), Some(3));
        queue.finish(3, Outcome::Sent(None), 0);
        assert_eq!(begun(&mut queue), None);
        queue.resolve(1, Choice::Theirs).expect("it is held");
        assert_eq!(begun(&mut queue), Some(2));
    }
}

#[test]
fn an_outage_holds_up_all_and_for_longer_each_time() {
    let mut queue = of(&["a", "b"]);
    let mut longest = Vec::new();
    for _ in 0..8 {
        assert_eq!(begun(&mut queue), Some(1));
        // One less than a multiple of every bound.
        let random = 480_000 - 1;
        let Verdict::Later(ms) = queue.finish(1, Outcome::Failed(ErrorKind::Unavailable), random)
        else {
            panic!("an outage is no verdict on a write")
        };
        longest.push(ms);
    }
    assert_eq!(longest[..5], [1_999, 3_999, 7_999, 15_999, 31_999]);
    assert_eq!(longest[5..], [59_999; 3]);
    let again = queue.finish(1, Outcome::Failed(ErrorKind::Unavailable), 0);
    assert_eq!(again, Verdict::Later(0));
}

#[test]
fn a_write_behind_another_is_for_what_that_left() {
    let mut queue = of(&["a", "a", "a"]);
    assert_eq!(begun(&mut queue), Some(1));
    queue.take_changes();
    queue.finish(1, Outcome::Sent(Some(tag(5))), 0);
    assert_eq!(condition(&queue, 2), Some(at(5)));
    // The removal is stored last.
    let stored: Vec<_> = queue.take_changes().iter().map(|(id, it)| (*id, it.is_some())).collect();
    assert_eq!(stored.last(), Some(&(1, false)));
    assert!(stored.contains(&(2, true)));
    // One that is given up leaves what was there before it.
    assert!(queue.cancel(2));
    assert_eq!(condition(&queue, 3), Some(at(5)));
}

#[test]
fn a_removal_leaves_nothing() {
    let mut queue = queue();
    for (id, kind) in [(1, Kind::Delete), (2, Kind::Set)] {
        let over = Over::Known(at(0));
        queue.enter(Queued::new(id, key("a"), kind, 0), over).expect("there is room");
    }
    begun(&mut queue);
    queue.finish(1, Outcome::Sent(None), 0);
    assert_eq!(condition(&queue, 2), Some(Condition::Absent));
}

#[test]
fn a_write_that_is_cancelled_while_it_is_sent_may_still_lead() {
    let mut queue = of(&["a", "a"]);
    begun(&mut queue);
    assert!(queue.cancel(1));
    assert!(!queue.cancel(1));
    queue.finish(1, Outcome::Sent(Some(tag(3))), 0);
    assert_eq!(condition(&queue, 2), Some(at(3)));
}

#[test]
fn what_overwrites_and_what_must_be_absent_follows_nobody() {
    let mut queue = of(&["a"]);
    for (id, over) in [(2, Over::Anything), (3, Over::Named(Condition::Absent))] {
        queue.enter(Queued::new(id, key("a"), Kind::Set, 1), over).expect("there is room");
    }
    begun(&mut queue);
    queue.finish(1, Outcome::Sent(Some(tag(3))), 0);
    assert_eq!(condition(&queue, 2), None);
    assert_eq!(condition(&queue, 3), Some(Condition::Absent));
}

#[test]
fn each_choice_does_what_it_says() {
    let held = || {
        let mut queue = of(&["a", "a"]);
        begun(&mut queue);
        queue.finish(1, Outcome::Overtaken(Some(tag(7))), 0);
        queue
    };
    let mut mine = held();
    mine.resolve(1, Choice::Mine).expect("it is held");
    assert_eq!(
        mine.write(1).map(|it| (&it.state, it.condition.clone())),
        Some((&State::Waiting, Some(at(7))))
    );
    assert_eq!(condition(&mine, 2), Some(at(7)));

    let mut theirs = held();
    theirs.resolve(1, Choice::Theirs).expect("it is held");
    assert!(theirs.write(1).is_none());
    assert_eq!(condition(&theirs, 2), Some(at(0)), "nobody has chosen for the second one");

    let mut both = held();
    both.resolve(1, Choice::Both(key("a (mine)"))).expect("it is held");
    assert_eq!(both.write(1).map(|it| it.key.clone()), Some(key("a (mine)")));
    assert_eq!(condition(&both, 1), Some(Condition::Absent));
    begun(&mut both);
    both.finish(1, Outcome::Sent(Some(tag(8))), 0);
    assert_eq!(condition(&both, 2), Some(at(0)), "another key leads nobody");

    let mut gone = of(&["a"]);
    begun(&mut gone);
    gone.finish(1, Outcome::Overtaken(None), 0);
    gone.resolve(1, Choice::Mine).expect("it is held");
    assert_eq!(condition(&gone, 1), Some(Condition::Absent));
}

#[test]
fn choices_that_cannot_be_are_refused() {
    let kind = |result: Result<(), Error>| result.map_err(|error| error.kind());
    let mut queue = of(&["a"]);
    assert_eq!(kind(queue.resolve(1, Choice::Mine)), Err(ErrorKind::Invalid));
    assert_eq!(kind(queue.resolve(9, Choice::Mine)), Err(ErrorKind::Invalid));
    begun(&mut queue);
    queue.finish(1, Outcome::Overtaken(None), 0);
    assert_eq!(kind(queue.resolve(1, Choice::Both(key("a")))), Err(ErrorKind::Invalid));
    let over = Over::Anything;
    queue.enter(Queued::new(2, key("b"), Kind::Delete, 0), over).expect("there is room");
    begun(&mut queue);
    queue.finish(2, Outcome::Overtaken(None), 0);
    assert_eq!(kind(queue.resolve(2, Choice::Both(key("c")))), Err(ErrorKind::Invalid));
    // After a failure, mine is another attempt at the same.
    queue.resolve(1, Choice::Mine).expect("it is held");
    begun(&mut queue);
    queue.finish(1, Outcome::Failed(ErrorKind::Denied), 0);
    queue.resolve(1, Choice::Mine).expect("it is held");
    assert_eq!(condition(&queue, 1), Some(Condition::Absent));
}

#[test]
fn a_full_queue_takes_no_more() {
    let enter = |queue: &mut Queue, id, size| {
        let write = Queued::new(id, key("a"), Kind::Set, size);
        queue.enter(write, Over::Anything).map_err(|error| error.kind())
    };
    let mut queue = Queue::new(Limits { writes_max: 2, bytes_max: 10 });
    assert_eq!(enter(&mut queue, 1, 11), Err(ErrorKind::Full));
    assert_eq!(enter(&mut queue, 1, 9), Ok(()));
    assert_eq!(enter(&mut queue, 2, 2), Err(ErrorKind::Full));
    assert_eq!(enter(&mut queue, 2, 1), Ok(()));
    assert_eq!(enter(&mut queue, 3, 0), Err(ErrorKind::Full));
    assert_eq!(queue.take_changes().len(), 2);
    queue.cancel(1);
    assert_eq!(enter(&mut queue, 3, 9), Ok(()));
}

/// What is stored in the cold tier: a version, and the queued write it came of, if any did.
type Cold = BTreeMap<Key, (u64, Option<u64>)>;

/// A queue, what is stored of it, and the world that it writes to.
struct World {
    queue: Queue,
    stored: BTreeMap<u64, Queued>,
    cold: Cold,
    versions: u64,
    ids: u64,
    /// What each write may take the place of: versions that were there, or nothing.
    seen: BTreeMap<u64, BTreeSet<Option<u64>>>,
    /// How often each write took effect, and how often it may have.
    effects: BTreeMap<u64, (u32, u32)>,
    given_up: BTreeSet<u64>,
}

/// What happens in the world.
#[derive(Clone, Debug)]
enum Event {
    Enter(u8, Kind),
    /// Sends the next one. The answer may be lost, before or after the effect.
    Send(Fault),
    /// Another writer.
    Elsewhere(u8),
    Resolve(u8),
    Cancel(u8),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Before,
    After,
    /// The process dies with that many of the changes stored.
    Dies(usize),
}

impl World {
    fn new() -> Self {
        Self {
            queue: queue(),
            stored: BTreeMap::new(),
            cold: BTreeMap::from([(key("a"), (0, None))]),
            versions: 0,
            ids: 0,
            seen: BTreeMap::new(),
            effects: BTreeMap::new(),
            given_up: BTreeSet::new(),
        }
    }

    fn version(&self, key: &Key) -> Option<u64> {
        self.cold.get(key).map(|(version, _)| *version)
    }

    /// Stores what changed, up to where the process dies; then another one starts.
    fn store(&mut self, survives: usize) {
        let changes = self.queue.take_changes();
        let dies = survives < changes.len();
        for (id, write) in changes.into_iter().take(survives) {
            match write {
                Some(write) => self.stored.insert(id, write),
                None => self.stored.remove(&id),
            };
        }
        if dies {
            self.queue = queue();
            self.stored.values().for_each(|write| self.queue.restore(write.clone()));
        }
    }

    fn enter(&mut self, name: u8, kind: Kind) {
        let key = key(if name.is_multiple_of(2) { "a" } else { "b" });
        self.ids += 1;
        let known = self.version(&key).map_or(Condition::Absent, at);
        self.seen.insert(self.ids, BTreeSet::from([self.version(&key)]));
        self.effects.insert(self.ids, (0, 1));
        let write = Queued::new(self.ids, key, kind, 1);
        self.queue.enter(write, Over::Known(known)).expect("there is room");
        self.store(usize::MAX);
    }

    fn send(&mut self, fault: Fault) {
        let Some(write) = self.queue.begin() else { return };
        if let Fault::Dies(0) = fault {
            return self.store(0);
        }
        self.store(usize::MAX);
        let outcome = if fault == Fault::Before { None } else { Some(self.effect(&write)) };
        let outcome = outcome
            .filter(|_| fault != Fault::After)
            .unwrap_or(Outcome::Failed(ErrorKind::Unavailable));
        self.queue.finish(write.id, outcome, 0);
        self.store(if let Fault::Dies(changes) = fault { changes - 1 } else { usize::MAX });
    }

    /// What cold does, and what a host makes of its answer.
    fn effect(&mut self, write: &Queued) -> Outcome {
        let there = self.cold.get(&write.key).copied();
        if let (Kind::Set, Some((version, Some(id)))) = (write.kind, there)
            && id == write.id
            && write.condition != Some(at(version))
        {
            return Outcome::Sent(Some(tag(version)));
        }
        if (write.kind, there) == (Kind::Delete, None) {
            self.effects.entry(write.id).and_modify(|(count, _)| *count = (*count).max(1));
            return Outcome::Sent(None);
        }
        let version = there.map(|(version, _)| version);
        if write.condition != Some(version.map_or(Condition::Absent, at)) {
            return Outcome::Overtaken(version.map(tag));
        }
        let earlier = self.stored.range(..write.id).find(|(_, it)| it.key == write.key);
        assert!(earlier.is_none(), "{write:?} overtakes {earlier:?}");
        assert!(self.seen[&write.id].contains(&version), "{write:?} replaces unseen {version:?}");
        let (count, allowed) = self.effects.get_mut(&write.id).expect("it was entered");
        *count += 1;
        assert!(*count <= *allowed, "{write:?} takes effect {count} times");
        let left = (write.kind == Kind::Set).then(|| {
            self.versions += 1;
            self.cold.insert(write.key.clone(), (self.versions, Some(write.id)));
            self.versions
        });
        if left.is_none() {
            self.cold.remove(&write.key);
        }
        for (id, later) in self.stored.range(write.id + 1..) {
            if later.key == write.key {
                self.seen.get_mut(id).expect("it was entered").insert(left);
            }
        }
        Outcome::Sent(left.map(tag))
    }

    fn resolve(&mut self, how: u8) {
        let held = self.queue.writes().find(|write| write.is_held()).cloned();
        let Some(Queued { id, state: State::Conflict(there), kind, key: at, .. }) = held else {
            return;
        };
        let choice = match how % 3 {
            0 => {
                let version = self.version(&at).filter(|version| Some(tag(*version)) == there);
                if there.is_none() || version.is_some() {
                    self.seen.get_mut(&id).expect("it was entered").insert(version);
                }
                self.effects.entry(id).and_modify(|(_, allowed)| *allowed += 1);
                // Who is behind it follows the choice, and may be first if it is given up.
                let version = version.filter(|_| there.is_some());
                for (later, write) in self.stored.range(id + 1..) {
                    if write.key == at {
                        self.seen.get_mut(later).expect("it was entered").insert(version);
                    }
                }
                Choice::Mine
            }
            1 => {
                self.given_up.insert(id);
                Choice::Theirs
            }
            _ if kind == Kind::Delete => return,
            _ => {
                self.seen.get_mut(&id).expect("it was entered").insert(None);
                self.effects.entry(id).and_modify(|(_, allowed)| *allowed += 1);
                Choice::Both(key(&format!("{} of {id}", &*at)))
            }
        };
        self.queue.resolve(id, choice).expect("it is in conflict");
        self.store(usize::MAX);
    }

    fn run(&mut self, event: &Event) {
        match *event {
            Event::Enter(name, kind) => self.enter(name, kind),
            Event::Send(fault) => self.send(fault),
            Event::Elsewhere(name) => {
                self.versions += 1;
                let key = key(if name.is_multiple_of(2) { "a" } else { "b" });
                self.cold.insert(key, (self.versions, None));
            }
            Event::Resolve(how) => self.resolve(how),
            Event::Cancel(at) => {
                let ids: Vec<u64> = self.stored.keys().copied().collect();
                let Some(id) = ids.get(at as usize) else { return };
                self.given_up.insert(*id);
                self.queue.cancel(*id);
                self.store(usize::MAX);
            }
        }
        for (id, (count, _)) in &self.effects {
            let is_there = self.stored.contains_key(id) || self.given_up.contains(id);
            assert!(is_there || *count > 0, "write {id} is lost");
        }
    }
}

fn events() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![3 => Just(Kind::Set), 1 => Just(Kind::Delete)];
    let fault = prop_oneof![
        3 => Just(Fault::None),
        1 => Just(Fault::Before),
        2 => Just(Fault::After),
        3 => (0..4_usize).prop_map(Fault::Dies),
    ];
    prop_oneof![
        4 => (any::<u8>(), kind).prop_map(|(name, kind)| Event::Enter(name, kind)),
        6 => fault.prop_map(Event::Send),
        1 => any::<u8>().prop_map(Event::Elsewhere),
        2 => any::<u8>().prop_map(Event::Resolve),
        1 => (0..4_u8).prop_map(Event::Cancel),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_repeated_or_out_of_order(events in prop::collection::vec(events(), 1..60)) {
        let mut world = World::new();
        for event in &events {
            world.run(event);
        }
        // Once nothing fails any more, all is sent but what somebody must choose about.
        let left = world.stored.len();
        for event in vec![Event::Send(Fault::None); left] {
            world.run(&event);
        }
        prop_assert!(world.queue.next().is_none());
    }

    /// A writer never stands in its own way, however often it dies.
    #[test]
    fn nothing_is_in_conflict_where_nobody_else_writes(events in prop::collection::vec(events(), 1..60)) {
        let mut world = World::new();
        for event in events.iter().filter(|it| !matches!(it, Event::Elsewhere(_) | Event::Cancel(_))) {
            world.run(event);
            prop_assert!(world.queue.writes().all(|write| !write.is_held()));
        }
    }
}
