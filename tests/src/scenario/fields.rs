//! Reading JSON strictly: every name is either asked for or refused.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::{Map, Value as Json};

/// What is wrong with a file, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) String);

impl Malformed {
    pub(super) fn within(self, place: &str) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

pub(super) type Parsed<T> = Result<T, Malformed>;

pub(super) fn malformed<T>(message: impl Into<String>) -> Parsed<T> {
    Err(Malformed(message.into()))
}

/// The fields of an object, each of which is taken once; what is left at the end is not known.
pub(super) struct Fields<'a> {
    what: &'a str,
    map: &'a Map<String, Json>,
    taken: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(what: &'a str, json: &'a Json) -> Parsed<Self> {
        match json {
            Json::Object(map) => Ok(Self { what, map, taken: RefCell::default() }),
            other => malformed(format!("{what} is to be an object, and is {other}")),
        }
    }

    /// A field as it is; `null` is a value.
    pub(super) fn json(&self, name: &'a str) -> Option<&'a Json> {
        self.taken.borrow_mut().insert(name);
        self.map.get(name)
    }

    /// A field that may be left out or `null`.
    pub(super) fn given(&self, name: &'a str) -> Option<&'a Json> {
        self.json(name).filter(|json| !json.is_null())
    }

    pub(super) fn needed(&self, name: &'a str) -> Parsed<&'a Json> {
        match self.json(name) {
            Some(json) => Ok(json),
            None => malformed(format!("{} needs {name:?}", self.what)),
        }
    }

    pub(super) fn text(&self, name: &'a str) -> Parsed<Option<&'a str>> {
        let read = |json: &'a Json| json.as_str().ok_or_else(|| self.not(name, "text", json));
        self.given(name).map(read).transpose()
    }

    pub(super) fn needed_text(&self, name: &'a str) -> Parsed<&'a str> {
        match self.text(name)? {
            Some(text) => Ok(text),
            None => malformed(format!("{} needs {name:?}", self.what)),
        }
    }

    pub(super) fn flag(&self, name: &'a str) -> Parsed<Option<bool>> {
        let read =
            |json: &Json| json.as_bool().ok_or_else(|| self.not(name, "true or false", json));
        self.given(name).map(read).transpose()
    }

    pub(super) fn count(&self, name: &'a str) -> Parsed<Option<u64>> {
        self.given(name)
            .map(|json| whole(json).ok_or_else(|| self.not(name, "a whole number", json)))
            .transpose()
    }

    pub(super) fn needed_count(&self, name: &'a str) -> Parsed<u64> {
        match self.count(name)? {
            Some(count) => Ok(count),
            None => malformed(format!("{} needs {name:?}", self.what)),
        }
    }

    pub(super) fn list(&self, name: &'a str) -> Parsed<Option<&'a [Json]>> {
        let read = |json: &'a Json| {
            json.as_array().map(Vec::as_slice).ok_or_else(|| self.not(name, "a list", json))
        };
        self.given(name).map(read).transpose()
    }

    /// One of a few names.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &'a str,
        choices: &[(&str, T)],
    ) -> Parsed<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        choose(text, choices).map(Some).map_err(|error| error.within(name))
    }

    /// Names that say nothing to the runner, only to readers.
    pub(super) fn comments(&self) {
        for name in ["why", "comment", "note"] {
            self.taken.borrow_mut().insert(name);
        }
    }

    /// Refuses what nobody asked for.
    pub(super) fn end(self) -> Parsed<()> {
        let taken = self.taken.borrow();
        match self.map.keys().find(|name| !taken.contains(name.as_str())) {
            Some(name) => malformed(format!("{} has no option {name:?}", self.what)),
            None => Ok(()),
        }
    }

    fn not(&self, name: &str, wanted: &str, json: &Json) -> Malformed {
        Malformed(format!("{name:?} of {} is to be {wanted}, and is {json}", self.what))
    }
}

/// A number that is whole, however it is written.
pub(super) fn whole(json: &Json) -> Option<u64> {
    let float = || json.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole")]
    json.as_u64().or_else(|| float().map(|number| number as u64))
}

pub(super) fn choose<T: Copy>(text: &str, choices: &[(&str, T)]) -> Parsed<T> {
    match choices.iter().find(|(name, _)| *name == text) {
        Some((_, choice)) => Ok(*choice),
        None => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            malformed(format!("{text:?} is not known here; it may be {}", names.join(", ")))
        }
    }
}
