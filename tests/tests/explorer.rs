//! The engine keeps its promises in every interleaving of small scripts, and the explorer notices when it does not.

use std::fmt::Write;

use expect_test::expect;
use tiered_storage_core::{
    Condition, ETag, Scope, Tier, WriteId,
    config::{Config, Mutant, Promotion},
    engine::Call,
    tier::TierSet,
};
use tiered_storage_tests::explorer::{
    Event, Script, delete, delete_if, expiring, explore, get, invalidate, key, set, set_if, told,
    touch, version,
};

fn eager() -> Config {
    let mut config = Config::new(TierSet::ALL);
    config.promotion = Promotion::Eager;
    config
}

fn script(name: &'static str, events: Vec<Event>) -> Script {
    let held = vec![(Tier::Cold, version("a", 1))];
    Script {
        name,
        config: eager(),
        held,
        events,
        faults: 1,
        abandons: 0,
        refusals: 0,
        opens: false,
    }
}

fn everywhere(script: Script) -> Script {
    let held = Tier::ALL.map(|tier| (tier, version("a", 1))).to_vec();
    Script { held, ..script }
}

fn expired_everywhere(script: Script) -> Script {
    let held = Tier::ALL.map(|tier| (tier, expiring("a", 1, 500))).to_vec();
    Script { held, ..script }
}

