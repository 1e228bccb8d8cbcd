//! Bodies that are not in memory as a whole, as objects that JavaScript reads or fills (`ts/port.ts`).

use core::{
    cell::{Cell, RefCell},
    fmt,
    future::poll_fn,
    task::{Poll, Waker},
};
use std::{rc::Rc, sync::Arc};

use futures_util::TryStreamExt;
use js_sys::{Array, Promise, Uint8Array};
use tiered_storage::{
    Error, ErrorKind,
    host::Task,
    tier::{Contents, Payload, Pieces, Source, Stage},
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{promise::promise, s3::S3};

/// Pieces, a place to stage, or what lies ready. One call at a time.
#[wasm_bindgen]
pub struct Flow(Rc<State>);

struct State {
    /// Nothing while a call has it, after its end, and once it was cancelled.
    body: RefCell<Option<Body>>,
    is_cancelled: Cell<bool>,
    /// Who waits for a call.
    waker: RefCell<Waker>,
}

enum Body {
    Pieces(Pieces),
    Stage(Box<dyn Stage>),
    Source(Arc<dyn Source>),
}

/// What a call leaves, and what it gives.
type Done = (Option<Body>, JsValue);

#[wasm_bindgen]
impl Flow {
    /// The next piece; nothing at the end.
    pub fn next(&self) -> Promise {
        self.run(|body| {
            Box::pin(async move {
                let Body::Pieces(mut pieces) = body else { return Err(over()) };
                Ok(match pieces.try_next().await? {
                    Some(piece) => (Some(Body::Pieces(pieces)), piece.as_js().into()),
                    None => (None, JsValue::UNDEFINED),
                })
            })
        })
    }

    /// Takes the next bytes.
    pub fn write(&self, piece: Uint8Array) -> Promise {
        self.run(|body| {
            Box::pin(async move {
                let Body::Stage(mut stage) = body else { return Err(over()) };
                stage.write(Payload::from(piece)).await?;
                Ok((Some(Body::Stage(stage)), JsValue::UNDEFINED))
            })
        })
    }

    /// What lies ready then.
    pub fn finish(&self) -> Promise {
        self.run(|body| {
            Box::pin(async move {
                let Body::Stage(stage) = body else { return Err(over()) };
                Ok((None, Self::source(stage.finish().await?).into()))
            })
        })
    }

    /// Bytes of what lies ready.
    pub fn read(&self, start: f64, end: f64) -> Promise {
        self.run(move |body| {
            Box::pin(async move {
                let Body::Source(source) = body else { return Err(over()) };
                let bytes = source.read(start as u64..end as u64).await?;
                Ok((Some(Body::Source(source)), bytes.as_js().into()))
            })
        })
    }

    /// How many bytes lie ready.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> f64 {
        match &*self.0.body.borrow() {
            Some(Body::Source(source)) => source.size_bytes() as f64,
            _ => 0.0,
        }
    }

    /// Has an S3 tier store what lies ready, by its call for that.
    #[wasm_bindgen(js_name = storeIn)]
    pub fn store_in(&self, tier: &S3, args: Array) -> Promise {
        let source = match &*self.0.body.borrow() {
            Some(Body::Source(source)) => source.clone(),
            _ => return promise(None, Box::pin(async { Err(over()) })),
        };
        tier.store(args, Contents::Staged(source))
    }

    /// Gives up what is under way, and what there is.
    pub fn cancel(&self) {
        self.0.is_cancelled.set(true);
        drop(self.0.body.take());
        self.0.waker.borrow().wake_by_ref();
    }

    fn run(&self, work: impl FnOnce(Body) -> Task<Result<Done, Error>>) -> Promise {
        let state = self.0.clone();
        let mut work = state.body.take().map(work);
        let turn = poll_fn(move |cx| {
            let Some(running) = work.as_mut().filter(|_| !state.is_cancelled.get()) else {
                work = None;
                return Poll::Ready(Err(over()));
            };
            state.waker.replace(cx.waker().clone());
            let done = core::task::ready!(running.as_mut().poll(cx));
            Poll::Ready(done.map(|(left, given)| {
                state.body.replace(left);
                given
            }))
        });
        promise(None, Box::pin(turn))
    }
}

impl Flow {
    pub(crate) fn pieces(pieces: Pieces) -> Self {
        Self::new(Body::Pieces(pieces))
    }

    pub(crate) fn stage(stage: Box<dyn Stage>) -> Self {
        Self::new(Body::Stage(stage))
    }

    fn source(source: Arc<dyn Source>) -> Self {
        Self::new(Body::Source(source))
    }

    fn new(body: Body) -> Self {
        let (body, is_cancelled) = (RefCell::new(Some(body)), Cell::new(false));
        Self(Rc::new(State { body, is_cancelled, waker: RefCell::new(Waker::noop().clone()) }))
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flow")
    }
}

fn over() -> Error {
    Error::new(ErrorKind::Closed, "the body is at its end, was given up, or is being read already")
}
