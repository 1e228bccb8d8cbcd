//! The form of a scenario file.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value as Json;
use tiered_storage::{
    ErrorKind, Tier, TierSet,
    conformance::{Call, When},
};

use super::{
    args::Host,
    calls::{ApiCall, TierCall, api_call, tier_call},
    config::{self, Config},
    expect::{Expect, Shape},
    fields::{Fields, Malformed, Parsed, choose, malformed, whole},
};

/// A scenario, read as a whole.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    /// The only hosts that it runs on, if it names any.
    hosts: Option<Vec<String>>,
    pub(super) config: Config,
    pub(super) steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    /// The instance that it is for.
    pub(super) instance: String,
    pub(super) expect: Option<Expect>,
}

/// What to do.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Call(ApiCall),
    Tier(Tier, TierCall),
    All(Vec<Step>),
    Advance(u64),
    Restart,
    Damage { tier: Tier, key: String, how: How },
    Fault { tier: Tier, call: Call, times: u64, when: When, kind: ErrorKind },
    Calls { tier: Tier, call: Call },
    Hold(Tier, Call),
    Release(Tier, Call),
    Start(String, Box<Step>),
    Finish(String),
}

/// What becomes of a stored body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Flip,
    Truncate,
    Extend,
}

const TIER_CALLS: [(&str, Call); 6] = [
    ("read", Call::Read),
    ("write", Call::Write),
    ("patch", Call::Patch),
    ("remove", Call::Remove),
    ("list", Call::List),
    ("head", Call::Head),
];
const ERRORS: [(&str, ErrorKind); 5] = [
    ("unavailable", ErrorKind::Unavailable),
    ("denied", ErrorKind::Denied),
    ("conflict", ErrorKind::Conflict),
    ("corrupt", ErrorKind::Corrupt),
    ("full", ErrorKind::Full),
];
const WHENS: [(&str, When); 2] = [("before", When::Before), ("after", When::After)];
pub(super) const HOWS: [(&str, How); 3] =
    [("flip", How::Flip), ("truncate", How::Truncate), ("extend", How::Extend)];

impl Scenario {
    /// Reads the text of a file. The name of one that has none is that of its file.
    pub(super) fn parse(path: &Path, text: &str) -> Parsed<Self> {
        let json: Json = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) => return malformed(format!("it is not JSON: {error}")),
        };
        let fields = Fields::new("a scenario", &json)?;
        fields.comments();
        let stem = || path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let name = fields.text("name")?.map_or_else(stem, str::to_owned);
        let hosts = fields.list("hosts")?.map(hosts).transpose()?;
        let config = match fields.given("config") {
            Some(json) => Config::parse(json)?,
            None => Config { tiers: TierSet::ALL, ..Config::default() },
        };
        let steps = fields.list("steps")?.unwrap_or_default();
        if steps.is_empty() {
            return malformed("it has no steps");
        }
        let mut reader = Reader { tiers: config.tiers, started: BTreeMap::new() };
        let read = |(at, json)| {
            let step = reader.step(json, "A");
            step.map_err(|error: Malformed| error.within(&format!("step {}", at + 1)))
        };
        let steps = steps.iter().enumerate().map(read).collect::<Parsed<_>>()?;
        fields.end()?;
        Ok(Self { name: one_line(&name), hosts, config, steps })
    }

    pub(super) fn runs_on(&self, host: Host) -> bool {
        self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|name| name == host.as_str()))
    }

    /// Refuses what `host` cannot do.
    pub(super) fn check(&self, host: Host) -> Parsed<()> {
        if host == Host::Memory {
            return Ok(());
        }
        if self.config.limits[Tier::Cold as usize] != config::Limits::default() {
            return malformed(
                "config limits the cold tier, which S3 cannot; name the hosts that can",
            );
        }
        if self.config.limits[Tier::Warm as usize].policy.is_some() {
            return malformed(
                "config chooses how warm evicts, which the disk tier does not leave open",
            );
        }
        Ok(())
    }
}

fn hosts(names: &[Json]) -> Parsed<Vec<String>> {
    let host = |json: &Json| match json.as_str() {
        Some(name) if Host::NAMES.contains(&name) => Ok(name.to_owned()),
        _ => malformed(format!("{json} is not a host; there are {}", Host::NAMES.join(", "))),
    };
    names.iter().map(host).collect()
}

/// Reads steps one after the other.
struct Reader {
    tiers: TierSet,
    /// How what each started step gives is to be read, until it is finished.
    started: BTreeMap<String, Option<Shape>>,
}

impl Reader {
    fn step(&mut self, json: &Json, instance: &str) -> Parsed<Step> {
        let fields = Fields::new("a step", json)?;
        let kind = fields.needed_text("do")?;
        let result = self.known_step(kind, json, instance);
        result.map_err(|error| {
            if error.0.starts_with("there is no step") { error } else { error.within(kind) }
        })
    }

