//! The tokens that a node holds of one key's quota, for one day: taken by requests, filled and emptied by the plan's actor.
//!
//! Day and tokens are one number, so that nobody takes a token of a day that has just passed for one of today.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tokens have so many bits, the day has the others.
const TOKENS: u32 = 44;
const MASK: u64 = (1 << TOKENS) - 1;

/// A day, counted from the first of 1970.
pub(super) type Day = u32;

/// Tokens of one day.
#[derive(Debug, Default)]
pub(super) struct Purse {
    state: AtomicU64,
    /// With fewer tokens than this it should be filled.
    low: AtomicU64,
    /// Tokens that were ever taken by requests.
    taken: AtomicU64,
}

/// What came of taking a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There was one, and there are enough.
    Token,
    /// There was one, and there should be more.
    Last,
    /// There is none of this day.
    None,
}

impl Purse {
    /// Takes a token of a day.
    pub(super) fn take(&self, day: Day) -> Taken {
        let fewer = |state: u64| (of(state).0 == day && state & MASK > 0).then(|| state - 1);
        match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer) {
            Ok(before) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                if (before & MASK) <= self.low.load(Ordering::Relaxed) { Taken::Last } else { Taken::Token }
            }
            Err(_) => Taken::None,
        }
    }

    /// Puts tokens of a day in; gives those of another day out, which are in nobody's hands then.
    pub(super) fn put(&self, day: Day, tokens: u64, low: u64) -> Option<(Day, u64)> {
        self.low.store(low, Ordering::Relaxed);
        let more = |state: u64| {
            let (known, held) = of(state);
            let held = if known == day { held } else { 0 };
            Some(pack(day, held.saturating_add(tokens)))
        };
        let (Ok(before) | Err(before)) = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        Some(of(before)).filter(|(known, held)| *known != day && *held > 0)
    }

    /// Takes out all tokens but so many, whatever their day is.
    pub(super) fn empty(&self, keep: u64) -> (Day, u64) {
        let less = |state: u64| {
            let (day, held) = of(state);
            Some(pack(day, held.min(keep)))
        };
        let (Ok(before) | Err(before)) = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        let (day, held) = of(before);
        (day, held.saturating_sub(keep))
    }

    /// The day, and how many of its tokens there are.
    pub(super) fn held(&self) -> (Day, u64) {
        of(self.state.load(Ordering::Acquire))
    }

    /// How many tokens requests have taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

fn of(state: u64) -> (Day, u64) {
    ((state >> TOKENS) as Day, state & MASK)
}

fn pack(day: Day, tokens: u64) -> u64 {
    (u64::from(day) << TOKENS) | tokens.min(MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_of_one_day() {
        let purse = Purse::default();
        assert_eq!(purse.take(20_000), Taken::None);
        assert_eq!(purse.put(20_000, 3, 1), None);
        let taken: Vec<_> = [20_000, 20_001, 20_000, 20_000, 20_000].map(|day| purse.take(day)).into();
        assert_eq!(taken, [Taken::Token, Taken::None, Taken::Token, Taken::Last, Taken::None]);
        purse.put(20_000, 5, 1);
        assert_eq!(purse.empty(2), (20_000, 3));
        assert_eq!(purse.held(), (20_000, 2));
        assert_eq!(purse.empty(9), (20_000, 0));
        assert_eq!(purse.empty(0), (20_000, 2));
        assert_eq!(purse.put(20_001, 1, 0), None);
        assert_eq!((purse.held(), purse.taken()), ((20_001, 1), 3));
        assert_eq!(purse.put(20_001, u64::MAX, 0), None);
        assert_eq!(purse.held(), (20_001, MASK));
        assert_eq!(purse.put(20_002, 1, 0), Some((20_001, MASK)));
    }

    #[test]
    fn no_token_is_taken_twice() {
        let purse = Purse::default();
        purse.put(7, 1000, 0);
        let took = std::thread::scope(|scope| {
            let takers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1000).filter(|_| purse.take(7) != Taken::None).count())).collect();
            takers.into_iter().map(|taker| taker.join().expect("no panic")).sum::<usize>()
        });
        assert_eq!((took, purse.held()), (1000, (7, 0)));
    }
}
