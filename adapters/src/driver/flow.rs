//! A body that is handed out piece by piece: read once, for all who read it at the same time, and kept for the warm
//! tier on the way where it is to have a copy.
//!
//! A few MiB of what came last are kept, so that readers need not go in step. The others wait a little for one that is
//! further behind; if it does not move, or comes later, it reads on by itself. So does one whose upper copy turns out
//! damaged, from cold.

use core::{
    fmt,
    future::poll_fn,
    task::{Poll, Waker},
};
use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use futures_util::{
    StreamExt, TryStreamExt,
    future::{Either, select},
};
use tiered_storage_core::{
    Error, ErrorKind, Metadata, Tier, TierSet,
    engine::{OpId, SlotId},
};

use super::{Body, Inner, perform::internal, stage::Tee};
use crate::{
    events::Event,
    lock::Lock,
    pieces::{Give, given, overtaken, within},
    tier::{Body as TierBody, Opened, Payload, Pieces, Read},
};

/// How much of a body is kept for readers that are not in step, in bytes.
const WINDOW_BYTES: u64 = 4 << 20;
/// How long the others wait for a reader that is so far behind, in milliseconds.
const PATIENCE_MS: u64 = 250;

/// A body that is handed out piece by piece.
pub(crate) struct Flow {
    inner: Arc<Inner>,
    tier: Tier,
    metadata: Metadata,
    window: Lock<Window>,
    /// Nothing while one of the readers has it.
    feed: Lock<Option<Feed>>,
}

/// What came last.
#[derive(Debug, Default)]
struct Window {
    pieces: VecDeque<Payload>,
    /// Where in the body the first of them starts, and the last ends.
    start: u64,
    end: u64,
    /// How the body ended.
    ended: Option<Result<(), Error>>,
    /// Where each reader is that reads from here.
    readers: Vec<(ReaderId, u64)>,
    readers_ever: u64,
    /// Who waits for a piece, or for the last of the readers.
    waiting: Vec<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReaderId(u64);

/// Where the next piece comes from.
enum Feed {
    /// As the tier gave it; nobody has read yet.
    Raw(Pieces),
    /// Checked and unpacked, and kept on the way where it is to be copied.
    Plain(Pieces, Option<Tee>),
    Dry,
}

/// The feed, while a reader has it.
struct Turn<'a> {
    flow: &'a Flow,
    feed: Feed,
}

/// What a reader finds where it is.
enum Spot {
    Piece(Payload),
    End(Result<(), Error>),
    NotYet,
    Gone,
}

impl Flow {
    pub(super) fn new(inner: Arc<Inner>, tier: Tier, metadata: Metadata, raw: Pieces) -> Self {
        let (window, feed) = (Lock::new(Window::default()), Lock::new(Some(Feed::Raw(raw))));
        Self { inner, tier, metadata, window, feed }
    }

    /// Brings the next piece into the window, for whoever is at `at`.
    async fn advance(&self, at: u64, held: Option<(SlotId, OpId, TierSet)>) {
        self.keep_step().await;
        let Some(mut turn) = self.turn(at).await else { return };
        if matches!(turn.feed, Feed::Raw(_)) {
            // Whoever is dropped meanwhile leaves the feed as it is.
            let tee = self.tee(held).await;
            turn.begin(tee);
        }
        let Feed::Plain(pieces, _) = &mut turn.feed else { return };
        let ended = match pieces.next().await {
            Some(Ok(piece)) => {
                self.change(|window| window.push(piece));
                return;
            }
            Some(Err(error)) => Err(error),
            None => Ok(()),
        };
        self.change(|window| window.ended = Some(ended.clone()));
        let Feed::Plain(pieces, tee) = turn.take() else { return };
        drop(pieces);
        match ended {
            Ok(()) => self.deliver(tee, held).await,
            Err(error) if error.kind() == ErrorKind::Corrupt && self.tier != Tier::Cold => {
                let (tier, key) = (self.tier, self.metadata.key().clone());
                self.inner.subscribers.tell(&Event::CopyCorrupt { tier, key });
                if let Some((_, held, _)) = held {
                    self.inner.with(|state| state.engine.spoiled(held, tier));
                }
            }
            Err(_) => {}
        }
    }

