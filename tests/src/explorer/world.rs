//! One state of everything, and what can happen next.

mod effects;

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    rc::Rc,
};

use tiered_storage_core::{
    Key, Metadata, Tier, Timestamp, WriteId,
    config::Config,
    engine::{Action, Call, Engine, OpId, Outcome, Reply, SlotId, Step, Ticket},
};

use super::{Event, Script};

#[derive(Clone)]
pub(super) struct World {
    config: Rc<Config>,
    engine: Engine,
    now: Timestamp,
    tiers: BTreeMap<(Tier, Key), Metadata>,
    slots: BTreeMap<SlotId, Metadata>,
    at: usize,
    calls: BTreeMap<OpId, Begun>,
    flights: BTreeMap<OpId, Flight>,
    /// What cold held, one state after the other.
    history: BTreeMap<Key, Vec<State>>,
    /// From which of these states on a read that begins now may answer.
    floor: BTreeMap<Key, usize>,
    /// Those who read a body that comes piece by piece: what hands it out.
    readers: Vec<OpId>,
    opens: bool,
    faults: u8,
    abandons: u8,
    refusals: u8,
    /// What another process wrote: upper copies may be older, but cold keeps it.
    elsewhere: Option<Metadata>,
    /// Whether a neighbour has not said yet what it wrote.
    is_untold: bool,
    has_failed: bool,
    broken: Option<String>,
    trace: Option<Rc<Line>>,
}

/// What cold holds of a key: a version and its expiry, or nothing.
type State = Option<(Option<WriteId>, Option<Timestamp>)>;

/// A call that has no reply yet.
#[derive(Clone, Hash)]
struct Begun {
    call: Option<Call>,
    floor: BTreeMap<Key, usize>,
    since: Timestamp,
    /// The last state of cold that it brought about, by key.
    effects: BTreeMap<Key, usize>,
}

/// An action that was given out.
#[derive(Clone, Hash)]
struct Flight {
    ticket: Ticket,
    action: Action,
    slot: SlotId,
    /// How it ended, once it took effect.
    outcome: Option<Outcome>,
    found: Option<Metadata>,
}

struct Line {
    text: String,
    before: Option<Rc<Self>>,
}

/// Where an action fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Before,
    After,
}

impl World {
    pub(super) fn new(script: &Script) -> Self {
        let mut world = Self {
            config: Rc::new(script.config.clone()),
            engine: Engine::new(script.config.clone()),
            now: Timestamp::from_millis(1_000),
            tiers: BTreeMap::new(),
            slots: BTreeMap::new(),
            at: 0,
            calls: BTreeMap::new(),
            flights: BTreeMap::new(),
            history: BTreeMap::new(),
            floor: BTreeMap::new(),
            readers: Vec::new(),
            opens: script.opens,
            faults: script.faults,
            abandons: script.abandons,
            refusals: script.refusals,
            elsewhere: None,
            is_untold: false,
            has_failed: false,
            broken: None,
            trace: None,
        };
        for (tier, metadata) in &script.held {
            world.store(*tier, metadata.clone());
        }
        world.floor =
            world.history.iter().map(|(key, states)| (key.clone(), states.len() - 1)).collect();
        world
    }

    pub(super) fn has_just_failed(&self) -> bool {
        self.has_failed
    }

    /// Every world that can follow.
    pub(super) fn branches(&self, script: &Script) -> Vec<Self> {
        let mut next = Vec::new();
        if let Some(event) = script.events.get(self.at) {
            let mut world = self.branch();
            world.at += 1;
            world.begin(event);
            next.push(world);
        }
        for (id, flight) in &self.flights {
            if flight.outcome.is_some() {
                let mut world = self.branch();
                world.see(*id);
                next.push(world);
                continue;
            }
            let faults: &[Fault] = match (self.faults, &flight.action) {
                (0, _) => &[Fault::None],
                (_, Action::Read(..) | Action::Head(..) | Action::List(..)) => {
                    &[Fault::None, Fault::Before]
                }
                _ => &[Fault::None, Fault::Before, Fault::After],
            };
            for fault in faults {
                let mut world = self.branch();
                world.take_effect(*id, *fault);
                next.push(world);
            }
        }
        if self.refusals > 0 {
            for (id, _) in self.flights.iter().filter(|(_, flight)| flight.outcome.is_none()) {
                let kept = [Engine::restart, Engine::refuse];
                next.extend(kept.iter().filter_map(|keep| self.keep_back(*id, *keep)));
            }
        }
        for at in 0..self.readers.len() {
            for is_read in [true, false] {
                let mut world = self.branch();
                world.end_reading(at, is_read);
                next.push(world);
            }
        }
        if self.abandons > 0 {
            let given_up = self.calls.iter().filter(|(_, begun)| begun.call.is_some());
            for (id, _) in given_up {
                let mut world = self.branch();
                world.give_up(*id);
                next.push(world);
            }
        }
        next.iter_mut().for_each(Self::run);
        next
    }

