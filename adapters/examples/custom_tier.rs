//! A tier of your own: everything in one JSON-lines file, rewritten with each change. Slow, small, and right: it passes
//! the same conformance suite as the tiers of the library.
//!
//! ```sh
//! cargo run -p tiered-storage --features conformance --example custom_tier
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use tiered_storage::{
    ETag, Error, ErrorKind, Key, Metadata, TieredStorage, conformance,
    format::{self, Audience},
    memory::{MemoryOptions, MemoryTier},
    tier::{Listing, Page, Patched, Read, StorageTier, Stored, Usage},
};

/// One file with an entry a line: key, metadata and body as a JSON array.
#[derive(Debug)]
struct FileTier {
    path: PathBuf,
    entries: Mutex<BTreeMap<Key, Stored>>,
}

impl FileTier {
    fn open(path: PathBuf) -> Result<Self, Error> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| unavailable("the file cannot be read", error))?,
        };
        let mut entries = BTreeMap::new();
        for line in text.lines() {
            let (key, metadata, body): (String, String, Vec<u8>) = serde_json::from_str(line)
                .map_err(|error| {
                    Error::new(ErrorKind::Corrupt, "a line is damaged").with_source(error)
                })?;
            let key = Key::new(key)?;
            let metadata = format::decode(&key, &metadata)?;
            entries.insert(key, Stored { metadata, body: Bytes::from(body) });
        }
        Ok(Self { path, entries: Mutex::new(entries) })
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Stored>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a copy, writes that to a new file, and only then lets readers see it.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<Key, Stored>) -> T) -> Result<T, Error> {
        let mut entries = self.entries();
        let mut changed = entries.clone();
        let value = change(&mut changed);
        let mut text = String::new();
        for (key, Stored { metadata, body }) in &changed {
            let line = (key.as_str(), format::encode(metadata, Audience::Local), &body[..]);
            text += &serde_json::to_string(&line).map_err(|error| {
                Error::new(ErrorKind::Internal, "a line cannot be written").with_source(error)
            })?;
            text.push('\n');
        }
        let new = self.path.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(|error| unavailable("the file cannot be written", error))?;
        *entries = changed;
        Ok(value)
    }
}

fn unavailable(message: &'static str, error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, message).with_source(error)
}

#[async_trait]
impl StorageTier for FileTier {
    async fn read(&self, key: &Key, _unless: Option<&ETag>) -> Result<Read, Error> {
        Ok(self.entries().get(key).cloned().map_or(Read::Missing, Read::Found))
    }

    async fn head(&self, key: &Key) -> Result<Option<Metadata>, Error> {
        Ok(self.entries().get(key).map(|stored| stored.metadata.clone()))
    }

    async fn write(&self, key: &Key, entry: Stored) -> Result<Option<ETag>, Error> {
        self.change(|entries| entries.insert(key.clone(), entry))?;
        Ok(None)
    }

    async fn patch(&self, key: &Key, metadata: &Metadata) -> Result<Patched, Error> {
        match self.entries().get(key) {
            None => return Ok(Patched::Missing),
            Some(stored) if !stored.metadata.is_same_version(metadata) => {
                return Err(Error::new(ErrorKind::Conflict, "the entry was written again"));
            }
            Some(_) => {}
        }
        self.change(|entries| {
            if let Some(stored) = entries.get_mut(key) {
                stored.metadata = metadata.clone();
            }
        })?;
        Ok(Patched::Done(None))
    }

    async fn remove(&self, keys: &[Key]) -> Result<(), Error> {
        self.change(|entries| keys.iter().for_each(|key| drop(entries.remove(key))))
    }

    async fn list(&self, page: Page<'_>) -> Result<Listing, Error> {
        let entries = self.entries();
        let after = page.after.unwrap_or("");
        let mut keys: Vec<Key> = entries
            .keys()
            .filter(|key| key.starts_with(page.prefix) && key.as_str() > after)
            .take(page.limit + 1)
            .cloned()
            .collect();
        let has_more = keys.len() > page.limit;
        keys.truncate(page.limit);
        let next = keys.last().filter(|_| has_more).map(|key| key.as_str().to_owned());
        Ok(Listing { keys, next })
    }

    async fn usage(&self) -> Result<Usage, Error> {
        let entries = self.entries();
        let bytes = entries.values().map(|stored| stored.body.len() as u64).sum();
        Ok(Usage { bytes, items: entries.len() as u64, evictions: None })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    conformance::run_all(&FileTier::open(folder.path().join("suite.jsonl"))?).await;
    println!("the tier keeps what the trait promises");

    let path = folder.path().join("entries.jsonl");
    let cold = Arc::new(FileTier::open(path.clone())?);
    let hot = Arc::new(MemoryTier::new(MemoryOptions::new())?);
    let storage = TieredStorage::builder(cold).hot(hot).open().await?;
    storage.set("greeting.txt", "hello").await?;
    storage.close().await?;

    let again = TieredStorage::builder(Arc::new(FileTier::open(path)?)).open().await?;
    let entry = again.get_with_metadata("greeting.txt").await?.ok_or("the entry is gone")?;
    println!("{:?} came back from {}, a new process would see the same", entry.data, entry.source);
    Ok(())
}
