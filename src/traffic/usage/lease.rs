//! How many tokens of a quota a node takes at once. Pure arithmetic.
//!
//! Few commits want large leases; three things want small ones: what a crash strands, what other nodes can still get, and
//! the end of the quota, which all nodes shall reach together.

/// A lease should last so many seconds.
const LASTING: f64 = 2.0;
/// A node whose demand is not known yet takes so many.
const FIRST: u64 = 64;
/// A crash strands at most this part of a quota, however many nodes of a minority go down.
const STRANDED: u64 = 100;

/// The shares of a quota, in percent, whose use is told of.
const MARKS: [u64; 2] = [80, 100];

/// What a lease is asked for with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// Requests of the quota's period.
    pub(super) limit: u64,
    /// Tokens that nobody holds and nobody has spent.
    pub(super) remaining: u64,
    /// Tokens that this node holds.
    pub(super) held: u64,
    /// Tokens that this node spends in a second, where that is known.
    pub(super) demand: Option<f64>,
    /// Nodes of the cluster.
    pub(super) nodes: u64,
}

impl Need {
    /// How many tokens to take, of those that remain.
    pub(super) fn lease(&self) -> u64 {
        let wanted = match self.demand {
            Some(demand) => ((demand * LASTING).ceil().max(1.0)) as u64,
            None => FIRST,
        };
        let nodes = self.nodes.max(1);
        // As many nodes as may go down at once, while the others go on.
        let minority = ((nodes - 1) / 2).max(1);
        let hold = wanted.min((self.limit / (STRANDED * minority)).max(1));
        // Near the end no node takes more than its part of half of the rest.
        let share = self.remaining.div_ceil(2 * nodes).max(1);
        hold.saturating_sub(self.held).min(share).min(self.remaining)
    }

    /// The largest share of the quota that is told of and is used with so many tokens more, in percent.
    pub(super) fn mark(&self, lease: u64) -> Option<u64> {
        let used = u128::from(self.limit.saturating_sub(self.remaining.saturating_sub(lease)));
        let is_reached = |mark: &u64| self.limit > 0 && used * 100 >= u128::from(self.limit) * u128::from(*mark);
        MARKS.into_iter().rev().find(is_reached)
    }

    /// A purse with fewer tokens than this should be filled before it is empty.
    pub(super) fn low(&self, lease: u64) -> u64 {
        (self.held + lease) / 2
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leases_are_sized_by_demand_quota_and_rest() {
        for (limit, remaining, held, demand, nodes, expected) in [
            // Nobody has asked before.
            (1_000_000, 1_000_000, 0, None, 3, 64),
            // Two seconds of what is spent, less what is there.
            (1_000_000, 1_000_000, 0, Some(100.0), 3, 200),
            (1_000_000, 1_000_000, 150, Some(100.0), 3, 50),
            (1_000_000, 1_000_000, 300, Some(100.0), 3, 0),
            // A hundredth of the quota is the most of what may be stranded.
            (10_000, 10_000, 0, Some(50_000.0), 3, 100),
            (10_000, 10_000, 0, Some(50_000.0), 5, 50),
            // Near the end the rest is shared.
            (10_000, 60, 0, Some(50_000.0), 3, 10),
            (10_000, 1, 0, Some(50_000.0), 3, 1),
            (10_000, 0, 0, Some(50_000.0), 3, 0),
            // A small quota is taken one by one.
            (5, 5, 0, None, 3, 1),
            (5, 5, 1, None, 3, 0),
            (0, 0, 0, None, 1, 0),
        ] {
            let need = Need { limit, remaining, held, demand, nodes };
            assert_eq!(need.lease(), expected, "{need:?}");
        }
    }

    #[test]
    fn shares_of_a_quota_are_told_of_when_they_are_used() {
        for (limit, remaining, lease, expected) in [
            (10, 10, 7, None),
            (10, 10, 8, Some(80)),
            (10, 3, 1, Some(80)),
            (10, 1, 1, Some(100)),
            (10, 0, 0, Some(100)),
            // More was granted.
            (10, 25, 10, None),
            (0, 0, 0, None),
            (u64::MAX, 1, 1, Some(100)),
        ] {
            let need = Need { limit, remaining, held: 0, demand: None, nodes: 3 };
            assert_eq!(need.mark(lease), expected, "{need:?}");
        }
    }

    proptest! {
        #[test]
        fn no_lease_takes_what_is_not_there_or_too_much(
            limit in 0..u64::MAX / 4, used in 0..u64::MAX / 4, held in 0..1_000_000_u64,
            demand in proptest::option::of(0.0..1e12_f64), nodes in 0..20_u64,
        ) {
            let need = Need { limit, remaining: limit.saturating_sub(used), held, demand, nodes };
            let lease = need.lease();
            prop_assert!(lease <= need.remaining);
            prop_assert!(lease == 0 || lease + held <= (limit / 100).max(1));
            // Who holds nothing gets something while there is something.
            prop_assert!(held > 0 || need.remaining == 0 || lease > 0);
            prop_assert!(need.low(lease) <= held + lease);
        }

        /// Nodes that take turns at random spend all of a quota and not one more, whatever crashes strand.
        #[test]
        fn nodes_spend_exactly_the_quota(
            limit in 0..5000_u64, nodes in 1..6_usize, turns in proptest::collection::vec((0..6_usize, 0..40_u64), 1..200),
            crash in proptest::option::of(0..200_usize),
        ) {
            let (mut used, mut spent, mut stranded) = (0, 0, 0);
            let mut held = vec![0_u64; nodes];
            let take = |node: usize, held: &mut Vec<u64>, used: &mut u64| {
                let need = Need { limit, remaining: limit - *used, held: held[node], demand: None, nodes: nodes as u64 };
                let lease = need.lease();
                *used += lease;
                held[node] += lease;
            };
            for (at, (node, wishes)) in turns.into_iter().enumerate() {
                let node = node % nodes;
                for _ in 0..wishes {
                    if held[node] == 0 {
                        take(node, &mut held, &mut used);
                    }
                    if held[node] > 0 {
                        held[node] -= 1;
                        spent += 1;
                    }
                }
                if crash == Some(at) {
                    prop_assert!(held[node] <= (limit / 100).max(1));
                    stranded += std::mem::take(&mut held[node]);
                }
                prop_assert!(spent + stranded + held.iter().sum::<u64>() == used && used <= limit);
            }
            // What idles is given back, and the last node gets all that is left.
            used -= held.iter().sum::<u64>();
            held.fill(0);
            while used < limit {
                take(0, &mut held, &mut used);
                spent += std::mem::take(&mut held[0]);
            }
            prop_assert_eq!(spent + stranded, limit);
        }
    }
}
