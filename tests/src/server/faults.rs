//! What goes wrong on purpose: each fault waits for the requests that its rule names.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::kind::Kind;

/// One way in which a request goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and an `<Error>` of this code; the request has no effect.
    Error {
        /// The HTTP status.
        status: u16,
        /// The S3 error code.
        code: &'static str,
    },
    /// Answers 200 with an `<Error>` of this code, as S3 does for a copy that failed late; no effect.
    ErrorIn200 {
        /// The S3 error code.
        code: &'static str,
    },
    /// Does as asked, and closes the connection after half of the answer's body.
    Truncate,
    /// Does not go on until [`Faults::release`], or until the client leaves.
    Hang,
    /// Reads the request and closes the connection; the request has no effect.
    DropBefore,
    /// Does as asked and closes the connection: the answer is lost.
    DropAfter,
    /// Answers 307 to this absolute URL; no effect.
    Redirect(String),
    /// Waits so long, then does as asked. Goes together with one other fault.
    Latency(Duration),
    /// DeleteObjects only: answers 200 with an `<Error>` of this code for the keys the rule names.
    KeyError {
        /// The S3 error code.
        code: &'static str,
    },
}

impl Fault {
    /// 503 `SlowDown`.
    pub const SLOW_DOWN: Self = Self::Error { status: 503, code: "SlowDown" };
    /// 500 `InternalError`.
    pub const INTERNAL_ERROR: Self = Self::Error { status: 500, code: "InternalError" };
    /// 409 `ConditionalRequestConflict`.
    pub const CONFLICT: Self = Self::Error { status: 409, code: "ConditionalRequestConflict" };
    /// 400 `ExpiredToken`.
    pub const EXPIRED_TOKEN: Self = Self::Error { status: 400, code: "ExpiredToken" };
    /// 400 `RequestTimeout`.
    pub const REQUEST_TIMEOUT: Self = Self::Error { status: 400, code: "RequestTimeout" };
    /// 403 `AccessDenied`.
    pub const ACCESS_DENIED: Self = Self::Error { status: 403, code: "AccessDenied" };
    /// 501 `NotImplemented`.
    pub const NOT_IMPLEMENTED: Self = Self::Error { status: 501, code: "NotImplemented" };
}

/// Which requests a fault befalls, and how often.
///
/// ```
/// # use tiered_storage_tests::server::{Fault, Kind, Rule};
/// let twice = Rule::new(Fault::SLOW_DOWN).on(Kind::Get).naming("photos/").times(2);
/// let read_only = Rule::new(Fault::ACCESS_DENIED).on_writes().always();
/// # let _ = (twice, read_only);
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    requests: Requests,
    naming: String,
    times: u32,
}

impl Rule {
    /// A fault that befalls the next request, whatever it is (preflights aside).
    pub const fn new(fault: Fault) -> Self {
        Self { fault, requests: Requests::Any, naming: String::new(), times: 1 }
    }

    /// Only requests of this kind.
    #[must_use]
    pub const fn on(mut self, kind: Kind) -> Self {
        self.requests = Requests::Of(kind);
        self
    }

    /// Only requests that change objects or uploads.
    #[must_use]
    pub const fn on_writes(mut self) -> Self {
        self.requests = Requests::Writes;
        self
    }

    /// Only requests with this text in their key, or in their decoded query or keys if they are on a bucket.
    #[must_use]
    pub fn naming(mut self, text: impl Into<String>) -> Self {
        self.naming = text.into();
        self
    }

    /// The next `times` such requests.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Every such request until [`Faults::clear`].
    #[must_use]
    pub const fn always(self) -> Self {
        self.times(u32::MAX)
    }

    fn matches(&self, kind: Kind, target: &str) -> bool {
        let of_kind = match self.requests {
            Requests::Any => kind != Kind::Preflight,
            Requests::Writes => kind.is_write(),
            Requests::Of(wanted) => wanted == kind,
        };
        of_kind && target.contains(&self.naming)
    }
}

#[derive(Clone, Copy, Debug)]
enum Requests {
    Any,
    Writes,
    Of(Kind),
}

/// The faults of a server: rules in the order they were added, and how far its clock is off.
#[derive(Debug)]
pub struct Faults {
    rules: Mutex<Vec<Rule>>,
    /// How often faults befell a request, by what their rules name.
    fired_naming: Mutex<BTreeMap<String, u64>>,
    skew_ms: AtomicI64,
    fired: watch::Sender<u64>,
    hanging: watch::Sender<u64>,
    hung: watch::Sender<u64>,
    uploads: AtomicU64,
    releases: watch::Sender<u64>,
}

impl Faults {
    pub(super) fn new() -> Self {
        Self {
            rules: Mutex::default(),
            fired_naming: Mutex::default(),
            skew_ms: AtomicI64::new(0),
            fired: watch::Sender::new(0),
            hanging: watch::Sender::new(0),
            hung: watch::Sender::new(0),
            uploads: AtomicU64::new(0),
            releases: watch::Sender::new(0),
        }
    }

