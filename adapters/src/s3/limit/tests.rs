use core::{
    pin::pin,
    task::{Context, Poll},
};

use futures::task::noop_waker_ref;

use super::*;

fn poll<'a>(enter: Pin<&mut Enter<'a>>) -> Poll<Permit<'a>> {
    enter.poll(&mut Context::from_waker(noop_waker_ref()))
}

#[test]
fn those_who_wait_enter_in_their_order() {
    let limit = Limit::new(1);
    let Poll::Ready(first) = poll(pin!(limit.enter())) else { panic!("the limit is not reached") };
    let (mut second, mut third) = (pin!(limit.enter()), pin!(limit.enter()));
    assert!(poll(second.as_mut()).is_pending());
    assert!(poll(third.as_mut()).is_pending());
    drop(first);
    assert!(poll(third.as_mut()).is_pending(), "it is the second's turn");
    assert!(poll(pin!(limit.enter())).is_pending(), "who comes late waits behind");
    let Poll::Ready(permit) = poll(second.as_mut()) else { panic!("it is the second's turn") };
    drop(permit);
    assert!(poll(third.as_mut()).is_ready());
}

#[test]
fn a_turn_that_nobody_takes_goes_to_the_next() {
    let limit = Limit::new(1);
    let Poll::Ready(first) = poll(pin!(limit.enter())) else { panic!("the limit is not reached") };
    let mut third = pin!(limit.enter());
    {
        let mut gives_up_waiting = pin!(limit.enter());
        let mut gives_up_called = pin!(limit.enter());
        assert!(poll(gives_up_waiting.as_mut()).is_pending());
        assert!(poll(gives_up_called.as_mut()).is_pending());
        assert!(poll(third.as_mut()).is_pending());
        gives_up_waiting.set(limit.enter());
        drop(first);
        assert!(poll(third.as_mut()).is_pending());
    }
    assert!(poll(third.as_mut()).is_ready());
    assert!(poll(pin!(limit.enter())).is_ready(), "both permits were dropped");
}

#[test]
fn waiting_threads_are_woken() {
    let limit = Limit::new(2);
    let seen = Mutex::new((0, 0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let _permit = futures::executor::block_on(limit.enter());
                    let running = {
                        let mut seen = seen.lock().expect("no panic");
                        seen.0 += 1;
                        seen.1 += 1;
                        seen.0
                    };
                    assert!(running <= 2);
                    seen.lock().expect("no panic").0 -= 1;
                }
            });
        }
    });
    assert_eq!(seen.into_inner().expect("no panic"), (0, 1_600));
}
