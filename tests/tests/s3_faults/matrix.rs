//! Every fault at every kind of request: what the caller is told, what it cost, and that nothing was lost.

use std::fmt::Write;

use expect_test::{Expect, expect};
use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use tiered_storage::{Error, Tier};
use tiered_storage_tests::server::{Fault, Kind, Rule};

use super::world::{HOUR, Layout, World, body, tiers, whole};

const KEYS: [&str; 3] = ["k/1", "k/2", "k/3"];
const OLD: u64 = 1;
const NEW: u64 = 2;

/// A call of the storage, and the kind of request in it that meets the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Get,
    Exists,
    Set,
    Delete,
    TouchHead,
    TouchCopy,
    InvalidateList,
    InvalidateRemove,
    Keys,
    Stats,
}

impl Step {
    const ALL: [Self; 10] = [
        Self::Get,
        Self::Exists,
        Self::Set,
        Self::Delete,
        Self::TouchHead,
        Self::TouchCopy,
        Self::InvalidateList,
        Self::InvalidateRemove,
        Self::Keys,
        Self::Stats,
    ];

    const fn kind(self) -> Kind {
        match self {
            Self::Get => Kind::Get,
            Self::Exists | Self::TouchHead => Kind::Head,
            Self::Set => Kind::Put,
            Self::Delete => Kind::Delete,
            Self::TouchCopy => Kind::Copy,
            Self::InvalidateList | Self::Keys | Self::Stats => Kind::List,
            Self::InvalidateRemove => Kind::DeleteObjects,
        }
    }

    async fn run(self, world: &World) -> Result<(), Error> {
        let storage = &world.storage;
        match self {
            Self::Get => {
                let read = storage.get_with_metadata(KEYS[0]).await?;
                assert_eq!(whole(read).map(|(version, _)| version), Some(OLD), "not an outage");
            }
            Self::Exists => assert!(storage.exists(KEYS[0]).await?),
            Self::Set => {
                let written = world.set(KEYS[0], NEW).await?;
                assert!(written.tiers_written.contains(Tier::Cold));
            }
            Self::Delete => storage.delete(KEYS[0]).await?,
            Self::TouchHead | Self::TouchCopy => storage.touch(KEYS[0], Some(2 * HOUR)).await?,
            Self::InvalidateList | Self::InvalidateRemove => {
                assert_eq!(storage.invalidate("k/").await?, 3);
            }
            Self::Keys => {
                let keys: Vec<_> = storage.keys("k/").try_collect().await?;
                assert_eq!(keys.iter().map(|key| key.as_str()).collect::<Vec<_>>(), KEYS);
            }
            Self::Stats => assert_eq!(storage.stats().await?.cold.items, 3),
        }
        Ok(())
    }

    /// Checks what each key is read as afterwards. (A touch that meets another change leaves the expiry to that.)
    async fn check(self, world: &World, fault: &Fault, has_succeeded: bool) {
        for (at, key) in KEYS.into_iter().enumerate() {
            let found = world.version(key).await;
            let is_old = found.is_some_and(|(version, _)| version == OLD);
            let is_new = found.is_some_and(|(version, _)| version == NEW);
            let is_good = match self {
                Self::Set if at == 0 => is_new || (is_old && !has_succeeded),
                Self::Delete if at == 0 => found.is_none() || (is_old && !has_succeeded),
                Self::InvalidateList | Self::InvalidateRemove => {
                    found.is_none() || (is_old && !has_succeeded)
                }
                _ => is_old,
            };
            assert!(is_good, "{key} is read as {found:?}");
            let is_moved = at == 0 && has_succeeded && fault != &Fault::CONFLICT;
            if is_moved && matches!(self, Self::TouchHead | Self::TouchCopy) {
                let expiry = found.and_then(|(_, expiry)| expiry).expect("it has an expiry");
                let left_ms = expiry.millis_since(super::world::now());
                assert!(left_ms > 7_000_000, "{left_ms} ms are left of two hours");
            }
        }
    }
}

/// How often a fault comes.
#[derive(Clone, Copy, Debug)]
enum Often {
    Once,
    Always,
}

