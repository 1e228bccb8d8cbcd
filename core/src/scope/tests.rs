use super::Scope;
use crate::key::Key;

fn key(name: &str) -> Scope {
    Scope::Key(Key::new(name).expect("tests use legal keys"))
}

fn prefix(text: &str) -> Scope {
    Scope::Prefix(text.into())
}

#[test]
fn a_key_covers_itself_and_a_prefix_what_starts_with_it() {
    assert!(key("a").covers("a"));
    assert!(!key("a").covers("a/b"));
    assert!(prefix("a").covers("a/b"));
    assert!(prefix("").covers("a"));
    assert!(!prefix("a/").covers("a"));
}

#[test]
fn scopes_overlap_where_one_key_is_in_both() {
    for (left, right, overlap) in [
        (key("a"), key("a"), true),
        (key("a"), key("a/b"), false),
        (key("a/b"), prefix("a"), true),
        (prefix("a"), key("b"), false),
        (prefix("a/b"), prefix("a"), true),
        (prefix("a"), prefix("b"), false),
    ] {
        assert_eq!((left.overlaps(&right), right.overlaps(&left)), (overlap, overlap));
    }
}
