//! The nodes that there are for rates: which of them keeps a key's till, and what part of a rate those here have.

use std::time::Duration;

use tokio::time::Instant;

/// Nodes that can't be reached have their part of a rate for so long; by then they have stopped using it.
const GRACE: Duration = Duration::from_secs(10);
/// A node that can't reach a majority goes on with its part of a rate for so long.
const ALONE: Duration = Duration::from_secs(7);

/// The cluster as one node sees it.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Nodes that answer, this one among them.
    live: Vec<u64>,
    /// Nodes that there are.
    all: usize,
    /// Since when this is so.
    since: Instant,
}

impl View {
    /// From now on these nodes answer, of so many.
    pub(super) fn new(live: Vec<u64>, all: usize) -> Self {
        Self { live, all, since: Instant::now() }
    }

    /// Whether it is of these nodes, of so many.
    pub(super) fn is(&self, live: &[u64], all: usize) -> bool {
        self.live == live && self.all == all.max(1)
    }

    /// How many nodes there are.
    pub(super) fn all(&self) -> usize {
        self.all
    }

    /// The node that keeps a till: the same for all that see the same nodes, and each has its part of them.
    pub(super) fn keeper(&self, name: &str) -> u64 {
        let weight = |node: &u64| {
            // FNV-1a, because all releases must agree, and a last round that lets all bits count.
            let bytes = name.bytes().chain(node.to_le_bytes());
            let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
            let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            hash ^ (hash >> 33)
        };
        self.live.iter().copied().max_by_key(weight).unwrap_or_default()
    }

    /// The part of a rate that is shared out among the nodes that this one sees. All parts together are never more than
    /// the whole: who is cut off has stopped before the others take its part, unless the plan prefers to serve.
    pub(super) fn share(&self, prefers_serving: bool) -> f64 {
        let part = self.live.len() as f64 / self.all as f64;
        let has_majority = self.live.len() * 2 > self.all;
        match (has_majority, self.since.elapsed()) {
            (true, since) if since < GRACE => part.min(1.0),
            (true, _) => 1.0,
            (false, since) if since < ALONE || prefers_serving => part,
            (false, _) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(live: &[u64], all: usize) -> View {
        View::new(live.to_vec(), all)
    }

    #[test]
    fn tills_are_spread_and_stay_where_they_are_when_others_go() {
        let names: Vec<String> = (0..3000).map(|number| format!("plan/key{number}/")).collect();
        let (all, fewer) = (view(&[1, 2, 3], 3), view(&[1, 3], 3));
        let mut kept = [0; 4];
        for name in &names {
            let keeper = all.keeper(name);
            kept[keeper as usize] += 1;
            if keeper != 2 {
                assert_eq!(fewer.keeper(name), keeper, "{name}");
            }
        }
        assert!(kept[1..].iter().all(|count| (700..1300).contains(count)), "{kept:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_a_rate_are_never_more_than_the_whole() {
        for (one, other) in [(vec![1, 2], vec![3]), (vec![1, 2, 3], vec![4, 5]), (vec![1, 2], vec![3, 4])] {
            let all = one.len() + other.len();
            let (one, other) = (view(&one, all), view(&other, all));
            for _ in 0..30 {
                assert!(one.share(false) + other.share(false) <= 1.0, "{one:?} {other:?}");
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            assert_eq!(other.share(false), 0.0);
            assert_eq!(other.share(true), other.live.len() as f64 / all as f64);
            assert_eq!(one.share(false), if one.live.len() * 2 > all { 1.0 } else { 0.0 });
        }
        assert_eq!(view(&[1, 2, 3], 3).share(false), 1.0);
    }
}