/// Runs a step against a fault, and says how it ended and how many requests it took.
async fn run(layout: Layout, step: Step, fault: Fault, often: Often) -> String {
    let world = World::hanging(layout).await;
    for key in KEYS {
        let written = world.set(key, OLD).await.expect("nothing is wrong yet");
        assert_eq!(written.tiers_written, tiers(layout));
    }
    if matches!(step, Step::Get | Step::Exists) {
        world.storage.invalidate_upper_caches("").await.expect("the upper tiers answer");
    }
    let rule = Rule::new(fault.clone()).on(step.kind());
    let faults = world.server.faults();
    faults.add(match often {
        Often::Once => rule,
        Often::Always => rule.always(),
    });
    world.server.reset_counts();
    let outcome = step.run(&world).await;
    let requests = world.server.counts().requests();
    assert!(faults.fired() > 0, "the fault has not met a request");
    faults.clear();
    world.storage.settled().await;
    step.check(&world, &fault, outcome.is_ok()).await;
    let written = world.set(KEYS[0], 3).await.expect("nothing is wrong any more");
    assert_eq!(written.tiers_written, tiers(layout));
    assert_eq!(world.version(KEYS[0]).await.map(|(version, _)| version), Some(3));
    assert_eq!(world.storage.get(KEYS[0]).await, Ok(Some(body(3))));
    let said = match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            assert_eq!(error.tier(), Some(Tier::Cold), "{error}");
            assert_eq!(error.is_timeout(), fault == Fault::Hang, "{error}");
            error.kind().as_str().to_owned()
        }
    };
    format!("{said} {requests}")
}

