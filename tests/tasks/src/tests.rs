use super::*;

#[test]
fn the_closing_line_counts_and_names_skipped_checks_only_where_there_are_any() {
    let (passed, failed) = (Outcome::Passed("".into()), Outcome::Failed("".into()));
    let skipped = Outcome::Skipped("".into());
    assert_eq!(tally([&passed, &passed].into_iter()), "2 passed, 0 failed");
    assert_eq!(tally([&failed, &passed, &skipped].into_iter()), "1 passed, 1 failed, 1 skipped");
}

#[test]
fn checks_are_chosen_by_name_in_their_own_order() {
    let names = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        choose(&words).map(|checks| checks.iter().map(|check| check.name).collect::<Vec<_>>())
    };
    assert_eq!(names(&["tests", "format"]), Ok(vec!["format", "tests"]));
    assert_eq!(names(&[]).map(|names| names.len()), Ok(CHECKS.len()));
    let message = names(&["formats"]).expect_err("there is no such check");
    assert!(message.starts_with("formats is not a check\n\nusage: cargo verify"));
    assert!(CHECKS.iter().all(|check| message.contains(&format!("\n  {} ", check.name))));
}

#[test]
fn a_runtime_in_the_tree_of_core_is_found() {
    let tree =
        "tiered-storage-core v0.1.0 (/somewhere)\nserde v1.0.0\nsha2 v0.11.1\nserde v1.0.0\n";
    assert_eq!(tree::names(tree), ["tiered-storage-core", "serde", "sha2"]);
    assert_eq!(tree::denied(&tree::names(tree)), [""; 0]);
    let tree = format!("{tree}tokio v1.54.0\ntime v0.3.0 (*)\n");
    assert_eq!(tree::denied(&tree::names(&tree)), ["tokio", "time"]);
}
