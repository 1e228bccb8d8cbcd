//! What came last of a body that is handed out piece by piece, for readers that are not in step.

use std::collections::VecDeque;

use tiered_storage_core::Error;

use crate::tier::Payload;

/// How much of a body is kept for readers that are not in step, in bytes.
const WINDOW_BYTES: u64 = 4 << 20;

/// What came last.
#[derive(Debug, Default)]
pub(super) struct Window {
    pieces: VecDeque<Payload>,
    /// Where in the body the first of them starts, and the last ends.
    start: u64,
    pub(super) end: u64,
    /// How the body ended.
    pub(super) ended: Option<Result<(), Error>>,
    /// Where each reader is that reads from here.
    pub(super) readers: Vec<(ReaderId, u64)>,
    readers_ever: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReaderId(u64);

/// What a reader finds where it is.
pub(super) enum Spot {
    Piece(Payload),
    End(Result<(), Error>),
    NotYet,
    Gone,
}

impl Window {
    pub(super) fn spot(&self, at: u64) -> Spot {
        if at < self.start {
            return Spot::Gone;
        }
        let mut start = self.start;
        for piece in &self.pieces {
            if start == at {
                return Spot::Piece(piece.clone());
            }
            start += piece.len() as u64;
        }
        self.ended.clone().map_or(Spot::NotYet, Spot::End)
    }

    /// Whether there is something for a reader that is at `at`, if only that it is too late.
    pub(super) fn has(&self, at: u64) -> bool {
        !matches!(self.spot(at), Spot::NotYet)
    }

    /// Where what is kept starts once there is no room for the oldest piece.
    pub(super) fn first_kept(&self) -> u64 {
        self.start + self.pieces.front().map_or(0, |piece| piece.len() as u64)
    }

    /// Whether the next piece takes the place of one that a reader still needs.
    pub(super) fn leaves_behind(&self) -> bool {
        let is_full = self.end - self.start >= WINDOW_BYTES;
        is_full && self.readers.iter().any(|(_, at)| *at < self.first_kept())
    }

    pub(super) fn join(&mut self) -> ReaderId {
        self.readers_ever += 1;
        let id = ReaderId(self.readers_ever);
        if self.start == 0 {
            self.readers.push((id, 0));
        }
        id
    }

    /// A reader is at another place now, or at none.
    pub(super) fn moved(&mut self, reader: ReaderId, to: Option<u64>) {
        match to {
            Some(to) => {
                for (_, at) in self.readers.iter_mut().filter(|(id, _)| *id == reader) {
                    *at = to;
                }
            }
            None => self.readers.retain(|(id, _)| *id != reader),
        }
    }

    /// Takes in the piece that comes next; says whether with it the start of the body went.
    pub(super) fn push(&mut self, piece: Payload) -> bool {
        let had_start = self.start == 0;
        self.end += piece.len() as u64;
        self.pieces.push_back(piece);
        // The piece that came last is always there for whoever asked for it.
        while self.end - self.start > WINDOW_BYTES
            && self.pieces.len() > 1
            && let Some(oldest) = self.pieces.pop_front()
        {
            self.start += oldest.len() as u64;
        }
        had_start && self.start > 0
    }
}
