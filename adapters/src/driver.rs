//! Turns what the engine wants into calls of tiers. One source for every host.
//!
//! No lock is held across an await. A read that is dropped goes on with whoever shares it, or ends; a change that is
//! dropped after it began is run to its end in the background, so that its end is known.

mod accesses;
#[cfg(not(target_arch = "wasm32"))]
mod act;
mod answers;
#[cfg(not(target_arch = "wasm32"))]
mod bodies;
mod claims;
mod drive;
mod flow;
#[cfg(not(target_arch = "wasm32"))]
mod peek;
mod perform;
mod receive;
mod stage;

use std::{
    future::Future,
    ops::DerefMut,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tiered_storage_core::{
    Error, ErrorKind, Tier,
    config::Config,
    engine::{Action, Call, Engine, OpId, Outcome, Reply, SlotId, Step, Ticket},
    range::ByteRange,
    seal::Verify,
};

pub(crate) use self::accesses::Accesses;
pub(crate) use self::flow::Reader;
use self::{
    claims::Holds,
    drive::{Lasting, Stranded, drive},
    flow::Flow,
};
#[cfg(not(target_arch = "wasm32"))]
use crate::counters::Counters;
#[cfg(target_arch = "wasm32")]
use crate::web::counters::Counters;
use crate::{
    background::Background,
    events::Subscribers,
    gate::Gate,
    host::{Host, Task},
    lock::Lock,
    neighbours::{Hold, Neighbours},
    tier::{Payload, Place, Properties, Source},
    trace::Span,
};

/// What operations have; its order is of no account.
#[cfg(not(target_arch = "wasm32"))]
type Table<K, V> = std::collections::HashMap<K, V>;
/// What operations have; its order is of no account.
#[cfg(target_arch = "wasm32")]
type Table<K, V> = tiered_storage_core::map::Map<K, V>;

/// How many keys a page of a listing has at most.
pub(crate) const PAGE_KEYS: usize = 1_000;

/// An entry's body while an operation has it.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// In memory.
    Whole(Whole),
    /// Ready somewhere, as it is to be stored.
    Staged(Arc<dyn Source>),
    /// Handed out piece by piece.
    Open(Arc<Flow>),
    /// A part of it, and where that starts.
    Part(u64, Payload),
}

/// A body in memory.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    /// As the caller gave it.
    pub(crate) plain: Payload,
    /// As gzip, where it is stored so and was at hand.
    pub(crate) packed: Option<Payload>,
}

/// What whoever waits for an operation gets beside its reply.
#[derive(Debug)]
pub(crate) enum Given {
    /// Nothing.
    None,
    /// The body.
    Whole(Payload),
    /// The body, piece by piece.
    Pieces(Reader),
    /// A part of the body, and where that starts.
    Part(u64, Payload),
}

/// How an operation reads bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    Whole,
    Pieces,
    Part(ByteRange),
}

/// What all handles of a storage share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) counters: Counters,
    pub(crate) subscribers: Subscribers,
    /// Whether durable copies are verified when they are read.
    pub(crate) verify: Verify,
    /// Other instances over the same tiers.
    pub(crate) neighbours: Option<Arc<dyn Neighbours>>,
    tiers: [Option<Arc<Place>>; 3],
    properties: [Properties; 3],
    /// Whether a hot hit may be served without asking the engine.
    pub(crate) gate: Gate,
    background: Background,
    state: Lock<State>,
}

#[derive(Debug)]
struct State {
    engine: Engine,
    bodies: Table<SlotId, Body>,
    holds: Holds,
    wakers: Table<OpId, Waker>,
    /// Operations that a runtime was to drive in the background and dropped instead: the next call finds them another.
    stranded: Vec<OpId>,
    pub(crate) accesses: Accesses,
    is_closed: bool,
}

/// Who waits for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// A user's call that reads.
    Reads,
    /// Another call.
    Waits,
    /// Nobody: it is work that a read left.
    None,
}

/// What an operation wants of its driver.
enum Turn {
    Do(Ticket, Action, SlotId, Option<Body>),
    Reply(Reply, Given),
}

impl Inner {
    pub(crate) fn new(
        config: Config,
        tiers: [Option<Arc<Place>>; 3],
        host: Arc<dyn Host>,
        subscribers: Subscribers,
        verify: Verify,
        neighbours: Option<Arc<dyn Neighbours>>,
    ) -> Self {
        let properties = std::array::from_fn(|at| {
            tiers[at].as_ref().map(|tier| tier.properties()).unwrap_or_default()
        });
        let state = State {
            engine: Engine::new(config.clone()),
            bodies: Table::new(),
            holds: Holds::default(),
            wakers: Table::new(),
            stranded: Vec::new(),
            accesses: Accesses::default(),
            is_closed: false,
        };
        let gate = Gate::new(properties[Tier::Hot as usize].is_volatile);
        let counters = Counters::default();
        let state = Lock::new(state);
        Self {
            config,
            host,
            counters,
            subscribers,
            verify,
            neighbours,
            tiers,
            properties,
            gate,
            background: Background::default(),
            state,
        }
    }

    /// The tier in a place where there is one.
    pub(crate) fn tier(&self, tier: Tier) -> Option<&Arc<Place>> {
        self.tiers[tier as usize].as_ref()
    }

    pub(crate) fn properties(&self, tier: Tier) -> Properties {
        self.properties[tier as usize]
    }

