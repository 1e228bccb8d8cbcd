//! Which bodies are worth compressing.

/// Below this, the gzip frame and the second pass over the bytes cost more than they save.
const SIZE_BYTES_MIN: u64 = 256;

/// Types that are compressed by nature. PDF is among them because its streams are deflated by every common
/// writer; WebAssembly, fonts that are not WOFF, and `application/octet-stream` are not.
const COMPRESSED: [&str; 27] = [
    "application/epub+zip",
    "application/font-woff",
    "application/font-woff2",
    "application/gzip",
    "application/java-archive",
    "application/pdf",
    "application/vnd.android.package-archive",
    "application/vnd.ms-cab-compressed",
    "application/vnd.rar",
    "application/x-7z-compressed",
    "application/x-brotli",
    "application/x-bzip",
    "application/x-bzip2",
    "application/x-compress",
    "application/x-gzip",
    "application/x-lz4",
    "application/x-lzip",
    "application/x-lzma",
    "application/x-rar-compressed",
    "application/x-xz",
    "application/x-zip-compressed",
    "application/x-zstd",
    "application/zip",
    "application/zlib",
    "application/zstd",
    "font/woff",
    "font/woff2",
];

/// Families in which nearly everything is compressed by nature: the office formats are zip archives.
const COMPRESSED_FAMILIES: [&str; 5] = [
    "audio/",
    "video/",
    "image/",
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
];

/// What is not compressed in those families.
const PLAIN_IMAGES: [&str; 3] = ["image/svg+xml", "image/bmp", "image/x-ms-bmp"];

/// Whether compressing a body of `size_bytes` and this type can pay.
///
/// It cannot below 256 bytes and for types that are compressed already, such as photographs, films, archives and
/// PDF. Parameters of the type and its letter case make no difference. Where no type is known it may pay.
///
/// ```
/// use tiered_storage_core::codec::worth_compressing;
///
/// assert!(worth_compressing(4_096, Some("text/html; charset=utf-8")));
/// assert!(!worth_compressing(4_096, Some("image/png")));
/// assert!(!worth_compressing(100, Some("text/html")));
/// ```
pub fn worth_compressing(size_bytes: u64, mime_type: Option<&str>) -> bool {
    size_bytes >= SIZE_BYTES_MIN && !mime_type.is_some_and(is_compressed)
}

fn is_compressed(mime_type: &str) -> bool {
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    let is_named = |name: &&str| essence.eq_ignore_ascii_case(name);
    let is_of = |family: &&str| {
        essence.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family))
    };
    COMPRESSED.iter().any(is_named)
        || (COMPRESSED_FAMILIES.iter().any(is_of) && !PLAIN_IMAGES.iter().any(is_named))
}
