//! Every await point of every call, over tiers in memory.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tiered_storage::{
    Key, Promotion, Tier, TierSet, TieredStorage,
    conformance::{Call, FaultTier},
    memory::{MemoryOptions, MemoryTier, Volatility},
    tier::Read,
};
use tiered_storage_tests::versions::{body, options, version};

use super::{after_polls, promptly, tiers::SteppingTier};

/// More polls than any call needs.
const POLLS_MAX: usize = 100;
const LEN: usize = 64;

struct World {
    storage: TieredStorage,
    tiers: [Arc<FaultTier>; 3],
}

impl World {
    /// With version 1 of `a` and `b` in all tiers, or in cold alone.
    async fn new(held: TierSet) -> Self {
        let tier = |volatility| {
            let memory = MemoryTier::new(MemoryOptions::new().volatility(volatility));
            let memory = Arc::new(memory.expect("the limits are right"));
            Arc::new(FaultTier::new(Arc::new(SteppingTier(memory))))
        };
        let tiers = [Volatility::Volatile, Volatility::Durable, Volatility::Durable].map(tier);
        let [hot, warm, cold] = tiers.clone();
        let storage = TieredStorage::builder(cold)
            .warm(warm)
            .hot(hot)
            .promotion(Promotion::Eager)
            .open()
            .await
            .expect("the settings are right");
        for key in ["a", "b"] {
            let options = options(1).ttl(Duration::from_secs(3_600)).only_tiers(held);
            storage.set_with(key, body(1, LEN), options).await.expect("nothing fails");
        }
        Self { storage, tiers }
    }

    /// The version of `a` that is read; 0 for nothing.
    async fn read(&self) -> u64 {
        let read = promptly("a read", self.storage.get_with_metadata("a")).await;
        read.expect("nothing fails").as_ref().map_or(0, version)
    }

    /// The version that a tier has.
    async fn held(&self, tier: Tier) -> Option<u64> {
        let key = Key::new("a").expect("it is a key");
        match self.tiers[tier as usize].inner().read(&key, None).await.expect("nothing fails") {
            Read::Found(stored) => {
                let version = stored.metadata.custom()["version"].parse().expect("a number");
                assert_eq!(stored.body, body(version, LEN), "{tier} holds a torn entry");
                Some(version)
            }
            _ => None,
        }
    }

    /// What must hold once a call was dropped that may have left `a` in one of these versions.
    async fn check(&self, allowed: &[u64]) {
        let first = self.read().await;
        let second = self.read().await;
        promptly("settling", self.storage.settled()).await;
        let cold = self.held(Tier::Cold).await;
        for tier in [Tier::Hot, Tier::Warm] {
            let held = self.held(tier).await;
            assert!(held.is_none() || held == cold, "{tier} has {held:?}, cold has {cold:?}");
        }
        let last = self.read().await;
        assert_eq!(last, cold.unwrap_or(0), "what is read is not what cold has");
        let order = [first, second, last];
        assert!(order.iter().all(|version| allowed.contains(version)), "{order:?} are read");
        let at = |version| allowed.iter().position(|allowed| *allowed == version);
        assert!(order.is_sorted_by_key(|version| at(*version)), "{order:?}: back in time");
        self.is_usable().await;
    }

    async fn is_usable(&self) {
        let write = self.storage.set_with("a", body(9, LEN), options(9));
        let written = promptly("a write", write).await.expect("nothing fails");
        assert_eq!(written.tiers_written, TierSet::ALL);
        assert_eq!(self.read().await, 9);
        promptly("an invalidation", self.storage.invalidate("")).await.expect("nothing fails");
        assert_eq!(self.read().await, 0);
        promptly("closing", self.storage.close()).await.expect("nothing fails");
    }
}

/// A call that is to be dropped, what may be read afterwards, oldest first, and which tiers have the entry before.
struct Case {
    name: &'static str,
    held: TierSet,
    allowed: &'static [u64],
    call: fn(TieredStorage) -> BoxFuture<'static, Result<(), tiered_storage::Error>>,
}

const CASES: [Case; 11] = [
    Case {
        name: "get with a promotion",
        held: TierSet::EMPTY,
        allowed: &[1],
        call: |storage| Box::pin(async move { storage.get("a").await.map(drop) }),
    },
    Case {
        name: "metadata",
        held: TierSet::EMPTY,
        allowed: &[1],
        call: |storage| Box::pin(async move { storage.metadata("a").await.map(drop) }),
    },
    Case {
        name: "set",
        held: TierSet::ALL,
        allowed: &[1, 2],
        call: |storage| {
            Box::pin(async move { storage.set_with("a", body(2, LEN), options(2)).await.map(drop) })
        },
    },
    Case {
        name: "set past hot",
        held: TierSet::ALL,
        allowed: &[1, 2],
        call: |storage| {
            let options = options(2).skip_tiers(Tier::Hot);
            Box::pin(async move { storage.set_with("a", body(2, LEN), options).await.map(drop) })
        },
    },
    Case {
        name: "delete",
        held: TierSet::ALL,
        allowed: &[1, 0],
        call: |storage| Box::pin(async move { storage.delete("a").await }),
    },
    Case {
        name: "invalidate",
        held: TierSet::ALL,
        allowed: &[1, 0],
        call: |storage| Box::pin(async move { storage.invalidate("").await.map(drop) }),
    },
    Case {
        name: "invalidate the upper tiers",
        held: TierSet::ALL,
        allowed: &[1],
        call: |storage| {
            Box::pin(async move { storage.invalidate_upper_caches("").await.map(drop) })
        },
    },
    Case {
        name: "touch",
        held: TierSet::ALL,
        allowed: &[1],
        call: |storage| {
            Box::pin(async move { storage.touch("a", Some(Duration::from_secs(9_999))).await })
        },
    },
    Case {
        name: "clear",
        held: TierSet::ALL,
        allowed: &[1, 0],
        call: |storage| Box::pin(async move { storage.clear().await }),
    },
    Case {
        name: "clear warm",
        held: TierSet::ALL,
        allowed: &[1],
        call: |storage| Box::pin(async move { storage.clear_tier(Tier::Warm).await }),
    },
    Case {
        name: "bootstrap warm",
        held: TierSet::EMPTY,
        allowed: &[1],
        call: |storage| Box::pin(async move { storage.bootstrap_warm(None, None).await.map(drop) }),
    },
];

