//! Cases about calls that overlap, and calls that are given up.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use futures_util::future::{join, join3};
use tiered_storage_core::WriteId;

use super::{Subject, entry, key, text_entry};
use crate::tier::{Page, Read, StorageTier, Stored};

/// While a key is overwritten, every read and every head finds the older entry or the new one, whole.
pub async fn torn_reads(tier: &dyn StorageTier) {
    let subject = Subject::new("torn_reads", tier);
    subject.write(&version(1)).await;
    let is_done = AtomicBool::new(false);
    let write = async {
        for number in 2..=40 {
            subject.write(&version(number)).await;
            yield_once().await;
        }
        is_done.store(true, Ordering::Relaxed);
    };
    let read = || async {
        while !is_done.load(Ordering::Relaxed) {
            check_whole(&subject).await;
            yield_once().await;
        }
    };
    join(write, join3(read(), read(), read())).await;
    subject.has(&version(40)).await;
}

async fn check_whole(subject: &Subject<'_>) {
    let name = key("torn");
    let Read::Found(found) = subject.read(&name).await else {
        panic!("{}: a key that is being overwritten is found", subject.case);
    };
    let number = found.metadata.write_id().map_or(0, |WriteId(number)| number);
    subject.check(
        found.body == version(number).body,
        format_args!("version {number} is read with its own body, of {} bytes", found.body.len()),
    );
    let head = subject.head(&name).await;
    let size = head.as_ref().map(|head| {
        let number = head.write_id().map_or(0, |WriteId(number)| number);
        (head.size(), version(number).body.len() as u64)
    });
    subject.check(
        size.is_some_and(|(found, written)| found == written),
        "head answers the fields of one write while a key is overwritten",
    );
}

/// Bodies of three magnitudes, each told by its bytes.
fn version(number: u64) -> Stored {
    let size = [20, 3_000, 70_000][(number % 3) as usize] + number as usize;
    entry(&key("torn"), number, vec![number as u8; size])
}

/// Whatever call is given up after its first step, the tier goes on, and the key has one of the two entries, whole.
pub async fn dropped_futures(tier: &dyn StorageTier) {
    let subject = Subject::new("dropped_futures", tier);
    let (first, second) = (text_entry("dropped", 1), text_entry("dropped", 2));
    let other = text_entry("other", 3);
    let name = first.metadata.key();
    for _ in 0..3 {
        subject.write(&first).await;
        subject.write(&other).await;
        poll_once(tier.read(name, None)).await;
        poll_once(tier.head(name)).await;
        poll_once(tier.list(Page { prefix: "", after: None, limit: 10 })).await;
        poll_once(tier.usage()).await;
        poll_once(tier.patch(name, &first.metadata)).await;
        subject.has(&first).await;

        poll_once(tier.write(name, second.clone())).await;
        match subject.read(name).await {
            Read::Found(found) if found.body == first.body || found.body == second.body => {}
            found => panic!(
                "{}: after a dropped write the older entry or the new one is there, not {found:?}",
                subject.case
            ),
        }
        subject.write(&second).await;
        subject.has(&second).await;

        poll_once(tier.remove(std::slice::from_ref(name))).await;
        subject.write(&first).await;
        poll_once(tier.remove_version(name, &first.metadata)).await;
        subject.write(&first).await;
        subject.has(&first).await;
        subject.has(&other).await;

        poll_once(tier.clear()).await;
        subject.ok(tier.clear().await, "clearing after a dropped clear");
        subject.lacks(name).await;
    }
}

/// Polls `future` once and drops it.
pub(super) async fn poll_once<F: Future>(future: F) {
    let mut future = pin!(future);
    poll_fn(|context| {
        // Whether it was ready makes no difference.
        let _ = future.as_mut().poll(context).is_ready();
        Poll::Ready(())
    })
    .await;
}

/// Lets the other futures of a join have their turn.
pub(super) async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
