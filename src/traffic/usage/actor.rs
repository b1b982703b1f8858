//! The usage plan actor: takes leases for the plan's keys that are in use on this node, and gives back what idles.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, ResponseActFuture,
    WrapFuture,
};
use serde::Serialize;
use tokio::time::Instant;

use super::account::Account;
use super::door::Letters;
use super::exchange;
use super::purse::Day;
use super::register::Shared;
use super::renewal::{Batch, Ledger, Posting, Renewed, Request};
use crate::model::id::{ApiKeyId, UsagePlanId};

/// There is so much time between two commits of leases, for each node of the cluster: together they make fewer than
/// twenty in a second.
const BETWEEN: Duration = Duration::from_millis(55);
/// One commit has at most so many leases.
const MAX_BATCH: usize = 500;
/// Accounts are looked at so often: whether they idle, how much they spend.
const LOOK: Duration = Duration::from_secs(1);
/// What was not used for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// A node keeps tokens for so many seconds of what it spends; it gives back what is more.
const KEPT: f64 = 5.0;
/// Others are asked so often to give back half of what they hold before a quota counts as used up.
const RECALLS: u32 = 16;
/// Tokens a second that a key is taken to spend when it has begun a moment ago.
const FIRST_GUESS: u32 = 32;
/// Who closes while something is being written down tries again after this time.
const AGAIN: Duration = Duration::from_millis(20);
/// How much of a demand is what was seen in the last look.
const FRESH: f64 = 0.5;

/// Takes and gives back leases of one plan.
pub(super) struct PlanActor {
    shared: Weak<Shared>,
    plan: UsagePlanId,
    letters: Arc<Letters>,
    accounts: HashMap<ApiKeyId, Known>,
    wanting: HashMap<ApiKeyId, Arc<Account>>,
    /// Whether a commit of leases is planned or under way.
    is_renewing: bool,
    /// Whether something is being written down.
    is_posting: bool,
    /// What could not be written down yet; nothing else is before it.
    open: Option<Batch>,
    /// What is written down next.
    later: Vec<Posting>,
    last: Instant,
    leases: u64,
}

/// An account, and what was seen of it.
struct Known {
    account: Arc<Account>,
    taken: u64,
    demand: Option<f64>,
    used: Instant,
}

/// Something was left at the door.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake;

/// Another node has no tokens of this key and there are none: gives back what can be spared. Whether something was.
#[derive(Message)]
#[rtype(result = "bool")]
pub(super) struct Recall(pub(super) ApiKeyId);

/// Gives everything back, and ends.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Close;

/// Asks what can be seen.
#[derive(Message)]
#[rtype(result = "Observed")]
pub(super) struct Observe;

/// What can be seen of a plan actor.
#[derive(Clone, Debug, Serialize)]
pub struct Observed {
    /// The plan.
    pub plan: String,
    /// Keys that are in use.
    pub keys: usize,
    /// Tokens that are held for them.
    pub held: u64,
    /// Rounds of leases so far.
    pub leases: u64,
}

impl PlanActor {
    pub(super) fn new(shared: Weak<Shared>, plan: UsagePlanId, letters: Arc<Letters>) -> Self {
        Self {
            shared,
            plan,
            letters,
            accounts: HashMap::new(),
            wanting: HashMap::new(),
            is_renewing: false,
            is_posting: false,
            open: None,
            later: Vec::new(),
            last: Instant::now().checked_sub(Duration::from_secs(60)).unwrap_or_else(Instant::now),
            leases: 0,
        }
    }

    /// Takes in what was left at the door.
    fn open_door(&mut self, context: &mut Context<Self>) {
        for account in self.letters.opened() {
            let taken = account.purse.taken();
            self.accounts.insert(account.key.clone(), Known { account, taken, demand: None, used: Instant::now() });
        }
        let wanting = self.letters.wanting().into_iter();
        self.wanting.extend(wanting.map(|account| (account.key.clone(), account)));
        if self.can_post() && self.letters.is_changed() {
            let accounts = self.accounts.values();
            let postings = accounts.filter_map(|known| give_back(&known.account, 0)).collect();
            self.post(postings, context);
        }
        if self.letters.is_gone() {
            // What was used of a plan is gone with it.
            return context.stop();
        }
        self.plan_renewal(context);
    }

    /// Plans the next commit of leases, if one is wanted.
    fn plan_renewal(&mut self, context: &mut Context<Self>) {
        let Some(shared) = self.shared.upgrade() else { return };
        if self.is_renewing || self.wanting.is_empty() {
            return;
        }
        self.is_renewing = true;
        let between = BETWEEN * u32::try_from(shared.nodes()).unwrap_or(u32::MAX);
        let pause = between.saturating_sub(self.last.elapsed());
        context.run_later(pause, Self::renew);
    }

