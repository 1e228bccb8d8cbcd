//! What is stored beside a body.

use alloc::format;
use alloc::{
    string::{String, ToString},
    sync::Arc,
};
use core::fmt;

use crate::{key::Key, map::Map, time::Timestamp};

/// The SHA-256 of an entry's uncompressed bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum(pub [u8; 32]);

impl Checksum {
    /// Reads 64 lowercase or uppercase hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let nibble =
            |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }
}

/// As 64 lowercase hexadecimal digits, the way the contract writes it.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The version of an object as its store names it, quotes and all, exactly as received.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ETag(Arc<str>);

impl ETag {
    /// Takes the text of an `ETag` header as it came.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()))
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a body is, so that reading never depends on today's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content {
    /// The bytes that the caller gave.
    #[default]
    Bytes,
    /// A value that the library wrote as JSON.
    Json,
    /// A value that the caller's own serializer wrote.
    Custom,
}

/// Names one write: copies of it in several tiers carry the same id, and no other write does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriteId(pub u64);

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{:x}", self.0)
    }
}

/// What is stored beside a body. A clone is two reference counts.
///
/// What a write settles is read by methods and never changes afterwards; what changes later, and the two facts
/// that only this host's copy has (`etag`, `fresh_at`), are fields.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Metadata {
    written: Arc<Written>,
    /// When the entry stops being live: it is expired once now is later than this. The contract calls it `ttl`.
    pub expires_at: Option<Timestamp>,
    /// When it was last read, as far as this host knows.
    pub last_accessed: Timestamp,
    /// How often it was read, as far as this host knows.
    pub access_count: u64,
    /// The version that the cold tier gave it, where that is known. Never stored in the cold tier itself.
    pub etag: Option<ETag>,
    /// When this copy was last known to be the cold tier's version. Never stored in the cold tier itself.
    pub fresh_at: Timestamp,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Written {
    key: Key,
    size: u64,
    created_at: Timestamp,
    checksum: Option<Checksum>,
    compressed: bool,
    content: Content,
    mime_type: Option<String>,
    encoding: Option<String>,
    custom: Map<String, String>,
    write_id: Option<WriteId>,
}

impl Metadata {
    /// The metadata of an entry of `size` uncompressed bytes that was written at `created_at`, with nothing else
    /// known of it.
    pub fn new(key: Key, size: u64, created_at: Timestamp) -> Self {
        Self {
            written: Arc::new(Written {
                key,
                size,
                created_at,
                checksum: None,
                compressed: false,
                content: Content::Bytes,
                mime_type: None,
                encoding: None,
                custom: Map::new(),
                write_id: None,
            }),
            expires_at: None,
            last_accessed: created_at,
            access_count: 0,
            etag: None,
            fresh_at: created_at,
        }
    }

    /// With the SHA-256 of the uncompressed bytes.
    #[must_use]
    pub fn with_checksum(self, checksum: Checksum) -> Self {
        self.edit(|written| written.checksum = Some(checksum))
    }

    /// With the body stored as gzip (`true`) or as it is.
    #[must_use]
    pub fn with_compressed(self, compressed: bool) -> Self {
        self.edit(|written| written.compressed = compressed)
    }

    /// With what the body is.
    #[must_use]
    pub fn with_content(self, content: Content) -> Self {
        self.edit(|written| written.content = content)
    }

    /// With a MIME type.
    #[must_use]
    pub fn with_mime_type(self, mime_type: impl Into<String>) -> Self {
        self.edit(|written| written.mime_type = Some(mime_type.into()))
    }

    /// With the encoding that another writer gave the body, such as `br`.
    #[must_use]
    pub fn with_encoding(self, encoding: impl Into<String>) -> Self {
        self.edit(|written| written.encoding = Some(encoding.into()))
    }

    /// With the user's own fields.
    #[must_use]
    pub fn with_custom(self, custom: Map<String, String>) -> Self {
        self.edit(|written| written.custom = custom)
    }

    /// With the id of the write that made it.
    #[must_use]
    pub fn with_write_id(self, id: WriteId) -> Self {
        self.edit(|written| written.write_id = Some(id))
    }

    /// The entry's key.
    pub fn key(&self) -> &Key {
        &self.written.key
    }

    /// The uncompressed size in bytes.
    pub fn size(&self) -> u64 {
        self.written.size
    }

    /// When this version was written.
    pub fn created_at(&self) -> Timestamp {
        self.written.created_at
    }

    /// The SHA-256 of the uncompressed bytes; `None` for an object that another program wrote.
    pub fn checksum(&self) -> Option<Checksum> {
        self.written.checksum
    }

