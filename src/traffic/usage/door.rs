//! What is left for a plan's actor at its door: without waiting, and without being lost where its mailbox is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::Addr;
use parking_lot::Mutex;

use super::actor::{PlanActor, Wake};
use super::holding::Holding;
use super::renewal::Posting;

/// The way to a plan's actor. Cheap to clone.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) actor: Addr<PlanActor>,
    pub(super) letters: Arc<Letters>,
}

/// What the actor finds when it looks, which it does with every message.
#[derive(Default)]
pub(super) struct Letters {
    opened: Mutex<Vec<Arc<Holding>>>,
    wanting: Mutex<Vec<Arc<Holding>>>,
    returned: Mutex<Vec<Posting>>,
    is_changed: AtomicBool,
    is_gone: AtomicBool,
}

impl Door {
    /// A key is in use.
    pub(super) fn open(&self, holding: &Arc<Holding>) {
        self.letters.opened.lock().push(Arc::clone(holding));
        self.knock();
    }

    /// A key wants tokens.
    pub(super) fn want(&self, holding: &Arc<Holding>) {
        self.letters.wanting.lock().push(Arc::clone(holding));
        self.knock();
    }

    /// The plan has changed: leases of the plan before, which nobody can spend any more, are given back.
    pub(super) fn changed(&self, leases: Vec<Posting>) {
        self.letters.returned.lock().extend(leases);
        self.letters.is_changed.store(true, Ordering::Release);
        self.knock();
    }

    /// The plan is gone.
    pub(super) fn gone(&self) {
        self.letters.is_gone.store(true, Ordering::Release);
        self.knock();
    }

    fn knock(&self) {
        // Where the mailbox is full a message is still to come, with which the actor looks.
        let _ = self.actor.try_send(Wake);
    }
}

impl Letters {
    pub(super) fn opened(&self) -> Vec<Arc<Holding>> {
        std::mem::take(&mut *self.opened.lock())
    }

    pub(super) fn wanting(&self) -> Vec<Arc<Holding>> {
        std::mem::take(&mut *self.wanting.lock())
    }

    pub(super) fn returned(&self) -> Vec<Posting> {
        std::mem::take(&mut *self.returned.lock())
    }

    pub(super) fn is_changed(&self) -> bool {
        self.is_changed.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }
}
