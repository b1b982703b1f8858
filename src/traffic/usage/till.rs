//! One key's rate for the whole cluster: a token bucket that one node keeps, and that the others draw from. Pure
//! arithmetic; times are since some start.
//!
//! Tokens that were drawn and may be unspent count against the burst, so that what is in the till and in all hands
//! together is never more than the burst: whatever nodes do, no more passes in any time than the burst and the rate allow.
//! When the node that keeps it dies, what was in it is known by those who drew last, and they tell its successor.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limits::Pace;

/// What a node drew is spent or worthless after this time.
pub(super) const LIFE: Duration = Duration::from_secs(1);
/// Who got less than it wanted asks again after this time at the latest.
const PAUSE: Duration = Duration::from_millis(50);
/// All who are busy and drew from a till that is gone have come to its successor after this time. Shorter than it takes to
/// find a silent node dead: who goes back and forth is not charged twice.
const SUCCESSION: Duration = LIFE;

/// A bucket that nodes draw from.
#[derive(Debug)]
pub(super) struct Till {
    pace: Pace,
    level: f64,
    at: Duration,
    /// What nodes drew last, and when.
    out: BTreeMap<u64, (u64, Duration)>,
    /// When nodes began to come from another till, and what was drawn since.
    succeeded: Option<(Duration, u64)>,
}

/// What was in a till when a node drew from it last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// What was left.
    pub(super) level: f64,
    /// How long ago.
    pub(super) age: Duration,
}

/// What a node asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    /// The node.
    pub(super) node: u64,
    /// Tokens that it has not spent.
    pub(super) held: u64,
    /// Tokens that it wants.
    pub(super) wanted: u64,
    /// The rate and the burst that it knows.
    pub(super) pace: Pace,
    /// What it saw in another till, from which it drew before.
    pub(super) elsewhere: Option<Seen>,
}

impl Till {
    /// A full one.
    pub(super) fn new(pace: Pace, now: Duration) -> Self {
        Self { pace, level: pace.1 as f64, at: now, out: BTreeMap::new(), succeeded: None }
    }

    /// What is in it.
    pub(super) fn level(&self) -> f64 {
        self.level
    }