/// One line per step: how it ends if the fault comes once, and if it stays, and after how many requests.
async fn check(fault: Fault, expected: Expect) {
    let both = |step: Step| {
        let fault = fault.clone();
        async move {
            let cells = [Often::Once, Often::Always].map(|often| {
                let fault = fault.clone();
                async move {
                    let cold_only = run(Layout::ColdOnly, step, fault.clone(), often).await;
                    let three = run(Layout::ThreeTiers, step, fault, often).await;
                    assert_eq!(cold_only, three, "the tiers above make a difference");
                    cold_only
                }
            });
            (step, join_all(cells).await)
        }
    };
    let rows: Vec<_> = stream::iter(Step::ALL).map(both).buffered(4).collect().await;
    let mut table = String::new();
    for (step, cells) in rows {
        let step = format!("{step:?}");
        writeln!(table, "{step:16} once: {:14} always: {}", cells[0], cells[1])
            .expect("a String takes every write");
    }
    expected.assert_eq(&table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_down() {
    check(
        Fault::SLOW_DOWN,
        expect![[r#"
        Get              once: ok 2           always: unavailable 2
        Exists           once: ok 2           always: unavailable 2
        Set              once: ok 2           always: unavailable 2
        Delete           once: ok 2           always: unavailable 2
        TouchHead        once: ok 3           always: unavailable 2
        TouchCopy        once: ok 3           always: unavailable 3
        InvalidateList   once: ok 4           always: unavailable 2
        InvalidateRemove once: ok 4           always: unavailable 3
        Keys             once: ok 3           always: unavailable 2
        Stats            once: ok 2           always: unavailable 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn internal_error() {
    check(
        Fault::INTERNAL_ERROR,
        expect![[r#"
        Get              once: ok 2           always: unavailable 2
        Exists           once: ok 2           always: unavailable 2
        Set              once: ok 2           always: unavailable 2
        Delete           once: ok 2           always: unavailable 2
        TouchHead        once: ok 3           always: unavailable 2
        TouchCopy        once: ok 3           always: unavailable 3
        InvalidateList   once: ok 4           always: unavailable 2
        InvalidateRemove once: ok 4           always: unavailable 3
        Keys             once: ok 3           always: unavailable 2
        Stats            once: ok 2           always: unavailable 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_in_200() {
    check(
        Fault::ErrorIn200 { code: "InternalError" },
        expect![[r#"
        Get              once: ok 2           always: unavailable 2
        Exists           once: ok 2           always: unavailable 2
        Set              once: ok 2           always: unavailable 2
        Delete           once: ok 2           always: unavailable 2
        TouchHead        once: ok 3           always: unavailable 2
        TouchCopy        once: ok 3           always: unavailable 3
        InvalidateList   once: ok 4           always: unavailable 2
        InvalidateRemove once: ok 4           always: unavailable 3
        Keys             once: ok 3           always: unavailable 2
        Stats            once: ok 2           always: unavailable 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated() {
    check(
        Fault::Truncate,
        expect![[r#"
        Get              once: ok 2           always: unavailable 2
        Exists           once: ok 1           always: ok 1
        Set              once: ok 1           always: ok 1
        Delete           once: ok 1           always: ok 1
        TouchHead        once: ok 2           always: ok 2
        TouchCopy        once: ok 3           always: unavailable 3
        InvalidateList   once: ok 4           always: unavailable 2
        InvalidateRemove once: ok 4           always: unavailable 3
        Keys             once: ok 3           always: unavailable 2
        Stats            once: ok 2           always: unavailable 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hangs() {
    check(
        Fault::Hang,
        expect![[r#"
        Get              once: ok 2           always: unavailable 2
        Exists           once: ok 2           always: unavailable 2
        Set              once: ok 2           always: unavailable 2
        Delete           once: ok 2           always: unavailable 2
        TouchHead        once: ok 3           always: unavailable 2
        TouchCopy        once: ok 3           always: unavailable 3
        InvalidateList   once: ok 4           always: unavailable 2
        InvalidateRemove once: ok 4           always: unavailable 3
        Keys             once: ok 3           always: unavailable 2
        Stats            once: ok 2           always: unavailable 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_before_the_effect() {
    check(
        Fault::DropBefore,
        expect![[r#"
        Get              once: ok 2           always: unavailable 2
        Exists           once: ok 2           always: unavailable 2
        Set              once: ok 2           always: unavailable 2
        Delete           once: ok 2           always: unavailable 2
        TouchHead        once: ok 3           always: unavailable 2
        TouchCopy        once: ok 3           always: unavailable 3
        InvalidateList   once: ok 4           always: unavailable 2
        InvalidateRemove once: ok 4           always: unavailable 3
        Keys             once: ok 3           always: unavailable 2
        Stats            once: ok 2           always: unavailable 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_after_the_effect() {
    check(
        Fault::DropAfter,
        expect![[r#"
        Get              once: ok 2           always: unavailable 2
        Exists           once: ok 2           always: unavailable 2
        Set              once: ok 2           always: unavailable 2
        Delete           once: ok 2           always: unavailable 2
        TouchHead        once: ok 3           always: unavailable 2
        TouchCopy        once: ok 3           always: unavailable 3
        InvalidateList   once: ok 4           always: unavailable 2
        InvalidateRemove once: ok 4           always: unavailable 3
        Keys             once: ok 3           always: unavailable 2
        Stats            once: ok 2           always: unavailable 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflict() {
    check(
        Fault::CONFLICT,
        expect![[r#"
        Get              once: ok 2           always: conflict 2
        Exists           once: invalid 1      always: invalid 1
        Set              once: ok 2           always: conflict 2
        Delete           once: ok 2           always: conflict 2
        TouchHead        once: invalid 1      always: invalid 1
        TouchCopy        once: ok 3           always: ok 3
        InvalidateList   once: ok 4           always: conflict 2
        InvalidateRemove once: ok 4           always: conflict 3
        Keys             once: ok 3           always: conflict 2
        Stats            once: ok 2           always: conflict 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_token() {
    check(
        Fault::EXPIRED_TOKEN,
        expect![[r#"
        Get              once: ok 2           always: denied 2
        Exists           once: ok 3           always: invalid 3
        Set              once: ok 2           always: denied 2
        Delete           once: ok 2           always: denied 2
        TouchHead        once: ok 4           always: invalid 3
        TouchCopy        once: ok 3           always: denied 3
        InvalidateList   once: ok 4           always: denied 2
        InvalidateRemove once: ok 4           always: denied 3
        Keys             once: ok 3           always: denied 2
        Stats            once: ok 2           always: denied 2
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_denied() {
    check(
        Fault::ACCESS_DENIED,
        expect![[r#"
        Get              once: denied 1       always: denied 1
        Exists           once: ok 3           always: denied 3
        Set              once: denied 1       always: denied 1
        Delete           once: denied 1       always: denied 1
        TouchHead        once: ok 4           always: denied 3
        TouchCopy        once: denied 2       always: denied 2
        InvalidateList   once: denied 1       always: denied 1
        InvalidateRemove once: denied 2       always: denied 2
        Keys             once: denied 1       always: denied 1
        Stats            once: denied 1       always: denied 1
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_implemented() {
    check(
        Fault::NOT_IMPLEMENTED,
        expect![[r#"
        Get              once: invalid 1      always: invalid 1
        Exists           once: unavailable 1  always: unavailable 1
        Set              once: invalid 1      always: invalid 1
        Delete           once: invalid 1      always: invalid 1
        TouchHead        once: unavailable 1  always: unavailable 1
        TouchCopy        once: invalid 2      always: invalid 2
        InvalidateList   once: invalid 1      always: invalid 1
        InvalidateRemove once: ok 6           always: ok 6
        Keys             once: invalid 1      always: invalid 1
        Stats            once: invalid 1      always: invalid 1
    "#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirected() {
    let elsewhere = "http://127.0.0.1:1/bucket/k".to_owned();
    check(
        Fault::Redirect(elsewhere),
        expect![[r#"
        Get              once: invalid 1      always: invalid 1
        Exists           once: ok 3           always: invalid 3
        Set              once: invalid 1      always: invalid 1
        Delete           once: invalid 1      always: invalid 1
        TouchHead        once: ok 4           always: invalid 3
        TouchCopy        once: invalid 2      always: invalid 2
        InvalidateList   once: invalid 1      always: invalid 1
        InvalidateRemove once: invalid 2      always: invalid 2
        Keys             once: invalid 1      always: invalid 1
        Stats            once: invalid 1      always: invalid 1
    "#]],
    )
    .await;
}
