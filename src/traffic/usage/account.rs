//! One key's account with one plan on this node, and the seat that it gives the key's holder at one stage.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

use super::calendar::Calendar;
use super::door::Door;
use super::holding::Holding;
use super::limits::Pace;
use super::pacer::{Allotment, Pacer};
use super::purse::{Day, Taken};
use super::waiting::Waiting;
use crate::model::id::{ApiId, StageName, UsagePlanId};
use crate::model::rest::Verb;

/// A request waits at most so long for a token that its quota may still have.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where a plan prefers to serve, nobody else waits for so long, in nanoseconds, after one has waited for nothing.
const BLIND: u64 = 1_000_000_000;
/// So many requests with one key wait at a time, at most.
const MAX_WAITING: usize = 10_000;

/// A key in a plan, as long as it is in use on this node.
pub(super) struct Account {
    pub(super) holding: Arc<Holding>,
    waiting: AtomicUsize,
    is_gone: AtomicBool,
    /// Until when there is no use in waiting for tokens, as the calendar counts.
    blind: AtomicU64,
    /// What this node has of the key's rates, by the method that they are for, or none.
    allotments: Mutex<HashMap<Option<Place>, Arc<Allotment>>>,
    seats: Mutex<Vec<Weak<Seat>>>,
    door: Door,
    calendar: Arc<Calendar>,
    pacer: Pacer,
}

/// A method of a stage.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    api: ApiId,
    stage: StageName,
    path: String,
    verb: Verb,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{} {}", self.api, self.stage, self.verb, self.path)
    }
}

/// What the holder of a key has at one stage. Good until something is changed that it follows from.
pub struct Seat {
    account: Arc<Account>,
    value: String,
    whole: Option<Arc<Allotment>>,
    methods: Vec<(String, Verb, Arc<Allotment>)>,
    is_good: AtomicBool,
}

/// A rate that a key's holder exceeds. Answered with 429.
#[derive(Debug, PartialEq)]
pub struct Exceeded {
    /// Requests per second that are let through.
    pub rate: f64,
    /// Requests that are let through at once.
    pub burst: i64,
}

/// Why a request is not counted against a quota.
#[derive(Debug, PartialEq)]
pub enum Denied {
    /// The quota is used up.
    Quota,
    /// It could not be learned in time whether the quota has anything left.
    Unknown,
    /// The plan was deleted meanwhile.
    Gone,
}

impl Account {
    pub(super) fn new(holding: Holding, door: Door, calendar: Arc<Calendar>, pacer: Pacer) -> Self {
        Self {
            holding: Arc::new(holding),
            waiting: AtomicUsize::new(0),
            is_gone: AtomicBool::new(false),
            blind: AtomicU64::new(0),
            allotments: Mutex::default(),
            seats: Mutex::default(),
            door,
            calendar,
            pacer,
        }
    }

    /// A seat at a stage. What was drawn for rates that are as before stays.
    pub(super) fn seat(self: &Arc<Self>, value: &str, api: &ApiId, stage: &StageName) -> Arc<Seat> {
        let limits = self.holding.limits.load_full();
        let mut allotments = self.allotments.lock();
        let mut allotment = |place: Option<Place>, pace: Pace| {
            let of_method = place.as_ref().map_or_else(String::new, |place| place.to_string());
            let fresh =
                || Arc::new(Allotment::new(format!("{}/{}/{of_method}", limits.plan.id, self.holding.key), pace));
            let known = allotments.entry(place).or_insert_with(fresh);
            if known.pace() != pace {
                *known = fresh();
            }
            known.prefer_serving(limits.prefers_serving());
            Arc::clone(known)
        };
        let whole = limits.pace().map(|pace| allotment(None, pace));
        let methods = limits.methods(api, stage).into_iter().map(|(path, verb, pace)| {
            let place = Place { api: api.clone(), stage: stage.clone(), path: path.clone(), verb };
            (path, verb, allotment(Some(place), pace))
        });
        let methods = methods.collect();
        drop(allotments);
        let seat = Arc::new(Seat {
            account: Arc::clone(self),
            value: value.to_owned(),
            whole,
            methods,
            is_good: AtomicBool::new(true),
        });
        let mut seats = self.seats.lock();
        seats.retain(|seat| seat.strong_count() > 0);
        seats.push(Arc::downgrade(&seat));
        seat
    }

