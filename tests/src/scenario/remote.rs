//! Harm on demand, for runners in other processes.

use tiered_storage::{Error, Key, S3Tier, StaticCredentials, tier::StorageTier};

use super::{damage, fields::choose, form::HOWS};
use crate::server::Server;

/// Changes the body of the object that holds `key` (`how`: `flip`, `truncate` or `extend`), and leaves its `ETag` and its
/// headers as they were. `false` if there is no such object.
///
/// # Errors
///
/// What is wrong with the key or the way, in words.
pub async fn damage_object(
    server: &Server,
    bucket: &str,
    key: &str,
    how: &str,
) -> Result<bool, String> {
    let how = choose(how, &HOWS).map_err(|malformed| malformed.0)?;
    let failed = |error: Error| error.to_string();
    let key = Key::new(key).map_err(failed)?;
    // The tier knows by which name the bucket has the key.
    let options = server.options();
    let tier = S3Tier::builder(bucket)
        .endpoint(server.endpoint())
        .region(&*options.region)
        .credentials(StaticCredentials::new(&*options.access_key, &*options.secret_key))
        .build()
        .map_err(failed)?;
    let found = tier.head(&key).await.map_err(failed)?;
    Ok(found.is_some_and(|found| damage::in_bucket(server, bucket, &found, how)))
}
