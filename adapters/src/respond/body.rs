//! The body of an answer.

use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt, stream};
use http_body::{Frame, SizeHint};
use tiered_storage_core::Error;

use crate::tier::{Body, Payload, Pieces};

/// The body of an answer to a request of HTTP: a `http_body::Body`, and a [`Stream`] of bytes.
///
/// It ends with an error where the bytes turn out not to be what was written, or can be read no further; a server that
/// breaks off the connection then tells its client so.
pub struct EntryBody {
    pieces: Pieces,
    /// How many bytes are still to come.
    left: u64,
}

impl EntryBody {
    pub(super) fn new(body: Body, size_bytes: u64) -> Self {
        let pieces: Pieces = match body {
            Body::Whole(body) if body.is_empty() => Box::pin(stream::empty()),
            Body::Whole(body) => Box::pin(stream::iter([Ok(body)])),
            Body::Pieces(pieces) => pieces,
        };
        Self { pieces, left: size_bytes }
    }

    /// All of it in one piece.
    ///
    /// # Errors
    ///
    /// What reading it meets.
    pub async fn whole(self) -> Result<Payload, Error> {
        Body::Pieces(self.pieces).whole().await
    }
}

impl Stream for EntryBody {
    type Item = Result<Payload, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.pieces.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            self.left = self.left.saturating_sub(piece.len() as u64);
        }
        next
    }
}

impl http_body::Body for EntryBody {
    type Data = Payload;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Payload>, Error>>> {
        self.poll_next(cx).map(|next| next.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl fmt::Debug for EntryBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryBody").field("left", &self.left).finish_non_exhaustive()
    }
}
