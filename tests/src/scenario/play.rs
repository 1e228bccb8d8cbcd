//! One scenario, step by step.

use std::{
    cell::Cell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde_json::Value as Json;
use tiered_storage::{Error, Key, Tier, conformance::FaultTier, host::Host as _};

use super::{
    answer::Answer,
    calls::ApiCall,
    expect::{Expect, Mismatch},
    fields::{Malformed, Parsed, malformed},
    form::{Action, How, Scenario, Step},
    instance::{self, Given, Instance},
    machine::{Machine, Pending},
    stage::{Place, Site, Stage},
};

/// How a scenario ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Passed,
    /// The step, counted from 1 (0 before the first), and what was wrong.
    Failed(usize, Mismatch),
    /// The runner could not run it.
    Unusable(Malformed),
}

/// Why a step ended the scenario.
enum Stop {
    Mismatch(Mismatch),
    Malformed(Malformed),
}

impl From<Mismatch> for Stop {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Runs `scenario` to its end.
pub(super) fn play(scenario: &Scenario, site: &mut Site) -> Ending {
    let at = Cell::new(0);
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut play = Play::new(scenario, site)?;
        for step in &scenario.steps {
            at.set(at.get() + 1);
            play.step(step)?;
        }
        play.end()
    }));
    match played {
        Ok(Ok(())) => Ending::Passed,
        Ok(Err(Stop::Mismatch(mismatch))) => Ending::Failed(at.get(), mismatch),
        Ok(Err(Stop::Malformed(malformed))) => {
            Ending::Unusable(malformed.within(&format!("step {}", at.get())))
        }
        Err(_) => Ending::Failed(at.get(), Mismatch::new("no panic", "one, told on stderr")),
    }
}

struct Play<'a> {
    scenario: &'a Scenario,
    stage: Stage<'a>,
    instances: BTreeMap<String, Instance>,
    /// The last export, as JSON text.
    snapshot: Option<String>,
    started: BTreeMap<String, Handle>,
    // Last, so that what runs on it is gone first.
    machine: Machine,
}

/// A step that was begun.
enum Handle {
    One { given: Pending<Given>, expect: Option<Expect>, keeps_snapshot: bool },
    All(Vec<Self>),
}

impl Handle {
    fn is_done(&self) -> bool {
        match self {
            Self::One { given, .. } => given.is_done(),
            Self::All(handles) => handles.iter().all(Self::is_done),
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::One { expect: Some(expect), .. } => expect.to_string(),
            _ => "an end".to_owned(),
        }
    }
}

impl<'a> Play<'a> {
    fn new(scenario: &'a Scenario, site: &'a mut Site) -> Result<Self, Stop> {
        let machine = match Machine::new(site.host()) {
            Ok(machine) => machine,
            Err(error) => return Err(Malformed(format!("no runtime: {error}")).into()),
        };
        let guard = machine.enter();
        let stage = Stage::new(site, &scenario.config).map_err(not_open)?;
        drop(guard);
        let instances = BTreeMap::new();
        let started = BTreeMap::new();
        let mut play = Self { scenario, stage, instances, snapshot: None, started, machine };
        play.instance("A")?;
        Ok(play)
    }

