//! The register of one node: whose key a value is, and which plan opens which stage for it; kept as the catalog has it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::{Actor, Addr, ArbiterHandle};
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::time::Instant;
use turnpike_cluster::Cluster;

use super::account::{Account, Seat};
use super::actor::{Close, Observe, Observed, PlanActor, Recall, Withdraw};
use super::books::Books;
use super::calendar::{Calendar, Reading};
use super::door::{Door, Letters};
use super::exchange;
use super::holding::Holding;
use super::leases::begin_anew;
use super::limits::Limits;
use super::opening::{self, Heard};
use super::pacer::Pacer;
use super::purse::Day;
use super::renewal::CLOSING;
use crate::catalog::{self, Catalog, Documents, Edit, Follower, Held, keys};
use crate::model::id::{ApiId, ApiKeyId, StageName, UsagePlanId};
use crate::model::rest::UsagePlan;
use crate::observe::clock::Clock;
use crate::observe::metrics;

/// The members are looked at so often.
const LOOK: Duration = Duration::from_millis(250);
/// Clocks are compared so often; with each look until they were once, and while they say another day than is open.
const COMPARE: Duration = Duration::from_secs(10);

/// What is held of a key's quota is withdrawn within this time, tried so often.
const WITHDRAWAL: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_millis(10);

/// The keys and plans that are in use on this node. Cheap to clone.
#[derive(Clone)]
pub struct Register {
    shared: Arc<Shared>,
}

/// What a register needs.
pub struct Settings {
    /// Keys, plans and usage.
    pub catalog: Catalog,
    /// The other nodes.
    pub cluster: Cluster,
    /// The time.
    pub clock: Clock,
    /// Where actors run; at least one.
    pub threads: Vec<ArbiterHandle>,
}

/// What the register and its actors share.
pub(super) struct Shared {
    settings: Settings,
    calendar: Arc<Calendar>,
    pacer: Pacer,
    /// Begins anywhere, so that what was before a restart is not met again.
    numbers: AtomicU64,
    /// Grows with every change of a key or a plan.
    changes: AtomicU64,
    plans: Mutex<HashMap<UsagePlanId, Plan>>,
}

/// A plan that is in use.
struct Plan {
    door: Door,
    accounts: HashMap<ApiKeyId, Arc<Account>>,
}

/// What a key's value leads to.
struct Found {
    key: ApiKeyId,
    plan: UsagePlan,
}

impl Plan {
    /// Whoever has a seat looks again, and what is held is given back: from here on nobody spends what the plan before gave.
    fn begin_anew(&self) {
        self.accounts.values().for_each(|account| account.clear());
        self.door.changed(self.accounts.values().filter_map(|account| begin_anew(&account.holding)).collect());
    }
}

impl Register {
    /// A register that knows nobody yet. Runs in an actix arbiter.
    pub fn start(settings: Settings) -> Self {
        let calendar = Arc::new(Calendar::new(settings.clock.clone()));
        let pacer = Pacer::new(&settings.cluster);
        let shared = Arc::new(Shared {
            settings,
            calendar,
            pacer,
            numbers: AtomicU64::new(rand::random()),
            changes: AtomicU64::new(0),
            plans: Mutex::default(),
        });
        let register = Self { shared };
        exchange::answer(register.shared.cluster(), &register, &register.shared.calendar);
        let told = register.clone();
        register.shared.catalog().tell_held(move |plan, keys| told.held(plan, keys));
        let withdrawing = register.clone();
        let withdraw = move |plan, key| {
            let register = withdrawing.clone();
            async move { register.withdraw(plan, key).await }
        };
        register.shared.catalog().answer_withdrawals(withdraw);
        actix_web::rt::spawn(upkeep(Arc::downgrade(&register.shared)));
        register
    }

    /// The seat that a key's value has at a stage; none if no such key is enabled, or no plan of it opens the stage.
    pub fn look_up(&self, value: &str, api: &ApiId, stage: &StageName) -> Result<Option<Arc<Seat>>, catalog::Error> {
        let seen = self.shared.changes.load(Ordering::Acquire);
        let Some(found) = self.find(value, api, stage)? else { return Ok(None) };
        let seat = self.account(found).seat(value, api, stage);
        // What was changed while it was made may not be in it: it is good for this request alone.
        if self.shared.changes.load(Ordering::Acquire) != seen {
            seat.end();
        }
        Ok(Some(seat))
    }

