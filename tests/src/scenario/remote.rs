//! Harm on demand, for runners in other processes.

use std::io::{self, BufRead, Write};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use tiered_storage::{Error, Key, S3Tier, StaticCredentials, tier::StorageTier};

use super::{
    damage,
    fields::{Malformed, choose},
    form::HOWS,
};
use crate::server::Server;

/// What to harm.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    bucket: String,
    key: String,
    how: String,
}

/// Reads lines such as `{"bucket": "b", "key": "k", "how": "flip"}` to their end, changes the body of the object that
/// holds that key, and leaves its `ETag` and its headers as they were. Answers each with a line: `true`, `false` if there
/// is no such object, or `{"error": "..."}`.
///
/// # Errors
///
/// Of reading and writing.
pub fn damage_on_demand(
    server: &Server,
    orders: impl BufRead,
    mut answers: impl Write,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for line in orders.lines() {
        let answer = match runtime.block_on(obey(server, &line?)) {
            Ok(is_there) => Json::Bool(is_there),
            Err(Malformed(message)) => json!({ "error": message }),
        };
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

async fn obey(server: &Server, line: &str) -> Result<bool, Malformed> {
    let order: Order =
        serde_json::from_str(line).map_err(|error| Malformed(format!("no order: {error}")))?;
    let how = choose(&order.how, &HOWS)?;
    let failed = |error: Error| Malformed(error.to_string());
    let key = Key::new(&order.key).map_err(failed)?;
    // The tier knows by which name the bucket has the key.
    let options = server.options();
    let tier = S3Tier::builder(&*order.bucket)
        .endpoint(server.endpoint())
        .region(&*options.region)
        .credentials(StaticCredentials::new(&*options.access_key, &*options.secret_key))
        .build()
        .map_err(failed)?;
    let found = tier.head(&key).await.map_err(failed)?;
    Ok(found.is_some_and(|found| damage::in_bucket(server, &order.bucket, &found, how)))
}
