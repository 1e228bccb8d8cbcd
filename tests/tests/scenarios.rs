//! The project's scenarios pass on both hosts, and the runner says what it cannot run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const PASSING: &str = r#"{ "name": "well", "why": "", "config": {}, "steps": [ { "do": "set", "key": "k", "value": { "text": "v" } } ] }"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn runner() -> Command {
    Command::new(env!("CARGO_BIN_EXE_scenarios"))
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

/// Runs one file that says `text`.
fn run(host: &str, text: &str) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::write(folder.path().join("one.json"), text).expect("it can be written to");
    // A relative path is relative to the caller.
    let output = runner().current_dir(folder.path()).args(["--host", host, "one.json"]).output();
    output.expect("the runner starts")
}

/// A scenario of these steps.
fn scenario(steps: &str) -> String {
    format!(r#"{{ "name": "it", "why": "", "config": {{}}, "steps": [ {steps} ] }}"#)
}

#[track_caller]
fn check(output: &Output, status: i32, out: &[&str], problem: &str) {
    let problems = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert_eq!(lines(&output.stdout), out, "{problems}");
    assert!(problems.contains(problem), "{problems}");
}

#[track_caller]
fn all_pass(host: &str) {
    let output =
        runner().arg("--host").arg(host).arg(folder()).output().expect("the runner starts");
    let out = lines(&output.stdout);
    let files = fs::read_dir(folder()).expect("the folder is there").filter(|entry| {
        let path = entry.as_ref().expect("the folder can be read").path();
        path.extension().is_some_and(|extension| extension == "json")
    });
    let skipped = out.iter().find_map(|line| line.strip_suffix(" skipped")?.parse().ok());
    let passed = files.count() - skipped.unwrap_or(0);
    assert_eq!(out.last(), Some(&format!("{passed} passed, 0 failed")), "{}", out.join("\n"));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_set_passes_in_memory() {
    all_pass("memory");
}

#[test]
fn the_set_passes_on_disk_and_s3() {
    all_pass("disk-s3");
}

#[test]
fn one_that_fails_says_where() {
    let steps = r#"{ "do": "set", "key": "k", "value": { "text": "v" } },
        { "do": "get", "key": "k", "expect": { "value": { "text": "w" } } }"#;
    let line = r#"FAIL it: step 2: expected the bytes "w", got the bytes "v" from hot"#;
    check(&run("memory", &scenario(steps)), 1, &[line, "0 passed, 1 failed"], "");
    check(&run("disk-s3", &scenario(steps)), 1, &[line, "0 passed, 1 failed"], "");
}

#[test]
fn one_that_must_not_fail_fails() {
    let steps = r#"{ "do": "get", "key": "" }"#;
    let line = "FAIL it: step 1: expected no failure, got invalid: the key is empty; give it at least one byte";
    check(&run("memory", &scenario(steps)), 1, &[line, "0 passed, 1 failed"], "");
}

#[test]
fn null_is_not_a_miss_and_text_is_not_json() {
    let steps = r#"{ "do": "set", "key": "k", "value": { "json": null } },
        { "do": "get", "key": "k", "expect": { "value": null } }"#;
    let line = "FAIL it: step 2: expected no value, got the JSON null from hot";
    check(&run("memory", &scenario(steps)), 1, &[line, "0 passed, 1 failed"], "");
    let steps = r#"{ "do": "set", "key": "k", "value": { "json": "v" } },
        { "do": "get", "key": "k", "expect": { "value": { "text": "\"v\"" } } }"#;
    let line = r#"FAIL it: step 2: expected the bytes "\"v\"", got the JSON "v" from hot"#;
    check(&run("memory", &scenario(steps)), 1, &[line, "0 passed, 1 failed"], "");
}

#[test]
fn a_hold_that_nobody_releases_is_a_failure() {
    let steps = r#"{ "do": "hold", "tier": "cold", "call": "write" },
        { "do": "set", "key": "k", "value": { "text": "v" } }"#;
    let line = "FAIL it: step 2: expected an end, got no end: it waits for what nobody releases: cold write";
    check(&run("memory", &scenario(steps)), 1, &[line, "0 passed, 1 failed"], "");
    check(&run("disk-s3", &scenario(steps)), 1, &[line, "0 passed, 1 failed"], "");
}

#[test]
fn other_hosts_are_skipped() {
    let text = PASSING.replace(r#""config""#, r#""hosts": ["node", "disk-s3"], "config""#);
    check(&run("memory", &text), 0, &["1 skipped", "0 passed, 0 failed"], "");
    check(&run("disk-s3", &text), 0, &["ok well", "1 passed, 0 failed"], "");
}

#[test]
fn what_is_not_known_is_said() {
    let none = ["0 passed, 0 failed"];
    let unknown = |text: &str, problem| check(&run("memory", text), 2, &none, problem);
    unknown(&scenario(r#"{ "do": "jump" }"#), r#"one.json: step 1: there is no step "jump""#);
    unknown(&scenario(r#"{ "do": "get", "key": "k", "speed": 1 }"#), r#"has no option "speed""#);
    unknown(
        &scenario(
            r#"{ "do": "set", "key": "k", "value": { "text": "v" }, "options": { "tty": 1 } }"#,
        ),
        r#"options has no option "tty""#,
    );
    unknown(
        &scenario(r#"{ "do": "get", "key": "k", "expect": { "valeu": null } }"#),
        r#"expect has no option "valeu""#,
    );
    unknown(&scenario(r#"{ "do": "finish", "id": "A" }"#), r#""A" was not started"#);
    unknown(
        &scenario(r#"{ "do": "all", "steps": [ { "do": "hop" } ] }"#),
        r#"there is no step "hop""#,
    );
    unknown(
        &PASSING.replace(r#""config": {}"#, r#""config": { "speed": 1 }"#),
        r#"config has no option "speed""#,
    );
    unknown(
        &PASSING.replace(r#""config": {}"#, r#""config": {}, "hosts": ["moon"]"#),
        r#""moon" is not a host"#,
    );
    unknown("{", "it is not JSON");
}

/// Over real files and sockets, what was started goes as far as it can, too.
#[test]
fn started_steps_stop_where_they_are_held_on_both_hosts() {
    let steps = r#"{ "do": "hold", "tier": "cold", "call": "write" },
        { "do": "start", "id": "W", "step": { "do": "set", "key": "k", "value": { "text": "v" } } },
        { "do": "tier", "tier": "cold", "call": "exists", "key": "k", "expect": false },
        { "do": "release", "tier": "cold", "call": "write" },
        { "do": "finish", "id": "W" },
        { "do": "get", "key": "k", "expect": { "value": { "text": "v" } } }"#;
    for host in ["memory", "disk-s3"] {
        check(&run(host, &scenario(steps)), 0, &["ok it", "1 passed, 0 failed"], "");
    }
}

#[test]
fn the_command_line_is_checked() {
    let call = |args: &[&str]| runner().args(args).output().expect("the runner starts");
    check(&call(&["--host", "moon", "x"]), 2, &[], r#""moon" is not known here"#);
    check(&call(&["--host", "node", "x"]), 2, &[], "run by the npm package");
    check(&call(&["--speed", "x"]), 2, &[], r#""--speed" is not an option"#);
    check(&call(&[]), 2, &[], "no path was given");
    check(&call(&["no/such/file.json"]), 2, &["0 passed, 0 failed"], "it cannot be read");
}

/// A file that cannot be run does not keep the others from running.
#[test]
fn folders_are_read_in_order() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("it can be written to");
    };
    fs::create_dir(folder.path().join("below")).expect("a folder can be made in it");
    write("b.json", &PASSING.replace("well", "second"));
    write("a.json", &PASSING.replace("well", "first"));
    write("below/c.json", &PASSING.replace("well", "third"));
    write("bad.json", "{");
    write("notes.md", "not a scenario");
    let output = runner().arg(folder.path()).output().expect("the runner starts");
    check(&output, 2, &["ok first", "ok second", "ok third", "3 passed, 0 failed"], "bad.json");
}
