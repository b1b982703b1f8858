//! What a node's witness has not been told yet: who came, and who left.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::roll::Roll;
use crate::model::connection::ConnectionId;
use crate::observe::metrics;

/// So many departures may wait; when there are more, everything is told anew.
const LEFT: usize = 100_000;

/// Notes for the witness. A connection that came and left in between is not worth a word.
#[derive(Default)]
pub(in super::super) struct Journal {
    notes: Mutex<Notes>,
    written: Notify,
    told: Notify,
}

/// What there is to tell.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) came: HashMap<ConnectionId, Arc<Roll>>,
    pub(super) left: Vec<ConnectionId>,
    /// Whether some of it was forgotten.
    pub(super) has_gaps: bool,
    /// Whether somebody has taken some and has not told them yet.
    is_in_hand: bool,
}

impl Notes {
    fn is_empty(&self) -> bool {
        self.count() == 0 && !self.has_gaps && !self.is_in_hand
    }

    fn count(&self) -> usize {
        self.came.len() + self.left.len()
    }

    fn show(&self) {
        metrics::level(metrics::WEBSOCKET_UNTOLD).set(self.count() as f64);
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

    pub(in super::super) fn left(&self, id: ConnectionId) {
        let mut notes = self.notes.lock();
        if notes.came.remove(&id).is_some() {
            return notes.show();
        }
        if notes.left.len() < LEFT {
            notes.left.push(id);
        } else {
            notes.has_gaps = true;
        }
        notes.show();
        drop(notes);
        self.written.notify_one();
    }

    /// All notes; from now on there are none.
    pub(super) fn take(&self) -> Notes {
        let mut notes = self.notes.lock();
        std::mem::replace(&mut *notes, Notes { is_in_hand: true, ..Notes::default() })
    }

    /// What was taken has been told.
    pub(super) fn tell(&self) {
        let mut notes = self.notes.lock();
        notes.is_in_hand = false;
        notes.show();
        drop(notes);
        self.told.notify_waiters();
    }

    /// Returns when everything has been told.
    pub(super) async fn all_told(&self) {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.notes.lock().is_empty() {
                return;
            }
            told.await;
        }
    }

    /// Returns when there are notes, or were.
    pub(super) async fn written(&self) {
        self.written.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{ApiId, StageName};

    #[test]
    fn who_came_and_left_is_told_of_and_who_did_both_is_not() {
        let journal = Journal::default();
        let roll = Arc::new(Roll::new(ApiId::new("a"), StageName::new("s")));
        let [known, passing, staying] = [1, 1, 1].map(ConnectionId::random);
        journal.came(known, &roll);
        assert_eq!(journal.take().came.len(), 1);
        journal.came(passing, &roll);
        journal.came(staying, &roll);
        journal.left(passing);
        journal.left(known);
        let notes = journal.take();
        assert_eq!((notes.came.keys().copied().collect::<Vec<_>>(), notes.left), (vec![staying], vec![known]));
        (0..=LEFT).for_each(|_| journal.left(known));
        let notes = journal.take();
        assert!(notes.has_gaps && notes.left.len() == LEFT && !journal.take().has_gaps);
    }
}