    /// Checks what was started and never finished, as far as it has ended.
    fn end(mut self) -> Result<(), Stop> {
        self.machine.rest();
        for handle in std::mem::take(&mut self.started).into_values() {
            if handle.is_done() {
                self.check(&handle, None)?;
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        let handle = self.begin(step)?;
        self.finish(&handle, None)
    }

    /// Begins a call; does at once what is not a call.
    fn begin(&mut self, step: &Step) -> Result<Handle, Stop> {
        let given = match &step.action {
            Action::Call(call) => return self.begin_call(step, call),
            Action::Tier(tier, call) => {
                let tier = self.instance(&step.instance)?.place(*tier).seat.tier();
                let now = self.machine.clock.now();
                let given = self.machine.begin(instance::tier_call(tier, call.clone(), now));
                let expect = step.expect.clone();
                return Ok(Handle::One { given, expect, keeps_snapshot: false });
            }
            Action::All(steps) => {
                let handles = steps.iter().map(|step| self.begin(step));
                return Ok(Handle::All(handles.collect::<Result<_, _>>()?));
            }
            Action::Start(id, inner) => {
                let handle = self.begin(inner)?;
                self.machine.stall(|| handle.is_done());
                self.started.insert(id.clone(), handle);
                Ok(Answer::NOTHING)
            }
            Action::Finish(id) => {
                let handle = self.started.remove(id).expect("the file was checked to start it");
                self.finish(&handle, step.expect.as_ref())?;
                return Ok(Handle::All(Vec::new()));
            }
            other => self.control(&step.instance, other)?,
        };
        if let Some(expect) = &step.expect {
            expect.check(&given)?;
        } else if let Err(error) = given {
            return Err(Mismatch::new("no failure", error.to_string()).into());
        }
        Ok(Handle::All(Vec::new()))
    }

    fn begin_call(&mut self, step: &Step, call: &ApiCall) -> Result<Handle, Stop> {
        let snapshot = match call {
            ApiCall::Import(change) => Some(self.imported(change.as_ref())?),
            _ => None,
        };
        let storage = self.instance(&step.instance)?.storage.clone();
        let given = self.machine.begin(instance::call(storage, call.clone(), snapshot));
        let keeps_snapshot = matches!(call, ApiCall::Export);
        Ok(Handle::One { given, expect: step.expect.clone(), keeps_snapshot })
    }

    /// The snapshot that an import reads: the kept one, with the changes that the step makes to it.
    fn imported(&self, change: Option<&Json>) -> Parsed<String> {
        let kept = self.snapshot.as_deref();
        let is_whole = |json: &Json| {
            ["version", "keys", "metadata"].iter().all(|name| json.get(name).is_some())
        };
        match (change, kept) {
            (None, Some(kept)) => Ok(kept.to_owned()),
            (Some(change), Some(kept)) if !is_whole(change) => {
                let mut snapshot: Json =
                    serde_json::from_str(kept).expect("what was written as JSON can be read");
                merge(&mut snapshot, change);
                Ok(snapshot.to_string())
            }
            (Some(change), _) => Ok(change.to_string()),
            (None, None) => malformed("nothing was exported that could be imported"),
        }
    }

    fn control(&mut self, instance: &str, action: &Action) -> Result<Given, Stop> {
        let fault = |play: &mut Self, tier: Tier| -> Result<Arc<FaultTier>, Stop> {
            Ok(play.instance(instance)?.place(tier).fault.clone())
        };
        match action {
            Action::Advance(ms) => self.machine.advance(*ms),
            Action::Restart => return self.restart(instance),
            Action::Damage { tier, key, how } => return self.damage(instance, *tier, key, *how),
            Action::Fault { tier, call, times, when, kind } => {
                fault(self, *tier)?.fail(*call, *times, *when, *kind);
            }
            Action::Calls { tier, call } => {
                return Ok(Ok(Answer::json(fault(self, *tier)?.take_calls(*call))));
            }
            Action::Hold(tier, call) => fault(self, *tier)?.hold(*call),
            Action::Release(tier, call) => {
                if !fault(self, *tier)?.release(*call) {
                    let expected = format!("a hold of {tier} {call} to release");
                    return Err(Mismatch::new(expected, "none").into());
                }
                self.machine.rest();
            }
            _ => unreachable!("a call is begun"),
        }
        Ok(Ok(Answer::NOTHING))
    }

    fn restart(&mut self, name: &str) -> Result<Given, Stop> {
        let storage = self.instance(name)?.storage.clone();
        let given =
            self.machine.begin(async move { storage.close().await.map(|()| Answer::NOTHING) });
        let handle = Handle::One { given, expect: None, keeps_snapshot: false };
        self.finish(&handle, None)?;
        let Instance { places, storage } =
            self.instances.remove(name).expect("it was just asked for");
        drop(storage);
        self.machine.rest();
        let guard = self.machine.enter();
        let reopened = self.stage.reopen(name, &places);
        drop(guard);
        if let Err(error) = reopened {
            return Ok(Err(error));
        }
        self.open(name, places)?;
        Ok(Ok(Answer::NOTHING))
    }

    fn damage(&mut self, name: &str, tier: Tier, key: &str, how: How) -> Result<Given, Stop> {
        let place = self.instance(name)?.place(tier).clone();
        let key = match Key::new(key) {
            Ok(key) => key,
            Err(error) => return Ok(Err(error)),
        };
        let damaged = self.stage.damage((tier, name), &place, &key, how);
        match self.machine.block_on(damaged) {
            Ok(true) => Ok(Ok(Answer::NOTHING)),
            Err(error) => Ok(Err(error)),
            Ok(false) => {
                Err(Mismatch::new(format!("{key:?} in {tier}, to damage it"), "no entry").into())
            }
        }
    }

    /// Waits for what was begun, and compares.
    fn finish(&mut self, handle: &Handle, expect: Option<&Expect>) -> Result<(), Stop> {
        let held = || -> Vec<String> { self.instances.values().flat_map(Instance::held).collect() };
        if !self.machine.wait(|| handle.is_done(), || !held().is_empty()) {
            let expected = expect.map_or_else(|| handle.expected(), ToString::to_string);
            let mut held = held();
            held.dedup();
            let why = match held.len() {
                0 => "it waits for something that does not come".to_owned(),
                _ => format!("it waits for what nobody releases: {}", held.join(", ")),
            };
            return Err(Mismatch::new(expected, format!("no end: {why}")).into());
        }
        self.check(handle, expect)
    }

    fn check(&mut self, handle: &Handle, expect: Option<&Expect>) -> Result<(), Stop> {
        match handle {
            Handle::All(handles) => handles.iter().enumerate().try_for_each(|(at, handle)| {
                self.check(handle, None).map_err(|stop| match stop {
                    Stop::Mismatch(Mismatch { expected, got }) => Stop::Mismatch(Mismatch {
                        expected: format!("(its step {}) {expected}", at + 1),
                        got,
                    }),
                    stop @ Stop::Malformed(_) => stop,
                })
            }),
            Handle::One { given, expect: own, keeps_snapshot } => {
                let given = given.take().expect("what is checked has ended");
                if let (true, Ok(answer)) = (keeps_snapshot, &given) {
                    self.snapshot = Some(answer.to_json().to_string());
                }
                let expects: Vec<&Expect> = own.iter().chain(expect).collect();
                if let (true, Err(error)) = (expects.is_empty(), &given) {
                    return Err(Mismatch::new("no failure", error.to_string()).into());
                }
                Ok(expects.into_iter().try_for_each(|expect| expect.check(&given))?)
            }
        }
    }

    /// An instance, opened when it is first named.
    fn instance(&mut self, name: &str) -> Result<&Instance, Stop> {
        if !self.instances.contains_key(name) {
            let guard = self.machine.enter();
            let places = self.stage.places(name).map_err(not_open)?;
            drop(guard);
            self.open(name, places)?;
        }
        Ok(&self.instances[name])
    }

    fn open(&mut self, name: &str, places: [Option<Place>; 3]) -> Result<(), Stop> {
        let (config, clock) = (self.scenario.config.clone(), self.machine.clock.clone());
        let opened = self.machine.complete(Instance::open(config, places, clock));
        let instance = opened.ok_or_else(|| Mismatch::new("the storage to open", "no end"))?;
        self.instances.insert(name.to_owned(), instance.map_err(not_open)?);
        Ok(())
    }
}

fn not_open(error: Error) -> Stop {
    Mismatch::new("the storage to open", error.to_string()).into()
}

/// Puts the fields of `change` into `json`, as RFC 7386 has it.
fn merge(json: &mut Json, change: &Json) {
    let (Json::Object(fields), Json::Object(changes)) = (&mut *json, change) else {
        *json = change.clone();
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Json::Null), change);
        }
    }
}
