//! Walks every interleaving of a small script over the engine, with three tiers that are maps of versions.
//!
//! A world holds the engine, the tiers, what is under way, and what every reader may still see. From each world the
//! walk branches on every choice there is: begin the next call, let an action take effect, let it fail before or
//! after its effect, let its end be seen, give a call up. Worlds that are equal are visited once. It stops at the
//! first world that breaks a promise and tells how it came about.

mod world;

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use tiered_storage_core::{
    Condition, ETag, Key, Metadata, Scope, Tier, TierSet, Timestamp, WriteId,
    config::Config,
    engine::{Call, Change},
};

use self::world::World;

/// What a script does, one thing after the other; what was begun goes on meanwhile.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Begin a call of a user.
    Call(Call),
    /// Another process writes to cold.
    Elsewhere(Metadata),
    /// Another instance writes to cold, and is going to say so.
    Neighbour(Metadata),
    /// Time passes.
    Later(u64),
}

/// A script to walk.
#[derive(Clone, Debug)]
pub struct Script {
    /// What it is about.
    pub name: &'static str,
    /// How the engine is set up.
    pub config: Config,
    /// What the tiers hold at first.
    pub held: Vec<(Tier, Metadata)>,
    /// What happens.
    pub events: Vec<Event>,
    /// How many actions may fail.
    pub faults: u8,
    /// How many calls may be given up.
    pub abandons: u8,
    /// How many actions may be kept back because others are at the entry.
    pub refusals: u8,
    /// Whether bodies come piece by piece.
    pub opens: bool,
}

/// What a walk saw.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many different worlds there were.
    pub states: usize,
    /// In how many of them nothing more could happen.
    pub ends: usize,
    /// How many actions failed, over all branches: a walk that injects nothing proves nothing.
    pub faults: usize,
    /// The first broken promise, with what led to it, a line each.
    pub violation: Option<Vec<String>>,
}

/// Walks all of `script`.
pub fn explore(script: &Script) -> Report {
    let mut report = Report { states: 0, ends: 0, faults: 0, violation: None };
    let mut seen = HashSet::new();
    let mut open = vec![World::new(script)];
    while let Some(world) = open.pop() {
        let mut hasher = DefaultHasher::new();
        world.hash(&mut hasher);
        if !seen.insert(hasher.finish()) {
            continue;
        }
        report.states += 1;
        report.faults += usize::from(world.has_just_failed());
        if let Some(violation) = world.violation() {
            report.violation = Some(violation);
            return report;
        }
        let next = world.branches(script);
        report.ends += usize::from(next.is_empty());
        open.extend(next);
    }
    report
}

/// The key named by one letter.
pub fn key(name: &str) -> Key {
    Key::new(name).expect("scripts use legal keys")
}

/// Version `id` of `name`, which never expires.
pub fn version(name: &str, id: u64) -> Metadata {
    Metadata::new(key(name), 1, Timestamp::from_millis(id)).with_write_id(WriteId(id))
}

/// Version `id` of `name`, which expires at `ms`.
pub fn expiring(name: &str, id: u64, ms: u64) -> Metadata {
    let mut metadata = version(name, id);
    metadata.expires_at = Some(Timestamp::from_millis(ms));
    metadata
}

/// Read `name`.
pub fn get(name: &str) -> Event {
    Event::Call(Call::Get(key(name)))
}

/// Write version `id` of `name` to all tiers.
pub fn set(name: &str, id: u64) -> Event {
    Event::Call(Call::Set(version(name, id), TierSet::ALL))
}

/// Write version `id` of `name` to all tiers, if cold holds what `condition` says.
pub fn set_if(name: &str, id: u64, condition: Condition) -> Event {
    Event::Call(Call::SetIf(version(name, id), TierSet::ALL, condition))
}

/// Remove `name`.
pub fn delete(name: &str) -> Event {
    Event::Call(Call::Remove(key(name)))
}

/// Remove `name`, if cold holds that version.
pub fn delete_if(name: &str, version: ETag) -> Event {
    Event::Call(Call::RemoveIf(key(name), version))
}

/// Invalidate a prefix in all tiers.
pub fn invalidate(prefix: &str) -> Event {
    Event::Call(Call::Invalidate(prefix.into(), TierSet::ALL))
}

/// Hear that `scope` was changed by another instance.
pub fn told(scope: Scope) -> Event {
    Event::Call(Call::Echo(scope, TierSet::from(Tier::Hot)))
}

/// Move the expiry of `name`.
pub fn touch(name: &str, ms: u64) -> Event {
    Event::Call(Call::Amend(key(name), Change::Expiry(Timestamp::from_millis(ms))))
}
