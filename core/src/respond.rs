//! What an entry answers to a request of HTTP, as RFC 9110 has it: which status, which of its bytes, which headers.
//!
//! ```text
//! other than GET and HEAD ---------------------------------------------------> 405
//! no live entry -------------------------------------------------------------> 404
//! If-Match, or without it If-Unmodified-Since, does not hold ----------------> 412
//! If-None-Match, or without it If-Modified-Since, does not hold -------------> 304
//! GET, the object is not encoded, there is no If-Range or it holds: a Range
//!     that is well-formed and of one piece within the body ------------------> 206
//!     that begins behind the end of the body --------------------------------> 416
//! else ----------------------------------------------------------------------> 200
//! ```
//!
//! What an entry is known by is the SHA-256 of its bytes, so that it is the same from every tier and on every host;
//! for objects of other programs, which may have none, it is the store's ETag.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::ops::Range;

use crate::{
    metadata::{Content, Metadata},
    time::Timestamp,
};

/// What of a request decides on its answer.
///
/// ```
/// use tiered_storage_core::{Key, Metadata, Timestamp, respond::Request};
///
/// let metadata = Metadata::new(Key::new("a.txt")?, 10, Timestamp::from_millis(0));
/// let request = Request::new("GET", |name| (name == "range").then(|| "bytes=-3".into()));
/// let answer = request.answer(Some(&metadata), Timestamp::from_millis(0), None);
/// assert_eq!((answer.status, answer.body), (206, Some(7..10)));
/// # Ok::<(), tiered_storage_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: Method,
    range: Option<String>,
    if_range: Option<String>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Get,
    Head,
    Other,
}

/// What must be known of an entry to answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Needs {
    /// Nothing: whether there is one or not, the answer is the same.
    Nothing,
    /// Its metadata.
    Metadata,
    /// Its metadata, which may say that the body is needed too.
    Either,
    /// Metadata and body.
    Entry,
}

/// An answer: all of it but the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// 200, 206, 304, 404, 405, 412 or 416.
    pub status: u16,
    /// Names in lower case, each once, and values of printable ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// Which bytes of the uncompressed body to send; it never reaches beyond it. `None` if none are to be sent, and none
    /// need be read.
    pub body: Option<Range<u64>>,
}

/// What tells whether a client's copy is this version.
struct Version {
    /// With its quotes, and `W/` before them where it is weak.
    tag: Option<String>,
    /// The whole second of the last change.
    modified: Timestamp,
    /// Whether that second is over, so that no later change can be of it.
    is_over: bool,
}

/// What a `Range` is of a body.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Everything: there is no range that could be heeded.
    Whole,
    Part(Range<u64>),
    /// What is wanted is behind the end.
    Beyond,
}

impl Request {
    /// Reads a request. `header` gives the value of a header, whose name it is asked for in lower case; values of lines
    /// with the same name are joined by commas.
    pub fn new(method: &str, mut header: impl FnMut(&str) -> Option<String>) -> Self {
        let mut text = |name: &str| header(name).map(|value| value.trim_ascii().to_owned());
        let (if_modified_since, if_unmodified_since) =
            (text("if-modified-since"), text("if-unmodified-since"));
        // What is no date is passed over.
        let date = |text: Option<String>| Timestamp::parse_http_date(&text?);
        Self {
            method: match method {
                "GET" => Method::Get,
                "HEAD" => Method::Head,
                _ => Method::Other,
            },
            range: text("range"),
            if_range: text("if-range"),
            if_match: text("if-match"),
            if_none_match: text("if-none-match"),
            if_modified_since: date(if_modified_since),
            if_unmodified_since: date(if_unmodified_since),
        }
    }

    /// What must be known of the entry.
    pub fn needs(&self) -> Needs {
        // What there is of a body of one byte, there is of every longer one.
        let is_behind = |range: &String| ranged(range, 1) == Wanted::Beyond;
        match self.method {
            Method::Other => Needs::Nothing,
            Method::Head => Needs::Metadata,
            Method::Get => {
                let is_conditional = self.if_match.is_some()
                    || self.if_none_match.is_some()
                    || self.if_modified_since.is_some()
                    || self.if_unmodified_since.is_some()
                    || self.range.as_ref().is_some_and(is_behind);
                if is_conditional { Needs::Either } else { Needs::Entry }
            }
        }
    }