    fn find(&self, value: &str, api: &ApiId, stage: &StageName) -> Result<Option<Found>, catalog::Error> {
        let catalog = self.shared.catalog();
        let claim = keys::api_key_claim(&catalog.fingerprint(value.as_bytes()));
        catalog.read(|documents| {
            let Some(key) = documents.get(&claim)?.map(|found| found.value) else { return Ok(None) };
            let found = documents.get(&keys::api_key(&key))?.map(|found| found.value);
            let Some(found) = found.filter(|found| found.enabled) else { return Ok(None) };
            for plan in found.plans.iter().filter(|plan| documents.exists(&keys::usage_plan_key(plan, &key))) {
                let Some(plan) = documents.get(&keys::usage_plan(plan))? else { continue };
                if plan.value.api_stages.iter().any(|one| one.api == *api && one.stage == *stage) {
                    return Ok(Some(Found { key, plan: plan.value }));
                }
            }
            Ok(None)
        })
    }

    /// The account of a key with a plan, as the plan is now.
    fn account(&self, Found { key, plan }: Found) -> Arc<Account> {
        let mut plans = self.shared.plans.lock();
        let count = plans.len();
        let known = plans.entry(plan.id.clone()).or_insert_with(|| {
            let threads = &self.shared.settings.threads;
            let letters = Arc::<Letters>::default();
            let actor = PlanActor::new(Arc::downgrade(&self.shared), plan.id.clone(), Arc::clone(&letters));
            let actor = PlanActor::start_in_arbiter(&threads[count % threads.len()], |_| actor);
            Plan { door: Door { actor, letters }, accounts: HashMap::new() }
        });
        if let Some(account) = known.accounts.get(&key) {
            if account.holding.limits.load().plan != plan {
                account.holding.limits.store(Arc::new(Limits::new(plan)));
            }
            return Arc::clone(account);
        }
        // The plan's limits are one for all of its keys, as far as it has not changed.
        let limits = known.accounts.values().next().map(|account| account.holding.limits.load_full());
        let limits = limits.filter(|limits| limits.plan == plan).unwrap_or_else(|| Arc::new(Limits::new(plan)));
        let calendar = Arc::clone(&self.shared.calendar);
        let account = Arc::new(Account::new(
            Holding::new(key.clone(), limits),
            known.door.clone(),
            calendar,
            self.shared.pacer.clone(),
        ));
        known.accounts.insert(key, Arc::clone(&account));
        known.door.open(&account.holding);
        account
    }

    /// What is held of these keys' quotas and not spent, and what was let through and is not written down.
    fn held(&self, plan: &UsagePlanId, keys: &[ApiKeyId]) -> Vec<Held> {
        let plans = self.shared.plans.lock();
        let Some(plan) = plans.get(plan) else { return Vec::new() };
        let accounts = keys.iter().filter_map(|key| plan.accounts.get(key));
        let held = accounts.flat_map(|account| {
            let account = &account.holding;
            let (day, tokens) = account.purse.held();
            let spared =
                (tokens > 0).then(|| Held { key: account.key.to_string(), day, unspent: tokens, uncounted: 0 });
            let counted = account.tally.counted().into_iter();
            let counted =
                counted.map(|(day, uncounted)| Held { key: account.key.to_string(), day, unspent: 0, uncounted });
            spared.into_iter().chain(counted).collect::<Vec<_>>()
        });
        held.collect()
    }

    /// Gives back what can be spared of a key's tokens; whether something was.
    pub(super) async fn give_back(&self, plan: &UsagePlanId, key: ApiKeyId) -> bool {
        let actor = self.shared.plans.lock().get(plan).map(|plan| plan.door.actor.clone());
        match actor {
            Some(actor) => actor.send(Recall(key)).await.unwrap_or(false),
            None => false,
        }
    }

    /// Gives back all that is held of a key's quota; whether that could be done within a moment.
    async fn withdraw(&self, plan: UsagePlanId, key: ApiKeyId) -> bool {
        let actor = self.shared.plans.lock().get(&plan).map(|plan| plan.door.actor.clone());
        // Who has no such plan holds nothing.
        let Some(actor) = actor else { return true };
        let deadline = Instant::now() + WITHDRAWAL;
        while Instant::now() < deadline {
            if actor.send(Withdraw(key.clone())).await.unwrap_or(true) {
                return true;
            }
            tokio::time::sleep(AGAIN).await;
        }
        false
    }

    /// What can be seen of every plan actor.
    pub async fn observe(&self) -> Vec<Observed> {
        let mut all = Vec::new();
        for actor in self.shared.actors() {
            all.extend(actor.send(Observe).await);
        }
        all
    }

    /// Gives back all that is held, as far as that can be done in a few seconds. Requests that come later find nothing.
    pub async fn close(&self) {
        let closing = self.shared.actors().into_iter().map(|actor| async move { actor.send(Close).await });
        if tokio::time::timeout(CLOSING, join_all(closing.collect::<Vec<_>>())).await.is_err() {
            tracing::warn!("not all tokens of quotas could be given back within {CLOSING:?}");
        }
    }
}

impl Follower for Register {
    fn changed(&self, key: &str) {
        self.shared.changed(key);
    }

