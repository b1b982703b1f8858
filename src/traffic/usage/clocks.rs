//! Whose clock is right: that of most nodes. Pure arithmetic, of moments and of days.
//!
//! A node whose clock is wrong when it starts would open tomorrow's quota today. So it compares with the others before it
//! takes its first lease, and goes by what a majority says.

/// How far another node's clock is ahead of this one's, in nanoseconds; behind it, if below zero.
pub(super) type Offset = i64;

/// What is right, by what nodes say, the one that asks among them: not before what a majority of the members has reached, nor
/// after what a majority has not passed, and between these what is known already. None where less than a majority is heard.
///
/// As long as a majority of the members is right, what is known to be right stays so, whatever the others say and whoever is
/// not heard.
pub(super) fn right<T: Copy + Ord>(mut told: Vec<T>, members: usize, known: Option<T>) -> Option<T> {
    let majority = members / 2 + 1;
    told.sort_unstable();
    let reached = *told.get(told.len().checked_sub(majority)?)?;
    let not_passed = *told.get(majority - 1)?;
    Some(known.unwrap_or(reached).clamp(reached, not_passed.max(reached)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_most_nodes_say_is_right() {
        // What is told; by how many members; what is known; what is right.
        type Case = (&'static [i64], usize, Option<i64>, Option<i64>);
        let cases: [Case; 19] = [
            (&[7], 1, None, Some(7)),
            (&[7], 1, Some(6), Some(7)),
            // Less than a majority says nothing.
            (&[7], 2, None, None),
            (&[7], 3, Some(6), None),
            (&[7, 7], 5, Some(6), None),
            // One is early, late, or far away.
            (&[7, 8, 7], 3, Some(7), Some(7)),
            (&[7, 8, 8], 3, Some(7), Some(8)),
            (&[7, 6, 7], 3, Some(6), Some(7)),
            (&[-9999, 8, 7], 3, Some(8), Some(7)),
            (&[9999, 8, 7], 3, Some(7), Some(8)),
            (&[8, 7, 7, 7, 8], 5, Some(7), Some(7)),
            (&[8, 7, 8, 7, 8], 5, Some(7), Some(8)),
            // One does not answer, another is wrong: what is known stays,
            (&[7, 8], 3, Some(7), Some(7)),
            (&[7, 8], 3, Some(8), Some(8)),
            (&[7, 8], 2, Some(7), Some(7)),
            // but not what both say is over, or has not come.
            (&[7, 8], 3, Some(2), Some(7)),
            (&[7, 8], 3, Some(20), Some(8)),
            (&[7, 8], 2, None, Some(7)),
            // A majority was wrong, and is right again.
            (&[7, 7, 7], 3, Some(8), Some(7)),
        ];
        for (told, members, known, expected) in cases {
            assert_eq!(right(told.to_vec(), members, known), expected, "{told:?} of {members}, {known:?} is known");
        }
    }

    proptest! {
        #[test]
        fn a_minority_that_is_wrong_misleads_nobody(
            honest in proptest::collection::vec(-5..=5_i64, 1..6), wrong in proptest::collection::vec(-9999..9999_i64, 0..6),
            silent in 0..3_usize,
        ) {
            let members = honest.len() + wrong.len() + silent;
            prop_assume!((honest.len() + silent) * 2 > members);
            let told = [honest.clone(), wrong].concat();
            let found = right(told, members, Some(honest[0]));
            prop_assert!(found.is_none_or(|found| (-5..=5).contains(&found)), "{:?}", found);
        }
    }
}