    /// Draws tokens: how many, and, where they are fewer than wanted, when to ask again. `share` is the part of the rate
    /// that is shared out here: all of it, unless there are nodes that can't be reached.
    pub(super) fn draw(&mut self, draw: &Draw, share: f64, now: Duration) -> (u64, Duration) {
        if self.pace != draw.pace {
            *self = Self::new(draw.pace, now);
        }
        let (rate, burst) = (self.pace.0 * share, self.pace.1 as f64);
        if rate <= 0.0 || burst < 1.0 {
            return (0, PAUSE);
        }
        self.out.retain(|_, (_, when)| now.saturating_sub(*when) < LIFE);
        self.out.insert(draw.node, (draw.held, now));
        let out: u64 = self.out.values().map(|(tokens, _)| tokens).sum();
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + passed * rate).min(burst - out as f64).max(self.level.min(0.0));
        self.at = now;
        if let Some(seen) = draw.elsewhere {
            self.succeed(seen, now);
        }
        let tokens = (self.level.max(0.0) as u64).min(draw.wanted);
        self.level -= tokens as f64;
        if let Some((_, drawn)) = &mut self.succeeded {
            *drawn += tokens;
        }
        self.out.insert(draw.node, (draw.held + tokens, now));
        if tokens == draw.wanted {
            return (tokens, Duration::ZERO);
        }
        // Long enough that there is something, and short enough that the till does not run over meanwhile.
        let next = (1.0 - self.level.fract()) / rate;
        let pause = PAUSE.as_secs_f64().min(burst / 2.0 / rate).max(next);
        (tokens, Duration::from_secs_f64(pause.min(3600.0)))
    }

    /// There is no more in it than there was in the one that it takes the place of, with what came in since, and without
    /// what was drawn since.
    fn succeed(&mut self, seen: Seen, now: Duration) {
        let begun = self.succeeded.filter(|(begun, _)| now.saturating_sub(*begun) < SUCCESSION);
        let (begun, drawn) = begun.unwrap_or((now, 0));
        self.succeeded = Some((begun, drawn));
        let left = seen.level + seen.age.as_secs_f64() * self.pace.0 - drawn as f64;
        self.level = self.level.min(left.max(0.0));
    }

    /// Whether it is as good as a new one.
    pub(super) fn is_idle(&self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at);
        passed > LIFE && self.level + passed.as_secs_f64() * self.pace.0 >= self.pace.1 as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draw(node: u64, held: u64, wanted: u64, pace: Pace) -> Draw {
        Draw { node, held, wanted, pace, elsewhere: None }
    }

    #[test]
    fn a_burst_is_drawn_once_and_comes_back_at_the_rate() {
        let pace = (10.0, 5);
        let at = Duration::from_millis;
        let mut till = Till::new(pace, at(0));
        assert_eq!(till.draw(&draw(1, 0, 3, pace), 1.0, at(0)), (3, Duration::ZERO));
        assert_eq!(till.draw(&draw(2, 0, 3, pace), 1.0, at(0)).0, 2);
        // What others hold leaves no room.
        assert_eq!(till.draw(&draw(2, 2, 3, pace), 1.0, at(500)).0, 0);
        assert_eq!(till.draw(&draw(2, 0, 9, pace), 1.0, at(700)).0, 2);
        // What was not reported for long is spent.
        assert_eq!(till.draw(&draw(2, 0, 9, pace), 1.0, at(2000)).0, 5);
        // Half of the nodes, half of the rate; another rate, another till.
        assert_eq!(till.draw(&draw(2, 0, 9, pace), 0.5, at(2400)).0, 2);
        assert_eq!(till.draw(&draw(2, 0, 9, (1.0, 1)), 1.0, at(2400)).0, 1);
        for nothing in [(0.0, 5), (5.0, 0)] {
            assert_eq!(till.draw(&draw(2, 0, 9, nothing), 1.0, at(2400)), (0, PAUSE));
        }
    }

    #[test]
    fn a_successor_has_what_was_left() {
        let pace = (10.0, 100);
        let at = Duration::from_millis;
        let from = |node, wanted, level, age| {
            let elsewhere = Some(Seen { level, age: at(age) });
            Draw { elsewhere, ..draw(node, 0, wanted, pace) }
        };
        let mut till = Till::new(pace, at(9000));
        // Node 1 saw 40 two seconds ago, and gets of the 60 that there can be now.
        assert_eq!(till.draw(&from(1, 20, 40.0, 2000), 1.0, at(9000)).0, 20);
        // Node 2 saw the last ones go a second ago: 10 have come in since, and are drawn.
        assert_eq!(till.draw(&from(2, 20, 0.0, 1000), 1.0, at(9000)).0, 0);
        assert_eq!(till.draw(&draw(2, 0, 20, pace), 1.0, at(9500)).0, 5);
        // Somebody who saw it full long before has nothing to say.
        assert_eq!(till.draw(&from(3, 20, 100.0, 60_000), 1.0, at(10_000)).0, 5);
        // Later it is another succession.
        assert_eq!(till.draw(&from(3, 100, 30.0, 0), 1.0, at(30_000)).0, 30);
        assert_eq!(till.draw(&from(1, 100, 31.0, 0), 1.0, at(30_000)).0, 0);
    }

    #[test]
    fn who_got_too_little_asks_again_in_time() {
        for (pace, expected_ms) in [((1000.0, 10), 5), ((10.0, 100), 100), ((0.5, 1), 2000), ((1000.0, 1000), 50)] {
            let mut till = Till::new(pace, Duration::ZERO);
            let burst = pace.1 as u64;
            assert_eq!(till.draw(&draw(1, 0, burst, pace), 1.0, Duration::ZERO).0, burst);
            let (tokens, pause) = till.draw(&draw(1, 0, 1, pace), 1.0, Duration::ZERO);
            assert_eq!((tokens, pause.as_millis()), (0, expected_ms), "{pace:?}");
        }
    }

    proptest! {
        /// Nodes that want all they can get: never more than burst and rate, and, but for the last pause, no less.
        #[test]
        fn nodes_share_a_rate_exactly(
            rate in 1.0..5000.0_f64, burst in 1..3000_i64,
            steps in proptest::collection::vec((1..4_u64, 1..40_u64, 1..200_u64), 50..400),
        ) {
            let pace = (rate, burst);
            let mut till = Till::new(pace, Duration::ZERO);
            let (mut now, mut spent) = (Duration::ZERO, 0_u64);
            for (node, wait, wanted) in steps {
                now += Duration::from_millis(wait);
                let (tokens, pause) = till.draw(&draw(node, 0, wanted, pace), 1.0, now);
                // It spends them at once.
                spent += tokens;
                let most = burst as f64 + rate * now.as_secs_f64();
                prop_assert!(spent as f64 <= most + 1e-6, "{spent} of {most}");
                prop_assert_eq!(tokens == wanted, pause.is_zero());
                prop_assert!(tokens <= wanted);
            }
        }

        /// Busy nodes whose till dies again and again: with each, no more than what nodes drew that did not know of each
        /// other.
        #[test]
        fn no_burst_comes_back_with_a_successor(
            rate in 1.0..500.0_f64, burst in 100..3000_i64,
            lives in proptest::collection::vec((1..60_u64, 1..50_u64), 1..12),
        ) {
            const NODES: u64 = 3;
            const WANTED: u64 = 10;
            let pace = (rate, burst);
            let (mut now, mut spent) = (Duration::ZERO, 0_u64);
            let mut seen: BTreeMap<u64, (usize, f64, Duration)> = BTreeMap::new();
            for (number, (rounds, wait)) in lives.into_iter().enumerate() {
                let mut till = Till::new(pace, now);
                for _ in 0..rounds {
                    now += Duration::from_millis(wait);
                    for node in 1..=NODES {
                        let memory = seen.get(&node).filter(|(of, ..)| *of != number);
                        let elsewhere = memory.map(|(_, level, at)| Seen { level: *level, age: now - *at });
                        spent += till.draw(&Draw { elsewhere, ..draw(node, 0, WANTED, pace) }, 1.0, now).0;
                        seen.insert(node, (number, till.level(), now));
                    }
                }
                let unknown = number as u64 * (NODES - 1) * WANTED;
                let most = burst as f64 + rate * now.as_secs_f64() + unknown as f64;
                prop_assert!(spent as f64 <= most + 1e-6, "{spent} of {most}");
            }
        }
    }
}