    /// Whether the body is stored as gzip.
    pub fn is_compressed(&self) -> bool {
        self.written.compressed
    }

    /// What the body is.
    pub fn content(&self) -> Content {
        self.written.content
    }

    /// The MIME type, where one was given or could be guessed.
    pub fn mime_type(&self) -> Option<&str> {
        self.written.mime_type.as_deref()
    }

    /// How the stored body is encoded: `gzip` where the library compressed it, else what another writer said.
    pub fn encoding(&self) -> Option<&str> {
        if self.written.compressed { Some("gzip") } else { self.written.encoding.as_deref() }
    }

    /// The encoding that another writer gave the body.
    pub(crate) fn foreign_encoding(&self) -> Option<&str> {
        self.written.encoding.as_deref()
    }

    /// The user's own fields.
    pub fn custom(&self) -> &Map<String, String> {
        &self.written.custom
    }

    /// The write that made it; `None` for an object that another program wrote.
    pub fn write_id(&self) -> Option<WriteId> {
        self.written.write_id
    }

    /// Whether the entry is live: it has no expiry, or `now` is not later than it.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| now <= expiry)
    }

    /// Whether both describe the same write: by its id where both have one, else by the store's version, else by
    /// content and time.
    pub fn is_same_version(&self, other: &Self) -> bool {
        match (self.write_id(), other.write_id(), &self.etag, &other.etag) {
            (Some(mine), Some(theirs), ..) => mine == theirs,
            (None, None, Some(mine), Some(theirs)) => mine == theirs,
            (None, None, ..) => {
                (self.size(), self.created_at(), self.checksum())
                    == (other.size(), other.created_at(), other.checksum())
            }
            _ => false,
        }
    }

    /// Names this version, for a write that is to replace no other: the tag that the cold tier gave it, or where it
    /// gives none, one made of what tells writes apart.
    pub fn version(&self) -> ETag {
        if let Some(etag) = &self.etag {
            return etag.clone();
        }
        ETag::new(match (self.write_id(), self.checksum()) {
            (Some(WriteId(id)), _) => format!("\"{id:016x}\""),
            (None, Some(checksum)) => format!("\"{checksum}\""),
            (None, None) => format!("\"{:x}-{:x}\"", self.size(), self.created_at().as_millis()),
        })
    }

    /// Whether both say the same of everything that a write settles, so that they differ in their fields at most.
    pub fn is_settled_alike(&self, other: &Self) -> bool {
        self.written == other.written
    }

    /// What is left of this entry when it takes over what a snapshot says of the same bytes: everything that
    /// describes them to a user. How they are stored, and which write they are of, stays.
    pub(crate) fn adopting(&self, snapshot: &Self) -> Self {
        let mut adopted = self.clone().edit(|written| {
            written.created_at = snapshot.created_at();
            written.mime_type = snapshot.mime_type().map(ToString::to_string);
            written.custom.clone_from(snapshot.custom());
        });
        adopted.expires_at = snapshot.expires_at;
        adopted.last_accessed = snapshot.last_accessed;
        adopted.access_count = snapshot.access_count;
        adopted
    }

    fn edit(mut self, change: impl FnOnce(&mut Written)) -> Self {
        change(Arc::make_mut(&mut self.written));
        self
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("key", self.key())
            .field("size", &self.size())
            .field("write_id", &self.write_id())
            .field("created_at", &self.created_at())
            .field("expires_at", &self.expires_at)
            .field("compressed", &self.is_compressed())
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// The MIME type that a key's extension stands for, if it is one of the common ones.
pub fn mime_type_of(key: &str) -> Option<String> {
    let (_, extension) = key.rsplit('/').next()?.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    let at = MIME_TYPES.binary_search_by_key(&extension.as_str(), |(name, _)| name).ok()?;
    Some(MIME_TYPES[at].1.to_string())
}

/// Extensions in order, with the types of the IANA registry (`text/javascript` as RFC 9239 has it).
const MIME_TYPES: &[(&str, &str)] = &[
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("apng", "image/apng"),
    ("avif", "image/avif"),
    ("bin", "application/octet-stream"),
    ("bmp", "image/bmp"),
    ("br", "application/x-brotli"),
    ("bz2", "application/x-bzip2"),
    ("cjs", "text/javascript"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("eot", "application/vnd.ms-fontobject"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("gz", "application/gzip"),
    ("heic", "image/heic"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("jxl", "image/jxl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("md", "text/markdown"),
    ("mid", "audio/midi"),
    ("mjs", "text/javascript"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("parquet", "application/vnd.apache.parquet"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rtf", "application/rtf"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

#[cfg(test)]
mod tests;
