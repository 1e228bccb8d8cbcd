//! Few kinds of error, each telling what to do.

use alloc::{borrow::Cow, boxed::Box, sync::Arc};
use core::{
    fmt,
    hash::{Hash, Hasher},
};

use crate::{key::Key, metadata::Metadata, tier::Tier};

/// What to do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call or its configuration is wrong: fix it.
    Invalid,
    /// The credentials or permissions do not allow it: fix them.
    Denied,
    /// The tier did not answer, or not in time: try again later.
    Unavailable,
    /// Someone else changed the entry: read it again and decide.
    Conflict,
    /// The stored bytes are not what was written.
    Corrupt,
    /// The quota or capacity is used up.
    Full,
    /// The storage was closed.
    Closed,
    /// The tier, or its server, cannot do this: use another, or another call.
    Unsupported,
    /// A defect of this library: report it.
    Internal,
}

impl ErrorKind {
    /// The kind's name in lower case, as scenarios and the npm package write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Conflict => "conflict",
            Self::Corrupt => "corrupt",
            Self::Full => "full",
            Self::Closed => "closed",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }
}

type Source = Arc<dyn core::error::Error + Send + Sync>;

/// Why a call failed: a kind, the tier and key it concerns, one sentence, and the cause.
///
/// A clone is a reference count, so that all who share one read can be told. It never carries a secret.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    tier: Option<Tier>,
    key: Option<Key>,
    timed_out: bool,
    message: Cow<'static, str>,
    source: Option<Source>,
    current: Option<Metadata>,
    same: bool,
}

impl Error {
    /// An error of `kind`; `message` is one sentence that says what to do.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            tier: None,
            key: None,
            timed_out: false,
            message: message.into(),
            source: None,
            current: None,
            same: false,
        }))
    }

    /// An `Unavailable` error that came of a time limit.
    pub fn timed_out(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, message).edit(|inner| inner.timed_out = true)
    }

    /// The same error, said of `tier`, unless it names one already.
    #[must_use]
    pub fn in_tier(self, tier: Tier) -> Self {
        if self.0.tier.is_some() { self } else { self.edit(|inner| inner.tier = Some(tier)) }
    }

    /// The same error, said of `key`, unless it names one already.
    #[must_use]
    pub fn with_key(self, key: &Key) -> Self {
        if self.0.key.is_some() { self } else { self.edit(|inner| inner.key = Some(key.clone())) }
    }

    /// The same error, with what caused it. The source must hold no secret.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        let source: Box<dyn core::error::Error + Send + Sync> = source.into();
        self.edit(|inner| inner.source = Some(Source::from(source)))
    }

    /// The same error, with the entry that stood in the way.
    #[must_use]
    pub fn with_current(self, current: Metadata) -> Self {
        self.edit(|inner| inner.current = Some(current))
    }

    /// The same error, with whether what stands in the way is what was to be written.
    #[must_use]
    pub fn with_same(self, is_same: bool) -> Self {
        self.edit(|inner| inner.same = is_same)
    }

    /// Of a `Conflict`: whether the entry that is there has the body, MIME type and fields of the one that was to be
    /// written. Then it may be the same write, whose answer was lost.
    pub fn is_same(&self) -> bool {
        self.0.same
    }

    /// Of a `Conflict`: the entry that is there instead, if there is one.
    pub fn current(&self) -> Option<&Metadata> {
        self.0.current.as_ref()
    }

    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The tier that it came from, if it came from one.
    pub fn tier(&self) -> Option<Tier> {
        self.0.tier
    }

    /// The key that it concerns, if it concerns one.
    pub fn key(&self) -> Option<&Key> {
        self.0.key.as_ref()
    }

    /// Whether a time limit ran out.
    pub fn is_timeout(&self) -> bool {
        self.0.timed_out
    }

    /// The sentence alone, without tier and key.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    fn edit(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.as_str())?;
        if let Some(tier) = self.0.tier {
            write!(f, " ({tier} tier)")?;
        }
        write!(f, ": {}", self.0.message)?;
        match &self.0.key {
            Some(key) => write!(f, " [key {key:?}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self}")?;
        if let Some(source) = &self.0.source {
            write!(f, "; caused by: {source}")?;
        }
        f.write_str(")")
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Two errors are equal when they say the same of the same place; their sources are not compared.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        (self.kind(), self.tier(), self.key(), self.message())
            == (other.kind(), other.tier(), other.key(), other.message())
    }
}

impl Eq for Error {}

impl Hash for Error {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.kind(), self.tier(), self.key(), self.message()).hash(state);
    }
}
