//! Places for requests that wait: there is an end to them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A place among those who wait, until it is dropped.
pub(super) struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    /// Takes a place, of so many that there are at most.
    pub(super) fn among(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let place = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let count = AtomicUsize::new(0);
        let first = Waiting::among(&count, 2);
        let second = Waiting::among(&count, 2);
        assert!(first.is_some() && second.is_some() && Waiting::among(&count, 2).is_none());
        drop(first);
        assert!(Waiting::among(&count, 2).is_some());
    }
}
