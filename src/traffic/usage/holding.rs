//! What this node holds of one key's quota: tokens that requests may spend, and what it let through without any.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::limits::Limits;
use super::purse::{Day, Purse};
use crate::model::id::ApiKeyId;

/// A key's tokens with a plan, as long as the key is in use on this node.
pub(super) struct Holding {
    pub(super) key: ApiKeyId,
    pub(super) limits: ArcSwap<Limits>,
    pub(super) purse: Purse,
    /// Requests that were let through without a token, not yet written down.
    pub(super) tally: Tally,
    /// Whether it is known at the plan's actor that there should be more tokens.
    pub(super) wanted: AtomicBool,
    /// Whether a lease was taken for it, so that what is written down as held is held by this process.
    pub(super) is_known: AtomicBool,
    /// The day on which the quota was seen to have nothing left, and one; zero if it was not.
    exhausted: AtomicU64,
    /// Told when waiting is over, one way or the other.
    pub(super) settled: Notify,
    terms: Mutex<Terms>,
}

/// By which terms tokens are leased, counted with each change of the plan; and those that came by earlier ones.
#[derive(Default)]
struct Terms {
    current: u64,
    late: Vec<(Day, u64)>,
}

impl Holding {
    pub(super) fn new(key: ApiKeyId, limits: Arc<Limits>) -> Self {
        Self {
            key,
            limits: ArcSwap::new(limits),
            purse: Purse::default(),
            tally: Tally::default(),
            wanted: AtomicBool::new(false),
            is_known: AtomicBool::new(false),
            exhausted: AtomicU64::new(0),
            settled: Notify::new(),
            terms: Mutex::default(),
        }
    }

    /// The terms of leases that are decided on from now on.
    pub(super) fn terms(&self) -> u64 {
        self.terms.lock().current
    }

    /// The plan has changed. Leases that are on their way nobody may spend any more, and what is held has to be taken out.
    pub(super) fn change_terms(&self) {
        self.terms.lock().current += 1;
    }

    /// Puts a lease's tokens in, unless it was decided on by earlier terms: then they are [late](Holding::late).
    pub(super) fn fill(&self, day: Day, lease: u64, low: u64, terms: u64) {
        let mut known = self.terms.lock();
        if known.current == terms {
            // What was of another day was given back before.
            let _ = self.purse.put(day, lease, low);
        } else {
            known.late.push((day, lease));
        }
    }

    /// Takes out the tokens of leases that came too late, to be given back.
    pub(super) fn late(&self) -> Vec<(Day, u64)> {
        std::mem::take(&mut self.terms.lock().late)
    }

    /// Whether nothing of the quota is here, to be spent or to be given back.
    pub(super) fn is_empty(&self) -> bool {
        self.purse.held().1 == 0 && self.terms.lock().late.is_empty()
    }

    /// The quota may have something left again.
    pub(super) fn reopen(&self) {
        self.exhausted.store(0, Ordering::Release);
    }

    /// The quota has nothing left on this day.
    pub(super) fn exhaust(&self, day: Day) {
        self.exhausted.store(u64::from(day) + 1, Ordering::Release);
        self.release();
    }

    /// Whether the quota was seen to have nothing left on this day.
    pub(super) fn is_exhausted(&self, day: Day) -> bool {
        self.exhausted.load(Ordering::Acquire) == u64::from(day) + 1
    }

    /// Lets those who wait look again.
    pub(super) fn release(&self) {
        self.wanted.store(false, Ordering::Release);
        self.settled.notify_waiters();
    }
}

/// Requests of some days that are counted after they were let through.
#[derive(Debug, Default)]
pub(super) struct Tally {
    today: Purse,
    before: Mutex<Vec<(Day, u64)>>,
}

impl Tally {
    pub(super) fn add(&self, day: Day) {
        if let Some(past) = self.today.put(day, 1, 0) {
            self.before.lock().push(past);
        }
    }

    /// Whether something is counted that is not written down.
    pub(super) fn is_running(&self) -> bool {
        self.today.held().1 > 0
    }

    /// Takes out what was counted.
    pub(super) fn drain(&self) -> Vec<(Day, u64)> {
        let mut all = std::mem::take(&mut *self.before.lock());
        all.extend(Some(self.today.empty(0)).filter(|(_, count)| *count > 0));
        all
    }

    /// What is counted and not written down.
    pub(super) fn counted(&self) -> Vec<(Day, u64)> {
        let mut all = self.before.lock().clone();
        all.extend(Some(self.today.held()).filter(|(_, count)| *count > 0));
        all
    }
}
