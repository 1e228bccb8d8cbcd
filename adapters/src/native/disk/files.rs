//! The directory's layout, and reads and writes at a place in a file.
//!
//! ```text
//! lock                                   held by the process that owns the directory
//! clean                                  there only between a clean close and the next open
//! v1/snapshot  v1/journal-<number>       the index
//! v1/segments/<number>                   small bodies
//! v1/objects/<2 hex>/<32 hex>-<16 hex>   large bodies: hash of the key, generation
//! v1/new/                                files that are being written, staged bodies, parts of bodies
//! trash-<number>/                        what is being deleted
//! ```
//!
//! The name of an object holds its generation, so that a name never stands for two writes: no reader finds half of
//! one, and a power loss cannot bring an old body back under a newer one's name.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tiered_storage_core::{Error, ErrorKind};

/// The files of one directory.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
}

impl Layout {
    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(super) fn clean(&self) -> PathBuf {
        self.root.join("clean")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("v1")
    }

    pub(super) fn trash(&self, number: u64) -> PathBuf {
        self.root.join(format!("trash-{number:016x}"))
    }

    pub(super) fn snapshot(&self) -> PathBuf {
        self.data().join("snapshot")
    }

    pub(super) fn journal(&self, number: u64) -> PathBuf {
        self.data().join(format!("journal-{number:016x}"))
    }

    pub(super) fn segments(&self) -> PathBuf {
        self.data().join("segments")
    }

    pub(super) fn segment(&self, number: u32) -> PathBuf {
        self.segments().join(format!("{number:08x}"))
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.data().join("objects")
    }

    pub(super) fn shard(&self, key: &str) -> PathBuf {
        self.objects().join(&hash(key)[..2])
    }

    pub(super) fn object(&self, key: &str, generation: u64) -> PathBuf {
        let hash = hash(key);
        self.objects().join(&hash[..2]).join(format!("{hash}-{generation:016x}"))
    }

    pub(super) fn unfinished(&self) -> PathBuf {
        self.data().join("new")
    }

    /// The file of this generation, until it is whole.
    pub(super) fn draft(&self, generation: u64) -> PathBuf {
        self.unfinished().join(format!("{generation:016x}"))
    }

    /// Makes the folders of an empty tier.
    pub(super) fn create(&self) -> io::Result<()> {
        for folder in [self.segments(), self.objects(), self.unfinished()] {
            fs::create_dir_all(folder)?;
        }
        Ok(())
    }
}

/// The first 128 bits of the key's SHA-256, in hexadecimal.
pub(super) fn hash(key: &str) -> String {
    use core::fmt::Write;
    let mut text = String::with_capacity(32);
    for byte in &Sha256::digest(key.as_bytes())[..16] {
        write!(text, "{byte:02x}").expect("a String takes every write");
    }
    text
}

/// The hash and the generation that the file name of an object holds.
pub(super) fn object_name(name: &str) -> Option<(&str, u64)> {
    let (hash, generation) = name.split_once('-')?;
    (hash.len() == 32 && generation.len() == 16).then_some(())?;
    Some((hash, u64::from_str_radix(generation, 16).ok()?))
}

/// The number that the name of a journal holds.
pub(super) fn journal_number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix("journal-")?, 16).ok()
}

/// The names in a folder; none if it is not there.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(found) => found
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Removes a file; that it is gone already is no error.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes what was created, renamed and removed in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(unix)]
pub(super) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                buffer = &mut buffer[count..];
                at += count as u64;
            }
        }
    }
    Ok(())
}

#[cfg(windows)]
pub(super) fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, at)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => {
                bytes = &bytes[count..];
                at += count as u64;
            }
        }
    }
    Ok(())
}

/// Reads at a place if the bytes are in memory already; `None` if the device would have to be asked.
#[cfg(target_os = "linux")]
pub(super) fn read_cached(file: &File, buffer: &mut [u8], at: u64) -> Option<()> {
    use rustix::io::{IoSliceMut, ReadWriteFlags, preadv2};
    let wanted = buffer.len();
    let read = preadv2(file, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT).ok()?;
    (read == wanted).then_some(())
}

/// Reads at a place if the bytes are in memory already; `None` where there is no way to know.
#[cfg(not(target_os = "linux"))]
pub(super) fn read_cached(_file: &File, _buffer: &mut [u8], _at: u64) -> Option<()> {
    None
}

pub(super) fn is_out_of_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// What an I/O error means for the caller.
pub(crate) fn failure(error: io::Error, doing: &'static str) -> Error {
    use io::ErrorKind as Io;
    let (kind, advice) = match error.kind() {
        _ if is_out_of_room(&error) => (ErrorKind::Full, "free some room on the disk"),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            (ErrorKind::Denied, "give this process the right to write there")
        }
        Io::NotADirectory | Io::AlreadyExists | Io::InvalidInput | Io::InvalidFilename => {
            (ErrorKind::Invalid, "give the disk tier a directory of its own")
        }
        _ => (ErrorKind::Unavailable, "try again later"),
    };
    Error::new(kind, format!("{doing} failed: {error}; {advice}")).with_source(error)
}