    /// The answer with a live entry, or without one. `cache_control` goes with what the entry answers (200, 206 and 304),
    /// and must be the value of a header.
    pub fn answer(
        &self,
        entry: Option<&Metadata>,
        now: Timestamp,
        cache_control: Option<&str>,
    ) -> Answer {
        if self.method == Method::Other {
            return Answer::empty(405).with("allow", "GET, HEAD");
        }
        let Some(metadata) = entry else { return Answer::empty(404) };
        let version = Version::of(metadata, now);
        if !self.is_expected(&version) {
            return Answer::empty(412);
        }
        let size = metadata.size();
        let answer = if self.is_known(&version) {
            let answer = Answer::new(304);
            match version.tag {
                Some(tag) => answer.with("etag", tag),
                None => answer.with("last-modified", version.modified.to_http_date()),
            }
        } else {
            let range = match self.wanted(&version, metadata) {
                Wanted::Beyond => {
                    return Answer::empty(416).with("content-range", format!("bytes */{size}"));
                }
                Wanted::Whole => None,
                Wanted::Part(range) => Some(range),
            };
            self.sending(range, metadata, version)
        };
        match cache_control {
            Some(value) => answer.with("cache-control", value),
            None => answer,
        }
    }

    /// Whether `If-Match`, or `If-Unmodified-Since`, holds.
    fn is_expected(&self, version: &Version) -> bool {
        match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) => version.is_among(tags, is_strongly),
            (None, Some(date)) => version.modified <= date,
            (None, None) => true,
        }
    }

    /// Whether `If-None-Match`, or `If-Modified-Since`, does not hold.
    fn is_known(&self, version: &Version) -> bool {
        match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) => version.is_among(tags, is_weakly),
            (None, Some(date)) => version.modified <= date,
            (None, None) => false,
        }
    }

    /// What is to be sent. A `Range` is for `GET` alone; bytes that another program encoded are sent whole, since what is
    /// stored may be decoded on the way.
    fn wanted(&self, version: &Version, metadata: &Metadata) -> Wanted {
        let is_heeded = self.method == Method::Get
            && encoding(metadata).is_none()
            && self.if_range.as_ref().is_none_or(|known| version.is_certainly(known));
        match &self.range {
            Some(range) if is_heeded => ranged(range, metadata.size()),
            _ => Wanted::Whole,
        }
    }

    /// An answer with all bytes or some, or for `HEAD` with none of them.
    fn sending(&self, range: Option<Range<u64>>, metadata: &Metadata, version: Version) -> Answer {
        let size = metadata.size();
        let encoding = encoding(metadata);
        let sent = range.clone().unwrap_or(0..size);
        let mut answer = Answer::new(if range.is_some() { 206 } else { 200 })
            .with("accept-ranges", if encoding.is_some() { "none" } else { "bytes" })
            .with("content-type", content_type(metadata))
            .with("content-length", (sent.end - sent.start).to_string())
            .with("last-modified", version.modified.to_http_date());
        if let Some(Range { start, end }) = range {
            answer = answer.with("content-range", format!("bytes {start}-{}/{size}", end - 1));
        }
        if let Some(encoding) = encoding.filter(|encoding| is_header_value(encoding)) {
            answer = answer.with("content-encoding", encoding);
        }
        if let Some(tag) = version.tag {
            answer = answer.with("etag", tag);
        }
        answer.body = Some(sent).filter(|_| self.method == Method::Get);
        answer
    }
}

