//! What is logged while something runs.

use core::fmt;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::with_default,
};

/// Keeps the text of every event.
#[derive(Clone, Default)]
pub(in crate::s3) struct Log(Arc<Mutex<String>>);

/// With a single subscriber, tracing asks only the thread that comes to an event first whether anyone listens, and
/// that may be another test's. This is the second.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Log::default()));

impl Log {
    /// What `run` writes to the log, at any level.
    pub(in crate::s3) fn of(run: impl FnOnce()) -> String {
        LazyLock::force(&SECOND);
        let log = Self::default();
        with_default(log.clone(), run);
        log.0.lock().expect("no panic").clone()
    }
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().expect("no panic").push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}