    /// What promise is broken, with what led to it.
    pub(super) fn violation(&self) -> Option<Vec<String>> {
        let broken = self.broken.clone().or_else(|| self.unsettled())?;
        let mut lines = vec![broken];
        let mut at = self.trace.as_ref();
        while let Some(line) = at {
            lines.push(line.text.clone());
            at = line.before.as_ref();
        }
        lines.reverse();
        Some(lines)
    }

    /// What is wrong when nothing more can happen.
    fn unsettled(&self) -> Option<String> {
        if !self.flights.is_empty() || !self.readers.is_empty() || self.is_untold {
            return None;
        }
        if let Some((id, _)) = self.calls.first_key_value() {
            return Some(format!("VIOLATION {id:?} waits, and nothing is under way"));
        }
        if !self.engine.is_idle() {
            return Some("VIOLATION the engine holds what nobody drives".into());
        }
        if let Some(elsewhere) = &self.elsewhere {
            let cold = self.tiers.get(&(Tier::Cold, elsewhere.key().clone()));
            let is_kept = cold.is_some_and(|cold| cold.is_same_version(elsewhere));
            return (!is_kept)
                .then(|| "VIOLATION what another process wrote is gone from cold".into());
        }
        let stale = self.tiers.iter().find(|((tier, key), copy)| {
            let cold = self.tiers.get(&(Tier::Cold, key.clone()));
            *tier != Tier::Cold
                && self.engine.is_trusted(key, *tier)
                && copy.is_live(self.now)
                && !self.config.is_due(copy, self.now)
                && cold.is_none_or(|cold| !cold.is_same_version(copy))
        });
        stale.map(|((tier, key), copy)| {
            let cold = self.tiers.get(&(Tier::Cold, key.clone())).and_then(Metadata::write_id);
            format!(
                "VIOLATION all is quiet, and {tier} holds {key}={:?} where cold has {cold:?}",
                copy.write_id()
            )
        })
    }

    fn branch(&self) -> Self {
        Self { has_failed: false, ..self.clone() }
    }

    fn say(&mut self, text: String) {
        self.trace = Some(Rc::new(Line { text, before: self.trace.take() }));
    }

    fn begin(&mut self, event: &Event) {
        match event {
            Event::Call(call) => {
                self.hear(call);
                let id = self.engine.start(call.clone(), self.now);
                if let (Call::Set(metadata, ..) | Call::SetIf(metadata, ..), Some(slot)) =
                    (call, self.engine.slot(id))
                {
                    self.slots.insert(slot, metadata.clone());
                }
                self.say(format!("{id:?} begins {call:?}"));
                self.adopt(id, Some(call.clone()));
            }
            Event::Elsewhere(metadata) => {
                self.say(format!("elsewhere {metadata:?} is written to cold"));
                self.store(Tier::Cold, metadata.clone());
                self.elsewhere = Some(metadata.clone());
            }
            Event::Neighbour(metadata) => {
                self.say(format!("a neighbour writes {metadata:?} to cold"));
                self.store(Tier::Cold, metadata.clone());
                self.is_untold = true;
            }
            Event::Later(ms) => {
                self.now = self.now.plus_millis(*ms);
                self.say(format!("{ms} ms pass"));
            }
        }
    }

    fn adopt(&mut self, id: OpId, call: Option<Call>) {
        let (floor, since) = (self.floor.clone(), self.now);
        self.calls.insert(id, Begun { call, floor, since, effects: BTreeMap::new() });
    }

    /// Drives everything as far as it goes without a choice.
    fn run(&mut self) {
        loop {
            while let Some(orphan) = self.engine.orphan() {
                if !self.calls.contains_key(&orphan) {
                    self.adopt(orphan, None);
                }
            }
            while self.engine.woken().is_some() {}
            let waiting: Vec<OpId> =
                self.calls.keys().filter(|id| !self.flights.contains_key(id)).copied().collect();
            let moved = waiting.into_iter().filter(|id| self.step(*id)).count();
            while let Some(slot) = self.engine.freed() {
                self.slots.remove(&slot);
            }
            if moved == 0 {
                return;
            }
        }
    }

