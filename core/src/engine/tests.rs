use alloc::vec;

use super::*;
use crate::key::Key;

fn metadata() -> Metadata {
    Metadata::new(Key::new("film").expect("it is a key"), 9, Timestamp::from_millis(0))
}

/// An engine over cold alone.
fn engine(config: Config) -> Engine {
    Engine::new(Config { tiers: TierSet::from(Tier::Cold), ..config })
}

/// Reads the entry; gives what the engine wanted of cold for that, in order.
fn read(engine: &mut Engine, found: &Metadata, at_ms: u64) -> (Vec<Action>, SlotId) {
    let now = Timestamp::from_millis(at_ms);
    let op = engine.start(Call::Get(found.key().clone()), now);
    let mut asked = Vec::new();
    loop {
        match engine.step(op) {
            Step::Do(ticket, action, _) => {
                asked.push(action);
                engine.open(&ticket);
                engine.finish(ticket, Outcome::Found(found.clone()), now);
            }
            Step::Reply(_, slot) => return (asked, slot),
            Step::Park => panic!("nobody else reads"),
        }
    }
}

fn cold_read() -> Vec<Action> {
    vec![Action::Read(Tier::Cold, metadata().key().clone(), None)]
}

/// A stream that nobody read on was shared for as long as it was open, so that what had expired meanwhile was served.
#[test]
fn what_is_handed_out_is_shared_until_it_expires() {
    let mut engine = engine(Config::new(TierSet::EMPTY));
    let mut found = metadata();
    found.expires_at = Some(Timestamp::from_millis(500));
    let (asked, slot) = read(&mut engine, &found, 100);
    assert_eq!(asked, cold_read());
    assert_eq!(read(&mut engine, &found, 400), (vec![], slot));
    let (asked, another) = read(&mut engine, &found, 600);
    assert_eq!(asked, cold_read(), "cold is asked whether it was renewed");
    assert_ne!(another, slot);
}

/// As before: a copy was shared although it was older than what the user allows.
#[test]
fn what_is_handed_out_is_shared_until_it_is_to_be_compared() {
    let config = Config { revalidate_after_ms: Some(300), ..Config::new(TierSet::EMPTY) };
    let mut engine = engine(config);
    let (_, slot) = read(&mut engine, &metadata(), 100);
    assert_eq!(read(&mut engine, &metadata(), 400), (vec![], slot));
    assert_eq!(read(&mut engine, &metadata(), 401).0, cold_read());
}

#[test]
fn what_has_ended_is_not_shared() {
    let mut engine = engine(Config::new(TierSet::EMPTY));
    let (_, slot) = read(&mut engine, &metadata(), 100);
    let (held, _) = engine.held(slot).expect("it is handed out");
    engine.unshare(held);
    let (asked, another) = read(&mut engine, &metadata(), 100);
    assert_eq!(asked, cold_read());
    let (next, _) = engine.held(another).expect("it is handed out");
    for reader in [held, next] {
        engine.leave(reader);
    }
    assert!(engine.is_idle());
}
