//! What comes out of tiers, and goes into them: checked and unpacked, packed where it is kept so.

use std::sync::Arc;

use futures_util::TryStreamExt;
use tiered_storage_core::{
    Error, ErrorKind, Key, Metadata, Tier,
    engine::{Action, Outcome},
    range::ByteRange,
    seal::Verify,
};

use super::{Body, Flow, Inner, Whole, perform::internal};
use crate::{
    payload,
    pieces::overlap,
    tier::{Body as TierBody, Contents, Opened, Part, Place, Read, Stored},
};

impl Inner {
    /// How closely a body from `tier` is to be looked at.
    pub(super) fn verify(&self, tier: Tier) -> Verify {
        let properties = self.properties(tier);
        let is_sound = properties.is_volatile || (properties.is_guarded && tier != Tier::Cold);
        if is_sound { Verify::Length } else { self.verify }
    }

    /// Checks and unpacks what a tier gave.
    pub(crate) async fn receive(
        &self,
        tier: Tier,
        key: &Key,
        read: Read,
        found: &mut Option<Body>,
    ) -> Result<Outcome, Error> {
        let (Stored { metadata, body }, outcome) = match sorted(read) {
            Ok(sorted) => sorted,
            Err(outcome) => return Ok(outcome),
        };
        check_key(&metadata, key)?;
        let whole = if self.properties(tier).is_volatile {
            Whole { plain: body, packed: None }
        } else {
            self.open(&metadata, body, self.verify(tier)).await?
        };
        *found = Some(Body::Whole(whole));
        Ok(outcome(metadata))
    }

    /// Takes what a tier gave, which is checked and unpacked as it is handed out where it comes in pieces.
    pub(crate) async fn receive_opened(
        self: &Arc<Self>,
        tier: Tier,
        key: &Key,
        read: Read<Opened>,
        found: &mut Option<Body>,
    ) -> Result<Outcome, Error> {
        let is_suspect = matches!(read, Read::Suspect(_));
        let (Opened { metadata, body }, outcome) = match sorted(read) {
            Ok(sorted) => sorted,
            Err(outcome) => return Ok(outcome),
        };
        match body {
            TierBody::Whole(body) => {
                let stored = Stored { metadata, body };
                let read = if is_suspect { Read::Suspect(stored) } else { Read::Found(stored) };
                self.receive(tier, key, read, found).await
            }
            TierBody::Pieces(pieces) => {
                check_key(&metadata, key)?;
                let flow = Flow::new(self.clone(), tier, metadata.clone(), pieces);
                *found = Some(Body::Open(Arc::new(flow)));
                Ok(outcome(metadata))
            }
        }
    }

    /// Reads a part: that alone where the tier can and the body is stored as it is, else out of the whole.
    pub(crate) async fn receive_part(
        self: &Arc<Self>,
        place: &Place,
        action: &Action,
        key: &Key,
        range: ByteRange,
        found: &mut Option<Body>,
    ) -> Result<Outcome, Error> {
        let Action::Read(tier, _, unless) = action else {
            return Err(internal("a part of what is not read"));
        };
        let range = if *tier == Tier::Cold { self.aligned(range) } else { range };
        let read = place.read_range(key, range, unless.as_ref()).await?;
        if let Some((part, outcome)) = match read.map(sorted) {
            Some(Ok((Part { metadata, .. }, _))) if metadata.is_compressed() => None,
            Some(Ok(sorted)) => Some(sorted),
            Some(Err(outcome)) => return Ok(outcome),
            None => None,
        } {
            check_key(&part.metadata, key)?;
            let wanted = range.of(part.metadata.size()).unwrap_or_default();
            let is_wanted = part.range == wanted || part.range.is_empty() && wanted.is_empty();
            if !is_wanted || part.body.len() as u64 != wanted.end - wanted.start {
                let message = "the tier answered with another part than was asked for";
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            *found = Some(Body::Part(part.range.start, part.body));
            return Ok(outcome(part.metadata));
        }
        let (Opened { metadata, body }, outcome) =
            match sorted(place.open(key, unless.as_ref()).await?) {
                Ok(sorted) => sorted,
                Err(outcome) => return Ok(outcome),
            };
        check_key(&metadata, key)?;
        let wanted = range.of(metadata.size()).unwrap_or_default();
        let mut plain = self.plain(*tier, &metadata, body, None);
        let (mut at, mut parts) = (0, Vec::new());
        while let Some(piece) = plain.try_next().await? {
            parts.extend(overlap(&piece, at, &wanted));
            at += piece.len() as u64;
        }
        *found = Some(Body::Part(wanted.start, payload::concatenated(parts)));
        Ok(outcome(metadata))
    }

    /// What is asked of cold where warm keeps what is found: whole chunks.
    fn aligned(&self, range: ByteRange) -> ByteRange {
        match (range, self.config.part_bytes) {
            (ByteRange::Between(start, end), Some(bytes)) => {
                let after = end.div_ceil(bytes).saturating_mul(bytes);
                ByteRange::Between(start / bytes * bytes, after)
            }
            (ByteRange::From(start), Some(bytes)) => ByteRange::From(start / bytes * bytes),
            _ => range,
        }
    }

    /// The whole chunks of a part, and where they start; the last chunk of a body may be shorter.
    pub(crate) fn chunks(
        &self,
        metadata: &Metadata,
        body: Option<Body>,
    ) -> Option<(u64, crate::tier::Payload)> {
        let (Some(Body::Part(start, part)), Some(bytes)) = (body, self.config.part_bytes) else {
            return None;
        };
        let end = start + part.len() as u64;
        let from = start.div_ceil(bytes) * bytes;
        let to = if end == metadata.size() { end } else { end / bytes * bytes };
        let is_some = from < to;
        is_some.then(|| {
            let range = (from - start) as usize..(to - start) as usize;
            (from, payload::slice(&part, range))
        })
    }

    /// What is to be stored in a tier: packed where the entry is, and the tier keeps it so.
    pub(crate) async fn contents(
        &self,
        tier: Tier,
        metadata: &Metadata,
        body: Option<Body>,
    ) -> Result<Contents, Error> {
        let is_volatile = self.properties(tier).is_volatile;
        let is_packed = metadata.is_compressed() && !is_volatile;
        match body {
            Some(Body::Whole(Whole { plain, packed })) => {
                Ok(Contents::Whole(match (is_packed, packed) {
                    (false, _) => plain,
                    (true, Some(packed)) => packed,
                    (true, None) => self.pack(plain).await?,
                }))
            }
            Some(Body::Staged(source)) if metadata.is_compressed() && is_volatile => {
                let packed = Contents::Staged(source).whole().await?;
                let Whole { plain, .. } = self.open(metadata, packed, Verify::Length).await?;
                Ok(Contents::Whole(plain))
            }
            Some(Body::Staged(source)) => Ok(Contents::Staged(source)),
            _ => Err(internal("a write without a body; it was not done")),
        }
    }
}

/// How what was found is told to the engine.
type Told = fn(Metadata) -> Outcome;

/// What was found, and how that is told; or what else the answer is.
fn sorted<T>(read: Read<T>) -> Result<(T, Told), Outcome> {
    match read {
        Read::Found(entry) => Ok((entry, Outcome::Found)),
        Read::Suspect(entry) => Ok((entry, Outcome::Suspect)),
        Read::Unchanged => Err(Outcome::Unchanged),
        Read::Missing => Err(Outcome::Missing),
    }
}

fn check_key(metadata: &Metadata, key: &Key) -> Result<(), Error> {
    if metadata.key() == key {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Corrupt, "the tier answered with another key's entry"))
}
