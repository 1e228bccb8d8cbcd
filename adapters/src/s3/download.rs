//! A large body on its way, which does not begin anew when it breaks off, and never mixes versions.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use tiered_storage_core::{ETag, Error, Key};

use super::{
    HttpError, HttpErrorKind, Inner, changed,
    failure::{Cause, Failure},
    http::within_timeout,
    read::WHOLE_BYTES_MAX,
    request::Call,
    response,
    together::{OnFailure, Running, together},
    upload::PartLimits,
};
use crate::{
    payload::{self, Payload},
    pieces::{Give, Pieces, given},
};

/// What came since it last broke off makes another break a new one.
const PROGRESS_BYTES: u64 = 8 << 20;

/// Some bytes of one version of an object. They come in the answer to one request, and if that breaks off, in the answer
/// to one for the rest.
pub(super) struct Download {
    inner: Arc<Inner>,
    key: Key,
    name: String,
    etag: Option<ETag>,
    /// The next byte to give, and where to stop.
    at: u64,
    end: u64,
    /// How many bytes come before that one.
    skip: u64,
    /// What came already.
    ready: Option<Payload>,
    pieces: Option<Pieces<HttpError>>,
    /// Where the answer ends that is being read.
    answer_end: u64,
    broke_at: u64,
    retries: u32,
}

impl Download {
    /// A download of these bytes, which begins when they are asked for.
    pub(super) fn new(
        inner: &Arc<Inner>,
        key: &Key,
        name: &str,
        etag: Option<ETag>,
        range: Range<u64>,
    ) -> Self {
        Self {
            inner: Arc::clone(inner),
            key: key.clone(),
            name: name.to_owned(),
            etag,
            at: range.start,
            end: range.end,
            skip: 0,
            ready: None,
            pieces: None,
            answer_end: range.end,
            broke_at: range.start,
            retries: 0,
        }
    }

    /// Goes on with what comes from offset `start`: those bytes, and the pieces behind them.
    pub(super) fn receive(&mut self, start: u64, body: Payload, rest: Option<Pieces<HttpError>>) {
        self.skip = self.at - start;
        self.ready = (!body.is_empty()).then_some(body);
        self.pieces = rest;
    }

    /// The first `len` bytes.
    pub(super) async fn front(&mut self, len: usize) -> Result<Vec<u8>, Error> {
        let end = core::mem::replace(&mut self.end, self.at + len as u64);
        let front = self.gathered().await?;
        self.end = end;
        Ok(payload::start(&front, len).into_owned())
    }

    pub(super) fn pieces(mut self) -> Pieces {
        // What is on its way already is more than the host may be sent at once.
        if self.etag.is_some() && self.end - self.at > self.inner.client.http.answer_bytes_max() {
            self.answer_end = self.at;
        }
        given(Box::new(self))
    }

    /// All of it in one piece. With `limits`, what is larger than their threshold comes in several answers at once: one
    /// from the front, which has begun, and others from the back.
    pub(super) async fn whole(mut self, limits: Option<PartLimits>) -> Result<Payload, Error> {
        let size_bytes = self.end - self.at;
        let limits = limits.filter(|limits| limits.threshold_bytes < size_bytes);
        let (Some(limits), Some(_)) = (limits, &self.etag) else { return self.gathered().await };
        let claims = Claims {
            start: self.at,
            end: self.end,
            part_bytes: limits.part_bytes,
            left: Mutex::new(0..size_bytes.div_ceil(limits.part_bytes)),
            found: Mutex::default(),
        };
        let mut work: Vec<Running<'_, _>> = Vec::new();
        for _ in 1..limits.in_flight_max {
            work.push(Box::pin(self.another().work(&claims, End::Back)));
        }
        work.insert(0, Box::pin(self.work(&claims, End::Front)));
        together(work, OnFailure::Stop).await?;
        let mut pieces = claims.found.into_inner().expect(NO_PANIC);
        pieces.sort_unstable_by_key(|(at, _)| *at);
        Ok(payload::concatenated(pieces.into_iter().map(|(_, piece)| piece).collect()))
    }

    /// Another of the same version, without any bytes yet.
    fn another(&self) -> Self {
        Self::new(&self.inner, &self.key, &self.name, self.etag.clone(), 0..0)
    }

    /// Takes one part after the other until none is left.
    async fn work(mut self, claims: &Claims, from: End) -> Result<(), Error> {
        while let Some(range) = claims.next(from) {
            if range.start != self.at {
                self = Self { at: range.start, broke_at: range.start, ..self.another() };
            }
            self.end = range.end;
            while let Some(piece) = self.advance().await? {
                let at = self.at - piece.len() as u64;
                claims.found.lock().expect(NO_PANIC).push((at, piece));
            }
        }
        Ok(())
    }

