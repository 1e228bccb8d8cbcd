//! Random calls over memory, disk and the embedded server, some of which fail or are given up, held against a model that
//! knows what a key may have. The same seed makes the same calls; what it finds is printed with its seed.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt, future::BoxFuture, stream};
use tempfile::TempDir;
use tiered_storage::{
    Entry, EntryStream, Error, ErrorKind, Promotion, Tier, TieredStorage,
    conformance::{Call, FaultTier, When},
    memory::{MemoryOptions, MemoryTier},
    native::disk::{DiskOptions, DiskTier},
};
use tiered_storage_tests::{
    server::{Fault, Kind, Options, Rule, Server},
    versions::{Dice, body, options, version},
};

use super::CHUNK_BYTES;

const BUCKET: &str = "bucket";
const KEYS: [&str; 3] = ["a", "a/b", "film"];
/// Of none, of one piece, of one that a read does not make hot, of several pieces, and with an upload in parts.
const LENGTHS: [usize; 12] = [
    0, 4_000, 4_000, 4_000, 4_000, 300_000, 300_000, 300_000, 1_200_000, 1_200_000, 1_200_000,
    5_600_000,
];
const STEPS: u64 = 70;
const SEEDS: u64 = 6;
/// After so many times that it was woken at most, a call is given up.
const WAKES_MAX: u64 = 24;

/// What a key has: a version, or nothing.
type Content = Option<u64>;

/// What a key may have.
#[derive(Debug)]
struct Slot {
    possible: BTreeSet<Content>,
    /// Whether a change may be under way, so that a read does not tell what the next one finds.
    is_moving: bool,
}

impl Slot {
    /// A read that began and ended now found this.
    fn found(&mut self, content: Content, story: &str) {
        assert!(self.possible.contains(&content), "{story}: {content:?} is not in {self:?}");
        if !self.is_moving {
            self.possible = BTreeSet::from([content]);
        }
    }

    /// A change ended so.
    fn changed(&mut self, to: Content, end: &End) {
        match end {
            End::Done => *self = Self { possible: BTreeSet::from([to]), is_moving: false },
            End::GivenUp => {
                self.possible.insert(to);
                self.is_moving = true;
            }
            End::Failed => {
                self.possible.insert(to);
            }
        }
    }
}

/// How a call ended.
enum End {
    Done,
    /// Nobody knows how: it was dropped.
    GivenUp,
    /// With an error that does not say whether it took effect.
    Failed,
}

/// A stream that was begun, the version that it is of, and what was read of it.
struct Reading {
    stream: EntryStream,
    version: u64,
    read: Vec<u8>,
}

struct Walk {
    server: Server,
    warm: Arc<FaultTier>,
    storage: TieredStorage,
    _folder: TempDir,
    dice: Dice,
    slots: BTreeMap<&'static str, Slot>,
    lengths: BTreeMap<u64, usize>,
    readings: Vec<Reading>,
    /// Whether anything but being given up befalls calls.
    has_faults: bool,
    story: String,
}

impl Walk {
    async fn new(seed: u64) -> Self {
        let server = Server::start(Options::default()).expect("loopback can be listened on");
        let cold = server.options().tier(server.endpoint());
        let cold = cold.multipart_threshold_bytes(5 << 20).part_bytes(5 << 20).attempts_max(2);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let warm = DiskTier::open(folder.path(), DiskOptions::new().size_bytes_max(12 << 20));
        let warm = Arc::new(FaultTier::new(Arc::new(warm.expect("it is empty"))));
        let hot = MemoryTier::new(MemoryOptions::new().size_bytes_max(1 << 20));
        let storage = TieredStorage::builder(Arc::new(cold.build().expect("it is right")))
            .hot(Arc::new(hot.expect("the limits are right")))
            .warm(warm.clone())
            .promotion(if seed.is_multiple_of(3) {
                Promotion::OnSecondHit
            } else {
                Promotion::Eager
            })
            .range_caching(CHUNK_BYTES);
        let slot = || Slot { possible: BTreeSet::from([None]), is_moving: false };
        Self {
            server,
            warm,
            storage: storage.open().await.expect("the settings are right"),
            _folder: folder,
            dice: Dice::new(seed),
            slots: KEYS.map(|key| (key, slot())).into(),
            lengths: BTreeMap::new(),
            readings: Vec::new(),
            has_faults: !seed.is_multiple_of(2),
            story: String::new(),
        }
    }

