//! Bytes that change by themselves.

use bytes::Bytes;
use tiered_storage::{Error, Key, tier::StorageTier};

use super::{form::How, instance};

impl How {
    /// A body that came to harm. One without bytes can only grow.
    pub(super) fn apply(self, body: &[u8]) -> Bytes {
        let mut bytes = body.to_vec();
        match (self, bytes.len()) {
            (Self::Extend, _) | (_, 0) => bytes.push(b'!'),
            (Self::Flip, len) => bytes[len / 2] ^= 1,
            (Self::Truncate, len) => bytes.truncate(len - 1),
        }
        bytes.into()
    }
}

/// Changes a body through its tier. `false` if there is none.
pub(super) async fn rewrite(tier: &dyn StorageTier, key: &Key, how: How) -> Result<bool, Error> {
    let Some(mut stored) = instance::read(tier, key).await? else { return Ok(false) };
    stored.body = how.apply(&stored.body);
    tier.write(key, stored).await.map(|_| true)
}
