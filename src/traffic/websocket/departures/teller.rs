//! Tells a node's witness of its connections: all of them at first, and then who came and who left.
//!
//! Who has cards of this node could claim them, as long as it has not said that it has none: a witness is only replaced
//! when it has let the cards go, or the node has claimed its own start, so that nobody else can.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bincode::Options;
use futures_util::future::join_all;
use serde_bytes::ByteBuf;
use tokio::time::{Instant, sleep, timeout};
use turnpike_cluster::NodeId;

use super::super::lives::DEAD;
use super::super::roll::{Audience, Roll};
use super::journal::Notes;
use super::{Inner, Keep, claims, witness_of};
use crate::model::connection::ConnectionId;
use crate::traffic::execute::socket::Card;

/// Notes gather for so long before they are sent.
const GATHER: Duration = Duration::from_millis(100);
/// The witness hears from the node at least so often: by that it knows that it is still the witness.
const AT_LEAST: Duration = Duration::from_secs(2);
/// Where the witness did not answer, it or another one is told anew after so long.
const AGAIN: Duration = Duration::from_millis(500);
/// A message has so many cards at most.
const CARDS: usize = 500;
/// The witness must answer within this time.
const PATIENCE: Duration = Duration::from_secs(2);
/// A member that is there and would not be the witness for so long,
const FAILING: Duration = Duration::from_secs(2 * DEAD.as_secs());
/// is not asked again for so long.
const SHUN: Duration = Duration::from_secs(10);

/// Tells the witness, as long as the node runs.
pub(super) async fn tell(node: Weak<Inner>) {
    let mut teller = Teller::default();
    loop {
        let Some(inner) = node.upgrade() else { return };
        let pause = if teller.failing.is_some() { AGAIN } else { AT_LEAST };
        if timeout(pause, inner.registry.journal().written()).await.is_ok() {
            sleep(GATHER).await;
        }
        teller.turn(&inner).await;
    }
}

/// How far the witness knows.
#[derive(Default)]
struct Teller {
    /// Who may have cards of this start.
    holder: Option<Holder>,
    /// Whether the holder knows all that was to be told.
    is_up_to_date: bool,
    /// Since when a member does not answer as the witness.
    failing: Option<(NodeId, Instant)>,
    /// Who would not be the witness, and since when.
    shunned: Option<(NodeId, Instant)>,
}

/// A member that may have cards, and of which start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Holder {
    pub(super) witness: NodeId,
    pub(super) start: u64,
}

impl Teller {
    /// Tells what there is to tell, to whom it is to be told.
    async fn turn(&mut self, inner: &Inner) {
        let released = inner.released.lock().take();
        if let Some(holder) = self.holder {
            if holder.start != inner.start() {
                // Another node speaks for that start, and has dropped or used what it had of it.
                self.holder = None;
            } else if released == Some(holder) {
                self.holder = None;
                self.shunned = Some((holder.witness, Instant::now()));
            }
        }
        let wanted = self.wanted(inner);
        if let Some(holder) = self.holder.filter(|holder| Some(holder.witness) != wanted) {
            if !inner.let_go(holder).await {
                self.fail(holder.witness);
                return;
            }
            self.holder = None;
        }
        let journal = inner.registry.journal();
        if self.holder.is_none() {
            journal.tell_all();
            self.is_up_to_date = false;
        }
        let Some(witness) = wanted else {
            journal.tell(journal.take().number);
            self.failing = None;
            return;
        };
        let told = if self.is_up_to_date { self.go_on(inner, witness).await } else { self.begin(inner, witness).await };
        self.is_up_to_date = told;
        if told {
            self.failing = None;
        } else {
            self.fail(witness);
        }
    }

    /// Who is to be the witness: a member that was heard of lately, and answers.
    fn wanted(&mut self, inner: &Inner) -> Option<NodeId> {
        if let Some((node, _)) = self.failing.filter(|(_, since)| since.elapsed() >= FAILING)
            && !inner.lives.is_silent(node)
        {
            self.shunned = Some((node, Instant::now()));
        }
        let shunned = self.shunned.filter(|(_, since)| since.elapsed() < SHUN).map(|(node, _)| node);
        let is_there = |member| Some(member) != shunned && !inner.lives.is_silent(member);
        witness_of(inner.cluster.id(), &inner.cluster.member_ids(), is_there)
    }

