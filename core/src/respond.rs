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
    /// Those of `HEADERS` that there are.
    headers: Vec<(&'static str, String)>,
}

const HEADERS: [&str; 6] =
    ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

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
        let mut headers = Vec::new();
        for name in HEADERS {
            if let Some(value) = header(name) {
                headers.push((name, value));
            }
        }
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other,
        };
        Self { method, headers }
    }

    /// What must be known of the entry.
    pub fn needs(&self) -> Needs {
        // Where it starts, and whether it is there, depends on the size; what starts at 0 is read on the way. What there
        // is of a body of one byte, there is of every longer one.
        let is_inside = |range| {
            let starts_later =
                matches!(ranged(range, u64::MAX), Wanted::Part(part) if part.start > 0);
            starts_later || ranged(range, 1) == Wanted::Beyond
        };
        match self.method {
            Method::Other => Needs::Nothing,
            Method::Head => Needs::Metadata,
            Method::Get => {
                let is_conditional = self.header("if-match").is_some()
                    || self.header("if-none-match").is_some()
                    || self.date("if-modified-since").is_some()
                    || self.date("if-unmodified-since").is_some()
                    || self.header("range").is_some_and(is_inside);
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
        let mut answer = Answer { status: 0, headers: Vec::new(), body: None };
        answer.status = match entry {
            _ if self.method == Method::Other => {
                answer.tell("allow", "GET, HEAD".to_owned());
                405
            }
            None => 404,
            Some(metadata) => self.describe(metadata, now, &mut answer),
        };
        if !matches!(answer.status, 200 | 206 | 304) {
            answer.tell("content-length", "0".to_owned());
        } else if let Some(value) = cache_control {
            answer.tell("cache-control", value.to_owned());
        }
        answer
    }

    /// Tells of an entry in `answer`, and gives its status.
    fn describe(&self, metadata: &Metadata, now: Timestamp, answer: &mut Answer) -> u16 {
        let version = Version::of(metadata, now);
        if !self.is_expected(&version) {
            return 412;
        }
        let size = metadata.size();
        let is_known = self.is_known(&version);
        let wanted = if is_known { Wanted::Whole } else { self.wanted(&version, metadata) };
        if wanted == Wanted::Beyond {
            answer.tell("content-range", format!("bytes */{size}"));
            return 416;
        }
        if !is_known || version.tag.is_none() {
            answer.tell("last-modified", version.modified.to_http_date());
        }
        if let Some(tag) = version.tag {
            answer.tell("etag", tag);
        }
        if is_known {
            return 304;
        }
        let (status, Range { start, end }) = match wanted {
            Wanted::Part(range) => (206, range),
            _ => (200, 0..size),
        };
        if status == 206 {
            answer.tell("content-range", format!("bytes {start}-{}/{size}", end - 1));
        }
        let encoding = encoding(metadata);
        answer.tell("accept-ranges", if encoding.is_some() { "none" } else { "bytes" }.to_owned());
        answer.tell("content-type", content_type(metadata).to_owned());
        answer.tell("content-length", (end - start).to_string());
        if let Some(encoding) = encoding.filter(|encoding| is_header_value(encoding)) {
            answer.tell("content-encoding", encoding.to_owned());
        }
        answer.body = Some(start..end).filter(|_| self.method == Method::Get);
        status
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| value.trim_ascii())
    }

    /// A date; what is none is passed over.
    fn date(&self, name: &str) -> Option<Timestamp> {
        Timestamp::parse_http_date(self.header(name)?)
    }

    /// Whether `If-Match`, or `If-Unmodified-Since`, holds.
    fn is_expected(&self, version: &Version) -> bool {
        match (self.header("if-match"), self.date("if-unmodified-since")) {
            (Some(tags), _) => version.is_among(tags, is_strongly),
            (None, Some(date)) => version.modified <= date,
            (None, None) => true,
        }
    }

    /// Whether `If-None-Match`, or `If-Modified-Since`, does not hold.
    fn is_known(&self, version: &Version) -> bool {
        match (self.header("if-none-match"), self.date("if-modified-since")) {
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
            && self.header("if-range").is_none_or(|known| version.is_certainly(known));
        match self.header("range") {
            Some(range) if is_heeded => ranged(range, metadata.size()),
            _ => Wanted::Whole,
        }
    }
}

impl Answer {
    fn tell(&mut self, name: &'static str, value: String) {
        self.headers.push((name, value));
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
