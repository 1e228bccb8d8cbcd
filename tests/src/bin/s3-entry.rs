//! Writes and reads entries in S3 with the native library, for tests that hold another host to it.
//!
//! Each line of its standard input is a write or a read, as JSON; it answers each with one line. What is written is
//! `{"key", "text", "mimeType"?, "custom"?, "compression"?, "ifAbsent"?, "ifVersion"?}`; with `key` alone an entry is read. An
//! entry is answered as `{"text", "mimeType", "custom", "compressed", "size", "checksum"}`, or `null`; a write whose condition
//! does not hold, or is not heeded, as `{"refused": KIND}`.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tiered_storage::{
    Compression, ETag, Error, ErrorKind, S3Tier, SetOptions, StaticCredentials, TieredStorage,
    tier::StorageTier,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    key: String,
    text: Option<String>,
    mime_type: Option<String>,
    #[serde(default)]
    custom: BTreeMap<String, String>,
    #[serde(default)]
    compression: bool,
    #[serde(default)]
    if_absent: bool,
    if_version: Option<String>,
}

/// What an order is answered with.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Entry(Option<Told>),
    Refused { refused: &'static str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    text: String,
    mime_type: Option<String>,
    custom: BTreeMap<String, String>,
    compressed: bool,
    size: u64,
    checksum: Option<String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, bucket, access_key, secret_key] = words.as_slice() else {
        eprintln!("usage: s3-entry ENDPOINT BUCKET ACCESS_KEY SECRET_KEY");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        let tier = S3Tier::builder(bucket)
            .endpoint(endpoint)
            .credentials(StaticCredentials::new(access_key, secret_key))
            .build();
        runtime.block_on(obey(Arc::new(tier.map_err(|error| error.to_string())?)))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

async fn obey(cold: Arc<dyn StorageTier>) -> Result<(), String> {
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let order: Order = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        let told = carry_out(&cold, order).await.map_err(|error| error.to_string())?;
        let told = serde_json::to_string(&told).map_err(|error| error.to_string())?;
        writeln!(io::stdout().lock(), "{told}").map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn carry_out(cold: &Arc<dyn StorageTier>, order: Order) -> Result<Answer, Error> {
    let Order { key, text, mime_type, custom, compression, if_absent, if_version } = order;
    let compression = if compression { Compression::Gzip } else { Compression::Off };
    let builder = TieredStorage::builder(Arc::clone(cold)).compression(compression);
    let storage = builder.open().await?;
    if let Some(text) = text {
        let mut options = SetOptions::default();
        options.mime_type = mime_type;
        options.metadata = custom;
        if if_absent {
            options = options.if_absent();
        }
        if let Some(version) = if_version {
            options = options.if_version(ETag::new(version));
        }
        if let Err(error) = storage.set_with(&key, text, options).await {
            return match error.kind() {
                kind @ (ErrorKind::Conflict | ErrorKind::Unsupported) => {
                    Ok(Answer::Refused { refused: kind.as_str() })
                }
                _ => Err(error),
            };
        }
    }
    let entry = storage.get_with_metadata(&key).await?;
    storage.close().await?;
    Ok(Answer::Entry(entry.map(|entry| Told {
        text: String::from_utf8_lossy(&entry.data).into_owned(),
        mime_type: entry.metadata.mime_type().map(str::to_owned),
        custom: entry.metadata.custom().clone(),
        compressed: entry.metadata.is_compressed(),
        size: entry.metadata.size(),
        checksum: entry.metadata.checksum().map(|checksum| checksum.to_string()),
    })))
}
