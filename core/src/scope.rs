//! Which keys a change is about.

use alloc::string::String;

use crate::key::Key;

/// Which keys a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// This one.
    Key(Key),
    /// All that start with this; all there are, if it is empty.
    Prefix(String),
}

impl Scope {
    /// Whether `key` is one of them.
    pub fn covers(&self, key: &str) -> bool {
        match self {
            Self::Key(one) => &**one == key,
            Self::Prefix(prefix) => key.starts_with(prefix.as_str()),
        }
    }

    /// The key, or the prefix.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Key(key) => key,
            Self::Prefix(prefix) => prefix,
        }
    }

    /// Whether there may be a key that is one of both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Prefix(prefix), Self::Prefix(other)) => {
                prefix.starts_with(other.as_str()) || other.starts_with(prefix.as_str())
            }
            (Self::Key(key), scope) | (scope, Self::Key(key)) => scope.covers(key),
        }
    }
}

#[cfg(test)]
mod tests;
