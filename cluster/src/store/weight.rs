//! How much the log weighs, entry by entry, without reading it.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::Index;

/// The bytes of each entry, in their order. A cheap thing: a log has some thousand entries.
#[derive(Debug, Default)]
pub(super) struct Weight {
    entries: Mutex<VecDeque<(Index, u64)>>,
}

impl Weight {
    /// Says that an entry was added at the end.
    pub(super) fn push(&self, index: Index, bytes: usize) {
        self.entries.lock().push_back((index, bytes as u64));
    }

    /// Says that the entries from one on are gone.
    pub(super) fn truncate(&self, from: Index) {
        let mut entries = self.entries.lock();
        while entries.pop_back_if(|(index, _)| *index >= from).is_some() {}
    }

    /// Says that the entries before one are gone.
    pub(super) fn purge(&self, first: Index) {
        let mut entries = self.entries.lock();
        while entries.pop_front_if(|(index, _)| *index < first).is_some() {}
    }

    /// The first entry.
    pub(super) fn first(&self) -> Option<Index> {
        self.entries.lock().front().map(|(index, _)| *index)
    }

    /// Bytes of the entries behind this one.
    pub(super) fn behind(&self, index: Index) -> u64 {
        let entries = self.entries.lock();
        entries.iter().rev().take_while(|(at, _)| *at > index).map(|(_, bytes)| bytes).sum()
    }

    /// The last entry that has more than so many bytes behind it; `None` where the whole log has no more.
    pub(super) fn beyond(&self, bytes: u64) -> Option<Index> {
        let entries = self.entries.lock();
        let mut sum = 0;
        for (index, size) in entries.iter().rev() {
            if sum > bytes {
                return Some(*index);
            }
            sum += size;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_an_entry_is_weighed_without_what_is_gone() {
        let weight = Weight::default();
        (1..=10).for_each(|index| weight.push(index, 100));
        assert_eq!([0, 4, 9, 10, 11].map(|index| weight.behind(index)), [1000, 600, 100, 0, 0]);
        assert_eq!(
            [0, 99, 100, 899, 900, 2000].map(|bytes| weight.beyond(bytes)),
            [Some(9), Some(9), Some(8), Some(1), None, None]
        );
        weight.truncate(9);
        weight.purge(3);
        assert_eq!(weight.behind(0), 600);
        assert_eq!((weight.beyond(0), weight.beyond(499), weight.beyond(500)), (Some(7), Some(3), None));
        weight.push(9, 1);
        assert_eq!(weight.behind(7), 101);
    }
}