    /// Ends all seats: their holders have to look again.
    pub(super) fn clear(&self) {
        for seat in self.seats.lock().drain(..).filter_map(|seat| seat.upgrade()) {
            seat.end();
        }
    }

    /// The plan is gone: whoever waits for tokens need not wait any more.
    pub(super) fn end(&self) {
        self.is_gone.store(true, Ordering::Release);
        self.holding.release();
    }

    pub(super) fn plan(&self) -> UsagePlanId {
        self.holding.limits.load().plan.id.clone()
    }

    fn want(&self) {
        if !self.holding.wanted.swap(true, Ordering::AcqRel) {
            self.door.want(&self.holding);
        }
    }

    /// Takes a token of today's, if one is there; whether.
    fn take(&self, today: Day) -> bool {
        match self.holding.purse.take(today) {
            Taken::Token => true,
            Taken::Last => {
                self.want();
                true
            }
            Taken::None => false,
        }
    }

    /// Counts a request against the quota.
    async fn spend(&self) -> Result<(), Denied> {
        let limits = self.holding.limits.load();
        if limits.plan.quota.is_none() {
            self.holding.tally.add(self.calendar.today());
            return Ok(());
        }
        if self.take(self.calendar.open_day()) {
            return Ok(());
        }
        let serves_anyway = limits.prefers_serving();
        if serves_anyway && self.calendar.now() < self.blind.load(Ordering::Relaxed) {
            self.holding.tally.add(self.calendar.today());
            return Ok(());
        }
        limits.metrics.waited();
        let result = self.wait().await;
        if result == Err(Denied::Unknown) && serves_anyway {
            self.blind.store(self.calendar.now().saturating_add(BLIND), Ordering::Relaxed);
            self.holding.tally.add(self.calendar.today());
            return Ok(());
        }
        result
    }

    async fn wait(&self) -> Result<(), Denied> {
        let _place = Waiting::among(&self.waiting, MAX_WAITING).ok_or(Denied::Unknown)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let settled = self.holding.settled.notified();
            tokio::pin!(settled);
            // From here on it is told of, whatever happens between the look and the wait.
            settled.as_mut().enable();
            // It may be another one than before: midnight passes.
            let today = self.calendar.open_day();
            if self.take(today) {
                return Ok(());
            }
            if self.holding.is_exhausted(today) {
                return Err(Denied::Quota);
            }
            if self.is_gone.load(Ordering::Acquire) {
                return Err(Denied::Gone);
            }
            self.want();
            timeout_at(deadline, settled).await.map_err(|_| Denied::Unknown)?;
        }
    }
}

impl Seat {
    /// The id of the key.
    pub fn key(&self) -> &str {
        self.account.holding.key.as_str()
    }

    /// The key's value, as its holder showed it.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The plan's id.
    pub fn plan(&self) -> UsagePlanId {
        self.account.plan()
    }

    /// Whether what it follows from is still so.
    pub fn is_good(&self) -> bool {
        self.is_good.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        self.is_good.store(false, Ordering::Release);
    }

    /// Takes a token of the method's rate if the plan has one for it, else of the key's own. Source: data-plane
    /// reference, 7.
    pub async fn pass(&self, resource: &str, verb: Verb) -> Result<(), Exceeded> {
        let of_method = self.methods.iter().find(|(path, of, _)| *of == verb && path == resource);
        let allotment = of_method.map(|(_, _, allotment)| allotment).or(self.whole.as_ref());
        let Some(allotment) = allotment else { return Ok(()) };
        if self.account.pacer.take(allotment).await {
            return Ok(());
        }
        self.account.holding.limits.load().metrics.throttled();
        let (rate, burst) = allotment.pace();
        Err(Exceeded { rate, burst })
    }

    /// Counts a request against the quota, if the plan has one; waits for a moment where it is not known at once whether
    /// it has anything left.
    pub async fn spend(&self) -> Result<(), Denied> {
        let result = self.account.spend().await;
        let limits = self.account.holding.limits.load();
        match &result {
            Ok(()) => limits.metrics.allowed(),
            Err(Denied::Quota) => limits.metrics.refused(),
            Err(Denied::Gone) => {}
            Err(Denied::Unknown) => limits.metrics.undecided(),
        }
        result
    }
}
