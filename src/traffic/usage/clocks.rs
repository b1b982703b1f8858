//! Whose clock is right: that of most nodes.
//!
//! A node whose clock is wrong when it starts would open tomorrow's quota today. So it compares with the others before it
//! takes its first lease, and goes by the time that a majority agrees on.

use std::time::Duration;

/// Clocks that differ by no more than this agree.
pub(super) const TOLERANCE: Duration = Duration::from_secs(60);

/// How far another node's clock is ahead of this one's, in nanoseconds; behind it, if below zero.
pub(super) type Offset = i64;

/// How far the right time is ahead of this node's clock, by what the nodes of a majority say, this one among them; `None`
/// where fewer have said anything. Where no majority agrees the leader is right, if it was heard.
pub(super) fn agreed(heard: &[(u64, Offset)], members: usize, leader: Option<u64>) -> Option<Offset> {
    if heard.len() * 2 <= members {
        return None;
    }
    let mut offsets: Vec<Offset> = heard.iter().map(|(_, offset)| *offset).collect();
    offsets.sort_unstable();
    let tolerance = i64::try_from(TOLERANCE.as_nanos()).unwrap_or(i64::MAX);
    let together = |first: usize| {
        let end = offsets.partition_point(|offset| offset.saturating_sub(offsets[first]) <= tolerance);
        &offsets[first..end]
    };
    let most = (0..offsets.len()).map(together).max_by_key(|group| group.len())?;
    if most.len() * 2 > members {
        return Some(most[most.len() / 2]);
    }
    heard.iter().find(|(node, _)| Some(*node) == leader).map(|(_, offset)| *offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_what_most_nodes_say() {
        const SECOND: i64 = 1_000_000_000;
        const DAY: i64 = 86_400 * SECOND;
        // What was heard, by seconds; of how many members; who leads; what is right.
        type Case = (&'static [(u64, Offset)], usize, Option<u64>, Option<Offset>);
        let cases: [Case; 12] = [
            (&[(1, 0)], 1, Some(1), Some(0)),
            // Nobody else is heard.
            (&[(1, 0)], 2, Some(1), None),
            (&[(1, 0)], 3, Some(1), None),
            (&[(1, 0), (2, 5)], 4, Some(1), None),
            // All agree, more or less.
            (&[(1, 0), (2, SECOND), (3, -SECOND)], 3, Some(2), Some(0)),
            (&[(1, 0), (2, SECOND)], 3, Some(2), Some(SECOND)),
            // This one is wrong, or another one.
            (&[(1, 0), (2, -DAY), (3, 1 - DAY)], 3, Some(1), Some(1 - DAY)),
            (&[(1, 0), (2, DAY), (3, 1)], 3, Some(2), Some(1)),
            (&[(1, 0), (2, DAY), (3, -DAY), (4, 1), (5, 2)], 5, Some(2), Some(1)),
            // No majority agrees: who leads is right.
            (&[(1, 0), (2, DAY)], 2, Some(2), Some(DAY)),
            (&[(1, 0), (2, DAY), (3, -DAY)], 3, Some(1), Some(0)),
            (&[(1, 0), (2, DAY)], 3, Some(3), None),
        ];
        for (heard, members, leader, expected) in cases {
            assert_eq!(agreed(heard, members, leader), expected, "{heard:?} of {members}, led by {leader:?}");
        }
    }
}
