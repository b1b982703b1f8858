//! What waits to be sent to a client.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Entries that may wait: each costs something beside its bytes.
const ENTRIES: usize = 4096;
/// Entries that are written together.
pub(super) const TOGETHER: usize = 32;

/// Frames in the order in which they are sent. Holds no memory while it is empty, and needs none of its own for one entry:
/// most often there is no other.
#[derive(Debug, Default)]
pub(super) struct Queue {
    first: Option<Bytes>,
    /// Those behind the first; there are none without one.
    others: VecDeque<Bytes>,
    bytes: usize,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether `more` bytes fit, if the queue may hold `limit`. One entry always does: what is longer than the limit
    /// can be sent, too.
    pub(super) fn has_room(&self, more: usize, limit: usize) -> bool {
        self.is_empty() || (self.others.len() + 1 < ENTRIES && self.bytes + more <= limit)
    }

    pub(super) fn push(&mut self, frames: Bytes) {
        self.bytes += frames.len();
        match &self.first {
            None => self.first = Some(frames),
            Some(_) => self.others.push_back(frames),
        }
    }

    /// The entry that waits, if it is the only one.
    pub(super) fn only(&self) -> Option<&Bytes> {
        self.first.as_ref().filter(|_| self.others.is_empty())
    }

    /// What is to be written next, in as many slices as there are entries, or as there is place for.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; TOGETHER]) -> usize {
        let mut count = 0;
        for (slice, entry) in slices.iter_mut().zip(self.first.iter().chain(&self.others)) {
            *slice = IoSlice::new(entry);
            count += 1;
        }
        count
    }

    /// So many bytes were written.
    pub(super) fn written(&mut self, mut count: usize) {
        self.bytes -= count;
        while let Some(first) = &mut self.first {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.first = self.others.pop_front();
        }
        self.others = VecDeque::new();
    }

    /// Drops what waits.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_gone_and_the_rest_stays_in_order() {
        let mut queue = Queue::default();
        for text in ["abc", "de", "fgh"] {
            queue.push(Bytes::from_static(text.as_bytes()));
        }
        let mut seen = Vec::new();
        for count in [2, 1, 3, 2] {
            let mut slices = [IoSlice::new(&[]); TOGETHER];
            let entries = queue.slices(&mut slices);
            let all: Vec<u8> = slices[..entries].iter().flat_map(|slice| slice.to_vec()).collect();
            seen.extend_from_slice(&all[..count]);
            queue.written(count);
        }
        assert_eq!((&seen[..], queue.is_empty(), queue.bytes), (&b"abcdefgh"[..], true, 0));
    }

    #[test]
    fn there_is_room_for_so_many_bytes_and_so_many_entries_and_always_for_one() {
        let mut queue = Queue::default();
        assert!(queue.has_room(100, 10));
        queue.push(Bytes::from_static(b"12345"));
        assert!(queue.has_room(5, 10) && !queue.has_room(6, 10));
        for _ in 1..ENTRIES {
            queue.push(Bytes::new());
        }
        assert!(!queue.has_room(0, 10));
    }
}
