//! What a subscriber of `tracing` is told of. In JavaScript nobody listens, and spans would be code.

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use tiered_storage_core::{Tier, engine::Call};
    use tracing::{Instrument, instrument::Instrumented};

    use crate::events::Event;

    /// The time that something takes.
    pub(crate) struct Span(tracing::Span);

    impl Span {
        /// Of a call.
        pub(crate) fn call(call: &Call) -> Self {
            let (name, about) = match call {
                Call::Get(key) => ("get", key.as_str()),
                Call::Head(key) => ("metadata", key.as_str()),
                Call::Set(metadata, _) => ("set", metadata.key().as_str()),
                Call::Remove(key) | Call::RemoveIf(key, _) => ("delete", key.as_str()),
                Call::Amend(key, _) => ("amend", key.as_str()),
                Call::Load(key, ..) => ("load", key.as_str()),
                Call::Invalidate(prefix, _) => ("invalidate", prefix.as_str()),
                _ => ("clear", ""),
            };
            Self(tracing::debug_span!(target: "tiered_storage", "call", name, key = about))
        }

        /// Of what a tier was asked.
        pub(crate) fn action(tier: Tier, name: &'static str) -> Self {
            Self(tracing::debug_span!(target: "tiered_storage", "tier", %tier, action = name))
        }

        /// `work`, in the span.
        pub(crate) fn around<W>(self, work: W) -> Instrumented<W> {
            work.instrument(self.0)
        }
    }

    pub(crate) fn event(event: &Event) {
        tracing::debug!(target: "tiered_storage", ?event);
    }
}

#[cfg(target_arch = "wasm32")]
mod web {
    use tiered_storage_core::{Tier, engine::Call};

    use crate::events::Event;

    pub(crate) struct Span;

    impl Span {
        pub(crate) fn call(_call: &Call) -> Self {
            Self
        }

        pub(crate) fn action(_tier: Tier, _name: &'static str) -> Self {
            Self
        }

        pub(crate) fn around<W>(self, work: W) -> W {
            work
        }
    }

    pub(crate) fn event(_event: &Event) {}
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Span, event};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{Span, event};
