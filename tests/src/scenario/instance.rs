//! One storage, and ways into its tiers behind its back.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::TryStreamExt;
use tiered_storage::{
    Checksum, Error, ErrorKind, Key, Metadata, SetOptions, Tier, TierSet, TieredStorage, Timestamp,
    conformance::Call,
    host::Host,
    snapshot::Snapshot,
    tier::{Page, Read, StorageTier, Stored},
};

use tiered_storage_core::{codec, digest};

use super::{
    answer::Answer,
    calls::{ApiCall, SetArgs, TierCall, TierMetadata, Ttl},
    config::Config,
    stage::Place,
    value::Value,
};

/// What a step gives.
pub(super) type Given = Result<Answer, Error>;

/// One storage with its tiers.
pub(super) struct Instance {
    pub(super) storage: TieredStorage,
    pub(super) places: [Option<Place>; 3],
}

impl Instance {
    /// Opens a storage over `places`.
    pub(super) async fn open(
        config: Config,
        places: [Option<Place>; 3],
        host: Arc<dyn Host>,
    ) -> Result<Self, Error> {
        let fault = |tier: Tier| places[tier as usize].as_ref().map(|place| place.fault.clone());
        let cold = fault(Tier::Cold).expect("every stage has a cold tier");
        let mut builder = TieredStorage::builder(cold).host(host);
        if let Some(hot) = fault(Tier::Hot) {
            builder = builder.hot(hot);
        }
        if let Some(warm) = fault(Tier::Warm) {
            builder = builder.warm(warm);
        }
        if let Some(compression) = config.compression {
            builder = builder.compression(compression);
        }
        if let Some(ttl) = config.default_ttl {
            builder = builder.default_ttl(ttl);
        }
        if let Some(promotion) = config.promotion {
            builder = builder.promotion(promotion);
        }
        if let Some(placement) = config.placement {
            builder = builder.placement(placement);
        }
        if let Some(bytes) = config.hot_promotion_bytes_max {
            builder = builder.hot_promotion_bytes_max(bytes);
        }
        if let Some(bytes) = config.range_caching {
            builder = builder.range_caching(bytes);
        }
        if let Some(verify) = config.verify {
            builder = builder.verify(verify);
        }
        if let Some(expired) = config.expired_cold {
            builder = builder.expired_cold(expired);
        }
        if let Some(age) = config.revalidate_after {
            builder = builder.revalidate_after(age);
        }
        if let Some(age) = config.stale_if_unavailable {
            builder = builder.stale_if_unavailable(age);
        }
        if let Some(interval) = config.access_flush_interval {
            builder = builder.access_flush_interval(interval);
        }
        let storage = builder.open().await?;
        Ok(Self { storage, places })
    }

    pub(super) fn place(&self, tier: Tier) -> &Place {
        self.places[tier as usize].as_ref().expect("the file was checked to have this tier")
    }

    /// The calls that wait to be released, in words.
    pub(super) fn held(&self) -> Vec<String> {
        let mut held = Vec::new();
        for tier in Tier::ALL {
            let Some(place) = &self.places[tier as usize] else { continue };
            let stopped = Call::ALL.into_iter().filter(|call| place.fault.stopped(*call) > 0);
            held.extend(stopped.map(|call| format!("{tier} {call}")));
        }
        held
    }
}

/// Calls the public API. `snapshot` is the one that an import reads.
pub(super) async fn call(storage: TieredStorage, call: ApiCall, snapshot: Option<String>) -> Given {
    match call {
        ApiCall::Set { key, value, options } => set(&storage, &key, value, options).await,
        ApiCall::Get(key) => storage.get_with_metadata(&key).await.map(Answer::from),
        ApiCall::Range(key, range) => {
            let found = storage.get_range(&key, range).await?;
            let source = found.as_ref().map(|part| part.source);
            Ok(Answer::entry(found.map(|part| (part.metadata, part.data)), source))
        }
        ApiCall::Delete(key) => storage.delete(&key).await.map(nothing),
        ApiCall::Exists(key) => storage.exists(&key).await.map(Answer::json),
        ApiCall::Metadata(key) => {
            storage.metadata(&key).await.map(|found| Answer::metadata(found.as_ref()))
        }
        ApiCall::Touch { key, ttl } => storage.touch(&key, duration(ttl)?).await.map(nothing),
        ApiCall::Invalidate(prefix) => storage.invalidate(&prefix).await.map(Answer::json),
        ApiCall::InvalidateUpper(prefix) => {
            storage.invalidate_upper_caches(&prefix).await.map(Answer::json)
        }
        ApiCall::Keys(prefix) => {
            let keys = storage.keys(&prefix).map_ok(|key| key.to_string());
            keys.try_collect::<Vec<_>>().await.map(Answer::json)
        }
        ApiCall::Stats => storage.stats().await.map(Answer::json),
        ApiCall::Clear => storage.clear().await.map(nothing),
        ApiCall::ClearTier(tier) => storage.clear_tier(tier).await.map(nothing),
        ApiCall::BootstrapHot(limit) => storage.bootstrap_hot(limit).await.map(Answer::json),
        ApiCall::BootstrapWarm(limit, since) => {
            storage.bootstrap_warm(limit, since).await.map(Answer::json)
        }
        ApiCall::Export => storage.export().await.map(Answer::json),
        ApiCall::Import(_) => {
            let text = snapshot.expect("an import is given what it imports");
            let snapshot: Snapshot = serde_json::from_str(&text).map_err(|error| {
                Error::new(ErrorKind::Invalid, format!("the snapshot cannot be read: {error}"))
            })?;
            storage.import(&snapshot).await.map(nothing)
        }
        ApiCall::Settle => {
            storage.settled().await;
            Ok(Answer::NOTHING)
        }
    }
}

