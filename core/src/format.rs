//! The stored form of [`Metadata`]: the only serializer of the library.
//!
//! One line of printable ASCII, so that the same bytes stand in an HTTP header and in a record on disk:
//! the version, then fields of one letter each, in this order, those without a value left out.
//!
//! ```text
//! 1;s=11;c=1767225600000;h=ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubk;w=000000000000002a;z=1;m=text/plain;u=owner:ada
//! ```
//!
//! | field | meaning | | field | meaning |
//! |---|---|---|---|---|
//! | `s` | uncompressed size in bytes | | `x` | expiry |
//! | `c` | created | | `a` | last accessed, where it is not `c` |
//! | `h` | SHA-256, base64url | | `n` | access count, where it is not 0 |
//! | `w` | write id, 16 hexadecimal digits | | `m` | MIME type |
//! | `z` | `1` where the body is gzip | | `d` | encoding that another writer gave |
//! | `k` | content: `j` JSON, `c` custom | | `u` | a field of the user's, `name:value`, any number |
//! | `e` | ETag in the cold tier (local) | | `f` | when it was last known to be current (local) |
//!
//! Times are milliseconds since 1970. In a string, a byte that is not printable ASCII, or is one of `% ; : = ~`,
//! or is a space at an end or beside another, is `%` and two hexadecimal digits; where base64url of the whole
//! string is shorter, it stands instead behind a `~`. A reader passes over letters it does not know.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write;

use crate::{
    base64,
    error::{Error, ErrorKind},
    key::Key,
    map::Map,
    metadata::{Checksum, Content, ETag, Metadata, WriteId},
    time::Timestamp,
};

/// The most that an entry's metadata may take in its stored form, in bytes (1.9 KiB): S3 allows 2 KB of headers.
pub const BYTES_MAX: usize = 1_945;

/// Who the stored form is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audience {
    /// The cold tier, which other hosts read: facts of this host's copy are left out.
    Shared,
    /// A tier of this host alone.
    Local,
}

/// Writes `metadata`, without its key, as a line of ASCII.
pub fn encode(metadata: &Metadata, audience: Audience) -> String {
    let mut line = format!("1;s={};c={}", metadata.size(), metadata.created_at().as_millis());
    if let Some(Checksum(bytes)) = metadata.checksum() {
        line.push_str(";h=");
        base64::push_url(&mut line, &bytes);
    }
    if let Some(WriteId(id)) = metadata.write_id() {
        write!(line, ";w={id:016x}").expect("a String takes every write");
    }
    if metadata.is_compressed() {
        line.push_str(";z=1");
    }
    match metadata.content() {
        Content::Bytes => {}
        Content::Json => line.push_str(";k=j"),
        Content::Custom => line.push_str(";k=c"),
    }
    let mut number = |name: char, value: u64| {
        write!(line, ";{name}={value}").expect("a String takes every write");
    };
    if let Some(expiry) = metadata.expires_at {
        number('x', expiry.as_millis());
    }
    if metadata.last_accessed != metadata.created_at() {
        number('a', metadata.last_accessed.as_millis());
    }
    if metadata.access_count != 0 {
        number('n', metadata.access_count);
    }
    if audience == Audience::Local && metadata.fresh_at != metadata.created_at() {
        number('f', metadata.fresh_at.as_millis());
    }
    let mut text = |name: &str, value: &str| {
        line.push_str(name);
        push_text(&mut line, value);
    };
    if let Some(etag) = metadata.etag.as_ref().filter(|_| audience == Audience::Local) {
        text(";e=", etag.as_str());
    }
    if let Some(mime_type) = metadata.mime_type() {
        text(";m=", mime_type);
    }
    if let Some(encoding) = metadata.foreign_encoding() {
        text(";d=", encoding);
    }
    for (name, value) in metadata.custom() {
        text(";u=", name);
        text(":", value);
    }
    line
}

