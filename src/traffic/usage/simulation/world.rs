//! The world that nodes are in: what is agreed, what goes wrong, and what was let through.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use time::{Date, Duration};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::Instant;

use super::node::{Node, Sight};
use crate::catalog::{self, Edit, Proposal, Trial, keys};
use crate::model::id::{ApiKeyId, UsagePlanId};
use crate::model::rest::usage::{Record, Window};
use crate::model::rest::{Quota, QuotaPeriod};
use crate::traffic::usage::limits::{Limits, trial_plan};

/// A day, a week and a month end, in time since 1970.
const MIDNIGHT: std::time::Duration = std::time::Duration::from_secs(1_793_491_200);

/// What may happen in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nodes come and go in peace, answers get lost, clocks jump.
    Peaceful,
    /// And nodes crash, are cut off, and commits come when nobody believes in them any more.
    Cruel,
}

/// The right time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    began: Instant,
    begin: std::time::Duration,
}

impl Time {
    /// Since 1970.
    pub(super) fn now(self) -> std::time::Duration {
        self.begin + self.began.elapsed()
    }

    fn today(self) -> u32 {
        (self.now().as_secs() / 86_400) as u32
    }
}

/// What becomes of a commit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Made,
    AnswerLost,
    Late,
    Lost,
    Refused,
}

/// What has happened.
#[derive(Debug, Default)]
pub(super) struct Seen {
    let_through: u64,
    conflicts: u64,
    unknown: u64,
    crashes: u64,
    cuts: u64,
    jumps: u64,
    wrong_starts: u64,
    standstills: u64,
    changes: u64,
    days: u64,
    peaceful_ends: u64,
}

impl Seen {
    pub(super) fn add(&mut self, other: &Self) {
        self.let_through += other.let_through;
        self.conflicts += other.conflicts;
        self.unknown += other.unknown;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.jumps += other.jumps;
        self.wrong_starts += other.wrong_starts;
        self.standstills += other.standstills;
        self.changes += other.changes;
        self.days += other.days;
        self.peaceful_ends += other.peaceful_ends;
    }

    /// Whether all of it has happened.
    pub(super) fn is_all(&self) -> bool {
        let events = [self.let_through, self.conflicts, self.unknown, self.crashes, self.cuts, self.peaceful_ends];
        let times = [self.jumps, self.wrong_starts, self.standstills, self.changes, self.days];
        events.iter().chain(&times).all(|count| *count > 0)
    }
}

pub(super) struct World {
    random: RefCell<StdRng>,
    pub(super) time: Time,
    /// Nodes whose clocks may be wrong: less than half of all, whoever leads.
    unlucky: RangeInclusive<u64>,
    pub(super) mood: Mood,
    pub(super) size: u64,
    pub(super) plan: UsagePlanId,
    pub(super) keys: Vec<ApiKeyId>,
    pub(super) limits: Arc<Limits>,
    /// What was agreed, in its order, and what came of it.
    pub(super) agreed: RefCell<Vec<Proposal>>,
    catalog: RefCell<Trial>,
    nodes: RefCell<Vec<Option<Rc<Node>>>>,
    /// Nodes whose processes end in peace just now.
    ending: RefCell<BTreeSet<u64>>,
    /// Requests that were let through, by key and day.
    spent: RefCell<BTreeMap<(usize, u32), u64>>,
    /// Leases that may be lost: of those who crashed, and those that were taken when nobody believed in it any more.
    mishaps: Cell<u64>,
    seen: RefCell<Seen>,
    /// Some task has failed.
    broken: Notify,
}

