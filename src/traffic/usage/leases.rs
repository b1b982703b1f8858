//! The leases of one plan on one node: for whom tokens are wanted, how many are kept, and what is given back.
//!
//! Decides, and leaves doing to others: the plan's [`actor`](super::actor), or a test.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::holding::Holding;
use super::purse::Day;
use super::renewal::{Batch, Posting, Request};
use crate::model::id::ApiKeyId;

/// Accounts are looked at so often: whether they idle, how much they spend.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// One commit has at most so many leases.
const MAX_BATCH: usize = 500;
/// What was not used for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// A node keeps tokens for so many seconds of what it spends; it gives back what is more.
const KEPT: f64 = 5.0;
/// Tokens a second that a key is taken to spend when it has begun a moment ago.
const FIRST_GUESS: u32 = 32;
/// After its tokens were withdrawn, no lease is taken for a key for so long.
const PAUSE: Duration = Duration::from_millis(300);
/// How much of a demand is what was seen in the last look.
const FRESH: f64 = 0.5;

/// What is known of a plan's keys.
#[derive(Default)]
pub(super) struct Leases {
    known: HashMap<ApiKeyId, Known>,
    wanting: HashMap<ApiKeyId, Arc<Holding>>,
    /// Whether something is being written down.
    is_posting: bool,
    /// What could not be written down yet; nothing else is before it.
    open: Option<Batch>,
    /// What is written down next.
    later: Vec<Posting>,
    /// Whether leases are being taken, and whether there are to be no more.
    is_renewing: bool,
    is_ending: bool,
}

/// A key, and what was seen of it.
struct Known {
    holding: Arc<Holding>,
    taken: u64,
    demand: Option<f64>,
    used: Instant,
    /// Until when nothing is asked for.
    paused: Option<Instant>,
}

impl Leases {
    /// A key is in use.
    pub(super) fn add(&mut self, holding: Arc<Holding>) {
        let taken = holding.purse.taken();
        self.known
            .insert(holding.key.clone(), Known { holding, taken, demand: None, used: Instant::now(), paused: None });
    }

    /// Tokens are wanted for a key.
    pub(super) fn want(&mut self, holding: Arc<Holding>) {
        self.wanting.insert(holding.key.clone(), holding);
    }

    /// Whether tokens are wanted.
    pub(super) fn is_wanting(&self) -> bool {
        !self.wanting.is_empty()
    }

    /// What to ask for now. Until [`Leases::renewed`] it counts as being asked for.
    pub(super) fn requests(&mut self, today: Day) -> Vec<Request> {
        if self.is_ending {
            return Vec::new();
        }
        self.is_renewing = true;
        let old = self.wanting.values().filter(|holding| holding.purse.held().0 != today);
        // What is left of yesterday goes first.
        self.later.extend(old.filter_map(|holding| give_back(holding, 0)));
        let mut keys: Vec<ApiKeyId> = self.wanting.keys().filter(|key| !self.is_paused(key)).cloned().collect();
        keys.sort_unstable();
        keys.truncate(MAX_BATCH);
        keys.iter().filter_map(|key| self.request(key)).collect()
    }

    fn request(&mut self, key: &ApiKeyId) -> Option<Request> {
        let holding = self.wanting.remove(key)?;
        let known = self.known.get(key);
        let demand = known.and_then(|known| {
            // What is seen only now counts at once.
            let so_far = holding.purse.taken().saturating_sub(known.taken) as f64;
            let seen = so_far / LOOK.as_secs_f64();
            known.demand.map(|demand| demand.max(seen)).or((so_far > 0.0).then_some(seen.max(f64::from(FIRST_GUESS))))
        });
        Some(Request { holding, demand })
    }

    /// What was asked for has been given, or refused.
    pub(super) fn renewed(&mut self) {
        self.is_renewing = false;
    }

    /// Looks at all keys: what idles or is too much is given back, what was counted is written down, if that is possible
    /// now.
    pub(super) fn look(&mut self, today: Day) -> Vec<Posting> {
        let can_post = self.can_post();
        let mut postings = Vec::new();
        for known in self.known.values_mut() {
            let taken = known.holding.purse.taken();
            let spent = taken - known.taken;
            known.taken = taken;
            let seen = spent as f64 / LOOK.as_secs_f64();
            known.demand = Some(known.demand.map_or(seen, |before| before + FRESH * (seen - before)));
            let (day, held) = known.holding.purse.held();
            let keep =
                if spent == 0 || day != today { 0 } else { (known.demand.unwrap_or_default() * KEPT).ceil() as u64 };
            if spent > 0 || known.holding.tally.is_running() {
                known.used = Instant::now();
            }
            if can_post {
                if held > keep {
                    postings.extend(give_back(&known.holding, keep));
                }
                postings.extend(write_down(&known.holding));
                postings.extend(give_back_late(&known.holding));
            }
        }
        if can_post {
            postings.append(&mut self.later);
        }
        postings
    }

    /// What was taken out of purses is given back, as soon as that is possible.
    pub(super) fn return_later(&mut self, postings: Vec<Posting>) {
        self.later.extend(postings);
    }

    /// What is to be given back and can be now.
    pub(super) fn returned(&mut self) -> Vec<Posting> {
        if self.can_post() { std::mem::take(&mut self.later) } else { Vec::new() }
    }