    fn slot(&mut self, key: &str) -> &mut Slot {
        self.slots.get_mut(key).expect("it is one of the keys")
    }

    /// A version that nobody had, and its body.
    fn fresh(&mut self) -> (u64, Bytes) {
        let number = self.lengths.len() as u64 + 1;
        let len = LENGTHS[self.dice.below(LENGTHS.len() as u64) as usize];
        self.lengths.insert(number, len);
        (number, body(number, len))
    }

    /// Runs a call to its end, or gives it up on the way.
    async fn run<T>(&mut self, call: BoxFuture<'_, Result<T, Error>>) -> Option<Result<T, Error>> {
        if self.dice.below(4) > 0 {
            return Some(call.await);
        }
        let (mut left, mut call) = (self.dice.below(WAKES_MAX), call);
        poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            call.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// What failed because of a fault; anything else must not be.
    fn excuse(&self, error: &Error) {
        let is_right = self.has_faults && error.kind() == ErrorKind::Unavailable;
        assert!(is_right, "{}: {error:?}", self.story);
    }

    /// How a change ended that nothing but a fault may refuse.
    fn end<T>(&self, ended: &Option<Result<T, Error>>) -> End {
        match ended {
            None => End::GivenUp,
            Some(Ok(_)) => End::Done,
            Some(Err(error)) => {
                self.excuse(error);
                End::Failed
            }
        }
    }

    async fn step(&mut self) {
        let key = KEYS[self.dice.below(KEYS.len() as u64) as usize];
        let call = self.dice.below(13);
        self.story = format!("{} after {} versions", NAMES[call as usize], self.lengths.len());
        match call {
            0 => self.set(key).await,
            1 => self.set_stream(key).await,
            2 | 3 => self.get(key).await,
            4 => self.begin(key).await,
            5 => self.go_on().await,
            6 | 7 => self.range(key).await,
            8 => self.set_if(key).await,
            9 => self.update(key).await,
            10 => self.delete(key).await,
            11 => self.quiet().await,
            _ => self.fault(),
        }
    }

    async fn set(&mut self, key: &'static str) {
        let ((number, body), storage) = (self.fresh(), self.storage.clone());
        let skips = self.dice.below(4) == 0;
        let options = options(number);
        let options = if skips { options.skip_tiers(Tier::Warm) } else { options };
        let call = async move { storage.set_with(key, body, options).await };
        let ended = self.run(call.boxed()).await;
        let end = self.end(&ended);
        self.slot(key).changed(Some(number), &end);
    }

    /// A body in pieces; some break off, and must leave no trace.
    async fn set_stream(&mut self, key: &'static str) {
        let ((number, body), storage) = (self.fresh(), self.storage.clone());
        let mut pieces: Vec<Result<Bytes, Error>> =
            body.chunks(400_000).map(Bytes::copy_from_slice).map(Ok).collect();
        let breaks = self.dice.below(3) == 0;
        if breaks {
            pieces.truncate(pieces.len() / 2);
            pieces.push(Err(Error::new(ErrorKind::Denied, "it broke off")));
        }
        let call =
            async move { storage.set_stream(key, stream::iter(pieces), options(number)).await };
        let ended = self.run(call.boxed()).await;
        if breaks {
            assert!(!matches!(ended, Some(Ok(_))), "{}: half a body was written", self.story);
            return;
        }
        let end = self.end(&ended);
        self.slot(key).changed(Some(number), &end);
    }

    async fn get(&mut self, key: &'static str) {
        let storage = self.storage.clone();
        let ended = self.run(async move { storage.get_with_metadata(key).await }.boxed()).await;
        match ended {
            Some(Ok(entry)) => self.found(key, entry.as_ref()),
            Some(Err(error)) => self.excuse(&error),
            None => {}
        }
    }

    fn found(&mut self, key: &str, entry: Option<&Entry>) {
        let found = entry.map(|entry| {
            let number = version(entry);
            assert_eq!(entry.data.len(), self.lengths[&number], "{}: another length", self.story);
            number
        });
        let story = self.story.clone();
        self.slot(key).found(found, &story);
    }

    /// Begins to read in pieces; what is read of it later must be of the version that was there now.
    async fn begin(&mut self, key: &'static str) {
        let storage = self.storage.clone();
        let ended = self.run(async move { storage.get_stream(key).await }.boxed()).await;
        let stream = match ended {
            Some(Ok(Some(stream))) => stream,
            Some(Ok(None)) => return self.found(key, None),
            Some(Err(error)) => return self.excuse(&error),
            None => return,
        };
        let version = stream.metadata.custom()["version"].parse().expect("it is a number");
        let story = self.story.clone();
        self.slot(key).found(Some(version), &story);
        self.readings.push(Reading { stream, version, read: Vec::new() });
        if self.readings.len() > 3 {
            let at = self.dice.below(self.readings.len() as u64) as usize;
            drop(self.readings.swap_remove(at));
        }
    }

    /// Reads on in one of the streams: some pieces, or all of them.
    async fn go_on(&mut self) {
        if self.readings.is_empty() {
            return;
        }
        let at = self.dice.below(self.readings.len() as u64) as usize;
        let mut reading = self.readings.swap_remove(at);
        let pieces = if self.dice.below(2) == 0 { self.dice.below(4) } else { u64::MAX };
        for _ in 0..pieces {
            match reading.stream.try_next().await {
                Ok(Some(piece)) => reading.read.extend_from_slice(&piece),
                Ok(None) => {
                    let Reading { version, read, .. } = reading;
                    assert!(read == body(version, self.lengths[&version]), "{}", self.story);
                    return;
                }
                // It was overwritten, and can be read no further.
                Err(error) if error.kind() == ErrorKind::Conflict => return,
                Err(error) => return self.excuse(&error),
            }
        }
        self.readings.push(reading);
    }

    async fn range(&mut self, key: &'static str) {
        let start = self.dice.below(5_800_000);
        let start = if self.dice.below(2) == 0 { start } else { start % 4_000 };
        let (end, storage) = (start + self.dice.below(200_000), self.storage.clone());
        let call = async move { storage.get_range(key, start..end).await };
        let part = match self.run(call.boxed()).await {
            Some(Ok(Some(part))) => part,
            Some(Ok(None)) => return self.found(key, None),
            Some(Err(error)) => return self.excuse(&error),
            None => return,
        };
        let number = part.metadata.custom()["version"].parse().expect("it is a number");
        let whole = body(number, self.lengths[&number]);
        let within = |at: u64| (at as usize).min(whole.len());
        assert!(part.data == whole.slice(within(start)..within(end)), "{}", self.story);
        let story = self.story.clone();
        self.slot(key).found(Some(number), &story);
    }

    /// A write where nothing may be.
    async fn set_if(&mut self, key: &'static str) {
        let ((number, body), storage) = (self.fresh(), self.storage.clone());
        let call = async move { storage.set_with(key, body, options(number).if_absent()).await };
        let ended = self.run(call.boxed()).await;
        let story = self.story.clone();
        match &ended {
            Some(Err(error)) if error.kind() == ErrorKind::Conflict => {
                let slot = self.slot(key);
                assert!(slot.possible.iter().any(Option::is_some), "{story}: nothing is there");
                if !slot.is_moving {
                    slot.possible.remove(&None);
                }
            }
            _ => {
                let end = self.end(&ended);
                let slot = self.slot(key);
                let was_free = slot.possible.contains(&None);
                assert!(was_free || !matches!(end, End::Done), "{story}: not over what is there");
                if was_free {
                    slot.changed(Some(number), &end);
                }
            }
        }
    }

    /// One more than what is there, which no other change may get lost in.
    async fn update(&mut self, key: &'static str) {
        let ((number, body), storage) = (self.fresh(), self.storage.clone());
        let call = async move {
            let change = |_| {
                let new = Some((body.clone(), options(number)));
                async move { Ok(new) }
            };
            storage.update(key, change).await
        };
        let ended = self.run(call.boxed()).await;
        let end = self.end(&ended);
        self.slot(key).changed(Some(number), &end);
    }

    async fn delete(&mut self, key: &'static str) {
        let storage = self.storage.clone();
        let ended = self.run(async move { storage.delete(key).await }.boxed()).await;
        let end = self.end(&ended);
        self.slot(key).changed(None, &end);
    }

    /// What was given up comes to its end.
    async fn quiet(&mut self) {
        self.storage.settled().await;
        self.slots.values_mut().for_each(|slot| slot.is_moving = false);
        if self.dice.below(2) == 0 {
            let ended = self.storage.invalidate_upper_caches("").await;
            if let Err(error) = ended {
                self.excuse(&error);
            }
        }
    }

    fn fault(&mut self) {
        if !self.has_faults {
            return;
        }
        if self.dice.below(2) == 0 {
            let call = [Call::Read, Call::Write, Call::Remove][self.dice.below(3) as usize];
            let when = if self.dice.below(2) == 0 { When::Before } else { When::After };
            return self.warm.fail(call, 1 + self.dice.below(2), when, ErrorKind::Unavailable);
        }
        let faults = [
            Fault::INTERNAL_ERROR,
            Fault::SLOW_DOWN,
            Fault::Truncate,
            Fault::DropBefore,
            Fault::DropAfter,
        ];
        let kinds =
            [Kind::Get, Kind::Head, Kind::Put, Kind::UploadPart, Kind::Complete, Kind::Delete];
        let fault = faults[self.dice.below(faults.len() as u64) as usize].clone();
        let kind = kinds[self.dice.below(kinds.len() as u64) as usize];
        let times = 1 + self.dice.below(3) as u32;
        self.server.faults().add(Rule::new(fault).on(kind).times(times));
    }

    /// Whatever happened, all tiers tell the same in the end, and nothing is left of what was not stored.
    async fn end_well(mut self) {
        self.story = "at the end".to_owned();
        self.server.faults().clear();
        self.readings.clear();
        self.storage.settled().await;
        self.slots.values_mut().for_each(|slot| slot.is_moving = false);
        let cold = self.server.options().tier(self.server.endpoint()).build();
        let bare = TieredStorage::builder(Arc::new(cold.expect("it is right"))).open().await;
        let bare = bare.expect("the settings are right");
        for key in KEYS {
            for storage in [bare.clone(), self.storage.clone(), self.storage.clone()] {
                let entry = storage.get_with_metadata(key).await.expect("nothing fails any more");
                self.found(key, entry.as_ref());
                storage.settled().await;
            }
        }
        if !self.has_faults {
            assert_eq!(self.server.uploads(BUCKET), 0, "uploads are left");
            let all = self.server.objects(BUCKET);
            let hidden = all.iter().filter(|(name, _)| name.starts_with('~')).count();
            assert_eq!(hidden, 0, "staged objects are left");
        }
        self.storage.close().await.expect("the tiers can be closed");
    }
}

const NAMES: [&str; 13] = [
    "set",
    "set_stream",
    "get",
    "get",
    "begin",
    "go on",
    "range",
    "range",
    "set_if",
    "update",
    "delete",
    "settle",
    "fault",
];

async fn walk(seed: u64) {
    println!("seed {seed}");
    let mut walk = Walk::new(seed).await;
    for _ in 0..STEPS {
        walk.step().await;
    }
    walk.end_well().await;
}

#[tokio::test]
async fn random_calls_never_tell_what_cannot_be() {
    for seed in 0..SEEDS {
        walk(seed).await;
    }
}
