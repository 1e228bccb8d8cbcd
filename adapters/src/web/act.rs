//! Asking tiers that are objects of JavaScript's.

use std::sync::Arc;

use js_sys::Array;
use tiered_storage_core::{
    ETag, Error, Key,
    engine::{Action, Outcome},
    format,
};
use wasm_bindgen::{JsCast, JsValue};

use super::{
    js::get,
    port::{Asked, OPEN, PortTier, READ, is_nothing, settle, wrong},
};
use crate::driver::{Body, Inner, Want};

impl Inner {
    /// Does what the engine wants, in a place of this host.
    pub(crate) fn act<'a>(
        self: &'a Arc<Self>,
        place: &'a PortTier,
        action: &'a Action,
        body: Option<Body>,
        want: Want,
        found: &'a mut Option<Body>,
    ) -> Asked<'a, Outcome> {
        Box::pin(async move {
            let tier = action.tier();
            let answer = match action {
                Action::Read(_, key, unless) => {
                    let call = match want {
                        Want::Whole => READ,
                        Want::Pieces => OPEN,
                        Want::Part(range) => {
                            return self.receive_part(place, action, key, range, found).await;
                        }
                    };
                    let read = place.read(call, key, unless.as_ref()).await?;
                    return self.receive_opened(tier, key, read, found).await;
                }
                Action::Write(_, metadata) | Action::WriteIf(_, metadata, _) => {
                    let condition = match action {
                        Action::WriteIf(_, _, condition) => Some(condition),
                        _ => None,
                    };
                    let contents = self.contents(tier, metadata, body).await?;
                    place.store(metadata, &contents, condition).await?
                }
                Action::WritePart(_, metadata) => match self.chunks(metadata, body) {
                    Some((start, part)) => place.write_part(metadata, start, &part).await?,
                    None => JsValue::UNDEFINED,
                },
                _ => settle(place.ask(action)).await?,
            };
            Ok(match action {
                Action::Head(_, key) => match answer.as_string() {
                    Some(line) => Outcome::Found(format::decode(key, &line)?),
                    None if is_nothing(&answer) => Outcome::Missing,
                    None => return Err(wrong("metadata")),
                },
                Action::Patch(..) if answer.is_null() => Outcome::Missing,
                Action::Write(..) | Action::WriteIf(..) | Action::Patch(..) => {
                    Outcome::Done(answer.as_string().map(ETag::new))
                }
                Action::RemoveVersion(_, seen) => self.note_removed(seen, answer.is_truthy()),
                Action::List(..) => listing(&answer)?,
                _ => Outcome::Done(None),
            })
        })
    }
}

/// What a port answered to a listing.
fn listing(answer: &JsValue) -> Result<Outcome, Error> {
    let list = get(answer, "keys");
    if !Array::is_array(&list) {
        return Err(wrong("a list"));
    }
    let mut keys = Vec::new();
    for key in list.unchecked_into::<Array>() {
        keys.push(Key::new(key.as_string().ok_or_else(|| wrong("a list of keys"))?)?);
    }
    Ok(Outcome::Keys(keys, get(answer, "next").as_string()))
}