    async fn gathered(&mut self) -> Result<Payload, Error> {
        let mut pieces = Vec::new();
        while let Some(piece) = self.advance().await? {
            pieces.push(piece);
        }
        Ok(payload::concatenated(pieces))
    }

    async fn advance(&mut self) -> Result<Option<Payload>, Error> {
        while self.at < self.end {
            if self.at == self.answer_end {
                (self.pieces, self.ready) = (None, None);
            }
            if self.ready.is_none() && self.pieces.is_none() {
                self.reopen().await?;
            }
            match self.piece().await {
                Ok(piece) => {
                    if let Some(piece) = self.accept(piece) {
                        return Ok(Some(piece));
                    }
                }
                Err(failure) => self.pause(&Failure::bare(Cause::Http(failure))).await?,
            }
        }
        Ok(None)
    }

    async fn piece(&mut self) -> Result<Payload, HttpError> {
        if let Some(ready) = self.ready.take() {
            return Ok(ready);
        }
        let client = &self.inner.client;
        let piece = match &mut self.pieces {
            Some(pieces) => {
                within_timeout(&*client.environment, client.timeout_ms, pieces.try_next()).await?
            }
            None => None,
        };
        if let Some(piece) = &piece {
            client.meter.came(piece.len());
        }
        let message = "the body ended before its announced length";
        piece.ok_or_else(|| HttpError { kind: HttpErrorKind::Broken, message: message.to_owned() })
    }

    /// Takes out of a piece what is wanted of it.
    fn accept(&mut self, piece: Payload) -> Option<Payload> {
        let len = piece.len() as u64;
        let start = self.skip.min(len);
        self.skip -= start;
        let end = len.min(start + self.end - self.at);
        if end < len {
            self.ready = Some(payload::slice(&piece, end as usize..piece.len()));
        }
        self.at += end - start;
        match start..end {
            wanted if wanted.is_empty() => None,
            wanted if wanted == (0..len) => Some(piece),
            wanted => Some(payload::slice(&piece, wanted.start as usize..wanted.end as usize)),
        }
    }

    /// Waits until it is time to ask for the rest.
    async fn pause(&mut self, failure: &Failure) -> Result<(), Error> {
        (self.pieces, self.ready) = (None, None);
        if self.at - self.broke_at >= PROGRESS_BYTES {
            self.retries = 0;
        }
        self.broke_at = self.at;
        let client = &self.inner.client;
        let can_resume = self.etag.is_some() && client.rests(failure, &mut self.retries).await;
        if can_resume { Ok(()) } else { Err(client.error(failure)) }
    }

    /// Asks for what is left.
    async fn reopen(&mut self) -> Result<(), Error> {
        let client = &self.inner.client;
        let end = self.end.min(self.at.saturating_add(client.http.answer_bytes_max()));
        let mut call = Call::get_range(&self.name, format!("bytes={}-{}", self.at, end - 1));
        if let Some(etag) = &self.etag {
            call = call.if_match(etag);
        }
        let (response, rest) = match client.open(call, WHOLE_BYTES_MAX).await {
            Ok(opening) => opening,
            Err(failure) if failure.is_conflict() || failure.is_missing() => return Err(changed()),
            Err(failure) => return Err(client.error(&failure)),
        };
        // Not every server heeds the condition.
        if response::etag(&response) != self.etag {
            return Err(changed());
        }
        let start = match (response.status, response::content_range(&response)) {
            (_, Some((range, _))) => range.start,
            (206, None) if response.is_filtered => self.at,
            (206, None) => u64::MAX,
            // Nor does every server know ranges.
            _ => 0,
        };
        if start > self.at {
            return Err(client.error(&Failure::garbled()));
        }
        self.answer_end = if response.status == 206 { end } else { self.end };
        self.receive(start, response.body, rest);
        Ok(())
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Give for Download {
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        self.advance().await.map_err(|error| error.with_key(&self.key))
    }
}

/// Which end of what is left to take from.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

/// The parts of a body that nobody has taken yet.
struct Claims {
    start: u64,
    end: u64,
    part_bytes: u64,
    left: Mutex<Range<u64>>,
    /// What came of those that were taken, and where it belongs.
    found: Mutex<Vec<(u64, Payload)>>,
}

const NO_PANIC: &str = "no holder of this lock panics";

impl Claims {
    fn next(&self, from: End) -> Option<Range<u64>> {
        let part = {
            let mut left = self.left.lock().expect(NO_PANIC);
            match from {
                End::Front => left.next(),
                End::Back => left.next_back(),
            }?
        };
        let start = self.start + part * self.part_bytes;
        Some(start..self.end.min(start + self.part_bytes))
    }
}

#[cfg(test)]
mod tests;
