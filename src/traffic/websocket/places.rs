//! How many connections a node has, and how many are being opened: there is an end to both.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::Limits;
use crate::traffic::stage::Bucket;

/// The places for connections of a node. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: AtomicUsize,
    pending: AtomicUsize,
    /// How fast places are asked for, if there is an end to it.
    pace: Option<Bucket>,
}

/// A connection's place: first of one that is being opened, then of one that is open.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    is_pending: bool,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Too many are being opened: they will be, or will not, in a moment.
    Pending,
    /// The node has as many connections as it may.
    Connections,
    /// Too many were asked for in this second.
    Pace,
}

impl Places {
    /// The places of a node.
    pub fn new(limits: &Limits) -> Self {
        let pace = limits.connects_per_second.map(|rate| Bucket::new(rate.into(), rate.into()));
        Self(Arc::new(Taken { pace, ..Taken::default() }))
    }

    /// Takes a place for a connection that is to be opened.
    pub(super) fn take(&self, limits: &Limits) -> Result<Place, Lack> {
        let Taken { all, pending, pace } = &*self.0;
        if pace.as_ref().is_some_and(|pace| !pace.take()) {
            return Err(Lack::Pace);
        }
        // Counted as a place from here on: dropping it counts it back.
        all.fetch_add(1, Ordering::Relaxed);
        let is_over = pending.fetch_add(1, Ordering::Relaxed) >= limits.pending;
        let place = Place { places: self.clone(), is_pending: true };
        if all.load(Ordering::Relaxed) > limits.connections {
            return Err(Lack::Connections);
        }
        if is_over { Err(Lack::Pending) } else { Ok(place) }
    }
}

impl Place {
    /// The connection is open.
    pub(super) fn opened(&mut self) {
        if std::mem::take(&mut self.is_pending) {
            self.places.0.pending.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.opened();
        self.places.0.all.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let places = Places::default();
        let limits = Limits { connections: 3, pending: 2, ..Limits::default() };
        let take = || places.take(&limits);
        let (mut first, second) = (take().expect("a place"), take().expect("a place"));
        assert_eq!(take().err(), Some(Lack::Pending));
        first.opened();
        first.opened();
        let third = take().expect("a place");
        assert_eq!(take().err(), Some(Lack::Connections));
        drop((first, second));
        let fourth = take().expect("a place");
        drop((third, fourth));
        let slow = Places::new(&Limits { connects_per_second: Some(2), ..Limits::default() });
        let (_first, _second) = (slow.take(&limits).expect("a place"), slow.take(&limits).expect("a place"));
        assert_eq!(slow.take(&limits).err(), Some(Lack::Pace));
        let left = [&places.0.all, &places.0.pending].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(left, [0, 0]);
    }
}