    fn step(&mut self, id: OpId) -> bool {
        match self.engine.step(id) {
            Step::Park => false,
            Step::Do(ticket, action, slot) => {
                self.say(format!("  {id:?} issues {action:?}"));
                self.flights
                    .insert(id, Flight { ticket, action, slot, outcome: None, found: None });
                true
            }
            Step::Reply(reply, slot) => {
                self.say(format!("{id:?} replies {reply:?}"));
                let begun = self.calls.remove(&id).expect("only known operations are stepped");
                self.readers.extend(self.engine.held(slot).map(|(held, _)| held));
                self.judge(&begun, &reply, slot);
                true
            }
        }
    }

    /// Holds a reply against what its caller was promised.
    fn judge(&mut self, begun: &Begun, reply: &Reply, slot: SlotId) {
        let answer = match (&begun.call, reply) {
            (Some(Call::Get(key) | Call::Head(key)), Reply::Found(metadata, _)) => {
                if !metadata.is_live(begun.since) {
                    self.broken =
                        Some(format!("VIOLATION {key} was expired before its read began"));
                }
                let is_read = matches!(begun.call, Some(Call::Get(_)));
                if is_read
                    && self.slots.get(&slot).and_then(Metadata::write_id) != metadata.write_id()
                {
                    self.broken =
                        Some(format!("VIOLATION {key} came with the body of another write"));
                }
                Some((key, metadata.write_id()))
            }
            (Some(Call::Get(key) | Call::Head(key)), Reply::Missing) => Some((key, None)),
            _ => None,
        };
        if let Some((key, answer)) = answer {
            let floor = begun.floor.get(key).copied().unwrap_or(0);
            let history = self.history.get(key).map_or(&[][..], Vec::as_slice);
            let may_see = |state: &State| match state {
                Some((id, expiry)) => {
                    *id == answer
                        || (answer.is_none() && expiry.is_some_and(|expiry| expiry < self.now))
                }
                None => answer.is_none(),
            };
            let has_no_states = history.is_empty() && answer.is_none();
            if !has_no_states && !history.iter().skip(floor).any(may_see) {
                self.broken = Some(format!(
                    "VIOLATION {key} was read as {answer:?}, older than what a call that had returned left"
                ));
            }
        }
        for (key, state) in &begun.effects {
            let floor = self.floor.entry(key.clone()).or_insert(0);
            *floor = (*floor).max(*state);
        }
    }

    fn see(&mut self, id: OpId) {
        let flight = self.flights.remove(&id).expect("only known flights are seen");
        let outcome = flight.outcome.expect("only what took effect is seen");
        if let (Some(found), Outcome::Found(_)) = (flight.found, &outcome) {
            self.slots.insert(flight.slot, found);
        }
        self.say(format!("  {id:?} sees {outcome:?}"));
        if self.opens && matches!(flight.action, Action::Read(..)) {
            self.engine.open(&flight.ticket);
        }
        self.engine.finish(flight.ticket, outcome, self.now);
    }

    /// A reader comes to the end of a body, or goes before.
    fn end_reading(&mut self, at: usize, is_read: bool) {
        let held = self.readers.remove(at);
        self.say(format!("  a reader of {held:?} {}", if is_read { "has all" } else { "leaves" }));
        if is_read {
            self.engine.delivered(held, self.now);
        }
        self.engine.leave(held);
    }

    fn give_up(&mut self, id: OpId) {
        self.abandons -= 1;
        self.say(format!("{id:?} is given up"));
        self.flights.remove(&id);
        self.engine.lose(id, self.now);
        // What goes on without its caller comes back as an orphan.
        let begun = self.calls.remove(&id);
        while let Some(orphan) = self.engine.orphan() {
            self.adopt(orphan, None);
            if let (true, Some(begun), Some(heir)) =
                (orphan == id, &begun, self.calls.get_mut(&orphan))
            {
                heir.effects.clone_from(&begun.effects);
            }
        }
    }
}

/// The trace is how a world came about, not what it is; and the configuration never changes.
impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.engine, self.now, &self.tiers, &self.slots, self.at).hash(state);
        (&self.calls, &self.flights, &self.history, &self.floor).hash(state);
        (&self.readers, self.faults, self.abandons, self.refusals, &self.broken).hash(state);
    }
}
