//! A simulated node: its own look at the catalog, its clock, its leases, and what it does by itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use rand::Rng;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep};

use super::world::{Fate, World, unavailable, unknown};
use crate::catalog::{self, Documents, Edit, Trial, keys};
use crate::model::id::{ApiKeyId, UsagePlanId};
use crate::observe::clock::Clock;
use crate::traffic::usage::books::Books;
use crate::traffic::usage::calendar::{Calendar, Reading};
use crate::traffic::usage::holding::Holding;
use crate::traffic::usage::leases::{LOOK, Leases, begin_anew};
use crate::traffic::usage::opening::{self, Heard};
use crate::traffic::usage::purse::Taken;
use crate::traffic::usage::renewal::{Batch, Ledger, Posting};
use crate::traffic::usage::round;

/// Clocks are compared so often, at least,
const COMPARE: Duration = Duration::from_secs(2);
/// and that is thought of so often.
const DOUBT: Duration = Duration::from_millis(250);
/// Leases are asked for so often.
const BETWEEN: Duration = Duration::from_millis(30);

/// One process of a node, from its start to its end.
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) leases: RefCell<Leases>,
    pub(super) holdings: Vec<Arc<Holding>>,
    pub(super) calendar: Calendar,
    /// How wrong the machine's clock is, in seconds.
    pub(super) wrong: Arc<AtomicI64>,
    pub(super) is_cut_off: Cell<bool>,
    replica: RefCell<Trial>,
    /// How much of what was agreed is in the replica.
    applied: Cell<usize>,
    numbers: Cell<u64>,
    tasks: RefCell<Vec<AbortHandle>>,
    is_gone: Cell<bool>,
}

/// What a node's leases see of the world.
pub(super) struct Sight {
    pub(super) world: Rc<World>,
    pub(super) node: Rc<Node>,
}

impl Node {
    /// Starts with a clock that is so wrong, in seconds.
    pub(super) fn start(world: &Rc<World>, id: u64, wrong: i64) -> Rc<Self> {
        let wrong = Arc::new(AtomicI64::new(wrong));
        let (offset, time) = (Arc::clone(&wrong), world.time);
        let clock = Clock::told_by(move || {
            let seconds = offset.load(Ordering::Relaxed);
            let right = UNIX_EPOCH + time.now();
            if seconds < 0 {
                right - Duration::from_secs(seconds.unsigned_abs())
            } else {
                right + Duration::from_secs(seconds.unsigned_abs())
            }
        });
        let holdings: Vec<_> =
            world.keys.iter().map(|key| Arc::new(Holding::new(key.clone(), Arc::clone(&world.limits)))).collect();
        let mut leases = Leases::default();
        holdings.iter().for_each(|holding| leases.add(Arc::clone(holding)));
        let node = Rc::new(Self {
            id,
            leases: RefCell::new(leases),
            holdings,
            calendar: Calendar::new(clock),
            wrong,
            is_cut_off: Cell::new(false),
            replica: RefCell::default(),
            applied: Cell::new(0),
            numbers: Cell::new(world.random(|random| random.random())),
            tasks: RefCell::default(),
            is_gone: Cell::new(false),
        });
        node.follow(world);
        let sight = || Sight { world: Rc::clone(world), node: Rc::clone(&node) };
        node.run(world, renew(sight()));
        node.run(world, look(sight()));
        node.run(world, hear(sight()));
        node.run(world, compare(sight()));
        node
    }

    /// Does something that ends with the node.
    fn run<T: 'static>(&self, world: &Rc<World>, work: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        let task = world.run(work);
        let mut tasks = self.tasks.borrow_mut();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.abort_handle());
        task
    }

    /// Ends at once, with all that it holds.
    pub(super) fn crash(&self) {
        self.is_gone.set(true);
        self.tasks.borrow().iter().for_each(AbortHandle::abort);
    }

    /// Takes tokens for a caller; how many there were.
    pub(super) fn spend(&self, key: usize, wanted: u64) -> u64 {
        let (holding, today) = (&self.holdings[key], self.calendar.open_day());
        for spent in 0..wanted {
            match holding.purse.take(today) {
                Taken::Token => {}
                Taken::Last => self.leases.borrow_mut().want(Arc::clone(holding)),
                Taken::None => {
                    if !holding.is_exhausted(today) {
                        self.leases.borrow_mut().want(Arc::clone(holding));
                    }
                    return spent;
                }
            }
        }
        wanted
    }

    /// Hears that the plan has changed, in something that makes no difference here.
    pub(super) fn change_plan(&self) {
        self.leases.borrow_mut().return_later(self.holdings.iter().filter_map(begin_anew).collect());
    }

    /// Hears of everything that was agreed.
    pub(super) fn follow(&self, world: &World) {
        let agreed = world.agreed.borrow();
        for proposal in &agreed[self.applied.get()..] {
            // What came too late did nothing, here as elsewhere.
            let _ = self.replica.borrow_mut().apply(proposal);
            self.holdings.iter().for_each(|holding| holding.reopen());
        }
        self.applied.set(agreed.len());
        let open = self.replica.borrow().read(|documents| documents.get(&keys::open_day()));
        self.calendar.opening.see(open.expect("it can be read").map(|open| open.value));
    }
}

/// Asks for leases, as the plan's actor does.
async fn renew(sight: Sight) {
    loop {
        sleep(BETWEEN).await;
        let node = &sight.node;
        if node.leases.borrow().is_wanting() && node.calendar.is_settled() {
            let today = node.calendar.open_day();
            let requests = node.leases.borrow_mut().requests(today);
            round::renew(&sight, &sight.world.plan, requests, today).await;
            node.leases.borrow_mut().renewed();
        }
    }
}

