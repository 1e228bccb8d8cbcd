//! Which tiers an entry goes to, by glob rules over its key.
//!
//! A pattern is a small automaton whose states are run side by side, so matching never backtracks: it takes at most
//! one step for each state and character of the key, whatever the pattern.

mod parse;

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use crate::{error::Error, tier::TierSet};

/// An ordered list of rules; the first whose pattern matches a key decides.
///
/// ```
/// use tiered_storage_core::{Tier, TierSet, placement::{Pattern, Placement, Rule}};
///
/// let placement = Placement {
///     rules: vec![
///         Rule { pattern: Pattern::new("**/*.{mp4,webm}")?, tiers: TierSet::EMPTY },
///         Rule { pattern: Pattern::new("**")?, tiers: TierSet::UPPER },
///     ],
/// };
/// assert_eq!(placement.first_match("films/one.mp4"), Some(TierSet::EMPTY));
/// assert_eq!(placement.first_match("index.html"), Some(TierSet::UPPER));
/// # Ok::<(), tiered_storage_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The rules, in the order in which they are asked.
    pub rules: Vec<Rule>,
}

impl Placement {
    /// The tiers of the first rule that matches `key`; `None` where no rule does.
    ///
    /// They are as the rule has them: that the cold tier is always written is the caller's to add. It takes time in
    /// proportion to the rules, and in each to the key's length.
    pub fn first_match(&self, key: &str) -> Option<TierSet> {
        self.rules.iter().find(|rule| rule.pattern.matches(key)).map(|rule| rule.tiers)
    }
}

/// Where the keys that match a pattern go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The keys that it is about.
    pub pattern: Pattern,
    /// Where they go.
    pub tiers: TierSet,
}

/// A glob over whole keys, in which `/` separates segments.
///
/// | syntax | matches |
/// |---|---|
/// | `*` | any run of characters without `/`, also none |
/// | `**` | any run of characters, also none |
/// | `**/` | nothing, or any run that ends in `/`: `**/a` matches `a` and `x/y/a` |
/// | `?` | one character that is not `/` |
/// | `{a,b/*}` | any of the alternatives, which may be empty and may hold others |
/// | `\*` | the character behind the backslash |
///
/// All else stands for itself, `[` too. Letter case counts. A character is a Unicode scalar value. A clone is a
/// reference count.
///
/// ```
/// use tiered_storage_core::placement::Pattern;
///
/// let pattern = Pattern::new("site/**/*.{html,css}")?;
/// assert!(pattern.matches("site/index.html"));
/// assert!(pattern.matches("site/blog/2026/style.css"));
/// assert!(!pattern.matches("site/logo.png"));
/// # Ok::<(), tiered_storage_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    text: String,
    states: Vec<State>,
}

/// What a state of the automaton does. It leads to the next one, or to one further on, or it stays: states only
/// ever lead forwards, so one pass in their order follows all the ways that need no character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Takes this character.
    Char(char),
    /// Takes one character that is not `/`.
    One,
    /// Takes any number of characters that are not `/`.
    Run,
    /// Takes any number of characters.
    DeepRun,
    /// Goes on at the next state and at that one.
    Fork(u16),
    /// Goes on at that state.
    Jump(u16),
    /// The key matches if it ends here.
    End,
}

impl Pattern {
    /// The longest pattern, in bytes of UTF-8.
    pub const BYTES_MAX: usize = 1024;

    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is empty, longer than [`Pattern::BYTES_MAX`] bytes, has a brace without its partner, or ends in
    /// a backslash.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let states = parse::parse(&text)?;
        Ok(Self(Arc::new(Inner { text, states })))
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether the whole of `key` matches.
    ///
    /// It takes no memory, and at most a few nanoseconds for each character of the key and each state that is alive
    /// there; a pattern has at most two states for each of its bytes.
    pub fn matches(&self, key: &str) -> bool {
        self.run(key, || {})
    }

    fn run(&self, key: &str, mut on_step: impl FnMut()) -> bool {
        let states = &self.0.states[..];
        let words = states.len().div_ceil(64);
        let (mut now, mut next) = ([0_u64; parse::WORDS_MAX], [0_u64; parse::WORDS_MAX]);
        let (mut now, mut next) = (&mut now[..words], &mut next[..words]);
        insert(now, 0);
        follow(states, now, &mut on_step);
        for character in key.chars() {
            let mut is_alive = false;
            for_each(now, |at| {
                on_step();
                let target = match states[at] {
                    State::Char(expected) if expected == character => at + 1,
                    State::One if character != '/' => at + 1,
                    State::Run if character != '/' => at,
                    State::DeepRun => at,
                    _ => return,
                };
                insert(next, target);
                is_alive = true;
            });
            if !is_alive {
                return false;
            }
            follow(states, next, &mut on_step);
            now.fill(0);
            core::mem::swap(&mut now, &mut next);
        }
        contains(now, states.len() - 1)
    }
}

/// Adds to `set` every state that its states lead to without a character.
fn follow(states: &[State], set: &mut [u64], mut on_step: impl FnMut()) {
    // States are taken one by one out of the word itself, since a state may add later ones to it.
    for word in 0..set.len() {
        let mut done = 0_u64;
        while let left @ 1.. = set[word] & !done {
            let bit = left.trailing_zeros();
            done |= 1 << bit;
            on_step();
            let at = word * 64 + bit as usize;
            match states[at] {
                State::Run | State::DeepRun => insert(set, at + 1),
                State::Jump(target) => insert(set, usize::from(target)),
                State::Fork(target) => {
                    insert(set, at + 1);
                    insert(set, usize::from(target));
                }
                State::Char(_) | State::One | State::End => {}
            }
        }
    }
}

fn insert(set: &mut [u64], at: usize) {
    set[at / 64] |= 1 << (at % 64);
}

fn contains(set: &[u64], at: usize) -> bool {
    set[at / 64] & 1 << (at % 64) != 0
}

fn for_each(set: &[u64], mut visit: impl FnMut(usize)) {
    for (word, &bits) in set.iter().enumerate() {
        let mut left = bits;
        while left != 0 {
            visit(word * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// Two patterns are equal when they are written the same.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::str::FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests;
