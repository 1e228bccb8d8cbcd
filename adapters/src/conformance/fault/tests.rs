use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use expect_test::{Expect, expect};
use futures::executor::block_on;
use tiered_storage_core::{ErrorKind, Key};

use super::{Call, FaultTier, When};
use crate::{
    conformance::{key, now, text_entry},
    memory::{MemoryOptions, MemoryTier},
    tier::{Page, Read, StorageTier},
};

fn tier() -> FaultTier {
    let inner = MemoryTier::new(MemoryOptions::new()).expect("the limits are not 0");
    let tier = FaultTier::new(Arc::new(inner));
    let stored = text_entry("a", 1);
    block_on(tier.inner().write(&key("a"), stored)).expect("memory does not fail");
    tier
}

/// Makes every call once, in order, and tells what became of them.
fn call_all(tier: &FaultTier) -> String {
    let name: Key = key("a");
    let (one, two) = (text_entry("a", 1), text_entry("a", 2));
    let kind = |error: tiered_storage_core::Error| error.kind();
    let calls = [
        ("read", block_on(tier.read(&name, None)).map(|_| ()).map_err(kind)),
        ("head", block_on(tier.head(&name)).map(|_| ()).map_err(kind)),
        ("patch", block_on(tier.patch(&name, &one.metadata)).map(|_| ()).map_err(kind)),
        ("list", {
            let page = Page { prefix: "", after: None, limit: 1 };
            block_on(tier.list(page)).map(|_| ()).map_err(kind)
        }),
        ("write", block_on(tier.write(&name, two)).map(|_| ()).map_err(kind)),
        ("remove", block_on(tier.remove(&[key("b")])).map_err(kind)),
        ("remove_version", {
            block_on(tier.remove_version(&name, &one.metadata)).map(|_| ()).map_err(kind)
        }),
        ("usage", block_on(tier.usage()).map(|_| ()).map_err(kind)),
        ("announce", block_on(tier.announce(&name)).map_err(kind)),
        ("clear", block_on(tier.clear()).map_err(kind)),
        ("close", block_on(tier.close()).map_err(kind)),
    ];
    let failed = calls.iter().filter_map(|(name, done)| Some((*name, done.err()?)));
    let mut text: String = failed.map(|(name, kind)| format!("{name}: {kind:?}\n")).collect();
    for call in Call::ALL {
        text += &format!("{call} {}\n", tier.take_calls(call));
    }
    text
}

fn check(arrange: impl Fn(&FaultTier), expected: &Expect) {
    let tier = tier();
    arrange(&tier);
    expected.assert_eq(&call_all(&tier));
}

#[test]
fn a_call_is_known_by_its_name() {
    for call in Call::ALL {
        assert_eq!(call.as_str().parse(), Ok(call));
    }
    let unknown: Result<Call, _> = "peek".parse();
    assert_eq!(unknown.map_err(|error| error.kind()), Err(ErrorKind::Invalid));
}

