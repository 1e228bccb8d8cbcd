//! Writing depending on what is there.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use tiered_storage::{
    ErrorKind, Event, Metadata, SetOptions, Tier, TieredStorage,
    memory::{MemoryOptions, MemoryTier},
};

use super::{
    World,
    tier::{Pace, PieceTier, WholeTier},
};

fn if_version(metadata: &Metadata) -> SetOptions {
    SetOptions::default().if_version(metadata.version())
}

#[tokio::test]
async fn what_is_there_is_not_written_over_by_what_expects_nothing_or_another() {
    let world = World::plain().await;
    let absent = || SetOptions::default().if_absent();
    let first = world.storage.set_with("a", "1", absent()).await.expect("nothing is there");
    let refused = world.storage.set_with("a", "2", absent()).await.expect_err("it is there");
    assert_eq!((refused.kind(), refused.tier()), (ErrorKind::Conflict, Some(Tier::Cold)));
    let current = refused.current().expect("it says what is there");
    assert!(current.is_same_version(&first.metadata));
    let second = world.storage.set_with("a", "2", if_version(&first.metadata)).await;
    let second = second.expect("it is the version");
    let refused = world.storage.set_with("a", "3", if_version(&first.metadata)).await;
    assert_eq!(refused.expect_err("it is another").kind(), ErrorKind::Conflict);
    assert_eq!(world.storage.get("a").await.expect("it answers").as_deref(), Some(&b"2"[..]));
    world.storage.delete("a").await.expect("it goes");
    let refused = world.storage.set_with("a", "3", if_version(&second.metadata)).await;
    let refused = refused.expect_err("it is gone");
    assert_eq!((refused.kind(), refused.current()), (ErrorKind::Conflict, None));
    assert!(!world.heard(|event| matches!(event, Event::TierFailed { .. })), "no tier failed");
}

#[tokio::test]
async fn what_has_expired_is_as_good_as_absent() {
    let world = World::plain().await;
    let brief = SetOptions::default().ttl(Duration::from_millis(1));
    world.storage.set_with("a", "1", brief).await.expect("it is stored");
    let written = loop {
        match world.storage.set_with("a", "2", SetOptions::default().if_absent()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => tokio::task::yield_now().await,
            written => break written,
        }
    };
    written.expect("nothing live is there");
    assert_eq!(world.storage.get("a").await.expect("it answers").as_deref(), Some(&b"2"[..]));
}

#[tokio::test]
async fn a_conflict_drops_what_another_storage_has_overtaken() {
    let world = World::plain().await;
    let other = world.elsewhere().await;
    let mine = world.storage.set("a", "1").await.expect("it is stored");
    other.set("a", "2").await.expect("it is stored");
    let refused = world.storage.set_with("a", "3", if_version(&mine.metadata)).await;
    assert_eq!(refused.expect_err("it is another").kind(), ErrorKind::Conflict);
    assert_eq!(world.storage.get("a").await.expect("it answers").as_deref(), Some(&b"2"[..]));
}

#[tokio::test]
async fn no_update_is_lost_among_many_storages() {
    let cold = Arc::new(PieceTier::new(Pace::Ready));
    let count = |entry: Option<tiered_storage::Entry>| async move {
        let count: u64 = entry.map_or(0, |entry| {
            let text = std::str::from_utf8(&entry.data).expect("it is a number");
            text.parse().expect("it is a number")
        });
        Ok(Some(((count + 1).to_string().into(), SetOptions::default())))
    };
    let workers = (0..4).map(|_| {
        let cold = cold.clone();
        async move {
            let hot = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
            let storage = TieredStorage::builder(cold).hot(Arc::new(hot)).open().await;
            let storage = storage.expect("it opens");
            for _ in 0..20 {
                storage.update("count", count).await.expect("in the end it is its turn");
            }
        }
    });
    join_all(workers).await;
    let storage = TieredStorage::builder(cold).open().await.expect("it opens");
    assert_eq!(storage.get("count").await.expect("it answers").as_deref(), Some(&b"80"[..]));
}

#[tokio::test]
async fn an_update_may_leave_things_as_they_are() {
    let world = World::plain().await;
    let kept = world.storage.update("a", |_| async { Ok(None) }).await.expect("it is asked");
    assert_eq!(kept, None);
    assert!(!world.storage.exists("a").await.expect("it answers"));
}

#[tokio::test]
async fn a_tier_that_cannot_tell_says_so() {
    let memory = MemoryTier::new(MemoryOptions::new()).expect("the limits are right");
    let cold = Arc::new(WholeTier(memory));
    let storage = TieredStorage::builder(cold).open().await.expect("it opens");
    let refused = storage.set_with("a", "1", SetOptions::default().if_absent()).await;
    assert_eq!(refused.expect_err("it cannot").kind(), ErrorKind::Unsupported);
    assert_eq!(storage.get("a").await.expect("it answers"), None);
}
