//! What a node's witness has not been told yet: who came, and who left; and what may become of those who left.
//!
//! A `$disconnect` that another node could run as well waits here until it is settled which of the two does: until the
//! witness has put the card away, or nobody can claim it any more; or until somebody has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::super::roll::Roll;
use crate::model::connection::ConnectionId;
use crate::observe::metrics;

/// So many departures may wait; when there are more, everything is told anew.
const LEFT: usize = 100_000;

/// Notes for the witness. A connection that came and left in between is not worth a word.
pub(in super::super) struct Journal {
    notes: Mutex<Notes>,
    written: Notify,
    settled: watch::Sender<Settled>,
}

/// What there is to tell.
#[derive(Default)]
pub(super) struct Notes {
    /// Departures that are written down together have one number.
    pub(super) number: u64,
    pub(super) came: HashMap<ConnectionId, Arc<Roll>>,
    pub(super) left: Vec<ConnectionId>,
    /// Whether some of it was forgotten.
    pub(super) has_gaps: bool,
}

/// Up to which number it is settled what becomes of departures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settled {
    /// All up to this one,
    up_to: u64,
    /// and those from this one on by another node. Those before are this node's.
    lost_from: u64,
    lost_to: u64,
}

/// A connection's departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Departure {
    /// Nobody else knows of the connection.
    Untold,
    /// Another node may know of it; it is told in the notes of this number.
    Noted(u64),
}

impl Default for Journal {
    fn default() -> Self {
        let notes = Mutex::new(Notes { number: 1, ..Notes::default() });
        Self { notes, written: Notify::default(), settled: watch::Sender::default() }
    }
}

impl Notes {
    fn show(&self) {
        metrics::level(metrics::WEBSOCKET_UNTOLD).set((self.came.len() + self.left.len()) as f64);
    }

    /// These, where those that come are of another number.
    fn turn_over(&mut self) -> Self {
        let next = Self { number: self.number + 1, ..Self::default() };
        std::mem::replace(self, next)
    }
}

impl Journal {
    pub(in super::super) fn came(&self, id: ConnectionId, roll: &Arc<Roll>) {
        let mut notes = self.notes.lock();
        notes.came.insert(id, Arc::clone(roll));
        notes.show();
        drop(notes);
        self.written.notify_one();
    }

    pub(in super::super) fn left(&self, id: ConnectionId) -> Departure {
        let mut notes = self.notes.lock();
        if notes.came.remove(&id).is_some() {
            notes.show();
            return Departure::Untold;
        }
        if notes.left.len() < LEFT {
            notes.left.push(id);
        } else {
            notes.has_gaps = true;
        }
        notes.show();
        let departure = Departure::Noted(notes.number);
        drop(notes);
        self.written.notify_one();
        departure
    }

    /// Returns when it is settled what becomes of a departure, with whether `$disconnect` is this node's to run.
    pub(in super::super) async fn is_ours(&self, departure: Departure) -> bool {
        let Departure::Noted(number) = departure else { return true };
        let mut settled = self.settled.subscribe();
        // The sender lives as long as the journal.
        let known = settled.wait_for(|settled| settled.up_to >= number).await.map(|settled| *settled);
        known.is_ok_and(|Settled { lost_from, lost_to, .. }| !(lost_from..=lost_to).contains(&number))
    }

    /// All notes; from now on there are none.
    pub(super) fn take(&self) -> Notes {
        self.notes.lock().turn_over()
    }

    /// The notes up to this number are told.
    pub(super) fn tell(&self, number: u64) {
        self.settle(|settled| settled.up_to = settled.up_to.max(number));
        self.notes.lock().show();
    }

    /// Nobody else knows of any connection, or can do anything with what it knows: all departures are this node's.
    pub(super) fn tell_all(&self) {
        let number = self.close();
        self.settle(|settled| settled.up_to = settled.up_to.max(number));
    }

    /// Another node speaks for the connections that it was told of, and for all departures that were not settled. Answers
    /// with those that nobody was told of: they are still this node's.
    pub(super) fn give_up(&self) -> HashSet<ConnectionId> {
        let number = self.close();
        self.settle(|settled| {
            *settled = Settled { up_to: number, lost_from: settled.up_to + 1, lost_to: number };
        });
        self.notes.lock().came.keys().copied().collect()
    }

