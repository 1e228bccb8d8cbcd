//! Orders to a server that is a process of its own, for tests that are no Rust: faults, outages, damage, and what there is.

use std::{
    io::{self, BufRead, Write},
    sync::{Arc, Mutex, MutexGuard},
};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::{
    scenario,
    server::{Fault, Kind, Object, Rule, Server},
};

/// A line of the input: an order, and the number that its answer is to have.
#[derive(Deserialize)]
struct Line {
    id: u64,
    #[serde(flatten)]
    order: Order,
}

#[derive(Deserialize)]
#[serde(tag = "order", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Order {
    /// Changes the body of the object that holds a key (`how`: `flip`, `truncate` or `extend`); says whether there is one.
    Damage { bucket: String, key: String, how: String },
    /// Has a fault befall requests of a kind, or all, that name a text: so often, or always.
    Fault {
        fault: Named,
        on: Option<Kind>,
        #[serde(default)]
        naming: String,
        times: Option<u32>,
    },
    /// Drops the faults of requests that name a text that starts like this.
    Clear { naming: String },
    /// Waits until no request hangs, as when clients have left, so that nothing comes of one later.
    Calm,
    /// Sets the server's clock ahead, or behind.
    Skew { ms: i64 },
    /// Answers when so many faults befell a request since the start.
    UntilFired { fired: u64 },
    /// Says what there is with names that start with `prefix`, how many faults that name such befell a request, and how
    /// many did in all.
    Show { bucket: String, prefix: String },
    /// Puts so many empty objects in place, named by their numbers of five digits.
    Fill { bucket: String, prefix: String, count: u32 },
    /// Closes the port and all connections.
    Stop,
    /// Opens the port again.
    Restart,
}

/// A fault by its name.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Named {
    SlowDown,
    InternalError,
    ErrorIn200,
    Truncate,
    Hang,
    DropBefore,
    DropAfter,
    Conflict,
    RequestTimeout,
    ExpiredToken,
    AccessDenied,
    NotImplemented,
    Redirect,
    KeyDenied,
    KeyBusy,
}

impl Named {
    fn fault(self) -> Fault {
        match self {
            Self::SlowDown => Fault::SLOW_DOWN,
            Self::InternalError => Fault::INTERNAL_ERROR,
            Self::ErrorIn200 => Fault::ErrorIn200 { code: "InternalError" },
            Self::Truncate => Fault::Truncate,
            Self::Hang => Fault::Hang,
            Self::DropBefore => Fault::DropBefore,
            Self::DropAfter => Fault::DropAfter,
            Self::Conflict => Fault::CONFLICT,
            Self::RequestTimeout => Fault::REQUEST_TIMEOUT,
            Self::ExpiredToken => Fault::EXPIRED_TOKEN,
            Self::AccessDenied => Fault::ACCESS_DENIED,
            Self::NotImplemented => Fault::NOT_IMPLEMENTED,
            Self::Redirect => Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()),
            Self::KeyDenied => Fault::KeyError { code: "AccessDenied" },
            Self::KeyBusy => Fault::KeyError { code: "SlowDown" },
        }
    }
}

/// Reads lines such as `{"id": 1, "order": "damage", "bucket": "b", "key": "k", "how": "flip"}` to their end, and answers
/// each with a line `{"id": 1, "value": ...}` or `{"id": 1, "error": "..."}`. An order that waits keeps no other from being
/// obeyed.
///
/// # Errors
///
/// Of reading.
pub fn obey(
    server: &Arc<Server>,
    orders: impl BufRead,
    answers: impl Write + Send + 'static,
) -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let answers = Arc::new(Mutex::new(answers));
    for line in orders.lines() {
        let line = match serde_json::from_str::<Line>(&line?) {
            Ok(line) => line,
            Err(error) => {
                tell(&answers, &json!({ "error": format!("no order: {error}") }));
                continue;
            }
        };
        let (server, answers) = (Arc::clone(server), Arc::clone(&answers));
        runtime.spawn(async move {
            let answer = match line.order.obeyed(&server).await {
                Ok(value) => json!({ "id": line.id, "value": value }),
                Err(error) => json!({ "id": line.id, "error": error }),
            };
            tell(&answers, &answer);
        });
    }
    Ok(())
}

/// Who gave the orders may have left without waiting for all answers.
fn tell(answers: &Mutex<impl Write>, answer: &Json) {
    let mut answers: MutexGuard<'_, _> = answers.lock().expect("no holder panics");
    let _ = writeln!(answers, "{answer}").and_then(|()| answers.flush());
}

impl Order {
    async fn obeyed(self, server: &Arc<Server>) -> Result<Json, String> {
        let faults = server.faults();
        match self {
            Self::Damage { bucket, key, how } => {
                return scenario::damage_object(server, &bucket, &key, &how).await.map(Json::Bool);
            }
            Self::Fault { fault, on, naming, times } => {
                let rule = Rule::new(fault.fault()).naming(naming).times(times.unwrap_or(u32::MAX));
                faults.add(on.map_or_else(|| rule.clone(), |kind| rule.clone().on(kind)));
            }
            Self::Clear { naming } => faults.clear_naming(&naming),
            Self::Calm => faults.until_hanging(0).await,
            Self::Skew { ms } => faults.set_skew_ms(ms),
            Self::UntilFired { fired } => faults.until_fired(fired).await,
            Self::Show { bucket, prefix } => {
                let named = |name: &String| name.starts_with(&prefix);
                let objects = server.objects(&bucket).into_iter().map(|(name, _)| name);
                let uploads = server.uploads_named(&bucket).into_iter();
                return Ok(json!({
                    "fired": faults.fired_naming(&prefix),
                    "firedInAll": faults.fired(),
                    "objects": objects.filter(named).collect::<Vec<_>>(),
                    "uploads": uploads.filter(named).collect::<Vec<_>>(),
                }));
            }
            Self::Fill { bucket, prefix, count } => {
                for number in 0..count {
                    let name = format!("{prefix}{number:05}");
                    server.put_object_raw(&bucket, &name, Object::new(""));
                }
            }
            Self::Stop => {
                // It waits for the server's thread.
                let server = Arc::clone(server);
                tokio::task::spawn_blocking(move || server.stop())
                    .await
                    .map_err(|error| error.to_string())?;
            }
            Self::Restart => server.restart().map_err(|error| error.to_string())?,
        }
        Ok(Json::Null)
    }
}