/// Checks that `metadata` fits into every tier.
///
/// # Errors
///
/// `Invalid` if its stored form has more than [`BYTES_MAX`] bytes.
pub fn check_size(metadata: &Metadata) -> Result<(), Error> {
    match encode(metadata, Audience::Shared).len() {
        0..=BYTES_MAX => Ok(()),
        len => Err(Error::new(
            ErrorKind::Invalid,
            format!("the metadata takes {len} bytes; shorten it to {BYTES_MAX} (1.9 KiB) at most"),
        )),
    }
}

/// Reads what [`encode`] wrote for the entry `key`.
///
/// # Errors
///
/// `Corrupt` if the line is not one that this version can read.
pub fn decode(key: &Key, line: &str) -> Result<Metadata, Error> {
    let fields = line.strip_prefix("1;").ok_or_else(|| {
        corrupt(
            key,
            "the metadata is of a format that this version does not know; update the library",
        )
    })?;
    parse(key, fields).ok_or_else(|| corrupt(key, "the stored metadata cannot be read"))
}

fn corrupt(key: &Key, message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message).with_key(key)
}

fn parse(key: &Key, fields: &str) -> Option<Metadata> {
    let time = |value: &str| value.parse().ok().map(Timestamp::from_millis);
    let mut fields = fields.split(';').map(|field| field.split_once('='));
    let ("s", size) = fields.next()?? else { return None };
    let ("c", created_at) = fields.next()?? else { return None };
    let mut metadata = Metadata::new(key.clone(), size.parse().ok()?, time(created_at)?);
    let mut custom = Map::new();
    for field in fields {
        let (name, value) = field?;
        match name {
            "h" => {
                let bytes = base64::parse_url(value)?;
                metadata = metadata.with_checksum(Checksum(bytes.try_into().ok()?));
            }
            "w" => {
                metadata = metadata.with_write_id(WriteId(u64::from_str_radix(value, 16).ok()?));
            }
            "z" => metadata = metadata.with_compressed(value == "1"),
            "k" => metadata = metadata.with_content(content(value)?),
            "x" => metadata.expires_at = Some(time(value)?),
            "a" => metadata.last_accessed = time(value)?,
            "n" => metadata.access_count = value.parse().ok()?,
            "f" => metadata.fresh_at = time(value)?,
            "e" => metadata.etag = Some(ETag::new(read_text(value)?)),
            "m" => metadata = metadata.with_mime_type(read_text(value)?),
            "d" => metadata = metadata.with_encoding(read_text(value)?),
            "u" => {
                let (name, value) = value.split_once(':')?;
                custom.insert(read_text(name)?, read_text(value)?);
            }
            _ => {}
        }
    }
    Some(if custom.is_empty() { metadata } else { metadata.with_custom(custom) })
}

fn content(letter: &str) -> Option<Content> {
    match letter {
        "j" => Some(Content::Json),
        "c" => Some(Content::Custom),
        _ => None,
    }
}

fn push_text(line: &mut String, text: &str) {
    let start = line.len();
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let is_plain = match byte {
            b'%' | b';' | b':' | b'=' | b'~' => false,
            b' ' => {
                let beside =
                    |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|&b| b != b' ');
                beside(at.checked_sub(1)) && beside(Some(at + 1))
            }
            byte => byte.is_ascii_graphic(),
        };
        if is_plain {
            line.push(char::from(byte));
        } else {
            write!(line, "%{byte:02X}").expect("a String takes every write");
        }
    }
    let packed_len = 1 + (bytes.len() * 4).div_ceil(3);
    if packed_len < line.len() - start {
        line.truncate(start);
        line.push('~');
        base64::push_url(line, bytes);
    }
}

fn read_text(stored: &str) -> Option<String> {
    if let Some(packed) = stored.strip_prefix('~') {
        return String::from_utf8(base64::parse_url(packed)?).ok();
    }
    if !stored.contains('%') {
        return Some(stored.to_string());
    }
    let mut bytes = Vec::with_capacity(stored.len());
    let mut rest = stored.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