    /// Takes out all that is held of a key's quota, to be given back. For a moment no more is asked for: whoever wants it
    /// back has that time to decide what is left.
    pub(super) fn withdraw(&mut self, key: &ApiKeyId) {
        let Some(known) = self.known.get_mut(key) else { return };
        known.paused = Some(Instant::now() + PAUSE);
        self.later.extend(give_back(&known.holding, 0));
        self.later.extend(give_back_late(&known.holding));
    }

    fn is_paused(&self, key: &ApiKeyId) -> bool {
        let paused = self.known.get(key).and_then(|known| known.paused);
        paused.is_some_and(|until| Instant::now() < until)
    }

    /// Whether nothing is held of a key's quota, and nothing is on its way in or out.
    pub(super) fn is_free_of(&self, key: &ApiKeyId) -> bool {
        let is_empty = self.known.get(key).is_none_or(|known| known.holding.is_empty());
        is_empty && !self.is_renewing && self.can_post() && self.later.is_empty()
    }

    /// Gives back what another node can have of a key's tokens: half, or all that idles.
    pub(super) fn spare(&self, key: &ApiKeyId) -> Option<Posting> {
        let known = self.known.get(key).filter(|_| self.can_post())?;
        let (_, held) = known.holding.purse.held();
        let is_idle = known.holding.purse.taken() == known.taken;
        give_back(&known.holding, if is_idle { 0 } else { held / 2 })
    }

    /// What to write down now: what is still open, or else these postings under a number that is new. Nothing, where
    /// something is being written down, or there is nothing.
    pub(super) fn begin(&mut self, postings: Vec<Posting>, number: impl FnOnce() -> u64) -> Option<Batch> {
        if self.is_posting || (postings.is_empty() && self.open.is_none()) {
            return None;
        }
        self.is_posting = true;
        match self.open.take() {
            Some(open) => {
                self.later.extend(postings);
                Some(open)
            }
            None => Some(Batch::new(number(), postings)),
        }
    }

    /// Something was written down but for what is still open.
    pub(super) fn posted(&mut self, left: Option<Batch>) -> bool {
        self.is_posting = false;
        self.open = left;
        self.open.is_none()
    }

    /// Takes no more leases. Whether what is under way has ended: what it brings has to be given back as well.
    pub(super) fn end(&mut self) -> bool {
        self.is_ending = true;
        !self.is_posting && !self.is_renewing
    }

    /// All that is left to write down when it has [ended](Leases::end), in this order.
    pub(super) fn close(&mut self, number: impl FnOnce() -> u64) -> Vec<Batch> {
        let mut postings: Vec<Posting> = Vec::new();
        for Known { holding, .. } in self.known.values() {
            postings.extend(write_down(holding));
            postings.extend(give_back(holding, 0));
            postings.extend(give_back_late(holding));
        }
        postings.append(&mut self.later);
        self.open.take().into_iter().chain([Batch::new(number(), postings)]).collect()
    }

    /// Keys that were not used for long, and of which nothing is held.
    pub(super) fn forgotten(&self) -> Vec<ApiKeyId> {
        let is_old = |known: &&Known| known.used.elapsed() > FORGOTTEN && known.holding.is_empty();
        self.known.values().filter(is_old).map(|known| known.holding.key.clone()).collect()
    }

    /// Knows a key no longer.
    pub(super) fn remove(&mut self, key: &ApiKeyId) {
        self.known.remove(key);
    }

    /// How many keys are in use, and how many tokens are held for them.
    pub(super) fn held(&self) -> (usize, u64) {
        (self.known.len(), self.known.values().map(|known| known.holding.purse.held().1).sum())
    }

    /// Whether something can be written down now.
    pub(super) fn can_post(&self) -> bool {
        !self.is_posting && self.open.is_none()
    }
}

/// Takes tokens out of a purse, all but so many, to be given back.
fn give_back(holding: &Arc<Holding>, keep: u64) -> Option<Posting> {
    let (day, tokens) = holding.purse.empty(keep);
    (tokens > 0).then(|| returned(holding, day, tokens))
}

/// The plan has changed: nobody spends what it gave before, and the quota may have something left again.
pub(super) fn begin_anew(holding: &Arc<Holding>) -> Option<Posting> {
    holding.reopen();
    holding.change_terms();
    give_back(holding, 0)
}

/// Takes out what was leased before the plan changed, and came afterwards.
fn give_back_late(holding: &Arc<Holding>) -> Vec<Posting> {
    holding.late().into_iter().map(|(day, tokens)| returned(holding, day, tokens)).collect()
}

fn returned(holding: &Arc<Holding>, day: Day, tokens: u64) -> Posting {
    let change = i64::try_from(tokens).unwrap_or(i64::MAX);
    Posting { holding: Arc::clone(holding), day, change: -change }
}

fn write_down(holding: &Arc<Holding>) -> Vec<Posting> {
    let counted = holding.tally.drain().into_iter();
    let posting = |(day, count)| {
        let change = i64::try_from(count).unwrap_or(i64::MAX);
        Posting { holding: Arc::clone(holding), day, change }
    };
    counted.map(posting).collect()
}