impl Answer {
    fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    /// An answer that is known to have no bytes.
    fn empty(status: u16) -> Self {
        Self::new(status).with("content-length", "0")
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Version {
    fn of(metadata: &Metadata, now: Timestamp) -> Self {
        // What is from the future, by this clock, is from now.
        let modified = metadata.created_at().min(now).as_millis() / 1_000 * 1_000;
        let modified = Timestamp::from_millis(modified);
        Self { tag: tag(metadata), modified, is_over: now.millis_since(modified) >= 1_000 }
    }

    /// Whether this is one of the versions that a list names, or the list is `*`.
    fn is_among(&self, list: &str, is_same: fn(&str, &str) -> bool) -> bool {
        if list == "*" {
            return true;
        }
        let Some(mine) = &self.tag else { return false };
        let mut rest = list;
        loop {
            rest = rest.trim_ascii_start();
            if let Some(after) = rest.strip_prefix(',') {
                rest = after;
                continue;
            }
            let Some(len) = tag_len(rest) else { return false };
            let (tag, after) = rest.split_at(len);
            if is_same(tag, mine) {
                return true;
            }
            rest = after;
        }
    }

    /// Whether `known`, of an `If-Range`, is a tag or date that no other version can have.
    fn is_certainly(&self, known: &str) -> bool {
        match Timestamp::parse_http_date(known) {
            Some(date) => date == self.modified && self.is_over,
            None => self.tag.as_ref().is_some_and(|mine| is_strongly(known, mine)),
        }
    }
}

/// What the version is known by. An object that another program encoded may be decoded on its way to this host, after
/// which its checksum is not known any more; the store's ETag always is.
fn tag(metadata: &Metadata) -> Option<String> {
    let checksum = metadata.checksum().filter(|_| encoding(metadata).is_none());
    if let Some(checksum) = checksum {
        return Some(format!("\"{checksum}\""));
    }
    let etag = metadata.etag.as_ref()?.as_str();
    let quoted = if etag.contains('"') { etag.to_owned() } else { format!("\"{etag}\"") };
    let is_tag = tag_len(&quoted) == Some(quoted.len())
        && quoted.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    is_tag.then_some(quoted)
}

/// How another program encoded the body. Some servers still say how it was sent to them, which changed nothing.
fn encoding(metadata: &Metadata) -> Option<&str> {
    let encoding = metadata.foreign_encoding();
    encoding.filter(|encoding| !["aws-chunked", "identity"].contains(encoding))
}

/// How long the tag is that `text` begins with.
fn tag_len(text: &str) -> Option<usize> {
    let opaque = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?;
    Some(text.len() - opaque.len() + opaque.find('"')? + 1)
}

fn is_strongly(one: &str, other: &str) -> bool {
    one == other && !one.starts_with("W/")
}

fn is_weakly(one: &str, other: &str) -> bool {
    let opaque = |tag| str::strip_prefix(tag, "W/").unwrap_or(tag);
    opaque(one) == opaque(other)
}

/// What a `Range` is of `size` bytes. Several ranges are one where each joins those before it; if they are not, or one is
/// malformed, all is sent.
fn ranged(text: &str, size: u64) -> Wanted {
    let set = text.split_once('=').filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"));
    let Some((_, set)) = set else { return Wanted::Whole };
    let mut wanted = None;
    let mut is_one = true;
    for piece in set.split(',').map(str::trim_ascii).filter(|piece| !piece.is_empty()) {
        let Some(range) = part(piece, size) else { return Wanted::Whole };
        wanted = Some(match wanted {
            Some(Wanted::Part(before)) if !range.is_empty() => {
                is_one &= range.start <= before.end && before.start <= range.end;
                Wanted::Part(range.start.min(before.start)..range.end.max(before.end))
            }
            Some(before @ Wanted::Part(_)) => before,
            _ if range.is_empty() => Wanted::Beyond,
            _ => Wanted::Part(range),
        });
    }
    wanted.filter(|_| is_one).unwrap_or(Wanted::Whole)
}

/// One range, cut to `size` bytes: empty if it is behind their end; `None` if it is malformed, or of the last bytes
/// where there are none, which no answer could name.
fn part(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    if first.is_empty() {
        let len = number(last)?;
        return (len == 0 || size > 0).then(|| size.saturating_sub(len)..size);
    }
    let first = number(first)?;
    let end = match last {
        "" => size,
        last => number(last).filter(|last| first <= *last)?.saturating_add(1).min(size),
    };
    Some(first.min(end)..end)
}

/// A number of any length; more than can be counted is as much as can be.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn content_type(metadata: &Metadata) -> &str {
    let unknown = match metadata.content() {
        Content::Json => "application/json",
        _ => "application/octet-stream",
    };
    metadata.mime_type().filter(|mime_type| is_header_value(mime_type)).unwrap_or(unknown)
}

/// Whether `text` survives the way through a header unchanged.
pub fn is_header_value(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.as_bytes().windows(2).any(|pair| pair == b"  ")
}

#[cfg(test)]
mod tests;
