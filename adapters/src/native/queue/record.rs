//! A queued write as its file holds it: one JSON object.

use serde::{Deserialize, Serialize};
use tiered_storage_core::{
    Error, ErrorKind, Key, Metadata, Timestamp,
    condition::Condition,
    format::{self, Audience},
    metadata::ETag,
    queue::{Kind, Queued, State},
};

use super::options::{How, QueuedWrite, WriteState};

/// What is known of a queued write beside its place in the order.
#[derive(Clone, Debug)]
pub(super) struct Details {
    pub(super) queued_at: Timestamp,
    pub(super) how: How,
    pub(super) crc: u32,
    /// Of a conflict: what is there.
    pub(super) current: Option<Metadata>,
    /// Of a failure.
    pub(super) error: Option<Error>,
}

/// The form that is stored. Fields can be added; a changed meaning needs another version.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    key: String,
    is_delete: bool,
    size_bytes: u64,
    crc: u32,
    queued_at: u64,
    over: Place,
    follows: Option<u64>,
    attempts: u32,
    state: Stand,
    how: How,
}

/// What must be there.
#[derive(Serialize, Deserialize)]
enum Place {
    Anything,
    Absent,
    Version(String),
}

#[derive(Serialize, Deserialize)]
enum Stand {
    Waiting,
    Conflict { version: Option<String>, line: Option<String> },
    Failed { kind: String, message: String },
}

/// The bytes of the file.
pub(super) fn encode(write: &Queued, details: &Details) -> Vec<u8> {
    let state = match &write.state {
        State::Conflict(there) => Stand::Conflict {
            version: there.as_ref().map(|version| version.as_str().to_owned()),
            line: details.current.as_ref().map(|found| format::encode(found, Audience::Local)),
        },
        State::Failed => {
            let error = details.error.as_ref();
            Stand::Failed {
                kind: error.map_or("", |error| error.kind().as_str()).to_owned(),
                message: error.map_or("", Error::message).to_owned(),
            }
        }
        _ => Stand::Waiting,
    };
    let record = Record {
        version: 1,
        key: write.key.as_str().to_owned(),
        is_delete: write.kind == Kind::Delete,
        size_bytes: write.size_bytes,
        crc: details.crc,
        queued_at: details.queued_at.as_millis(),
        over: match &write.condition {
            None => Place::Anything,
            Some(Condition::Version(version)) => Place::Version(version.as_str().to_owned()),
            Some(_) => Place::Absent,
        },
        follows: write.follows,
        attempts: write.attempts,
        state,
        how: details.how.clone(),
    };
    serde_json::to_vec(&record).expect("numbers and texts can be written as JSON")
}

/// What the file of write `id` says.
pub(super) fn decode(id: u64, bytes: &[u8]) -> Result<(Queued, Details), Error> {
    let bad = |error: serde_json::Error| {
        let message = format!(
            "the file of queued write {id} is not what was stored; move {id:016x}.write away to go on without it"
        );
        Error::new(ErrorKind::Corrupt, message).with_source(error)
    };
    let record: Record = serde_json::from_slice(bytes).map_err(bad)?;
    let key = Key::new(&record.key)?;
    let kind = if record.is_delete { Kind::Delete } else { Kind::Set };
    let mut write = Queued::new(id, key.clone(), kind, record.size_bytes);
    write.condition = match record.over {
        Place::Anything => None,
        Place::Absent => Some(Condition::Absent),
        Place::Version(version) => Some(Condition::Version(ETag::new(version))),
    };
    (write.follows, write.attempts) = (record.follows, record.attempts);
    let mut details = Details {
        queued_at: Timestamp::from_millis(record.queued_at),
        how: record.how,
        crc: record.crc,
        current: None,
        error: None,
    };
    match record.state {
        Stand::Waiting => {}
        Stand::Conflict { version, line } => {
            write.state = State::Conflict(version.map(ETag::new));
            details.current = line.and_then(|line| format::decode(&key, &line).ok());
        }
        Stand::Failed { kind, message } => {
            write.state = State::Failed;
            details.error = Some(Error::new(kind_of(&kind), message).with_key(&key));
        }
    }
    Ok((write, details))
}

fn kind_of(name: &str) -> ErrorKind {
    use ErrorKind::{Closed, Conflict, Corrupt, Denied, Full, Invalid, Unavailable, Unsupported};
    [Invalid, Denied, Unavailable, Conflict, Corrupt, Full, Closed, Unsupported]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .unwrap_or(ErrorKind::Internal)
}

/// What is told of a write.
pub(super) fn told(write: &Queued, details: &Details) -> QueuedWrite {
    QueuedWrite {
        id: write.id,
        key: write.key.clone(),
        kind: write.kind,
        size_bytes: write.size_bytes,
        queued_at: details.queued_at,
        attempts: write.attempts,
        state: match &write.state {
            State::Sending => WriteState::Sending,
            State::Conflict(_) => WriteState::Conflict(details.current.clone()),
            State::Failed => WriteState::Failed(details.error.clone().unwrap_or_else(|| {
                Error::new(ErrorKind::Internal, "why the write failed was not stored")
            })),
            _ => WriteState::Waiting,
        },
    }
}