#[test]
fn calls_are_counted_by_their_kind() {
    let counts = expect![[r#"
        read 1
        write 1
        patch 1
        remove 3
        list 1
        head 1
    "#]];
    check(|_| {}, &counts);
    check(
        |tier| {
            call_all(tier);
            tier.hold(Call::Read);
            assert!(tier.release(Call::Read), "a hold that nothing hit is taken away");
            assert!(!tier.release(Call::Read), "there is nothing left to release");
            tier.fail(Call::Read, 0, When::Before, ErrorKind::Denied);
            block_on(tier.head(&key("a"))).expect("memory does not fail");
            assert_eq!(tier.calls(Call::Head), 1);
            tier.reset_calls();
        },
        &counts,
    );
}

#[test]
fn the_next_calls_fail_and_then_no_more() {
    check(
        |tier| {
            tier.fail(Call::Read, 1, When::Before, ErrorKind::Unavailable);
            tier.fail(Call::Patch, 1, When::After, ErrorKind::Denied);
            tier.fail(Call::Remove, 1, When::Before, ErrorKind::Unavailable);
            tier.fail(Call::Remove, 1, When::After, ErrorKind::Full);
            tier.fail(Call::List, 9, When::Before, ErrorKind::Internal);
        },
        &expect![[r#"
            read: Unavailable
            patch: Denied
            list: Internal
            remove: Unavailable
            remove_version: Full
            read 1
            write 1
            patch 1
            remove 3
            list 1
            head 1
        "#]],
    );
}

#[test]
fn a_fault_comes_before_the_effect_or_after_it() {
    for (when, left) in [(When::Before, Some(1)), (When::After, Some(2))] {
        let tier = tier();
        tier.fail(Call::Write, 1, when, ErrorKind::Unavailable);
        let failed = block_on(tier.write(&key("a"), text_entry("a", 2)));
        assert_eq!(failed.map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
        let found = block_on(tier.head(&key("a"))).expect("memory does not fail");
        assert_eq!(found.and_then(|found| found.write_id()).map(|id| id.0), left);
    }
}

#[test]
fn a_held_call_stops_before_its_effect_until_it_is_released() {
    let tier = tier();
    let name = key("a");
    let mut context = Context::from_waker(Waker::noop());
    tier.hold(Call::Write);
    let mut held = pin!(tier.write(&name, text_entry("a", 2)));
    assert_eq!(tier.stopped(Call::Write), 0);
    assert!(held.as_mut().poll(&mut context).is_pending());
    assert!(held.as_mut().poll(&mut context).is_pending());
    assert_eq!((tier.stopped(Call::Write), tier.calls(Call::Write)), (1, 1));
    let write_id = || {
        let found = block_on(tier.head(&name)).expect("memory does not fail");
        found.and_then(|found| found.write_id()).map(|id| id.0)
    };
    assert_eq!(write_id(), Some(1));

    // It holds one call; another passes.
    block_on(tier.write(&name, text_entry("a", 3))).expect("memory does not fail");
    assert_eq!(write_id(), Some(3));
    assert!(tier.release(Call::Write));
    assert!(matches!(held.as_mut().poll(&mut context), Poll::Ready(Ok(None))));
    assert_eq!((tier.stopped(Call::Write), write_id()), (0, Some(2)));
}

#[test]
fn a_held_call_wakes_its_task() {
    let tier = Arc::new(tier());
    tier.hold(Call::Read);
    let reader = {
        let tier = tier.clone();
        std::thread::spawn(move || block_on(tier.read(&key("a"), None)))
    };
    while tier.stopped(Call::Read) == 0 {
        std::thread::yield_now();
    }
    assert!(tier.release(Call::Read));
    let read = reader.join().expect("the reader does not panic");
    assert!(matches!(read, Ok(Read::Found(_))));
}

#[test]
fn a_held_call_that_is_dropped_is_not_waited_for() {
    let tier = tier();
    let name = key("a");
    let mut context = Context::from_waker(Waker::noop());
    tier.hold(Call::Head);
    {
        let mut dropped = pin!(tier.head(&name));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(tier.stopped(Call::Head), 0);
    assert!(!tier.release(Call::Head));
    block_on(tier.head(&name)).expect("nothing is held");
}

#[test]
fn a_peek_is_a_read_and_gives_way_to_a_fault() {
    let tier = tier();
    assert!(tier.peek("a", now()).is_some());
    assert_eq!(tier.peek("b", now()), None);
    assert_eq!(tier.take_calls(Call::Read), 1, "a miss is not counted");

    tier.fail(Call::Read, 1, When::Before, ErrorKind::Unavailable);
    assert_eq!(tier.peek("a", now()), None);
    assert_eq!(tier.calls(Call::Read), 0);
    let failed = block_on(tier.read(&key("a"), None)).map_err(|error| error.kind());
    assert_eq!(failed, Err(ErrorKind::Unavailable));
    assert!(tier.peek_body("a", now()).is_some());

    tier.hold(Call::Read);
    assert_eq!(tier.peek("a", now()), None);
    assert_eq!(tier.peek_body("a", now()), None);
    assert!(tier.release(Call::Read));
    assert!(tier.peek("a", now()).is_some());
    assert_eq!(tier.take_calls(Call::Read), 3);
    assert_eq!(tier.accesses(10).len(), 1, "the accesses of the tier inside are passed on");
}
