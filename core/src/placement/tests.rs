use alloc::{string::ToString, vec};

use proptest::{collection, prelude::*};

use super::*;
use crate::{error::ErrorKind, tier::Tier};

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).expect("a legal pattern")
}

#[track_caller]
fn check(text: &str, matching: &[&str], others: &[&str]) {
    let pattern = pattern(text);
    for key in matching {
        assert!(pattern.matches(key), "{text} matches {key:?}");
    }
    for key in others {
        assert!(!pattern.matches(key), "{text} does not match {key:?}");
    }
}

#[test]
fn text_stands_for_itself() {
    check("a.b", &["a.b"], &["", "a", "axb", "a.bc", "xa.b", "A.B"]);
    check("[a-z]+(b)^$|", &["[a-z]+(b)^$|"], &["a", "b"]);
    check("a,b", &["a,b"], &["a", "b"]);
    check("/a//b/", &["/a//b/"], &["a//b", "/a/b/"]);
}

#[test]
fn a_star_stays_in_its_segment() {
    check("*", &["a", "abc", "é"], &["/", "a/b", "a/"]);
    check("*.css", &[".css", "a.css", "a.css.css"], &["a/b.css", "a.css2", "a.CSS"]);
    check("a/*/c", &["a/b/c", "a//c"], &["a/c", "a/b/b/c"]);
    check("a*b*c", &["abc", "aXbXc", "abbcc"], &["acb", "ab/c"]);
}

#[test]
fn two_stars_cross_segments() {
    check("**", &["a", "/", "a/b/c"], &[]);
    check("a**", &["a", "ab", "a/b/c"], &["ba"]);
    check("a/**", &["a/", "a/b", "a/b/c"], &["a"]);
    check("**.js", &[".js", "a.js", "a/b.js"], &["a.jsx"]);
}

#[test]
fn two_stars_and_a_slash_match_nothing_too() {
    check("**/a", &["a", "x/a", "x/y/a", "/a"], &["xa", "x/ab", "a/"]);
    check("a/**/b", &["a/b", "a/x/b", "a/x/y/b", "a//b"], &["ab", "a/xb"]);
    check("**/**/a", &["a", "x/a", "x/y/z/a"], &["xa"]);
    check("***/a", &["a", "x/a", "x/y/a"], &["xa"]);
    check("**\\/a", &["/a", "x/a"], &["a"]);
    check("**/", &["x/", "x/y/", "/"], &["x"]);
}

#[test]
fn a_question_mark_is_one_character() {
    check("?", &["a", "é", "\u{1f600}", "?"], &["", "/", "ab"]);
    check("a?c", &["abc"], &["a/c", "ac", "abbc"]);
}

#[test]
fn braces_hold_alternatives() {
    check("{a,b}", &["a", "b"], &["", "ab", "a,b", "{a,b}"]);
    check("x{a}y", &["xay"], &["xy", "x{a}y"]);
    check("a{,b,cd}e", &["ae", "abe", "acde"], &["abcde", "a,e"]);
    check("{}a{,}", &["a"], &["", "{}a"]);
    check("{a,{b,c{d,e}}f}g", &["ag", "bfg", "cdfg", "cefg"], &["bg", "cfg", "afg"]);
    check("{*.js,lib/**}", &["a.js", "lib/a/b", "lib/"], &["x/a.js", "lib"]);
    check("{**/,x}a", &["a", "y/a", "xa"], &["ya"]);
}

#[test]
fn a_backslash_takes_the_meaning_away() {
    check(r"\*\?\{\}\\\,\a", &[r"*?{}\,a"], &["xx"]);
    check(r"{a\,b,c\}}", &["a,b", "c}"], &["a", "b"]);
    check(r"*\*", &["*", "a*"], &["a"]);
}

