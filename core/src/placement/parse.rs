//! From the text of a pattern to its states.

use alloc::{format, string::String, vec::Vec};

use super::{Pattern, State};
use crate::error::{Error, ErrorKind};

/// A comma is the costliest byte: it ends an alternative and starts another, a state each.
const STATES_MAX: usize = 2 * Pattern::BYTES_MAX + 1;
/// The words of a set of so many states.
pub(super) const WORDS_MAX: usize = STATES_MAX.div_ceil(64);

/// An opening brace that is not closed yet.
struct Group {
    /// The fork before the last alternative so far.
    fork: usize,
    /// The jumps behind all others, which wait for the end of the group.
    jumps: Vec<usize>,
}

pub(super) fn parse(text: &str) -> Result<Vec<State>, Error> {
    if text.is_empty() || text.len() > Pattern::BYTES_MAX {
        let (len, max) = (text.len(), Pattern::BYTES_MAX);
        return Err(invalid(format!("the pattern has {len} bytes; from 1 to {max} are allowed")));
    }
    let mut states = Vec::with_capacity(text.len() + 1);
    let mut groups: Vec<Group> = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '*' => rest = stars(rest, &mut states),
            '?' => states.push(State::One),
            '{' => {
                groups.push(Group { fork: states.len(), jumps: Vec::new() });
                states.push(State::Fork(0));
            }
            ',' if let Some(group) = groups.last_mut() => {
                group.jumps.push(states.len());
                states.push(State::Jump(0));
                states[group.fork] = State::Fork(index(states.len()));
                group.fork = states.len();
                states.push(State::Fork(0));
            }
            '}' => {
                let group = groups.pop().ok_or_else(|| stray(text, '}'))?;
                let end = index(states.len());
                // The last alternative has no other to fall back on: its fork leads to its own start.
                states[group.fork] = State::Jump(index(group.fork + 1));
                group.jumps.iter().for_each(|&jump| states[jump] = State::Jump(end));
            }
            '\\' => states.push(State::Char(rest.next().ok_or_else(|| {
                invalid(format!("the pattern \"{text}\" ends in a backslash; write \\\\ for one"))
            })?)),
            character => states.push(State::Char(character)),
        }
    }
    if !groups.is_empty() {
        return Err(stray(text, '{'));
    }
    states.push(State::End);
    assert!(states.len() <= STATES_MAX, "each byte makes at most two states");
    Ok(states)
}

/// Reads on behind one `*`. More than two in a row mean what two mean.
fn stars<'a>(rest: core::str::Chars<'a>, states: &mut Vec<State>) -> core::str::Chars<'a> {
    let after = rest.as_str().trim_start_matches('*');
    if after.len() == rest.as_str().len() {
        states.push(State::Run);
        return rest;
    }
    match after.strip_prefix('/') {
        None => {
            states.push(State::DeepRun);
            after.chars()
        }
        Some(behind) => {
            states.push(State::Fork(index(states.len() + 3)));
            states.push(State::DeepRun);
            states.push(State::Char('/'));
            behind.chars()
        }
    }
}

fn index(at: usize) -> u16 {
    u16::try_from(at).expect("a pattern has few states")
}

fn stray(text: &str, brace: char) -> Error {
    invalid(format!(
        "a {brace} of the pattern \"{text}\" has no partner; write \\{brace} for the character"
    ))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}