    fn reload(&self) {
        self.shared.changes.fetch_add(1, Ordering::AcqRel);
        self.shared.see_day();
        for plan in self.shared.plans.lock().values() {
            plan.begin_anew();
        }
    }
}

impl Shared {
    pub(super) fn catalog(&self) -> &Catalog {
        &self.settings.catalog
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.settings.cluster
    }

    /// The day whose quotas are open.
    pub(super) fn open_day(&self) -> Day {
        self.calendar.open_day()
    }

    /// Whether it is known which day it is: before, no lease is taken.
    pub(super) fn is_settled(&self) -> bool {
        self.calendar.is_settled()
    }

    /// Looks which day is open. Where that can't be read, nothing is said of it.
    fn see_day(&self) {
        if let Ok(found) = self.catalog().read(|documents| documents.get(&keys::open_day())) {
            self.calendar.opening.see(found.map(|found| found.value));
        }
    }

    fn actors(&self) -> Vec<Addr<PlanActor>> {
        self.plans.lock().values().map(|plan| plan.door.actor.clone()).collect()
    }

    /// Forgets an account that neither a worker nor a request has a seat of; whether it did.
    pub(super) fn forget(&self, plan: &UsagePlanId, key: &ApiKeyId) -> bool {
        let mut plans = self.plans.lock();
        let Some(plan) = plans.get_mut(plan) else { return true };
        if let Some(account) = plan.accounts.get(key) {
            account.clear();
            if Arc::strong_count(account) > 1 {
                return false;
            }
        }
        plan.accounts.remove(key);
        true
    }

    fn changed(&self, key: &str) {
        if key == keys::open_day().as_str() {
            self.see_day();
        } else if let Some((plan, key)) = keys::parse_usage(key) {
            let plans = self.plans.lock();
            if let Some(account) = plans.get(&plan).and_then(|plan| plan.accounts.get(&key)) {
                account.holding.reopen();
            }
        } else if let Some(key) = keys::parse_api_key(key) {
            self.changes.fetch_add(1, Ordering::AcqRel);
            let plans = self.plans.lock();
            plans.values().filter_map(|plan| plan.accounts.get(&key)).for_each(|account| account.clear());
        } else if let Some((plan, key)) = keys::parse_usage_plan(key) {
            self.changes.fetch_add(1, Ordering::AcqRel);
            self.changed_plan(&plan, key.as_ref());
        }
    }

    /// A plan has changed, or one key's being in it.
    fn changed_plan(&self, id: &UsagePlanId, key: Option<&ApiKeyId>) {
        let mut plans = self.plans.lock();
        let Some(plan) = plans.get(id) else { return };
        if let Some(key) = key {
            plan.accounts.get(key).into_iter().for_each(|account| account.clear());
            return;
        }
        plan.begin_anew();
        let is_there = self.catalog().read(|documents| documents.exists(&keys::usage_plan(id)));
        if let Some(gone) = (!is_there).then(|| plans.remove(id)).flatten() {
            gone.accounts.values().for_each(|account| account.end());
            gone.door.gone();
        }
    }
}

impl Books for Shared {
    fn node(&self) -> u64 {
        self.cluster().id()
    }

    fn nodes(&self) -> u64 {
        self.pacer.nodes()
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn read<T>(&self, look: impl FnOnce(&Documents<'_>) -> T) -> T {
        self.catalog().read(look)
    }

    async fn fresh(&self) -> Result<(), catalog::Error> {
        self.catalog().fresh().await
    }

    async fn commit(&self, edit: Edit) -> Result<u64, catalog::Error> {
        self.catalog().commit(edit).await
    }

    async fn recall(&self, plan: &UsagePlanId, keys: &[&ApiKeyId]) -> bool {
        exchange::recall(self.cluster(), plan, keys).await
    }

    async fn ask_clocks(&self, reading: Reading) -> Heard {
        exchange::ask_clocks(self.cluster(), reading).await
    }
}

/// Keeps what is known of clocks and members fresh. Others are asked as soon as a quota was ever in use: who leaves quotas
/// alone for days has a say in which day it is.
async fn upkeep(shared: Weak<Shared>) {
    let mut compared: Option<Instant> = None;
    while let Some(shared) = shared.upgrade() {
        shared.pacer.look();
        shared.see_day();
        let calendar = &shared.calendar;
        let is_due = compared.is_none_or(|last| last.elapsed() >= COMPARE) || calendar.is_doubtful();
        let is_used = calendar.open_day() != 0 || !shared.plans.lock().is_empty();
        if is_due && is_used {
            match opening::compare(&*shared, calendar).await {
                Ok(None) => {}
                Ok(Some(ahead)) => {
                    metrics::record_clock(ahead);
                    compared = Some(Instant::now());
                }
                Err(error) => tracing::debug!(%error, "the day of quotas can't be agreed on at the moment"),
            }
        }
        drop(shared);
        tokio::time::sleep(LOOK).await;
    }
}