    /// Waits until nobody else has the feed; `None` once the window has what is at `at`. Whoever is quicker may take the
    /// feed again and again: what it brings is enough.
    async fn turn(&self, at: u64) -> Option<Turn<'_>> {
        poll_fn(|cx| {
            let mut window = self.window.lock();
            if window.has(at) {
                return Poll::Ready(None);
            }
            if let Some(feed) = self.feed.lock().take() {
                return Poll::Ready(Some(Turn { flow: self, feed }));
            }
            window.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Changes the window, and has all who wait look again.
    fn change(&self, work: impl FnOnce(&mut Window)) {
        let waiting = {
            let mut window = self.window.lock();
            work(&mut window);
            std::mem::take(&mut window.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Waits until the window is so. It looks and leaves its waker in one step, so that no change goes by in between.
    fn until(&self, is_so: impl Fn(&Window) -> bool) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            let mut window = self.window.lock();
            if is_so(&window) {
                return Poll::Ready(());
            }
            window.waiting.push(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Waits a little for a reader that the next piece would leave behind. Nobody is held up meanwhile.
    async fn keep_step(&self) {
        if !self.window.lock().leaves_behind() {
            return;
        }
        let caught_up = self.until(|window| !window.leaves_behind());
        if let Either::Left(_) = select(self.inner.host.sleep(PATIENCE_MS), caught_up).await {
            let mut window = self.window.lock();
            let first = window.first_kept();
            window.readers.retain(|(_, at)| *at >= first);
        }
    }

    /// Where what is read is kept, if warm is to have a copy of it.
    async fn tee(&self, held: Option<(SlotId, OpId, TierSet)>) -> Option<Tee> {
        let is_wanted = held.is_some_and(|(_, _, writes)| writes.contains(Tier::Warm));
        if is_wanted { Tee::begin(&self.inner, self.metadata.key()).await } else { None }
    }

    /// All of it was read and is what was written: what was kept of it is copied, if nothing came between.
    async fn deliver(&self, tee: Option<Tee>, held: Option<(SlotId, OpId, TierSet)>) {
        let (Some(tee), Some((slot, held, _))) = (tee, held) else { return };
        let Some(source) = tee.finish(self.metadata.key()).await else { return };
        let now = self.inner.host.now();
        self.inner.with(|state| {
            if state.engine.held(slot).is_some_and(|(known, _)| known == held) {
                state.bodies.insert(slot, Body::Staged(source));
                state.engine.delivered(held, now);
            }
        });
    }

    /// The same version from `tier`, from `at` on.
    async fn reopen(&self, tier: Tier, at: u64) -> Result<Pieces, Error> {
        let key = self.metadata.key();
        let place = self.inner.tier(tier).ok_or_else(|| internal("a tier that there is not"))?;
        match place.open(key, None).await.map_err(|error| error.in_tier(tier).with_key(key))? {
            Read::Found(Opened { metadata, body }) | Read::Suspect(Opened { metadata, body })
                if metadata.is_same_version(&self.metadata) =>
            {
                Ok(within(self.inner.plain(tier, &metadata, body, None), at..u64::MAX))
            }
            _ => Err(overtaken(key).in_tier(tier)),
        }
    }
}

impl Turn<'_> {
    fn take(&mut self) -> Feed {
        std::mem::replace(&mut self.feed, Feed::Dry)
    }

    /// Begins to read.
    fn begin(&mut self, tee: Option<Tee>) {
        let Feed::Raw(raw) = self.take() else { return };
        let Flow { inner, tier, metadata, .. } = self.flow;
        let plain = inner.plain(*tier, metadata, TierBody::Pieces(raw), tee.clone());
        self.feed = Feed::Plain(plain, tee);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.flow.feed.lock() = Some(self.take());
        self.flow.change(|_| ());
    }
}

impl Window {
    fn spot(&self, at: u64) -> Spot {
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
    fn has(&self, at: u64) -> bool {
        !matches!(self.spot(at), Spot::NotYet)
    }

    /// Where what is kept starts once there is no room for the oldest piece.
    fn first_kept(&self) -> u64 {
        self.start + self.pieces.front().map_or(0, |piece| piece.len() as u64)
    }

    /// Whether the next piece takes the place of one that a reader still needs.
    fn leaves_behind(&self) -> bool {
        let is_full = self.end - self.start >= WINDOW_BYTES;
        is_full && self.readers.iter().any(|(_, at)| *at < self.first_kept())
    }

    fn join(&mut self) -> ReaderId {
        self.readers_ever += 1;
        let id = ReaderId(self.readers_ever);
        if self.start == 0 {
            self.readers.push((id, 0));
        }
        id
    }

    /// A reader is at another place now, or at none.
    fn moved(&mut self, reader: ReaderId, to: Option<u64>) {
        match to {
            Some(to) => {
                for (_, at) in self.readers.iter_mut().filter(|(id, _)| *id == reader) {
                    *at = to;
                }
            }
            None => self.readers.retain(|(id, _)| *id != reader),
        }
    }

    fn push(&mut self, piece: Payload) {
        self.end += piece.len() as u64;
        self.pieces.push_back(piece);
        // The piece that came last is always there for whoever asked for it.
        while self.end - self.start > WINDOW_BYTES
            && self.pieces.len() > 1
            && let Some(oldest) = self.pieces.pop_front()
        {
            self.start += oldest.len() as u64;
        }
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tier, metadata, window, .. } = self;
        f.debug_struct("Flow")
            .field("tier", tier)
            .field("metadata", metadata)
            .field("end", &window.lock().end)
            .finish_non_exhaustive()
    }
}

/// One of those who read a body that is handed out piece by piece.
pub(crate) struct Reader {
    flow: Arc<Flow>,
    held: Option<(SlotId, OpId, TierSet)>,
    id: ReaderId,
    at: u64,
    /// What it reads by itself.
    own: Option<Pieces>,
    /// Whether it has been led from a damaged copy to cold.
    is_led: bool,
}

impl Reader {
    pub(super) fn new(flow: Arc<Flow>, slot: SlotId, held: Option<(OpId, TierSet)>) -> Self {
        let held = held.map(|(held, writes)| (slot, held, writes));
        let id = flow.window.lock().join();
        Self { flow, held, id, at: 0, own: None, is_led: false }
    }

    fn tell(&self, at: Option<u64>) {
        self.flow.change(|window| window.moved(self.id, at));
    }

    /// What is left to read.
    pub(crate) fn pieces(self) -> Pieces {
        given(Box::new(self))
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Give for Reader {
    /// The next piece. The end only comes if all were what was written.
    async fn next(&mut self) -> Result<Option<Payload>, Error> {
        loop {
            if let Some(own) = &mut self.own {
                return own.try_next().await;
            }
            let spot = self.flow.window.lock().spot(self.at);
            match spot {
                Spot::Piece(piece) => {
                    self.at += piece.len() as u64;
                    self.tell(Some(self.at));
                    return Ok(Some(piece));
                }
                Spot::NotYet => self.flow.advance(self.at, self.held).await,
                Spot::Gone => self.own = Some(self.flow.reopen(self.flow.tier, self.at).await?),
                Spot::End(Ok(())) => return Ok(None),
                Spot::End(Err(error)) => {
                    let is_damaged = error.kind() == ErrorKind::Corrupt;
                    if !is_damaged || self.flow.tier == Tier::Cold || self.is_led {
                        let key = self.flow.metadata.key();
                        return Err(error.in_tier(self.flow.tier).with_key(key));
                    }
                    self.is_led = true;
                    self.own = Some(self.flow.reopen(Tier::Cold, self.at).await?);
                }
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.tell(None);
        if let Some((_, held, _)) = self.held {
            self.flow.inner.with(|state| state.engine.leave(held));
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("flow", &self.flow).field("at", &self.at).finish()
    }
}
