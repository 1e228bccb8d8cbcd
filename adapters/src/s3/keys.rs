//! How keys become the names of objects, and back.
//!
//! An ordinary key is the name of its object, behind the tier's prefix. Three sorts of keys cannot be:
//!
//! | key | why | object, behind the prefix |
//! |---|---|---|
//! | has a segment `.` or `..` | every URL parser removes those | `~tiered-storage/` and the key, escaped |
//! | has a control character, U+FFFE or U+FFFF | XML cannot carry it | the same |
//! | starts with `~tiered-storage/` | it looks escaped | the same |
//! | its name would exceed 1,024 bytes | S3 allows no more | `~tiered-storage/~h` and its SHA-256 in hexadecimal |
//!
//! To escape: `~` becomes `~~`; a `.` in a segment `.` or `..` becomes `~-`; each byte of a character that XML
//! cannot carry becomes `~` and two uppercase hexadecimal digits; the rest stays. `h` is no such digit, so no
//! escaped key starts with `~h`, nor with `~s` or `~p`, which objects have that are no entries (see `stage` and
//! `probe`). A hashed name does not tell its key: the object's body starts with it (see
//! [`seal`]).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use tiered_storage_core::Key;

use crate::payload::{self, Payload};

/// The longest object name, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 1024;

/// Behind the prefix, what is in here is not named as its key.
pub(super) const AREA: &str = "~tiered-storage/";

/// The longest that the key at the start of a hashed object's body can take.
pub(super) const SEAL_BYTES_MAX: usize = 2 + Key::BYTES_MAX;

/// What is on its way, and will be an entry, is named so in the area.
pub(super) const STAGE_MARK: &str = "~s";
/// What only shows whether a server can do something is named so in the area.
pub(super) const PROBE_MARK: &str = "~p";

const HASH_MARK: &str = "~h";
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const UNRESERVED_OR_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Encodes a path for a URL: every byte outside `A-Za-z0-9-._~/`.
pub(super) fn encode_path(name: &str) -> String {
    utf8_percent_encode(name, UNRESERVED_OR_SLASH).to_string()
}

/// Encodes a value for a query: every byte outside `A-Za-z0-9-._~`, so that a space is never `+`.
pub(super) fn encode_value(value: &str) -> String {
    utf8_percent_encode(value, UNRESERVED).to_string()
}

/// Appends a parameter to the query of a URL.
pub(super) fn push_parameter(url: &mut String, name: &str, value: &str) {
    url.push(if url.contains('?') { '&' } else { '?' });
    url.extend([name, "=", &encode_value(value)]);
}

/// The name of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// It tells its key.
    Open(String),
    /// It does not; the body starts with the key.
    Hashed(String),
}

impl Name {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Open(name) | Self::Hashed(name) => name,
        }
    }

    /// What stands in front of the body of `key`, whose name this is.
    pub(super) fn front(&self, key: &Key) -> Vec<u8> {
        match self {
            Self::Open(_) => Vec::new(),
            Self::Hashed(_) => seal(key),
        }
    }
}

/// What the name of a listed object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// The object of this key.
    Key(Key),
    /// The object of a key that its body tells.
    Hashed,
    /// No key has this name.
    Foreign,
}

/// The mapping of one tier.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    /// `prefix` is empty or ends with a slash, and has no segment `.` or `..`.
    pub(super) fn new(prefix: String) -> Self {
        assert!(prefix.is_empty() || prefix.ends_with('/'), "a prefix ends with a slash");
        Self { prefix }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The object of `key`.
    pub(super) fn name(&self, key: &str) -> Name {
        let prefix = &self.prefix;
        let name = if is_plain(key) {
            format!("{prefix}{key}")
        } else {
            format!("{prefix}{AREA}{}", escape(key))
        };
        if name.len() <= NAME_BYTES_MAX {
            return Name::Open(name);
        }
        let mut hashed = format!("{prefix}{AREA}{HASH_MARK}");
        push_hex(&mut hashed, &Sha256::digest(key));
        Name::Hashed(hashed)
    }

    /// A name in the area that no key has, and nobody else has by chance.
    pub(super) fn scratch(&self, mark: &str, random: [u64; 2]) -> String {
        format!("{}{AREA}{mark}{:016x}{:016x}", self.prefix, random[0], random[1])
    }

    /// The exact inverse of [`Names::name`].
    pub(super) fn listed(&self, name: &str) -> Listed {
        let Some(rest) = name.strip_prefix(self.prefix.as_str()) else { return Listed::Foreign };
        let text = match rest.strip_prefix(AREA) {
            None => Some(rest.to_owned()),
            Some(hash) if hash.starts_with(HASH_MARK) => return Listed::Hashed,
            Some(escaped) => unescape(escaped),
        };
        match text.and_then(|text| Key::new(text).ok()) {
            Some(key) if self.name(&key).as_str() == name => Listed::Key(key),
            _ => Listed::Foreign,
        }
    }
}

/// What stands in front of the body in a hashed object: the length of `key` as two bytes, big end first, then its bytes.
pub(super) fn seal(key: &Key) -> Vec<u8> {
    let len = u16::try_from(key.len()).expect("a key has at most 1,024 bytes");
    [&len.to_be_bytes(), key.as_bytes()].concat()
}

/// Takes apart a [`seal`] and the body behind it; the body may be cut off.
pub(super) fn open(sealed: &Payload) -> Option<(Key, Payload)> {
    let start = payload::start(sealed, SEAL_BYTES_MAX);
    let len = usize::from(u16::from_be_bytes(*start.first_chunk()?));
    let key = core::str::from_utf8(start.get(2..2 + len)?).ok()?;
    Some((Key::new(key).ok()?, payload::after(sealed, 2 + len)))
}

/// Appends `bytes` as lowercase hexadecimal digits.
pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
}

/// Whether `text` has a segment that URL parsers remove.
pub(super) fn has_dot_segment(text: &str) -> bool {
    text.split('/').any(is_dot_segment)
}

/// Whether XML 1.0 can carry `c`, as it is and without being normalised.
pub(super) fn is_xml_safe(c: char) -> bool {
    !matches!(c, '\0'..='\x1f' | '\x7f' | '\u{fffe}' | '\u{ffff}')
}

fn is_dot_segment(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

fn is_plain(key: &str) -> bool {
    !key.starts_with(AREA) && !has_dot_segment(key) && key.chars().all(is_xml_safe)
}

fn escape(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len() + 16);
    for (at, segment) in key.split('/').enumerate() {
        if at > 0 {
            escaped.push('/');
        }
        let hides_dots = is_dot_segment(segment);
        for c in segment.chars() {
            match c {
                '~' => escaped.push_str("~~"),
                '.' if hides_dots => escaped.push_str("~-"),
                c if is_xml_safe(c) => escaped.push(c),
                c => {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        escaped.push_str(&format!("~{byte:02X}"));
                    }
                }
            }
        }
    }
    escaped
}

/// Gives nothing for what [`escape`] never writes, or something that it does not escape to what was given.
fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'~' {
            bytes.push(byte);
            continue;
        }
        let (&sign, after) = rest.split_first()?;
        rest = after;
        match sign {
            b'~' => bytes.push(b'~'),
            b'-' => bytes.push(b'.'),
            high => {
                let (&low, after) = rest.split_first()?;
                rest = after;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