fn scripts() -> Vec<Script> {
    let clear = || Event::Call(Call::Clear(TierSet::ALL));
    let upper = || Event::Call(Call::Invalidate("".into(), TierSet::UPPER));
    let part = || Event::Call(Call::Part(key("a")));
    let keeping = |mut script: Script| {
        script.config.part_bytes = Some(1 << 20);
        script
    };
    let opened = |script: Script| Script { opens: true, ..script };
    let tag = |id| ETag::new(format!("{:?}-0", Some(WriteId(id))));
    let (first, second) = (|| Condition::Version(tag(1)), || Condition::Version(tag(2)));
    let head = || Event::Call(Call::Head(key("a")));
    let cold_only = |id| Event::Call(Call::Set(version("a", id), TierSet::from(Tier::Cold)));
    let abandoned = |script: Script| Script { faults: 0, abandons: 1, ..script };
    let renewed = expiring("a", 2, 9_000);
    let overtaken = |name, events| {
        let mut script = script(name, events);
        script.config.revalidate_after_ms = Some(100);
        script.held = vec![
            (Tier::Hot, version("a", 1)),
            (Tier::Warm, version("a", 1)),
            (Tier::Cold, version("a", 2)),
        ];
        script
    };
    let gone = |script: Script| {
        let held = script.held.iter().filter(|(tier, _)| *tier != Tier::Cold).cloned().collect();
        Script { held, ..script }
    };
    let old_hot = Script {
        held: vec![(Tier::Hot, expiring("a", 1, 1_500)), (Tier::Cold, expiring("a", 1, 1_500))],
        ..script(
            "an expired hot copy, renewed elsewhere",
            vec![get("a"), Event::Elsewhere(renewed), Event::Later(1_000), get("a")],
        )
    };
    // Of the tiers above, only hot is this instance's own; warm is in line before it is told.
    let beside = |script: Script| {
        let mut script = Script { held: vec![(Tier::Hot, version("a", 1))], ..script };
        script.held.push((Tier::Cold, version("a", 1)));
        script.config.tiers = TierSet::from(Tier::Hot).with(Tier::Cold);
        for event in &mut script.events {
            if let Event::Call(Call::Set(_, targets)) = event {
                *targets = script.config.tiers;
            }
        }
        script
    };
    let refused = |script: Script| Script { faults: 0, refusals: 2, ..script };
    let neighbour = |id| Event::Neighbour(version("a", id));
    let one = || told(Scope::Key(key("a")));
    let all = || told(Scope::Prefix("".into()));
    vec![
        script("get | set", vec![get("a"), set("a", 2)]),
        script("get | set | get", vec![get("a"), set("a", 2), get("a")]),
        everywhere(script("set | set | get", vec![set("a", 2), set("a", 3), get("a")])),
        everywhere(script("set cold only | get | get", vec![cold_only(2), get("a"), get("a")])),
        script("get | delete | get", vec![get("a"), delete("a"), get("a")]),
        everywhere(script("delete | set | get", vec![delete("a"), set("a", 2), get("a")])),
        script("get | invalidate | get", vec![get("a"), invalidate(""), get("a")]),
        everywhere(script(
            "get b | invalidate | set",
            vec![get("b"), invalidate("a"), set("a", 2)],
        )),
        everywhere(script(
            "invalidate | invalidate | get",
            vec![invalidate(""), invalidate("a"), get("a")],
        )),
        script("get | invalidate upper | get", vec![get("a"), upper(), get("a")]),
        script("get | clear | get", vec![get("a"), clear(), get("a")]),
        everywhere(script("clear | set | get", vec![clear(), set("a", 2), get("a")])),
        expired_everywhere(script(
            "expired get | set | get",
            vec![get("a"), set("a", 2), get("a")],
        )),
        expired_everywhere(script("expired get | head | get", vec![get("a"), head(), get("a")])),
        old_hot,
        everywhere(script("touch | set | get", vec![touch("a", 9_000), set("a", 2), get("a")])),
        everywhere(script("get | touch | get", vec![get("a"), touch("a", 9_000), get("a")])),
        overtaken("overtaken copies, get | get", vec![get("a"), get("a")]),
        overtaken("overtaken copies, get | set | get", vec![get("a"), set("a", 3), get("a")]),
        overtaken("overtaken copies, get | head | delete", vec![get("a"), head(), delete("a")]),
        gone(overtaken("copies of what is gone, get | get", vec![get("a"), get("a")])),
        script("get | set | set | get", vec![get("a"), set("a", 2), set("a", 3), get("a")]),
        opened(script("open get | set | get", vec![get("a"), set("a", 2), get("a")])),
        opened(script("open get | get | delete", vec![get("a"), get("a"), delete("a")])),
        opened(script("open get | invalidate | get", vec![get("a"), invalidate(""), get("a")])),
        opened(overtaken("overtaken copies, open get | get", vec![get("a"), get("a")])),
        abandoned(opened(script(
            "open get | get | set, one given up",
            vec![get("a"), get("a"), set("a", 2)],
        ))),
        everywhere(script(
            "set if absent | get | set if version",
            vec![set_if("a", 2, Condition::Absent), get("a"), set_if("a", 3, second())],
        )),
        everywhere(script(
            "set elsewhere | set if version | get",
            vec![Event::Elsewhere(version("a", 2)), set_if("a", 3, first()), get("a")],
        )),
        everywhere(script(
            "delete if version | get | set",
            vec![delete_if("a", tag(1)), get("a"), set("a", 2)],
        )),
        everywhere(script(
            "set elsewhere | delete if version | get",
            vec![Event::Elsewhere(version("a", 2)), delete_if("a", tag(1)), get("a")],
        )),
        expired_everywhere(script(
            "set if absent over what expired | get",
            vec![set_if("a", 2, Condition::Absent), get("a")],
        )),
        keeping(script("kept part | set | part", vec![part(), set("a", 2), part()])),
        keeping(script("kept part | get | delete", vec![part(), get("a"), delete("a")])),
        script("part | set | get", vec![part(), set("a", 2), get("a")]),
        script("three readers of one flight", vec![get("a"), get("a"), get("a")]),
        abandoned(script(
            "three readers, one gives up | set",
            vec![get("a"), get("a"), get("a"), set("a", 2)],
        )),
        abandoned(everywhere(script(
            "set given up | get | set",
            vec![set("a", 2), get("a"), set("a", 3)],
        ))),
        abandoned(everywhere(script(
            "delete given up | get | set",
            vec![delete("a"), get("a"), set("a", 2)],
        ))),
        abandoned(everywhere(script(
            "invalidate given up | set | get",
            vec![invalidate(""), set("a", 2), get("a")],
        ))),
        beside(script("neighbour | told | get", vec![neighbour(2), one(), get("a")])),
        beside(script(
            "get | neighbour | told | get",
            vec![get("a"), neighbour(2), one(), get("a")],
        )),
        beside(script(
            "set | neighbour | told | get",
            vec![set("a", 2), neighbour(3), one(), get("a")],
        )),
        beside(script(
            "delete | neighbour | told of all | get",
            vec![delete("a"), neighbour(2), all(), get("a")],
        )),
        beside(script(
            "neighbour | told | told | set | get",
            vec![neighbour(2), one(), all(), set("a", 3), get("a")],
        )),
        opened(beside(script(
            "open get | neighbour | told | get",
            vec![get("a"), neighbour(2), one(), get("a")],
        ))),
        refused(script("get | set | get, some kept back", vec![get("a"), set("a", 2), get("a")])),
        refused(script(
            "get | get | delete, some kept back",
            vec![get("a"), get("a"), delete("a")],
        )),
        abandoned(everywhere(script(
            "touch given up | set | get",
            vec![touch("a", 9_000), set("a", 2), get("a")],
        ))),
    ]
}

