//! Large entries take little memory, whatever tier they go to or come from.
#![cfg(target_os = "linux")]

use std::process::Command;

use tiered_storage_tests::server::{Options, Server};

const MIB: u64 = 256;
const EXTRA_MIB_MAX: u64 = 64;
/// What is sent without a warm tier is in memory in parts of 16 MiB, several of them at once.
const EXTRA_MIB_MAX_SENDING: u64 = 96;

#[test]
fn a_large_entry_takes_little_memory_through_all_tiers() {
    let server = Server::start(Options::default()).expect("loopback can be listened on");
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let child = Command::new(env!("CARGO_BIN_EXE_large-child"))
        .arg(folder.path())
        .args([server.endpoint(), MIB.to_string()])
        .output()
        .expect("the child runs");
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    let steps: Vec<(&str, u64)> = said
        .lines()
        .map(|line| {
            let mut fields = line.split(' ');
            let (step, extra) = (fields.next(), fields.nth(1));
            (step.unwrap_or(""), extra.and_then(|kib| kib.parse().ok()).unwrap_or(u64::MAX))
        })
        .collect();
    let names: Vec<&str> = steps.iter().map(|(step, _)| *step).collect();
    assert_eq!(names, ["write", "read-warm", "read-cold", "read-promoted", "queue", "send"]);
    for (step, extra_kib) in steps {
        let max = if step == "send" { EXTRA_MIB_MAX_SENDING } else { EXTRA_MIB_MAX };
        assert!(extra_kib <= max * 1024, "{step} took {} MiB", extra_kib / 1024);
    }
}
