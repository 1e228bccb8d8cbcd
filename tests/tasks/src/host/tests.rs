use super::*;

#[test]
fn closing_lines_of_test_runners_are_kept_without_colours() {
    let nextest = "\u{1b}[32;1m     Summary\u{1b}[0m [   1.2s] 5 tests run: 5 passed\n";
    let closing = |line| closing_line(line);
    assert_eq!(closing(nextest).as_deref(), Some("Summary [   1.2s] 5 tests run: 5 passed"));
    let libtest = "test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured\n";
    assert_eq!(closing(libtest).as_deref(), Some(libtest.trim()));
    assert_eq!(closing("test result: ok. 0 passed; 0 failed; 0 ignored\n"), None);
    assert_eq!(closing("12 passed, 0 failed\n").as_deref(), Some("12 passed, 0 failed"));
    assert_eq!(closing("    test result: FAILED. 0 passed; 1 failed; 0 ignored\n"), None);
    assert_eq!(closing("running 7 tests\n"), None);
}

#[test]
#[cfg(unix)]
fn a_command_that_hangs_is_ended() {
    let host = Host::new().expect("tests run inside of the repository");
    let outcome = host.run_for(Duration::from_millis(50), host.command("sleep").arg("600"));
    assert!(matches!(&outcome, Outcome::Failed(why) if why.contains("signal")), "{outcome:?}");
    let outcome = host.run_for(Duration::from_secs(60), &mut host.command("true"));
    assert_eq!(outcome, Outcome::Passed(String::new()));
}
