//! The usage plan actor: takes leases for the plan's keys that are in use on this node, and gives back what idles.
//!
//! What is taken and given back [`Leases`] decides; the actor sees to it that it is done, one thing after the other.

use std::future::ready;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, ResponseActFuture,
    WrapFuture,
};
use serde::Serialize;
use tokio::time::Instant;

use super::books::Books;
use super::door::Letters;
use super::leases::{LOOK, Leases};
use super::register::Shared;
use super::renewal::{Batch, Ledger, Posting};
use super::round;
use crate::model::id::{ApiKeyId, UsagePlanId};
use crate::observe::plan_metrics::CutOff;

/// There is so much time between two commits of leases, for each node of the cluster: together they make fewer than
/// twenty in a second.
const BETWEEN: Duration = Duration::from_millis(55);
/// Leases that are asked for this long can't be had for now.
const SLOW: Duration = Duration::from_secs(2);
/// Who closes while something is under way, or does not know the day yet, tries again after this time.
const AGAIN: Duration = Duration::from_millis(20);

/// Takes and gives back leases of one plan.
pub(super) struct PlanActor {
    shared: Weak<Shared>,
    plan: UsagePlanId,
    letters: Arc<Letters>,
    leases: Leases,
    /// Whether a commit of leases is planned or under way.
    is_renewing: bool,
    /// Since when.
    wanted: Instant,
    last: Instant,
    rounds: u64,
    cut_off: CutOff,
}

/// Something was left at the door.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake;

/// Another node has no tokens of this key and there are none: gives back what can be spared. Whether something was.
#[derive(Message)]
#[rtype(result = "bool")]
pub(super) struct Recall(pub(super) ApiKeyId);

/// Gives back all that is held of this key's quota, as far as that can be done now. Whether nothing is held any more, and
/// nothing is on its way.
#[derive(Message)]
#[rtype(result = "bool")]
pub(super) struct Withdraw(pub(super) ApiKeyId);

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
            leases: Leases::default(),
            is_renewing: false,
            wanted: Instant::now(),
            last: Instant::now().checked_sub(Duration::from_secs(60)).unwrap_or_else(Instant::now),
            rounds: 0,
            cut_off: CutOff::default(),
        }
    }

    /// Takes in what was left at the door.
    fn open_door(&mut self, context: &mut Context<Self>) {
        self.letters.opened().into_iter().for_each(|holding| self.leases.add(holding));
        self.letters.wanting().into_iter().for_each(|holding| self.leases.want(holding));
        self.leases.return_later(self.letters.returned());
        if self.letters.is_changed() {
            let postings = self.leases.returned();
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
        if self.is_renewing || !self.leases.is_wanting() {
            return;
        }
        self.is_renewing = true;
        self.wanted = Instant::now();
        let between = BETWEEN * u32::try_from(shared.nodes()).unwrap_or(u32::MAX);
        let pause = between.saturating_sub(self.last.elapsed());
        context.run_later(pause, Self::renew);
    }

    fn renew(&mut self, context: &mut Context<Self>) {
        let Some(shared) = self.shared.upgrade() else { return };
        if !shared.is_settled() {
            context.run_later(AGAIN, Self::renew);
            return;
        }
        self.last = Instant::now();
        self.rounds += 1;
        let today = shared.open_day();
        let requests = self.leases.requests(today);
        let plan = self.plan.clone();
        let renewal = async move { round::renew(&*shared, &plan, requests, today).await };
        context.spawn(renewal.into_actor(self).map(|is_open, actor, context| {
            actor.cut_off.set(!is_open);
            actor.leases.renewed();
            actor.is_renewing = false;
            actor.plan_renewal(context);
        }));
    }

    /// Gives back what idles or is too much, and writes down what was counted.
    fn look(&mut self, context: &mut Context<Self>) {
        self.open_door(context);
        let Some(shared) = self.shared.upgrade() else { return context.stop() };
        if self.is_renewing && self.wanted.elapsed() > SLOW {
            self.cut_off.set(true);
        } else if !self.is_renewing && self.cut_off.is_set() {
            self.look_around(context);
        }
        let postings = self.leases.look(shared.open_day());
        for key in self.leases.forgotten() {
            if shared.forget(&self.plan, &key) {
                self.leases.remove(&key);
            }
        }
        self.post(postings, context);
    }

    /// Looks whether leases can be had again, where nobody wants any just now.
    fn look_around(&self, context: &mut Context<Self>) {
        let Some(shared) = self.shared.upgrade() else { return };
        let looking = async move { shared.fresh().await.is_ok() };
        context.spawn(looking.into_actor(self).map(|is_open, actor, _| {
            if is_open {
                actor.cut_off.set(false);
            }
        }));
    }

    /// Writes postings down, or first what is still open.
    fn post(&mut self, postings: Vec<Posting>, context: &mut Context<Self>) {
        let Some(posting) = self.posting(postings) else { return };
        context.spawn(posting.into_actor(self).map(|left, actor, _| {
            actor.leases.posted(left);
        }));
    }

    /// What writes down what is still open or else these postings, and gives what is open after it.
    fn posting(&mut self, postings: Vec<Posting>) -> Option<impl Future<Output = Option<Batch>> + use<>> {
        let shared = self.shared.upgrade()?;
        let mut batch = self.leases.begin(postings, || shared.number())?;
        let plan = self.plan.clone();
        Some(async move { (!Ledger { books: &*shared, plan: &plan }.post(&mut batch).await).then_some(batch) })
    }
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
        let posting = self.leases.spare(&key).and_then(|posting| self.posting(vec![posting]));
        match posting {
            Some(posting) => Box::pin(posting.into_actor(self).map(|left, actor, _| actor.leases.posted(left))),
            None => Box::pin(ready(false).into_actor(self)),
        }
    }
}

impl Handler<Withdraw> for PlanActor {
    type Result = ResponseActFuture<Self, bool>;

    fn handle(&mut self, Withdraw(key): Withdraw, context: &mut Self::Context) -> Self::Result {
        self.open_door(context);
        self.leases.withdraw(&key);
        let postings = self.leases.returned();
        match self.posting(postings) {
            Some(posting) => Box::pin(posting.into_actor(self).map(move |left, actor, _| {
                actor.leases.posted(left);
                actor.leases.is_free_of(&key)
            })),
            None => Box::pin(ready(self.leases.is_free_of(&key)).into_actor(self)),
        }
    }
}

impl Handler<Close> for PlanActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Close, context: &mut Self::Context) -> Self::Result {
        self.open_door(context);
        if !self.leases.end() {
            // What is under way ends first.
            let own = context.address();
            let again = async move {
                tokio::time::sleep(AGAIN).await;
                let _ = own.send(Close).await;
            };
            return Box::pin(again.into_actor(self));
        }
        let shared = self.shared.upgrade();
        let last = shared.as_ref().map(|shared| self.leases.close(|| shared.number())).unwrap_or_default();
        let plan = self.plan.clone();
        let giving = async move {
            let Some(shared) = shared else { return };
            if !(Ledger { books: &*shared, plan: &plan }).post_last(last).await {
                tracing::warn!(%plan, "some of what was used, or not used, could not be written down");
            }
        };
        Box::pin(giving.into_actor(self).map(|(), _, context: &mut Context<Self>| context.stop()))
    }
}

impl Handler<Observe> for PlanActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, context: &mut Self::Context) -> Self::Result {
        self.open_door(context);
        let (keys, held) = self.leases.held();
        MessageResult(Observed { plan: self.plan.to_string(), keys, held, leases: self.rounds })
    }
}