fn nothing((): ()) -> Answer {
    Answer::NOTHING
}

async fn set(storage: &TieredStorage, key: &str, value: Value, args: SetArgs) -> Given {
    let mut options = SetOptions::default();
    options.ttl = duration(args.ttl)?;
    options.metadata = args.metadata;
    options.mime_type = args.mime_type;
    options.skip_tiers = args.skip_tiers.unwrap_or(TierSet::EMPTY);
    options.only_tiers = args.only_tiers;
    let written = match value {
        Value::Bytes(bytes) => storage.set_with(key, bytes, options).await,
        Value::Json(json) => storage.set_json(key, &json, options).await,
    };
    written.map(Answer::from)
}

/// A time to live that is less than nothing cannot even be said in Rust.
fn duration(ttl: Option<Ttl>) -> Result<Option<Duration>, Error> {
    ttl.transpose().map_err(|ms| {
        Error::new(ErrorKind::Invalid, format!("{ms} milliseconds are no time to live"))
    })
}

/// Calls one tier, past the storage, its faults and its counts.
pub(super) async fn tier_call(tier: Arc<dyn StorageTier>, call: TierCall, now: Timestamp) -> Given {
    match call {
        TierCall::Get(key) => {
            let found = read(&*tier, &Key::new(key)?).await?;
            let is_volatile = tier.properties().is_volatile;
            let decode =
                |stored: Stored| Ok((stored.metadata.clone(), decoded(stored, is_volatile)?));
            Ok(Answer::entry(found.map(decode).transpose()?, None))
        }
        TierCall::Set(key, value, said) => {
            let stored = entry(&*tier, &key, &value, *said, now)?;
            let key = Key::new(key)?;
            tier.write(&key, stored).await.map(|_| Answer::NOTHING)
        }
        TierCall::Delete(key) => tier.remove(&[Key::new(key)?]).await.map(nothing),
        TierCall::Exists(key) => {
            tier.head(&Key::new(key)?).await.map(|found| Answer::json(found.is_some()))
        }
        TierCall::Metadata(key) => {
            tier.head(&Key::new(key)?).await.map(|found| Answer::metadata(found.as_ref()))
        }
        TierCall::Keys(prefix) => keys(&*tier, &prefix).await.map(Answer::json),
    }
}

pub(super) async fn read(tier: &dyn StorageTier, key: &Key) -> Result<Option<Stored>, Error> {
    Ok(match tier.read(key, None).await? {
        Read::Found(stored) | Read::Suspect(stored) => Some(stored),
        _ => None,
    })
}

async fn keys(tier: &dyn StorageTier, prefix: &str) -> Result<Vec<String>, Error> {
    let (mut keys, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = Page { prefix, after: cursor.as_deref(), limit: 1_000 };
        let listing = tier.list(page).await?;
        keys.extend(listing.keys.into_iter().map(String::from));
        cursor = listing.next;
        if cursor.is_none() {
            return Ok(keys);
        }
    }
}

/// The bytes as the whole would give them, unverified.
fn decoded(stored: Stored, is_volatile: bool) -> Result<Bytes, Error> {
    if is_volatile || !stored.metadata.is_compressed() {
        return Ok(stored.body);
    }
    codec::decompress(&stored.body, stored.metadata.size()).map(Bytes::from)
}

/// What a file puts into a tier: the value as it is, or as gzip where its metadata says so and it is not gzip yet.
fn entry(
    tier: &dyn StorageTier,
    key: &str,
    value: &Value,
    said: TierMetadata,
    now: Timestamp,
) -> Result<Stored, Error> {
    const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
    let (plain, content) = value.stored();
    let is_packed = said.compressed == Some(true) && !tier.properties().is_volatile;
    let body = if is_packed && !plain.starts_with(&GZIP_MAGIC) {
        codec::compress(&plain).into()
    } else {
        plain.clone()
    };
    let size = said.size.unwrap_or(plain.len() as u64);
    let mut metadata = Metadata::new(
        Key::new(said.key.as_deref().unwrap_or(key))?,
        size,
        said.created_at.unwrap_or(now),
    )
    .with_content(content)
    .with_compressed(said.compressed.unwrap_or(false))
    .with_custom(said.custom);
    let checksum = match said.checksum.as_deref() {
        None => Some(digest::checksum(&plain)),
        Some("") => None,
        Some(hex) => Some(Checksum::from_hex(hex).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("{hex:?} is not a SHA-256 in hexadecimal"))
        })?),
    };
    if let Some(checksum) = checksum {
        metadata = metadata.with_checksum(checksum);
    }
    if let Some(mime_type) = said.mime_type {
        metadata = metadata.with_mime_type(mime_type);
    }
    if let Some(encoding) = said.encoding {
        metadata = metadata.with_encoding(encoding);
    }
    metadata.expires_at = said.ttl;
    metadata.last_accessed = said.last_accessed.unwrap_or(metadata.last_accessed);
    metadata.access_count = said.access_count.unwrap_or_default();
    Ok(Stored { metadata, body })
}