#[test]
fn every_interleaving_keeps_every_promise() {
    let mut table = String::new();
    for script in scripts() {
        let report = explore(&script);
        if let Some(lines) = report.violation {
            panic!("{}\n{}", script.name, lines.join("\n"));
        }
        writeln!(table, "{:<40} {:>7} states {:>4} ends", script.name, report.states, report.ends)
            .expect("a String takes every write");
    }
    expect![[r#"
        get | set                                    480 states   12 ends
        get | set | get                             6152 states   17 ends
        set | set | get                             1333 states   10 ends
        set cold only | get | get                   2021 states   13 ends
        get | delete | get                          4293 states   14 ends
        delete | set | get                          2544 states    9 ends
        get | invalidate | get                      8557 states   16 ends
        get b | invalidate | set                    2057 states    7 ends
        invalidate | invalidate | get               2458 states    6 ends
        get | invalidate upper | get                3314 states   18 ends
        get | clear | get                           4557 states   14 ends
        clear | set | get                           2625 states   12 ends
        expired get | set | get                     9969 states   16 ends
        expired get | head | get                   15305 states    9 ends
        an expired hot copy, renewed elsewhere       503 states   10 ends
        touch | set | get                           1497 states   10 ends
        get | touch | get                           1949 states   10 ends
        overtaken copies, get | get                  340 states    6 ends
        overtaken copies, get | set | get           8306 states   27 ends
        overtaken copies, get | head | delete      14717 states   14 ends
        copies of what is gone, get | get            263 states    7 ends
        get | set | set | get                      25816 states   19 ends
        open get | set | get                       14281 states   53 ends
        open get | get | delete                     5692 states   65 ends
        open get | invalidate | get                15611 states   30 ends
        overtaken copies, open get | get            1297 states   38 ends
        open get | get | set, one given up          3486 states   63 ends
        set if absent | get | set if version        1455 states   12 ends
        set elsewhere | set if version | get         303 states   10 ends
        delete if version | get | set               2983 states    8 ends
        set elsewhere | delete if version | get      279 states   11 ends
        set if absent over what expired | get        697 states    9 ends
        kept part | set | part                      6010 states   16 ends
        kept part | get | delete                    5279 states   19 ends
        part | set | get                            5037 states    9 ends
        three readers of one flight                 1181 states    6 ends
        three readers, one gives up | set           2267 states   13 ends
        set given up | get | set                    1099 states   10 ends
        delete given up | get | set                 2108 states    8 ends
        invalidate given up | set | get             2357 states    9 ends
        neighbour | told | get                        61 states    7 ends
        get | neighbour | told | get                 488 states    9 ends
        set | neighbour | told | get                 514 states   20 ends
        delete | neighbour | told of all | get       477 states   11 ends
        neighbour | told | told | set | get         1026 states    6 ends
        open get | neighbour | told | get            960 states   22 ends
        get | set | get, some kept back             3281 states    6 ends
        get | get | delete, some kept back          1596 states    8 ends
        touch given up | set | get                  1312 states   11 ends
    "#]]
    .assert_eq(&table);
}

/// Each defect is one that a library of this kind has shipped.
#[test]
fn every_mutant_is_caught() {
    let mut table = String::new();
    for mutant in [
        Mutant::NoEpochCheck,
        Mutant::NoDistrust,
        Mutant::PromoteOverlapped,
        Mutant::ColdFailureIgnored,
        Mutant::NoBarrier,
        Mutant::ReadEchoed,
        Mutant::JoinOldFlight,
    ] {
        let caught = scripts().into_iter().find_map(|mut script| {
            script.config.mutant = Some(mutant);
            Some((script.name, explore(&script).violation?.pop()?))
        });
        let (name, broken) = caught.unwrap_or_else(|| panic!("no script catches {mutant:?}"));
        writeln!(table, "{mutant:?} in {name:?}: {broken}").expect("a String takes every write");
    }
    expect![[r#"
        NoEpochCheck in "get | set": VIOLATION all is quiet, and warm holds a=Some(w1) where cold has Some(w2)
        NoDistrust in "set cold only | get | get": VIOLATION all is quiet, and warm holds a=Some(w1) where cold has Some(w2)
        PromoteOverlapped in "get | set": VIOLATION all is quiet, and warm holds a=Some(w1) where cold has Some(w2)
        ColdFailureIgnored in "get | set": VIOLATION all is quiet, and hot holds a=Some(w1) where cold has Some(w2)
        NoBarrier in "get | invalidate | get": VIOLATION all is quiet, and hot holds a=Some(w1) where cold has None
        ReadEchoed in "neighbour | told | get": VIOLATION a was read as Some(w1), older than what a call that had returned left
        JoinOldFlight in "get | set | get": VIOLATION a was read as Some(w1), older than what a call that had returned left
    "#]].assert_eq(&table);
}