#[test]
fn what_is_no_pattern_is_refused() {
    for (text, sentence) in [
        ("", "the pattern has 0 bytes; from 1 to 1024 are allowed"),
        (&"a".repeat(1_025), "the pattern has 1025 bytes; from 1 to 1024 are allowed"),
        ("{a", r#"a { of the pattern "{a" has no partner; write \{ for the character"#),
        ("a}", r#"a } of the pattern "a}" has no partner; write \} for the character"#),
        ("{{a}", r#"a { of the pattern "{{a}" has no partner; write \{ for the character"#),
        ("a\\", r#"the pattern "a\" ends in a backslash; write \\ for one"#),
    ] {
        let error = Pattern::new(text).expect_err("it is no pattern");
        assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, sentence));
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rule = |text, tiers| Rule { pattern: pattern(text), tiers };
    let placement = Placement {
        rules: vec![
            rule("a/**", Tier::Warm.into()),
            rule("a/b", TierSet::UPPER),
            rule("b", TierSet::EMPTY),
        ],
    };
    assert_eq!(placement.first_match("a/b"), Some(Tier::Warm.into()));
    assert_eq!(placement.first_match("b"), Some(TierSet::EMPTY));
    assert_eq!(placement.first_match("c"), None);
    assert_eq!(Placement::default().first_match("a"), None);
}

#[test]
fn a_pattern_is_shown_as_it_was_written() {
    let text = r"{a,\*}/**";
    let pattern: Pattern = text.parse().expect("a legal pattern");
    assert_eq!((pattern.as_str(), pattern.to_string().as_str()), (text, text));
    assert_eq!(pattern, self::pattern(text));
    assert_ne!(pattern, self::pattern("a"));
}

fn steps(text: &str, key: &str) -> usize {
    let mut steps = 0;
    pattern(text).run(key, || steps += 1);
    steps
}

/// A library of this kind turns its globs into a backtracking regular expression; eight `**/` against a key of 60
/// characters take it 1.6 seconds.
#[test]
fn nested_wildcards_take_linear_time() {
    let text = "**/".repeat(8) + "x";
    let short = steps(&text, &"a/".repeat(30));
    let long = steps(&text, &"a/".repeat(300));
    assert!(short < 60 * 2 * 26, "{short} steps for 60 characters");
    assert!(long < 11 * short, "{long} steps for ten times as many");
}

#[test]
fn no_pattern_takes_more_than_two_steps_for_each_state_and_character() {
    let key = "a".repeat(1_024);
    for unit in ["*", "*a", "**a", "**/", "?", "{,a}", "{,", "{a,*}", "{*,**/}", "a"] {
        let repeats = if unit == "{," { 341 } else { 1_024 / unit.len() };
        let text = unit.repeat(repeats) + &"}".repeat(if unit == "{," { repeats } else { 0 });
        let states = pattern(&text).0.states.len();
        assert!(states <= 2 * text.len() + 1, "{unit} makes {states} states");
        let steps = steps(&text, &key);
        assert!(steps <= 2 * states * (key.len() + 1), "{unit} takes {steps} steps");
    }
}

#[test]
fn the_largest_automaton_is_allowed() {
    let commas = ["{", &",".repeat(1_021), "}a"].concat();
    assert_eq!(commas.len(), Pattern::BYTES_MAX);
    check(&commas, &["a"], &["", "aa", ",a"]);
}

/// A pattern as a tree, for a matcher that is plainly right and slow.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(char),
    One,
    Run,
    DeepRun,
    DeepRunSlash,
    Any(Vec<Vec<Self>>),
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!['a', 'b', '/', '*', ',', '}', 'é']).prop_map(Node::Text),
        1 => Just(Node::One),
        1 => Just(Node::Run),
        1 => Just(Node::DeepRun),
        1 => Just(Node::DeepRunSlash),
    ];
    let node = leaf.prop_recursive(3, 12, 3, |node| {
        collection::vec(collection::vec(node, 0..3).prop_map(tidy), 1..4).prop_map(Node::Any)
    });
    collection::vec(node, 1..7).prop_map(tidy)
}

/// Leaves out what would be read as another node when it is written behind its neighbour.
fn tidy(nodes: Vec<Node>) -> Vec<Node> {
    let mut tidied: Vec<Node> = Vec::new();
    for node in nodes {
        let is_star = matches!(node, Node::Run | Node::DeepRun | Node::DeepRunSlash);
        match tidied.last() {
            Some(Node::Run | Node::DeepRun) if is_star => {}
            Some(Node::DeepRun) if node == Node::Text('/') => {}
            _ => tidied.push(node),
        }
    }
    tidied
}

