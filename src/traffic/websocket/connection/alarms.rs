//! Wakes connections at the times that matter to them: one entry each, and one timer for all of a thread.
//!
//! Times are whole seconds, which is enough for all that a connection waits for. While nothing is to be woken nothing
//! ticks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

const TICK: Duration = Duration::from_secs(1);

/// The alarms of a thread, by what they wake.
pub(super) struct Alarms<T> {
    start: Instant,
    set: RefCell<BTreeMap<Alarm, T>>,
    serial: Cell<u32>,
    is_ticking: Cell<bool>,
}

/// A set alarm: its second, and a number to tell it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alarm(u32, u32);

/// What can be woken.
pub(super) trait Sleeper: 'static {
    /// Wakes it; whether it has to be tried again.
    fn wake(&self) -> bool;
}

impl<T: Sleeper> Alarms<T> {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), set: RefCell::default(), serial: Cell::new(0), is_ticking: Cell::new(false) }
    }

    /// Sets an alarm that rings at `time`, or up to two seconds later, unless `alarm` rings earlier: one that rings too
    /// early costs less than setting it again each time that something moves.
    pub(super) fn set(self: &Rc<Self>, alarm: &mut Option<Alarm>, time: Instant, sleeper: impl FnOnce() -> T) {
        let second = time.saturating_duration_since(self.start).as_secs();
        let second = u32::try_from(second).map_or(u32::MAX, |second| second.saturating_add(1));
        if alarm.is_some_and(|Alarm(earlier, _)| earlier <= second) {
            return;
        }
        let before = alarm.take().and_then(|alarm| self.set.borrow_mut().remove(&alarm));
        let serial = self.serial.get();
        self.serial.set(serial.wrapping_add(1));
        let set = Alarm(second, serial);
        self.set.borrow_mut().insert(set, before.unwrap_or_else(sleeper));
        *alarm = Some(set);
        if !self.is_ticking.replace(true) {
            actix_web::rt::spawn(Rc::clone(self).tick());
        }
    }

    /// Takes an alarm back.
    pub(super) fn forget(&self, alarm: Option<Alarm>) {
        if let Some(alarm) = alarm {
            self.set.borrow_mut().remove(&alarm);
        }
    }

    /// Rings once a second whatever is due, as long as anything is set.
    async fn tick(self: Rc<Self>) {
        while !self.set.borrow().is_empty() {
            tokio::time::sleep(TICK).await;
            self.ring(self.start.elapsed().as_secs());
        }
        self.is_ticking.set(false);
    }

    fn ring(&self, second: u64) {
        let now = u32::try_from(second).unwrap_or(u32::MAX);
        let due = {
            let mut set = self.set.borrow_mut();
            let later = set.split_off(&Alarm(now.saturating_add(1), 0));
            std::mem::replace(&mut *set, later)
        };
        for (Alarm(_, serial), sleeper) in due {
            if sleeper.wake() {
                self.set.borrow_mut().insert(Alarm(now.saturating_add(1), serial), sleeper);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it was woken, and is busy the first time.
    struct Counter(Rc<Cell<u32>>);

    impl Sleeper for Counter {
        fn wake(&self) -> bool {
            self.0.set(self.0.get() + 1);
            self.0.get() == 1
        }
    }

    #[test]
    fn alarms_ring_after_their_time_and_again_where_nobody_was_woken() {
        let local = tokio::task::LocalSet::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(local.run_until(async {
            let alarms = Rc::new(Alarms::new());
            let [first, second, third] = std::array::from_fn(|_| Rc::new(Cell::new(0)));
            let after = |seconds| Instant::now() + Duration::from_secs(seconds);
            let counter = |count: &Rc<Cell<u32>>| Counter(Rc::clone(count));
            let (mut one, mut two, mut three) = (None, None, None);
            alarms.set(&mut one, after(10), || counter(&first));
            alarms.set(&mut two, after(60), || counter(&second));
            alarms.set(&mut three, after(5), || counter(&third));
            let set = one;
            alarms.set(&mut one, after(20), || counter(&first));
            assert_eq!(one, set, "an earlier one stays");
            alarms.set(&mut two, after(2), || counter(&second));
            alarms.forget(three);
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert_eq!([first.get(), second.get(), third.get()], [2, 2, 0]);
            assert!(alarms.set.borrow().is_empty() && !alarms.is_ticking.get(), "nothing ticks for nothing");
        }));
    }
}