    /// Closes the notes of departures, which need not be told any more; answers with their number.
    fn close(&self) -> u64 {
        let mut notes = self.notes.lock();
        let Notes { number, came, .. } = notes.turn_over();
        notes.came = came;
        notes.show();
        number
    }

    fn settle(&self, change: impl FnOnce(&mut Settled)) {
        self.settled.send_modify(change);
    }

    /// Returns when all who have left until now are settled, and nobody who came is untold.
    pub(super) async fn all_told(&self) {
        let mut settled = self.settled.subscribe();
        loop {
            let number = {
                let notes = self.notes.lock();
                if notes.came.is_empty() && notes.left.is_empty() { notes.number - 1 } else { notes.number }
            };
            if settled.wait_for(|settled| settled.up_to >= number).await.is_err() {
                return;
            }
            if self.notes.lock().left.is_empty() {
                return;
            }
        }
    }

    /// Something has happened that the witness's teller must look at.
    pub(super) fn wake(&self) {
        self.written.notify_one();
    }

    /// Returns when there are notes, or were.
    pub(super) async fn written(&self) {
        self.written.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::model::id::{ApiId, StageName};

    fn roll() -> Arc<Roll> {
        Arc::new(Roll::new(ApiId::new("a"), StageName::new("s")))
    }

    #[test]
    fn who_came_and_left_is_told_of_and_who_did_both_is_not() {
        let journal = Journal::default();
        let roll = roll();
        let [known, passing, staying] = [1, 1, 1].map(ConnectionId::random);
        journal.came(known, &roll);
        assert_eq!(journal.take().came.len(), 1);
        journal.came(passing, &roll);
        journal.came(staying, &roll);
        assert_eq!(journal.left(passing), Departure::Untold);
        assert_eq!(journal.left(known), Departure::Noted(2));
        let notes = journal.take();
        assert_eq!((notes.came.keys().copied().collect::<Vec<_>>(), notes.left), (vec![staying], vec![known]));
        for _ in 0..=LEFT {
            let _ = journal.left(known);
        }
        let notes = journal.take();
        assert!(notes.has_gaps && notes.left.len() == LEFT && !journal.take().has_gaps);
    }

    /// Whether a departure is this node's; nothing, as long as that is not settled.
    fn fate(journal: &Journal, departure: Departure) -> Option<bool> {
        journal.is_ours(departure).now_or_never()
    }

    #[test]
    fn a_departure_is_this_nodes_when_the_witness_knows_and_another_ones_when_it_was_claimed() {
        let journal = Journal::default();
        let roll = roll();
        let ids: Vec<_> = (0..8).map(|_| ConnectionId::random(1)).collect();
        ids.iter().for_each(|id| journal.came(*id, &roll));
        assert_eq!(fate(&journal, journal.left(ids[0])), Some(true), "nobody was told of it");
        journal.tell(journal.take().number);
        let told = journal.left(ids[1]);
        assert_eq!(fate(&journal, told), None);
        let notes = journal.take();
        let later = journal.left(ids[2]);
        assert_eq!((fate(&journal, told), fate(&journal, later)), (None, None), "it is on its way");
        journal.tell(notes.number);
        assert_eq!((fate(&journal, told), fate(&journal, later)), (Some(true), None));
        // Another node speaks for it. Who came since is nobody else's.
        let fresh = ConnectionId::random(1);
        journal.came(fresh, &roll);
        assert_eq!(journal.give_up(), HashSet::from([fresh]));
        assert_eq!((fate(&journal, told), fate(&journal, later)), (Some(true), Some(false)));
        // That was one start; the next one is this node's again.
        journal.tell(journal.take().number);
        let next = journal.left(fresh);
        assert_eq!(fate(&journal, next), None);
        journal.tell_all();
        assert_eq!((fate(&journal, next), fate(&journal, later)), (Some(true), Some(false)));
        assert!(journal.take().left.is_empty(), "there is nobody to be told of it");
    }
}
