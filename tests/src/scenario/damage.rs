//! Bytes that change by themselves.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
};

use bytes::Bytes;
use tiered_storage::{Error, Key, Metadata, native::disk::Location, tier::StorageTier};

use super::{form::How, instance};
use crate::server::{Damage, Object, Server};

impl How {
    /// A body that came to harm. One without bytes can only grow.
    fn apply(self, body: &[u8]) -> Bytes {
        let mut bytes = body.to_vec();
        match (self, bytes.len()) {
            (Self::Extend, _) | (_, 0) => bytes.push(b'!'),
            (Self::Flip, len) => bytes[len / 2] ^= 1,
            (Self::Truncate, len) => bytes.truncate(len - 1),
        }
        bytes.into()
    }
}

/// Changes a body through its tier, which has no checks of its own. `false` if there is none.
pub(super) async fn through(tier: &dyn StorageTier, key: &Key, how: How) -> Result<bool, Error> {
    let Some(mut stored) = instance::read(tier, key).await? else { return Ok(false) };
    stored.body = how.apply(&stored.body);
    tier.write(key, stored).await.map(|_| true)
}

/// Changes a body in its file. In a segment no body can grow or shrink without its neighbours: there a bit is flipped,
/// whatever was asked for. `false` if there is nothing to change.
pub(super) fn in_file(at: &Location, how: How) -> io::Result<bool> {
    const SEGMENT_MAGIC: &[u8] = b"TSdiskS";
    let whole = fs::read(&at.path)?;
    let position = |at| usize::try_from(at).map_err(io::Error::other);
    let (start, end) = (position(at.body.start)?, position(at.body.end)?);
    let Some(body) = whole.get(start..end) else { return Ok(false) };
    let is_segment = whole.starts_with(SEGMENT_MAGIC);
    if is_segment && body.is_empty() {
        return Ok(false);
    }
    let changed = if is_segment { How::Flip.apply(body) } else { how.apply(body) };
    // In place, since the tier may have the file open.
    let mut file = OpenOptions::new().write(true).open(&at.path)?;
    file.write_all(&[&whole[..start], &changed, &whole[end..]].concat())?;
    file.set_len((whole.len() - body.len() + changed.len()) as u64)?;
    Ok(true)
}

/// Changes the body of an object. `false` if there is none.
pub(super) fn in_bucket(server: &Server, bucket: &str, found: &Metadata, how: How) -> bool {
    let named = server.object(bucket, found.key()).map(|object| (found.key().to_string(), object));
    // Some keys have other names there; then it is the one of that version.
    let is_it = |object: &Object| {
        found
            .etag
            .as_ref()
            .is_some_and(|etag| etag.as_str().trim_matches('"') == object.etag.trim_matches('"'))
    };
    let Some((name, object)) =
        named.or_else(|| server.objects(bucket).into_iter().find(|(_, object)| is_it(object)))
    else {
        return false;
    };
    server.damage(bucket, &name, Damage::Replace(how.apply(&object.body)));
    true
}