    fn fail(&mut self, node: NodeId) {
        let since = self.failing.filter(|(failing, _)| *failing == node).map(|(_, since)| since);
        self.failing = Some((node, since.unwrap_or_else(Instant::now)));
    }

    /// Tells of what is new. Answers with whether the witness knows everything now.
    async fn go_on(&mut self, inner: &Inner, witness: NodeId) -> bool {
        let start = inner.start();
        let journal = inner.registry.journal();
        let Notes { number, came, mut left, has_gaps } = journal.take();
        if has_gaps {
            return self.begin(inner, witness).await;
        }
        let came: Vec<_> = came.into_iter().collect();
        let mut pieces = came.chunks(CARDS);
        loop {
            let piece = pieces.next();
            let asked = piece.unwrap_or_default().iter().map(|(id, roll)| card(roll, *id));
            let cards: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
            if !inner.send(witness, start, false, cards, std::mem::take(&mut left)).await {
                return false;
            }
            if piece.is_none_or(|piece| piece.len() < CARDS) {
                journal.tell(number);
                return true;
            }
        }
    }

    /// Tells of everything.
    async fn begin(&mut self, inner: &Inner, witness: NodeId) -> bool {
        let start = inner.start();
        let journal = inner.registry.journal();
        if !inner.send(witness, start, true, Vec::new(), Vec::new()).await {
            return false;
        }
        self.holder = Some(Holder { witness, start });
        let number = journal.take().number;
        for roll in inner.registry.stages() {
            let mut after = None;
            loop {
                let ids = roll.ids(&Audience::All, after, CARDS);
                let Some(last) = ids.last() else { break };
                after = Some(*last);
                let cards = join_all(ids.iter().map(|id| card(&roll, *id))).await.into_iter().flatten().collect();
                if !inner.send(witness, start, false, cards, Vec::new()).await {
                    return false;
                }
            }
        }
        journal.tell(number);
        true
    }
}

impl Inner {
    fn start(&self) -> u64 {
        self.start.load(Ordering::Acquire)
    }

    /// Sees to it that nobody can claim what a member has; answers with whether that is so.
    async fn let_go(&self, holder: Holder) -> bool {
        let Holder { witness, start } = holder;
        // Either it has nothing any more, and says so,
        let is_there = !self.lives.is_silent(witness);
        let has_nothing = is_there && self.send(witness, start, true, Vec::new(), Vec::new()).await;
        if !has_nothing {
            // or what it has is worth nothing.
            let own = self.cluster.id();
            match claims::claim(&self.catalog, own, start, own).await {
                // Its follower sees to the rest where that is another one.
                Ok(by) if by != own => return false,
                Ok(_) => {
                    let next = start.wrapping_add(1);
                    let _ = self.start.compare_exchange(start, next, Ordering::AcqRel, Ordering::Acquire);
                }
                Err(error) => {
                    tracing::debug!(%error, "this node can't claim its own connections yet");
                    return false;
                }
            }
        }
        self.registry.journal().tell_all();
        true
    }

    /// Tells the witness something; answers with whether it has it.
    async fn send(
        &self,
        witness: NodeId,
        start: u64,
        anew: bool,
        cards: Vec<(ConnectionId, ByteBuf)>,
        left: Vec<ConnectionId>,
    ) -> bool {
        let number = self.said.fetch_add(1, Ordering::AcqRel);
        let keep = Keep { process: self.process, number, start, anew, cards, left };
        matches!(self.cluster.send(witness, keep, PATIENCE).await, Ok(true))
    }
}

/// A connection's card, encoded; nothing, if it is gone.
async fn card(roll: &Arc<Roll>, id: ConnectionId) -> Option<(ConnectionId, ByteBuf)> {
    let card: Card = roll.line(&id)?.card().await?;
    Some((id, ByteBuf::from(options().serialize(&card).ok()?)))
}

/// How cards are encoded: numbers in as few bytes as they take, for there are very many.
pub(super) fn options() -> impl Options {
    bincode::DefaultOptions::new()
}