    fn known_step(&mut self, kind: &str, json: &Json, instance: &str) -> Parsed<Step> {
        let fields = Fields::new("the step", json)?;
        fields.comments();
        fields.json("do");
        let instance = fields.text("as")?.unwrap_or(instance).to_owned();
        let expect = fields.json("expect");
        let mut shape = Some(Shape::Json);
        let action = match kind {
            "start" => {
                let id = fields.needed_text("id")?.to_owned();
                let step = self.step(fields.needed("step")?, &instance)?;
                if !matches!(step.action, Action::Call(_) | Action::Tier(..) | Action::All(_)) {
                    return malformed("only a call can be started");
                }
                if self.started.insert(id.clone(), shape_of(&step.action)).is_some() {
                    return malformed(format!("{id:?} was started before and is not finished"));
                }
                shape = None;
                Action::Start(id, Box::new(step))
            }
            "finish" => {
                let id = fields.needed_text("id")?.to_owned();
                let Some(started) = self.started.remove(&id) else {
                    return malformed(format!("{id:?} was not started"));
                };
                shape = started;
                Action::Finish(id)
            }
            "all" => {
                let steps = fields.list("steps")?.unwrap_or_default();
                let read = |json| self.step(json, &instance);
                let steps: Vec<Step> = steps.iter().map(read).collect::<Parsed<_>>()?;
                shape = None;
                Action::All(steps)
            }
            "tier" => {
                let tier = self.tier(&fields)?;
                Action::Tier(tier, tier_call(&fields)?)
            }
            "advance" | "restart" | "damage" | "fault" | "calls" | "hold" | "release" => {
                self.control(kind, &fields)?
            }
            _ => Action::Call(api_call(kind, &fields)?),
        };
        if let Action::Call(_) | Action::Tier(..) = &action {
            shape = shape_of(&action);
        }
        let expect = match (expect, shape) {
            (None, _) if kind == "calls" => return malformed("the step needs \"expect\""),
            (None, _) => None,
            (Some(json), _) if kind == "calls" && whole(json).is_none() => {
                return malformed(format!("\"expect\" is to be a whole number, and is {json}"));
            }
            (Some(_), None) => return malformed("\"expect\" belongs to the steps inside it"),
            (Some(json), Some(shape)) => Some(Expect::parse(json, shape)?),
        };
        fields.end()?;
        Ok(Step { action, instance, expect })
    }

    fn control(&self, kind: &str, fields: &Fields<'_>) -> Parsed<Action> {
        let at = || Ok((self.tier(fields)?, tier_call_kind(fields)?));
        Ok(match kind {
            "advance" => Action::Advance(fields.needed_count("ms")?),
            "restart" => Action::Restart,
            "damage" => Action::Damage {
                tier: self.tier(fields)?,
                key: fields.needed_text("key")?.to_owned(),
                how: choose(fields.needed_text("how")?, &HOWS)
                    .map_err(|error| error.within("how"))?,
            },
            "fault" => {
                let (tier, call) = at()?;
                Action::Fault {
                    tier,
                    call,
                    times: fields.count("times")?.unwrap_or(1),
                    when: fields.choice("when", &WHENS)?.unwrap_or(When::Before),
                    kind: fields.choice("error", &ERRORS)?.unwrap_or(ErrorKind::Unavailable),
                }
            }
            "calls" => at().map(|(tier, call)| Action::Calls { tier, call })?,
            "hold" => at().map(|(tier, call)| Action::Hold(tier, call))?,
            _ => at().map(|(tier, call)| Action::Release(tier, call))?,
        })
    }

    fn tier(&self, fields: &Fields<'_>) -> Parsed<Tier> {
        let tier = config::tier(fields.needed("tier")?)?;
        if !self.tiers.contains(tier) {
            return malformed(format!("config has no {tier} tier"));
        }
        Ok(tier)
    }
}

/// How what a step gives is to be read; `None` for one that gives nothing itself.
fn shape_of(action: &Action) -> Option<Shape> {
    Some(match action {
        Action::Call(ApiCall::Get(_) | ApiCall::Range(..)) | Action::Tier(_, TierCall::Get(_)) => {
            Shape::Entry
        }
        Action::Call(ApiCall::Set { .. }) => Shape::Written,
        Action::Call(ApiCall::Keys(_)) | Action::Tier(_, TierCall::Keys(_)) => Shape::Set,
        Action::All(_) => return None,
        _ => Shape::Json,
    })
}

fn tier_call_kind(fields: &Fields<'_>) -> Parsed<Call> {
    choose(fields.needed_text("call")?, &TIER_CALLS).map_err(|error| error.within("call"))
}

/// A name must not break the line that it stands on.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