#[tokio::test]
async fn every_call_can_be_dropped_at_every_await_point() {
    for Case { name, held, allowed, call } in CASES {
        let mut points = 0;
        for polls in 0..POLLS_MAX {
            let world = World::new(held).await;
            let dropped = after_polls(polls, call(world.storage.clone())).await;
            let has_ended = dropped.is_ok();
            drop(dropped);
            if has_ended {
                points = polls;
                break;
            }
            world.check(allowed).await;
        }
        assert!(points > 1, "{name} has {points} await points");
    }
}

/// As above, while another call for the key waits: a read, a write and an invalidation.
#[tokio::test]
async fn whoever_waits_behind_a_dropped_call_goes_on() {
    for Case { name, held, allowed, call } in CASES {
        for polls in 1..POLLS_MAX {
            let world = World::new(held).await;
            let Err(dropped) = after_polls(polls, call(world.storage.clone())).await else { break };
            let storage = world.storage.clone();
            let read: BoxFuture<'_, _> = Box::pin(storage.get_with_metadata("a"));
            let write: BoxFuture<'_, _> = Box::pin(storage.set_with("a", body(5, LEN), options(5)));
            let fence: BoxFuture<'_, _> = Box::pin(storage.invalidate_upper_caches(""));
            let read = after_polls(1, read).await;
            let write = after_polls(1, write).await;
            let fence = after_polls(1, fence).await;
            drop(dropped);
            let all = futures::future::join3(end(read), end(write), end(fence));
            let (read, write, fence) = promptly(name, all).await;
            let version = read.expect("nothing fails").as_ref().map_or(0, version);
            assert!(allowed.contains(&version) || version == 5, "{name}: {version} is read");
            write.expect("nothing fails");
            fence.expect("nothing fails");
            // What has begun ends before the write that came after it begins.
            assert_eq!(world.read().await, 5, "{name} after {polls} polls");
            world.check(&[5]).await;
        }
    }
}

/// What a call that was polled gives in the end.
async fn end<T>(polled: Result<T, BoxFuture<'_, T>>) -> T {
    match polled {
        Ok(output) => output,
        Err(rest) => rest.await,
    }
}

#[tokio::test]
async fn followers_of_a_dropped_read_get_their_answer_for_one_read() {
    for polls in 1..POLLS_MAX {
        let world = World::new(TierSet::EMPTY).await;
        let storage = &world.storage;
        world.tiers[Tier::Cold as usize].reset_calls();
        let get = || -> Pin<Box<dyn Future<Output = _>>> { Box::pin(storage.get("a")) };
        let Err(leader) = after_polls(polls, get()).await else { break };
        let mut followers = Vec::new();
        for _ in 0..3 {
            followers.push(after_polls(1, get()).await.expect_err("it waits for the leader"));
        }
        drop(leader);
        // The first of them leads now, and is dropped as well.
        drop(followers.remove(0));
        for follower in followers {
            let read = promptly("a follower", follower).await;
            assert_eq!(read, Ok(Some(body(1, LEN))), "after {polls} polls");
        }
        let reads = world.tiers[Tier::Cold as usize].calls(Call::Read);
        assert!(reads <= 2, "{reads} reads of cold, of which one was dropped");
        world.check(&[1]).await;
    }
}

/// What has begun is carried to its end, also where a tier takes its time; nothing else waits but for that key.
#[tokio::test]
async fn a_dropped_write_that_hangs_holds_up_its_key_alone_and_then_ends() {
    for (tier, call) in
        [(Tier::Cold, Call::Write), (Tier::Warm, Call::Write), (Tier::Hot, Call::Write)]
    {
        let world = World::new(TierSet::ALL).await;
        world.tiers[tier as usize].hold(call);
        let storage = world.storage.clone();
        let write: BoxFuture<'_, _> = Box::pin(storage.set_with("a", body(2, LEN), options(2)));
        let mut write = write;
        while world.tiers[tier as usize].stopped(call) == 0 {
            write = after_polls(1, write).await.expect_err("it is held");
            tokio::task::yield_now().await;
        }
        drop(write);
        promptly("another key", storage.set("b", "other")).await.expect("nothing fails");
        let later: BoxFuture<'_, _> = Box::pin(storage.set_with("a", body(3, LEN), options(3)));
        let later = after_polls(1, later).await.expect_err("the write before it has not ended");
        assert!(world.read().await <= 2);
        assert!(world.tiers[tier as usize].release(call));
        promptly("the write behind it", later).await.expect("nothing fails");
        assert_eq!(world.read().await, 3);
        world.check(&[3]).await;
    }
}
