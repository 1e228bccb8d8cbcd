use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Who was polled often while nothing changed was remembered as often.
#[test]
fn who_is_polled_often_is_remembered_once() {
    let waiting = Arc::new(Waiting::default());
    let (one, two) = (Arc::new(Count::default()), Arc::new(Count::default()));
    for _ in 0..1_000 {
        waiting.add(&one.clone().into());
        waiting.add(&two.clone().into());
    }
    assert_eq!(waiting.0.lock().expect("nobody panics").len(), 2);
    Waker::from(waiting.clone()).wake();
    waiting.wake_all();
    assert_eq!([&one, &two].map(|count| count.0.load(Ordering::SeqCst)), [1, 1]);
}