fn write(nodes: &[Node]) -> String {
    let write_one = |node: &Node| match node {
        Node::Text(character @ ('*' | ',' | '}')) => ['\\', *character].iter().collect(),
        Node::Text(character) => character.to_string(),
        Node::One => "?".to_string(),
        Node::Run => "*".to_string(),
        Node::DeepRun => "**".to_string(),
        Node::DeepRunSlash => "**/".to_string(),
        Node::Any(alternatives) => {
            let alternatives: Vec<String> = alternatives.iter().map(|nodes| write(nodes)).collect();
            ["{", &alternatives.join(","), "}"].concat()
        }
    };
    nodes.iter().map(write_one).collect()
}

/// Whether `nodes` match some start of `key` such that `rest` accepts what is behind it.
fn backtrack(nodes: &[Node], key: &str, rest: &mut dyn FnMut(&str) -> bool) -> bool {
    let Some((node, nodes)) = nodes.split_first() else { return rest(key) };
    let starts = |may_pass: fn(char) -> bool| {
        let passed = key.find(|character| !may_pass(character)).unwrap_or(key.len());
        (0..=passed).filter(|&at| key.is_char_boundary(at))
    };
    match node {
        Node::Text(character) => {
            key.strip_prefix(*character).is_some_and(|key| backtrack(nodes, key, rest))
        }
        Node::One => {
            let mut behind = key.chars();
            behind.next().is_some_and(|character| character != '/')
                && backtrack(nodes, behind.as_str(), rest)
        }
        Node::Run => {
            starts(|character| character != '/').any(|at| backtrack(nodes, &key[at..], rest))
        }
        Node::DeepRun => starts(|_| true).any(|at| backtrack(nodes, &key[at..], rest)),
        Node::DeepRunSlash => starts(|_| true)
            .filter(|&at| at == 0 || key[..at].ends_with('/'))
            .any(|at| backtrack(nodes, &key[at..], rest)),
        Node::Any(alternatives) => alternatives
            .iter()
            .any(|inner| backtrack(inner, key, &mut |key| backtrack(nodes, key, rest))),
    }
}

/// A key that the pattern is likely to match.
fn sample(nodes: &[Node], choice: &mut impl FnMut(usize) -> usize) -> String {
    let mut key = String::new();
    for node in nodes {
        match node {
            Node::Text(character) => key.push(*character),
            Node::One => key.push(['a', 'b', 'é', '/'][choice(4)]),
            Node::Run => key.push_str(["", "a", "ba", "/"][choice(4)]),
            Node::DeepRun => key.push_str(["", "a", "a/b", "//"][choice(4)]),
            Node::DeepRunSlash => key.push_str(["", "a/", "b/a/", "a"][choice(4)]),
            Node::Any(alternatives) => {
                let alternative = &alternatives[choice(alternatives.len())];
                key.push_str(&sample(alternative, choice));
            }
        }
    }
    key
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_agrees_with_backtracking(
        nodes in nodes(),
        choices in collection::vec(0..12_usize, 16),
        noise in "[ab/*é]{0,7}",
    ) {
        let text = write(&nodes);
        let pattern = pattern(&text);
        let mut choices = choices.iter().cycle();
        let likely = sample(&nodes, &mut |count| choices.next().expect("it has no end") % count);
        for key in [likely.as_str(), &noise, &[likely.as_str(), &noise].concat(), ""] {
            let expected = backtrack(&nodes, key, &mut |rest| rest.is_empty());
            prop_assert_eq!(pattern.matches(key), expected, "{} against {:?}", text, key);
        }
    }

    #[test]
    fn no_text_panics(text in "[ab/*?{},\\\\é]{0,40}", key in "[ab/é]{0,20}") {
        if let Ok(pattern) = Pattern::new(text) {
            pattern.matches(&key);
        }
    }
}