    /// Adds a rule behind those that are there. A request meets the first that matches.
    pub fn add(&self, rule: Rule) {
        if rule.times > 0 {
            self.rules().push(rule);
        }
    }

    /// Drops all rules, sets the clock right, and lets go of the requests that hang.
    pub fn clear(&self) {
        self.rules().clear();
        self.set_skew_ms(0);
        self.release();
    }

    /// Drops the rules that name a text that starts like this. What hangs still hangs.
    pub fn clear_naming(&self, start: &str) {
        self.rules().retain(|rule| !rule.naming.starts_with(start));
    }

    /// Lets the requests that hang at this moment go on.
    pub fn release(&self) {
        self.releases.send_modify(|releases| *releases += 1);
    }

    /// Sets the server's clock ahead (or, negative, behind). Requests signed over 15 minutes off are refused.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::SeqCst);
    }

    /// How many faults befell a request so far.
    pub fn fired(&self) -> u64 {
        *self.fired.borrow()
    }

    /// How many faults of rules that name a text that starts like this befell a request so far.
    pub fn fired_naming(&self, start: &str) -> u64 {
        let fired = self.fired_naming.lock().expect("nothing panics while it counts");
        fired.iter().filter(|(naming, _)| naming.starts_with(start)).map(|(_, count)| count).sum()
    }

    /// Waits until that many faults befell a request: for instance, until one hangs.
    pub async fn until_fired(&self, fired: u64) {
        let mut seen = self.fired.subscribe();
        seen.wait_for(|seen| *seen >= fired).await.expect("the sender lives as long as the faults");
    }

    /// Waits until that many requests hang, as when clients leave.
    pub async fn until_hanging(&self, hanging: u64) {
        let mut seen = self.hanging.subscribe();
        seen.wait_for(|seen| *seen == hanging)
            .await
            .expect("the sender lives as long as the faults");
    }

    /// How many requests have hung so far, those that went on or were given up included.
    pub fn hung(&self) -> watch::Receiver<u64> {
        self.hung.subscribe()
    }

    /// How many faults still wait; rules without end count as one.
    pub fn waiting(&self) -> u64 {
        let each = |rule: &Rule| if rule.times == u32::MAX { 1 } else { u64::from(rule.times) };
        self.rules().iter().map(each).sum()
    }

    /// The server's own time, off by the skew.
    pub(super) fn now(&self) -> SystemTime {
        let skew_ms = self.skew_ms.load(Ordering::SeqCst);
        let by = Duration::from_millis(skew_ms.unsigned_abs());
        if skew_ms < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
    }

    pub(super) fn next_upload_id(&self) -> String {
        format!("upload-{}", self.uploads.fetch_add(1, Ordering::SeqCst))
    }

    pub(super) fn take_latency(&self, kind: Kind, target: &str) -> Option<Duration> {
        match self.take(kind, target, |fault| matches!(fault, Fault::Latency(_)))? {
            Fault::Latency(by) => Some(by),
            _ => None,
        }
    }

    pub(super) fn take_fault(&self, kind: Kind, target: &str) -> Option<Fault> {
        let is_whole = |fault: &Fault| !matches!(fault, Fault::Latency(_) | Fault::KeyError { .. });
        self.take(kind, target, is_whole)
    }

    pub(super) fn take_key_failure(&self, key: &str) -> Option<String> {
        let is_of_key = |fault: &Fault| matches!(fault, Fault::KeyError { .. });
        match self.take(Kind::DeleteObjects, key, is_of_key)? {
            Fault::KeyError { code } => Some(code.to_owned()),
            _ => None,
        }
    }

    /// Hangs until something changes in `releases`.
    pub(super) async fn hang(&self, mut releases: watch::Receiver<u64>) {
        let _guard = Hanging::new(&self.hanging);
        self.hung.send_modify(|hung| *hung += 1);
        releases.changed().await.expect("the sender lives as long as the faults");
    }

    /// What changes at the next [`Faults::release`]; to be had before a hang is taken.
    pub(super) fn releases(&self) -> watch::Receiver<u64> {
        self.releases.subscribe()
    }

    fn take(&self, kind: Kind, target: &str, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut rules = self.rules();
        let at = rules.iter().position(|rule| wanted(&rule.fault) && rule.matches(kind, target))?;
        self.fired.send_modify(|fired| *fired += 1);
        if rules[at].times != u32::MAX {
            rules[at].times = rules[at].times.saturating_sub(1);
        }
        let fault = rules[at].fault.clone();
        let mut fired = self.fired_naming.lock().expect("nothing panics while it counts");
        *fired.entry(rules[at].naming.clone()).or_default() += 1;
        rules.retain(|rule| rule.times > 0);
        Some(fault)
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().expect("nothing panics while it holds the rules")
    }
}

/// Counts a request that hangs, until it goes on or its connection is dropped.
struct Hanging<'a>(&'a watch::Sender<u64>);

impl<'a> Hanging<'a> {
    fn new(count: &'a watch::Sender<u64>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