    fn renew(&mut self, context: &mut Context<Self>) {
        let Some(shared) = self.shared.upgrade() else { return };
        self.last = Instant::now();
        let today = shared.today();
        let wanting = self.wanting.values();
        let old: Vec<Posting> = wanting
            .filter(|account| account.purse.held().0 != today)
            .filter_map(|account| give_back(account, 0))
            .collect();
        if !old.is_empty() {
            // What is left of yesterday goes first.
            self.later.extend(old);
        }
        self.leases += 1;
        let batch: Vec<ApiKeyId> = self.wanting.keys().take(MAX_BATCH).cloned().collect();
        let requests: Vec<Request> = batch.iter().filter_map(|key| self.request(key)).collect();
        let plan = self.plan.clone();
        let renewal = async move { renew(&shared, &plan, requests).await };
        context.spawn(renewal.into_actor(self).map(|(), actor, context| {
            actor.is_renewing = false;
            actor.plan_renewal(context);
        }));
    }

    fn request(&mut self, key: &ApiKeyId) -> Option<Request> {
        let account = self.wanting.remove(key)?;
        let known = self.accounts.get(key);
        let demand = known.and_then(|known| {
            // What is seen only now counts at once.
            let so_far = account.purse.taken().saturating_sub(known.taken) as f64;
            let seen = so_far / LOOK.as_secs_f64();
            known.demand.map(|demand| demand.max(seen)).or((so_far > 0.0).then_some(seen.max(f64::from(FIRST_GUESS))))
        });
        Some(Request { account, demand })
    }

    /// Gives back what idles or is too much, and writes down what was counted.
    fn look(&mut self, context: &mut Context<Self>) {
        self.open_door(context);
        let Some(shared) = self.shared.upgrade() else { return context.stop() };
        let today = shared.today();
        let can_post = self.can_post();
        let mut postings = Vec::new();
        for known in self.accounts.values_mut() {
            let taken = known.account.purse.taken();
            let spent = taken - known.taken;
            known.taken = taken;
            let seen = spent as f64 / LOOK.as_secs_f64();
            known.demand = Some(known.demand.map_or(seen, |before| before + FRESH * (seen - before)));
            let (day, held) = known.account.purse.held();
            let keep =
                if spent == 0 || day != today { 0 } else { (known.demand.unwrap_or_default() * KEPT).ceil() as u64 };
            if spent > 0 || known.account.tally.is_running() {
                known.used = Instant::now();
            }
            if can_post {
                if held > keep {
                    postings.extend(give_back(&known.account, keep));
                }
                postings.extend(write_down(&known.account));
            }
        }
        if can_post {
            postings.append(&mut self.later);
        }
        self.forget(&shared);
        self.post(postings, context);
    }

    /// Forgets what was not used for long, and is in nobody's hands: neither a worker nor a request has a seat.
    fn forget(&mut self, shared: &Arc<Shared>) {
        let mut old = Vec::new();
        for (key, known) in &self.accounts {
            if known.used.elapsed() > FORGOTTEN && known.account.purse.held().1 == 0 {
                known.account.clear();
                old.push(key.clone());
            }
        }
        for key in old {
            if shared.forget(&self.plan, &key) {
                self.accounts.remove(&key);
            }
        }
    }

    fn can_post(&self) -> bool {
        !self.is_posting && self.open.is_none()
    }

    /// Writes postings down, or first what is still open.
    fn post(&mut self, postings: Vec<Posting>, context: &mut Context<Self>) {
        if self.is_posting || (postings.is_empty() && self.open.is_none()) {
            return;
        }
        let Some(posting) = self.posting(postings) else { return };
        context.spawn(posting.into_actor(self).map(|left, actor, _| {
            actor.posted(left);
        }));
    }

    /// What writes down what is still open or else these postings, and gives what is open after it.
    fn posting(&mut self, postings: Vec<Posting>) -> Option<impl Future<Output = Option<Batch>> + use<>> {
        let shared = self.shared.upgrade()?;
        self.is_posting = true;
        let mut batch = self.open.take().unwrap_or_else(|| Batch::new(shared.number(), postings));
        let plan = self.plan.clone();
        Some(async move { (!shared.ledger(&plan).post(&mut batch).await).then_some(batch) })
    }

    /// Keeps what is still open; whether nothing is.
    fn posted(&mut self, left: Option<Batch>) -> bool {
        self.is_posting = false;
        self.open = left;
        self.open.is_none()
    }
}