impl World {
    pub(super) fn new(seed: u64) -> Rc<Self> {
        let mut random = StdRng::seed_from_u64(seed);
        let mood = if random.random_bool(0.4) { Mood::Peaceful } else { Mood::Cruel };
        let size: u64 = if random.random_bool(0.5) { 3 } else { 5 };
        let period = [QuotaPeriod::Day, QuotaPeriod::Week, QuotaPeriod::Month][random.random_range(0..3)];
        let limit = [0, 1, 7, 100, 500, 3000][random.random_range(0..6)];
        let quota = Quota { limit, offset: 0, period, since: 0 };
        let plan = trial_plan(quota);
        let keys = (0..random.random_range(1..=3)).map(|number| ApiKeyId::new(format!("key{number}"))).collect();
        let before = std::time::Duration::from_millis(random.random_range(1..40_000));
        let time = Time { began: Instant::now(), begin: MIDNIGHT - before };
        // Any of the nodes, the same as long as the run is.
        let first = random.random_range(1..=size.div_ceil(2) + 1);
        let world = Rc::new(Self {
            random: RefCell::new(random),
            time,
            unlucky: first..=first + (size - 1) / 2 - 1,
            mood,
            size,
            plan: plan.id.clone(),
            keys,
            limits: Arc::new(Limits::new(plan.clone())),
            agreed: RefCell::default(),
            catalog: RefCell::default(),
            nodes: RefCell::default(),
            ending: RefCell::default(),
            spent: RefCell::default(),
            mishaps: Cell::new(0),
            seen: RefCell::default(),
            broken: Notify::new(),
        });
        let made = Edit::new().create(&keys::usage_plan(&plan.id), &plan).propose().and_then(|edit| world.agree(&edit));
        made.expect("the plan is made");
        let nodes: Vec<_> = (1..=size).map(|id| Some(world.start(id))).collect();
        *world.nodes.borrow_mut() = nodes;
        world
    }