/// Gives back what idles, as the plan's actor does.
async fn look(sight: Sight) {
    loop {
        sleep(LOOK).await;
        let postings = sight.node.leases.borrow_mut().look(sight.node.calendar.open_day());
        sight.post(postings).await;
    }
}

/// Compares clocks and opens days, as the register does.
async fn compare(sight: Sight) {
    let mut compared: Option<Instant> = None;
    loop {
        let calendar = &sight.node.calendar;
        if compared.is_none_or(|last| last.elapsed() >= COMPARE) || calendar.is_doubtful() {
            let ahead = opening::compare(&sight, calendar).await;
            compared = ahead.ok().flatten().map(|_| Instant::now()).or(compared);
        }
        sleep(DOUBT).await;
    }
}

/// Hears now and then of what was agreed.
async fn hear(sight: Sight) {
    loop {
        let pause = sight.world.random(|random| random.random_range(1..100));
        sleep(Duration::from_millis(pause)).await;
        if !sight.node.is_cut_off.get() {
            sight.node.follow(&sight.world);
        }
    }
}

impl Sight {
    /// Writes down what is open, or else these.
    pub(super) async fn post(&self, postings: Vec<Posting>) -> bool {
        let batch = self.node.leases.borrow_mut().begin(postings, || self.number());
        let Some(mut batch) = batch else { return false };
        let is_done = self.write(&mut batch).await;
        self.node.leases.borrow_mut().posted((!is_done).then_some(batch))
    }

    /// Gives back what it can spare of a key's tokens; whether something was.
    async fn give_back(&self, key: &ApiKeyId) -> bool {
        let spare = self.node.leases.borrow().spare(key);
        match spare {
            Some(posting) => self.post(vec![posting]).await,
            None => false,
        }
    }

    /// Ends in peace: everything is given back.
    pub(super) async fn close(&self) {
        while !self.node.leases.borrow_mut().end() {
            sleep(Duration::from_millis(20)).await;
        }
        self.node.crash();
        let batches = self.node.leases.borrow_mut().close(|| self.number());
        Ledger { books: self, plan: &self.world.plan }.post_last(batches).await;
    }

    async fn write(&self, batch: &mut Batch) -> bool {
        Ledger { books: self, plan: &self.world.plan }.post(batch).await
    }

    async fn pause(&self, most: u64) {
        let pause = self.world.random(|random| random.random_range(0..most));
        sleep(Duration::from_millis(pause)).await;
    }
}

impl Books for Sight {
    fn node(&self) -> u64 {
        self.node.id
    }

    fn nodes(&self) -> u64 {
        self.world.size
    }

    fn number(&self) -> u64 {
        let number = self.node.numbers.get();
        self.node.numbers.set(number.wrapping_add(1));
        number
    }

    fn read<T>(&self, look: impl FnOnce(&Documents<'_>) -> T) -> T {
        self.node.replica.borrow().read(look)
    }

    async fn fresh(&self) -> Result<(), catalog::Error> {
        self.pause(10).await;
        if self.node.is_cut_off.get() {
            return Err(unavailable());
        }
        self.node.follow(&self.world);
        Ok(())
    }

    async fn commit(&self, edit: Edit) -> Result<u64, catalog::Error> {
        let proposal = edit.propose()?;
        self.pause(20).await;
        match self.world.fate(&self.node) {
            Fate::Made => {
                let made = self.world.agree(&proposal);
                self.pause(20).await;
                if made.is_ok() {
                    self.node.follow(&self.world);
                }
                made
            }
            Fate::AnswerLost => {
                let _ = self.world.agree(&proposal);
                self.pause(200).await;
                Err(unknown())
            }
            Fate::Late => {
                let world = Rc::clone(&self.world);
                let pause = world.random(|random| random.random_range(0..3000));
                // It is on its way, whatever becomes of the node.
                self.world.run(async move {
                    sleep(Duration::from_millis(pause)).await;
                    let _ = world.agree(&proposal);
                });
                self.pause(200).await;
                Err(unknown())
            }
            Fate::Lost => {
                self.pause(200).await;
                Err(unknown())
            }
            Fate::Refused => Err(unavailable()),
        }
    }

    async fn recall(&self, _: &UsagePlanId, keys: &[&ApiKeyId]) -> bool {
        if self.node.is_cut_off.get() {
            return false;
        }
        let mut any = false;
        for other in self.world.others(&self.node) {
            for key in keys {
                self.pause(10).await;
                if other.is_gone.get() {
                    break;
                }
                // It is the other's work, whatever becomes of this node.
                let sight = Sight { world: Rc::clone(&self.world), node: Rc::clone(&other) };
                let key = (*key).clone();
                let given_back = other.run(&self.world, async move { sight.give_back(&key).await });
                any |= given_back.await.unwrap_or(false);
            }
        }
        any
    }

    async fn ask_clocks(&self, reading: Reading) -> Heard {
        let mut heard = Heard { told: Vec::new(), members: self.world.size as usize };
        if self.node.is_cut_off.get() {
            return heard;
        }
        for other in self.world.others(&self.node) {
            self.pause(5).await;
            let (theirs, day) = (other.calendar.read().now(), other.calendar.vote());
            heard.told.push((theirs.cast_signed() - reading.now().cast_signed(), day));
        }
        self.pause(5).await;
        heard
    }
}