async fn renew(shared: &Arc<Shared>, plan: &UsagePlanId, requests: Vec<Request>) {
    let ledger = shared.ledger(plan);
    let day = shared.today();
    let mut needy = settle(&ledger, requests, day, false).await;
    for round in 1..=RECALLS {
        if needy.is_empty() {
            return;
        }
        // By what is known here nothing is left. Others may hold something, and there may be news.
        let keys: Vec<&ApiKeyId> = needy.iter().map(|request| &request.account.key).collect();
        let is_final = !exchange::recall(shared.cluster(), plan, &keys).await || round == RECALLS;
        // Without a majority nobody can say that there is nothing.
        if shared.catalog().fresh().await.is_err() {
            return needy.iter().for_each(|request| request.account.release());
        }
        needy = settle(&ledger, needy, day, is_final).await;
    }
}

/// Asks for leases and tells those who wait; gives back the requests for which nothing is left, unless that is final.
async fn settle(ledger: &Ledger<'_>, requests: Vec<Request>, day: Day, is_final: bool) -> Vec<Request> {
    let renewed = ledger.renew(&requests, day).await.unwrap_or_default();
    let mut needy = Vec::new();
    for (index, request) in requests.into_iter().enumerate() {
        match renewed.get(index) {
            Some(Renewed::Nothing) if is_final => request.account.exhaust(day),
            Some(Renewed::Nothing) => needy.push(request),
            Some(Renewed::Filled) | None => request.account.release(),
        }
    }
    needy
}

/// Takes tokens out of an account's purse, all but so many, to be given back.
fn give_back(account: &Arc<Account>, keep: u64) -> Option<Posting> {
    let (day, tokens) = account.purse.empty(keep);
    let change = i64::try_from(tokens).unwrap_or(i64::MAX);
    (tokens > 0).then(|| Posting { account: Arc::clone(account), day, change: -change })
}

fn write_down(account: &Arc<Account>) -> Vec<Posting> {
    let counted = account.tally.drain().into_iter();
    let posting = |(day, count)| {
        let change = i64::try_from(count).unwrap_or(i64::MAX);
        Posting { account: Arc::clone(account), day, change }
    };
    counted.map(posting).collect()
}

impl Actor for PlanActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(LOOK, Self::look);
    }
}

impl Handler<Wake> for PlanActor {
    type Result = ();

    fn handle(&mut self, _: Wake, context: &mut Self::Context) {
        self.open_door(context);
    }
}

impl Handler<Recall> for PlanActor {
    type Result = ResponseActFuture<Self, bool>;

    fn handle(&mut self, Recall(key): Recall, context: &mut Self::Context) -> Self::Result {
        self.open_door(context);
        let account = self.accounts.get(&key).filter(|_| self.can_post());
        let posting = account.and_then(|known| {
            let (_, held) = known.account.purse.held();
            let is_idle = known.account.purse.taken() == known.taken;
            give_back(&known.account, if is_idle { 0 } else { held / 2 })
        });
        let posting = posting.and_then(|posting| self.posting(vec![posting]));
        match posting {
            Some(posting) => Box::pin(posting.into_actor(self).map(|left, actor, _| actor.posted(left))),
            None => Box::pin(ready(false).into_actor(self)),
        }
    }
}

impl Handler<Close> for PlanActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Close, context: &mut Self::Context) -> Self::Result {
        self.open_door(context);
        if self.is_posting {
            // What is under way ends first.
            let own = context.address();
            let again = async move {
                tokio::time::sleep(AGAIN).await;
                let _ = own.send(Close).await;
            };
            return Box::pin(again.into_actor(self));
        }
        let accounts = self.accounts.values().map(|known| &known.account);
        let postings = accounts.flat_map(|account| write_down(account).into_iter().chain(give_back(account, 0)));
        let mut postings: Vec<Posting> = postings.collect();
        postings.append(&mut self.later);
        let (shared, plan, open) = (self.shared.upgrade(), self.plan.clone(), self.open.take());
        let giving = async move {
            let Some(shared) = shared else { return };
            let last = Batch::new(shared.number(), postings);
            for mut batch in open.into_iter().chain([last]) {
                if !shared.ledger(&plan).post(&mut batch).await {
                    tracing::warn!(%plan, "some of what was used, or not used, could not be written down");
                    return;
                }
            }
        };
        Box::pin(giving.into_actor(self).map(|(), _, context: &mut Context<Self>| context.stop()))
    }
}

impl Handler<Observe> for PlanActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, context: &mut Self::Context) -> Self::Result {
        self.open_door(context);
        MessageResult(Observed {
            plan: self.plan.to_string(),
            keys: self.accounts.len(),
            held: self.accounts.values().map(|known| known.account.purse.held().1).sum(),
            leases: self.leases,
        })
    }
}
