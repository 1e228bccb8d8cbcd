//! The order of queued writes, as TypeScript asks for it: it hands in what is stored, and is told what is to be stored.
//!
//! A write crosses as a row: id, key, whether it is a removal, size, condition (a version, `null` for what must be absent,
//! `undefined` for none), the id that it follows, attempts, how it stands (waiting, sending, in conflict, failed), and the
//! version that is in its way.

use js_sys::Array;
use tiered_storage::{
    Condition, ETag, Error, ErrorKind,
    queue::{Choice, Kind, Limits, Outcome, Over, Queue, Queued, State, Verdict},
    web::error::{kind, to_js},
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::args::{Args, invalid, number, optional};

/// Does what has this number in `ORDER_CALLS` to the writes of these rows. Gives its answer and what changed, in the order
/// in which that is to be stored: rows, and the ids of writes that are gone. `limits`: of writes, and of bytes.
#[wasm_bindgen]
pub fn order(limits: Array, rows: &Array, call: u8, args: Array) -> Result<Array, JsValue> {
    let limits = Args(limits);
    let (writes_max, bytes_max) = (limits.count(0) as usize, limits.count(1));
    let mut queue = Queue::new(Limits { writes_max, bytes_max });
    let answer = restore(&mut queue, rows).and_then(|()| run(&mut queue, call, &Args(args)));
    let answer = answer.map_err(|error| to_js(&error))?;
    let changes = Array::new();
    for (id, write) in queue.take_changes() {
        changes.push(&write.map_or_else(|| number(id), |write| to_row(&write)));
    }
    Ok(Array::of(&[answer, changes.into()]))
}

fn restore(queue: &mut Queue, rows: &Array) -> Result<(), Error> {
    for row in rows.iter() {
        queue.restore(from_row(&Args(row.into()))?);
    }
    Ok(())
}

fn run(queue: &mut Queue, call: u8, args: &Args) -> Result<JsValue, Error> {
    let id = args.count(0);
    Ok(match call {
        0 => {
            let write = from_row(&args.array(0))?;
            let over = match (args.count(1), write.condition.clone()) {
                (1, Some(condition)) => Over::Named(condition),
                (2, Some(condition)) => Over::Known(condition),
                _ => Over::Anything,
            };
            queue.enter(write, over)?;
            JsValue::UNDEFINED
        }
        1 => queue.begin().map_or(JsValue::UNDEFINED, |write| number(write.id)),
        2 => {
            let version = args.text(2).map(ETag::new);
            let outcome = match args.count(1) {
                0 => Outcome::Sent(version),
                1 => Outcome::Overtaken(version),
                _ => {
                    let name = args.text(2).unwrap_or_default();
                    Outcome::Failed(kind(&name).unwrap_or(ErrorKind::Internal))
                }
            };
            let verdict = match queue.finish(id, outcome, args.count(3)) {
                Verdict::Later(ms) => ms as f64,
                Verdict::Done => -1.0,
                Verdict::Conflict => -2.0,
                _ => -3.0,
            };
            verdict.into()
        }
        3 => {
            let choice = match args.count(1) {
                0 => Choice::Mine,
                1 => Choice::Theirs,
                _ => Choice::Both(args.key(2)?),
            };
            queue.resolve(id, choice)?;
            JsValue::UNDEFINED
        }
        4 => queue.cancel(id).into(),
        _ => queue.next().map_or(JsValue::UNDEFINED, |write| number(write.id)),
    })
}

fn from_row(row: &Args) -> Result<Queued, Error> {
    let kind = if row.is(2) { Kind::Delete } else { Kind::Set };
    let mut write = Queued::new(row.count(0), row.key(1)?, kind, row.count(3));
    write.condition = row.condition(4);
    write.follows = row.number(5).map(|id| id as u64);
    write.attempts = row.count(6) as u32;
    write.state = match row.count(7) {
        0 => State::Waiting,
        1 => State::Sending,
        2 => State::Conflict(row.text(8).map(ETag::new)),
        3 => State::Failed,
        _ => {
            return Err(invalid("a write of the queue stands as no version of this package knows"));
        }
    };
    Ok(write)
}

fn to_row(write: &Queued) -> JsValue {
    let (state, there) = match &write.state {
        State::Waiting => (0, None),
        State::Sending => (1, None),
        State::Conflict(there) => (2, there.as_ref()),
        _ => (3, None),
    };
    let condition = match &write.condition {
        None => JsValue::UNDEFINED,
        Some(Condition::Version(version)) => version.as_str().into(),
        Some(_) => JsValue::NULL,
    };
    Array::of(&[
        number(write.id),
        write.key.as_str().into(),
        (write.kind == Kind::Delete).into(),
        number(write.size_bytes),
        condition,
        write.follows.map_or(JsValue::UNDEFINED, number),
        write.attempts.into(),
        state.into(),
        optional(there.map(ETag::as_str)),
    ])
    .into()
}
