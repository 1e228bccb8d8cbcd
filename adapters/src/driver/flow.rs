//! A body that is handed out piece by piece: read once, for all who read it at the same time, and kept for the warm
//! tier on the way where it is to have a copy.
//!
//! A few MiB of what came last are kept, so that readers need not go in step. The others wait a little for one that is
//! further behind; if it does not move, or comes later, it reads on by itself. So does one whose upper copy turns out
//! damaged, from cold.

mod reader;
mod window;

use core::{fmt, future::poll_fn, task::Poll};
use std::{
    sync::Arc,
    task::{Context, Waker},
};

use futures_util::{
    StreamExt,
    future::{Either, select},
};
use tiered_storage_core::{
    Error, ErrorKind, Metadata, Tier, TierSet,
    engine::{OpId, SlotId},
};

pub(crate) use self::reader::Reader;
use self::window::Window;
use super::{Body, Inner, perform::internal, stage::Tee};
use crate::{
    host::Task,
    lock::Lock,
    pieces::within,
    tier::{Body as TierBody, Opened, Payload, Pieces, Read},
    waiting::Waiting,
};

/// How long the others wait for a reader that is so far behind, in milliseconds.
const PATIENCE_MS: u64 = 250;

/// A body that is handed out piece by piece.
pub(crate) struct Flow {
    inner: Arc<Inner>,
    tier: Tier,
    metadata: Metadata,
    window: Lock<Window>,
    /// Nothing while one of the readers looks at it, and once it has ended.
    feed: Lock<Option<Feed>>,
    /// The readers that wait, for a piece or for the last of them.
    waiting: Arc<Waiting>,
}

/// Where the next piece comes from.
enum Feed {
    /// As the tier gave it; nobody has read yet.
    Raw(Pieces),
    /// Checked and unpacked, and kept on the way where it is to be copied.
    Plain(Plain),
    /// Asked for the next piece. Whoever of those that wait for it is polled brings it on: one that was polled once and then
    /// is neither dropped nor polled again must not keep it from the others.
    Asked(Task<(Plain, Next)>),
}

/// A body as it was written, and where it is kept on the way.
struct Plain {
    pieces: Pieces,
    tee: Option<Tee>,
}

/// The next piece, or how the body ended.
type Next = Option<Result<Payload, Error>>;

/// What whoever reads knows of the read that is shared: where it is kept, and the tiers that are to have a copy.
type Held = Option<(SlotId, OpId, TierSet)>;

impl Flow {
    pub(super) fn new(inner: Arc<Inner>, tier: Tier, metadata: Metadata, raw: Pieces) -> Self {
        let (window, feed) = (Lock::new(Window::default()), Lock::new(Some(Feed::Raw(raw))));
        Self { inner, tier, metadata, window, feed, waiting: Arc::default() }
    }

    /// Brings the next piece into the window, for whoever is at `at`.
    async fn advance(&self, at: u64, held: Held) {
        self.keep_step().await;
        let Some((plain, next)) = self.next(at, held).await else { return };
        let ended = match next {
            Some(Ok(piece)) => {
                *self.feed.lock() = Some(Feed::Plain(plain));
                if self.change(|window| window.push(piece)) {
                    self.unshare(held);
                }
                return;
            }
            Some(Err(error)) => Err(error),
            None => Ok(()),
        };
        self.change(|window| window.ended = Some(ended.clone()));
        self.unshare(held);
        let Plain { pieces, tee } = plain;
        drop(pieces);
        match ended {
            Ok(()) => self.deliver(tee, held).await,
            Err(error) if self.tier != Tier::Cold => self.failed(&error, held),
            Err(_) => {}
        }
    }

    /// Waits for the next piece, which is not in the window yet; `None` once that has what is at `at`.
    async fn next(&self, at: u64, held: Held) -> Option<(Plain, Next)> {
        poll_fn(|cx| {
            self.waiting.add(cx.waker());
            if self.window.lock().has(at) {
                return Poll::Ready(None);
            }
            // Who looks at it on another thread tells all who wait.
            let Some(feed) = self.feed.lock().take() else { return Poll::Pending };
            let mut asked = self.asked(feed, held);
            let waker = Waker::from(self.waiting.clone());
            let polled = asked.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_pending() {
                *self.feed.lock() = Some(Feed::Asked(asked));
            }
            polled.map(Some)
        })
        .await
    }

    /// Asks for the next piece, if that was not done yet.
    fn asked(&self, feed: Feed, held: Held) -> Task<(Plain, Next)> {
        let raw = match feed {
            Feed::Asked(asked) => return asked,
            Feed::Plain(mut plain) => {
                return Box::pin(async move {
                    let next = plain.pieces.next().await;
                    (plain, next)
                });
            }
            Feed::Raw(raw) => raw,
        };
        let (inner, tier, metadata) = (self.inner.clone(), self.tier, self.metadata.clone());
        let is_kept = held.is_some_and(|(_, _, writes)| writes.contains(Tier::Warm));
        Box::pin(async move {
            let tee = if is_kept { Tee::begin(&inner, metadata.key()).await } else { None };
            let mut pieces = inner.plain(tier, &metadata, TierBody::Pieces(raw), tee.clone());
            let next = pieces.next().await;
            (Plain { pieces, tee }, next)
        })
    }

    /// Who begins to read from now on reads by himself.
    fn unshare(&self, held: Held) {
        if let Some((_, held, _)) = held {
            self.inner.with(|state| state.engine.unshare(held));
        }
    }

    /// The upper tier cannot give the rest of it: that is told, and a copy that is damaged goes.
    fn failed(&self, error: &Error, held: Held) {
        self.inner.report(self.tier, "read", Some(self.metadata.key().clone()), error);
        if let Some((_, held, _)) = held.filter(|_| error.kind() == ErrorKind::Corrupt) {
            self.inner.with(|state| state.engine.spoiled(held, self.tier));
        }
    }

    /// Changes the window, and has all who wait look again.
    fn change<T>(&self, work: impl FnOnce(&mut Window) -> T) -> T {
        let value = work(&mut self.window.lock());
        self.waiting.wake_all();
        value
    }

    /// Waits until the window is so. It leaves its waker before it looks, so that no change goes by in between.
    fn until(&self, is_so: impl Fn(&Window) -> bool) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            self.waiting.add(cx.waker());
            if is_so(&self.window.lock()) { Poll::Ready(()) } else { Poll::Pending }
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

    /// All of it was read and is what was written: what was kept of it is copied, if nothing came between.
    async fn deliver(&self, tee: Option<Tee>, held: Held) {
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
    async fn reopened(&self, tier: Tier, at: u64) -> Result<Option<Pieces>, Error> {
        let place = self.inner.tier(tier).ok_or_else(|| internal("a tier that there is not"))?;
        Ok(match place.open(self.metadata.key(), None).await? {
            Read::Found(Opened { metadata, body }) | Read::Suspect(Opened { metadata, body })
                if metadata.is_same_version(&self.metadata) =>
            {
                Some(within(self.inner.plain(tier, &metadata, body, None), at..u64::MAX))
            }
            _ => None,
        })
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