    /// Begins a read. Dropped, it leaves its place to whoever shares it.
    pub(crate) fn read(
        self: &Arc<Self>,
        call: Call,
        want: Want,
    ) -> Result<impl Future<Output = (Reply, Given)> + use<>, Error> {
        let span = Span::call(&call);
        let op = self.start(call, None)?;
        let work = span.around(drive(self.clone(), op, want, Caller::Reads));
        // Whatever holds this machine would bring another copy of it.
        #[cfg(target_arch = "wasm32")]
        let work: Task<(Reply, Given)> = Box::pin(work);
        Ok(work)
    }

    /// Begins a change. Dropped, it goes on in the background.
    pub(crate) fn change(self: &Arc<Self>, call: Call, body: Option<Body>) -> Lasting {
        let span = Span::call(&call);
        let begun = self.start(call, body);
        Lasting::new(begun.map(|op| {
            let task = span.around(drive(self.clone(), op, Want::Whole, Caller::Waits));
            (self.clone(), op, Box::pin(task) as Task<(Reply, Given)>)
        }))
    }

    /// Runs `task` in the background; [`Inner::quiet`] waits for it.
    pub(crate) fn spawn(self: &Arc<Self>, task: Task) {
        self.host.spawn(self.background.counted(task));
    }

    /// Waits until no task is in the background.
    pub(crate) async fn quiet(&self) {
        self.background.quiet().await;
    }

    /// Has removals that failed tried again.
    pub(crate) fn tend(self: &Arc<Self>) {
        let now = self.host.now();
        self.with(|state| state.engine.tend(now));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// From now on every call is refused. Says whether that is news.
    pub(crate) fn close(&self) -> bool {
        self.gate.set(false);
        !std::mem::replace(&mut self.lock().is_closed, true)
    }

    fn lock(&self) -> impl DerefMut<Target = State> {
        self.state.lock()
    }

    fn start(self: &Arc<Self>, call: Call, body: Option<Body>) -> Result<OpId, Error> {
        let now = self.host.now();
        let stranded = std::mem::take(&mut self.lock().stranded);
        stranded.into_iter().for_each(|op| self.run_orphan(op));
        self.with(|state| {
            if state.is_closed {
                return Err(Error::new(ErrorKind::Closed, "the storage was closed; open it again"));
            }
            let op = state.engine.start(call, now);
            if let (Some(body), Some(slot)) = (body, state.engine.slot(op)) {
                state.bodies.insert(slot, body);
            }
            Ok(op)
        })
    }

    /// Works on the state, then does what the engine left to do.
    fn with<T>(self: &Arc<Self>, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let value = work(&mut state);
        self.follow(state);
        value
    }

    /// Does what the engine left to do. Apart, so that there is one of it for all kinds of work.
    fn follow(self: &Arc<Self>, mut state: impl DerefMut<Target = State>) {
        let mut woken = Vec::new();
        while let Some(op) = state.engine.woken() {
            woken.extend(state.wakers.remove(&op));
        }
        let orphans: Vec<OpId> = std::iter::from_fn(|| state.engine.orphan()).collect();
        let mut holds: Vec<Hold> = Vec::new();
        while let Some(slot) = state.engine.freed() {
            state.bodies.remove(&slot);
            holds.extend(state.holds.remove(slot));
        }
        let is_open = self.properties(Tier::Hot).is_volatile && !state.is_closed;
        self.gate.set(is_open && state.engine.is_hot_trusted());
        drop(state);
        drop(holds);
        woken.into_iter().for_each(Waker::wake);
        for op in orphans {
            self.run_orphan(op);
        }
    }

    /// Drives in the background what no caller waits for.
    fn run_orphan(self: &Arc<Self>, op: OpId) {
        let stranded = Stranded::new(self.clone(), op);
        let inner = self.clone();
        self.spawn(Box::pin(async move {
            stranded.rescue();
            let work = drive(inner, op, Want::Whole, Caller::None);
            #[cfg(target_arch = "wasm32")]
            let work: Task<(Reply, Given)> = Box::pin(work);
            work.await;
        }));
    }

    fn poll_turn(self: &Arc<Self>, op: OpId, cx: &Context<'_>) -> Poll<Turn> {
        self.with(|state| match state.engine.step(op) {
            Step::Do(ticket, action, slot) => {
                let body = state.bodies.get(&slot).cloned();
                Poll::Ready(Turn::Do(ticket, action, slot, body))
            }
            Step::Reply(reply, slot) => {
                state.wakers.remove(&op);
                let given = match state.bodies.get(&slot) {
                    None | Some(Body::Staged(_)) => Given::None,
                    Some(Body::Whole(Whole { plain, .. })) => Given::Whole(plain.clone()),
                    Some(Body::Part(start, part)) => Given::Part(*start, part.clone()),
                    Some(Body::Open(flow)) => {
                        Given::Pieces(Reader::new(flow.clone(), slot, state.engine.held(slot)))
                    }
                };
                Poll::Ready(Turn::Reply(reply, given))
            }
            Step::Park => {
                state.wakers.insert(op, cx.waker().clone());
                Poll::Pending
            }
        })
    }

    fn finish(
        self: &Arc<Self>,
        ticket: Ticket,
        slot: SlotId,
        outcome: Outcome,
        found: Option<Body>,
    ) {
        let now = self.host.now();
        let _hold = self.with(|state| {
            let mut hold = None;
            if let Some(found) = found {
                if matches!(found, Body::Open(_)) {
                    state.engine.open(&ticket);
                    // Nobody waits for as long as it takes to be read.
                    hold = state.holds.remove(slot);
                }
                state.bodies.insert(slot, found);
            }
            state.engine.finish(ticket, outcome, now);
            hold
        });
    }
}