    /// Does something beside everything else. A check that fails in it ends the run.
    pub(super) fn run<T: 'static>(self: &Rc<Self>, work: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        let world = Rc::clone(self);
        spawn_local(async move {
            AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|failed| {
                world.broken.notify_one();
                resume_unwind(failed)
            })
        })
    }

    /// When a task has failed.
    pub(super) async fn broken(&self) {
        self.broken.notified().await;
    }

    pub(super) fn random<T>(&self, throw: impl FnOnce(&mut StdRng) -> T) -> T {
        throw(&mut self.random.borrow_mut())
    }

    pub(super) fn seen(&self) -> Seen {
        let let_through = self.spent.borrow().values().sum();
        let midnights = u64::from(self.time.now() > MIDNIGHT && self.is_right());
        Seen { let_through, days: midnights, ..self.seen.take() }
    }

    /// Gives a commit its place in the agreed order.
    pub(super) fn agree(&self, proposal: &Proposal) -> Result<u64, catalog::Error> {
        let before = self.used();
        let made = self.catalog.borrow_mut().apply(proposal);
        self.agreed.borrow_mut().push(proposal.clone());
        for ((key, day), used) in self.used() {
            let more = used - before.get(&(key, day)).copied().unwrap_or_default().min(used);
            assert!(more == 0 || Some(day) == self.open_day(), "a lease of day {day}, {:?} is open", self.open_day());
        }
        if made.is_err() {
            self.seen.borrow_mut().conflicts += 1;
        }
        self.check();
        made
    }

    /// What becomes of a commit of this node.
    pub(super) fn fate(&self, node: &Node) -> Fate {
        let dice = self.random(|random| random.random_range(0..100));
        let fate = match (node.is_cut_off.get(), self.mood, dice) {
            (true, _, 0..50) => Fate::Refused,
            (true, ..) => Fate::Lost,
            (false, _, 0..4) => Fate::AnswerLost,
            (false, Mood::Cruel, 4..8) => Fate::Late,
            (false, Mood::Cruel, 8..12) => Fate::Lost,
            (false, Mood::Cruel, 12..14) => Fate::Refused,
            (false, ..) => Fate::Made,
        };
        if matches!(fate, Fate::AnswerLost | Fate::Late | Fate::Lost) {
            self.seen.borrow_mut().unknown += 1;
        }
        if matches!(fate, Fate::Late) {
            self.mishaps.set(self.mishaps.get() + 1);
        }
        fate
    }

    fn live(&self) -> Vec<Rc<Node>> {
        self.nodes.borrow().iter().flatten().cloned().collect()
    }

    /// The nodes that this one reaches.
    pub(super) fn others(&self, node: &Node) -> Vec<Rc<Node>> {
        self.live().into_iter().filter(|other| other.id != node.id && !other.is_cut_off.get()).collect()
    }

    /// A node starts, with a clock that may be wrong.
    fn start(self: &Rc<Self>, id: u64) -> Rc<Node> {
        let is_wrong = self.unlucky.contains(&id) && self.random(|random| random.random_bool(0.5));
        let wrong = if is_wrong { self.jump() } else { 0 };
        self.seen.borrow_mut().wrong_starts += u64::from(wrong != 0);
        Node::start(self, id, wrong)
    }

    /// How wrong a clock is, in seconds: by hours or by days.
    fn jump(&self) -> i64 {
        self.random(|random| random.random_range(-2..=2) * if random.random_bool(0.5) { 3600 } else { 86_400 })
    }

    /// The day whose quotas are open.
    fn open_day(&self) -> Option<u32> {
        let open = self.catalog.borrow().read(|documents| documents.get(&keys::open_day()));
        open.expect("it can be read").map(|open| open.value.day)
    }

    /// What is written down as used, of days that a clock may say.
    fn used(&self) -> BTreeMap<(usize, u32), u64> {
        let today = self.time.today();
        let mut all = BTreeMap::new();
        for key in 0..self.keys.len() {
            let window = Window { first: date(today - 3), last: date(today + 3) };
            let record = self.record(key, window);
            all.extend((today - 3..=today + 3).map(|day| ((key, day), record.day(date(day)).used)));
        }
        all
    }

    /// Whether the day that is open is the right one, and midnight was not a moment ago.
    pub(super) fn is_right(&self) -> bool {
        self.open_day() == Some(self.time.today())
    }

    /// Callers come to some node.
    pub(super) fn demand(self: &Rc<Self>) {
        let nodes = self.live();
        if nodes.is_empty() {
            return;
        }
        let (at, key, wanted) = self.random(|random| {
            (random.random_range(0..nodes.len()), random.random_range(0..self.keys.len()), random.random_range(0..40))
        });
        self.spend(&nodes[at], key, wanted);
    }

    /// Callers come to all nodes.
    pub(super) fn demand_all(self: &Rc<Self>) {
        for node in self.live() {
            (0..self.keys.len()).for_each(|key| self.spend(&node, key, 50));
        }
    }

    fn spend(&self, node: &Node, key: usize, wanted: u64) {
        let spent = node.spend(key, wanted);
        if spent > 0 {
            *self.spent.borrow_mut().entry((key, node.calendar.open_day())).or_default() += spent;
        }
    }

    /// Something happens, or nothing.
    pub(super) fn misfortune(self: &Rc<Self>) {
        let (at, dice) =
            self.random(|random| (random.random_range(0..self.size as usize), random.random_range(0..200)));
        let node = self.nodes.borrow()[at].clone();
        let is_cruel = self.mood == Mood::Cruel;
        match (node, dice) {
            (Some(node), 0..3) if is_cruel => {
                node.crash();
                self.seen.borrow_mut().crashes += 1;
                self.mishaps.set(self.mishaps.get() + 1);
                self.nodes.borrow_mut()[at] = None;
            }
            (Some(node), 3..7) if is_cruel => {
                self.seen.borrow_mut().cuts += 1;
                node.is_cut_off.set(!node.is_cut_off.get());
            }
            (Some(node), 7..10) => {
                self.seen.borrow_mut().peaceful_ends += 1;
                // Who can reach nobody can give nothing back.
                self.mishaps.set(self.mishaps.get() + u64::from(node.is_cut_off.get()));
                self.nodes.borrow_mut()[at] = None;
                let sight = Sight { world: Rc::clone(self), node };
                let world = Rc::clone(self);
                // A node's next process starts when the one before has ended.
                self.ending.borrow_mut().insert(sight.node.id);
                self.run(async move {
                    sight.close().await;
                    world.ending.borrow_mut().remove(&sight.node.id);
                });
            }
            (Some(node), 10..20) if self.unlucky.contains(&node.id) => {
                self.seen.borrow_mut().jumps += 1;
                node.wrong.store(self.jump(), Ordering::Relaxed);
            }
            (Some(node), 20..23) if self.unlucky.contains(&node.id) => {
                self.seen.borrow_mut().standstills += 1;
                node.calendar.stand_still(std::time::Duration::from_secs(3600));
            }
            (Some(node), 23..28) => {
                self.seen.borrow_mut().changes += 1;
                node.change_plan();
            }
            (None, 0..40) if !self.ending.borrow().contains(&(at as u64 + 1)) => {
                let node = self.start(at as u64 + 1);
                self.nodes.borrow_mut()[at] = Some(node);
            }
            _ => {}
        }
    }

    /// All nodes are there, and reach each other.
    pub(super) async fn heal(self: &Rc<Self>) {
        while !self.ending.borrow().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        for at in 0..self.size as usize {
            let node = self.nodes.borrow()[at].clone();
            let node = node.unwrap_or_else(|| self.start(at as u64 + 1));
            node.is_cut_off.set(false);
            self.nodes.borrow_mut()[at] = Some(node);
        }
    }

    /// Whether all nodes have seen that there is nothing left.
    pub(super) fn is_used_up(&self) -> bool {
        self.live().iter().all(|node| {
            let today = node.calendar.open_day();
            node.holdings.iter().all(|holding| holding.is_exhausted(today) && holding.purse.held().1 == 0)
        })
    }

    pub(super) async fn end_all(self: &Rc<Self>) {
        for node in self.nodes.take().into_iter().flatten() {
            Sight { world: Rc::clone(self), node }.close().await;
        }
    }

    /// Nothing was let through, or is held, that is not written down; and what is written down is in the quota.
    pub(super) fn check(&self) {
        let quota = self.limits.plan.quota.expect("the plan has a quota");
        assert!(self.open_day().is_none_or(|day| day <= self.time.today()), "a day was opened early");
        for ((key, day), spent) in self.spent.borrow().iter() {
            let window = quota.period.window(date(*day));
            let record = self.record(*key, window);
            let used = record.day(date(*day)).used;
            let live = self.live();
            let held = live.iter().map(|node| node.holdings[*key].purse.held()).filter(|(of, _)| of == day);
            let held: u64 = held.map(|(_, held)| held).sum();
            assert!(spent + held <= used, "day {day}: {spent} let through, {held} held, {used} written down");
            let all: u64 = window.days().map(|day| record.day(day).used).sum();
            assert!(all <= quota.limit, "{all} of {} are written down", quota.limit);
        }
    }

    /// Tokens that nobody has spent and nobody has; and how many there may be.
    pub(super) fn lost(&self) -> (u64, u64) {
        let quota = self.limits.plan.quota.expect("the plan has a quota");
        let spent = self.spent.borrow();
        let last = spent.keys().map(|(_, day)| *day).max().unwrap_or_default();
        let window = quota.period.window(date(last));
        let mut lost = 0;
        for key in 0..self.keys.len() {
            let of = |((of, day), count): (&(usize, u32), &u64)| {
                (*of == key && window.contains(date(*day))).then_some(*count)
            };
            lost += quota.limit - spent.iter().filter_map(of).sum::<u64>();
        }
        let lease = (quota.limit / 100).max(1);
        (lost, self.mishaps.get() * lease * self.keys.len() as u64)
    }

    /// What is written down of a key's use.
    fn record(&self, key: usize, window: Window) -> Record {
        let catalog = self.catalog.borrow();
        let month = |first| {
            let found = catalog.read(|documents| documents.get(&keys::usage(&self.plan, &self.keys[key], first)));
            found.expect("usage can be read").map(|found| (first, found.value))
        };
        Record::new(window.months().filter_map(month))
    }
}

fn date(day: u32) -> Date {
    time::macros::date!(1970 - 01 - 01) + Duration::days(day.into())
}

pub(super) fn unavailable() -> catalog::Error {
    catalog::Error::Unavailable(Arc::new(std::io::Error::other("simulated")))
}

pub(super) fn unknown() -> catalog::Error {
    catalog::Error::Unknown(Arc::new(std::io::Error::other("simulated")))
}
