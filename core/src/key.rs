//! Validated keys.

use alloc::{format, string::String, sync::Arc};
use core::{borrow::Borrow, fmt, ops::Deref};

use crate::error::{Error, ErrorKind};

/// The name of an entry: non-empty UTF-8 of at most [`Key::BYTES_MAX`] bytes.
///
/// Nothing else is refused: `a` beside `a/b`, `.`, `a/../b`, spaces and emoji are keys in every tier.
/// A clone is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The longest key, in bytes of UTF-8: what S3 allows.
    pub const BYTES_MAX: usize = 1024;

    /// Takes `text` as a key.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is empty or longer than [`Key::BYTES_MAX`] bytes.
    pub fn new(text: impl AsRef<str>) -> Result<Self, Error> {
        let text = text.as_ref();
        match text.len() {
            0 => Err(Error::new(ErrorKind::Invalid, "the key is empty; give it at least one byte")),
            1..=Self::BYTES_MAX => Ok(Self(Arc::from(text))),
            len => Err(Error::new(
                ErrorKind::Invalid,
                format!("the key has {len} bytes; at most {} are allowed", Self::BYTES_MAX),
            )),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        Self::from(key.as_str())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
