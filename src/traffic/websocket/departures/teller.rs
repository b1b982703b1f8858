//! Tells a node's witness of its connections: all of them at first, and then who came and who left.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bincode::Options;
use futures_util::future::join_all;
use serde_bytes::ByteBuf;
use tokio::time::{sleep, timeout};
use turnpike_cluster::NodeId;

use super::super::reach::DEAD;
use super::super::roll::{Audience, Roll};
use super::journal::Notes;
use super::{Inner, Keep, witness_of};
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

/// Tells the witness, as long as the node runs.
pub(super) async fn tell(node: Weak<Inner>) {
    let (mut told, mut has_failed): (Option<Told>, bool) = (None, true);
    loop {
        let Some(inner) = node.upgrade() else { return };
        let journal = inner.registry.journal();
        let pause = if has_failed { AGAIN } else { AT_LEAST };
        if timeout(pause, journal.written()).await.is_ok() {
            sleep(GATHER).await;
        }
        let cluster = &inner.cluster;
        // A member that was silent for a while is not the right one to be told of many things.
        let is_there = |member| cluster.silence(member).is_some_and(|silence| silence < DEAD);
        let witness = witness_of(cluster.id(), &cluster.member_ids(), is_there);
        let wanted = witness.map(|witness| Told { witness, start: inner.start.load(Ordering::Acquire) });
        if let Some(before) = told.filter(|before| wanted != Some(*before)) {
            // What it has is another one's to keep now. If it does not hear of that, it forgets by itself.
            let _ =
                inner.send(before, Keep { start: before.start, anew: true, cards: Vec::new(), left: Vec::new() }).await;
        }
        let notes = journal.take();
        told = match wanted {
            Some(wanted) if told == Some(wanted) && !notes.has_gaps => inner.go_on(wanted, notes).await,
            Some(wanted) => inner.begin(wanted).await,
            None => None,
        };
        has_failed = told != wanted;
        if !has_failed {
            journal.tell();
        }
    }
}

/// Who was told, and of which start.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Told {
    witness: NodeId,
    start: u64,
}

impl Inner {
    /// Tells of what is new. Answers with who knows everything now.
    async fn go_on(&self, told: Told, Notes { came, mut left, .. }: Notes) -> Option<Told> {
        let came: Vec<_> = came.into_iter().collect();
        let mut pieces = came.chunks(CARDS);
        loop {
            let piece = pieces.next();
            let asked = piece.unwrap_or_default().iter().map(|(id, roll)| card(roll, *id));
            let cards: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
            let message = Keep { start: told.start, anew: false, cards, left: std::mem::take(&mut left) };
            if !self.send(told, message).await {
                return None;
            }
            if piece.is_none_or(|piece| piece.len() < CARDS) {
                return Some(told);
            }
        }
    }

    /// Tells of everything.
    async fn begin(&self, told: Told) -> Option<Told> {
        let anew = Keep { start: told.start, anew: true, cards: Vec::new(), left: Vec::new() };
        if !self.send(told, anew).await {
            return None;
        }
        for roll in self.registry.stages() {
            let mut after = None;
            loop {
                let ids = roll.ids(&Audience::All, after, CARDS);
                let Some(last) = ids.last() else { break };
                after = Some(*last);
                let cards = join_all(ids.iter().map(|id| card(&roll, *id))).await.into_iter().flatten().collect();
                if !self.send(told, Keep { start: told.start, anew: false, cards, left: Vec::new() }).await {
                    return None;
                }
            }
        }
        Some(told)
    }

    async fn send(&self, told: Told, message: Keep) -> bool {
        matches!(self.cluster.send(told.witness, message, PATIENCE).await, Ok(true))
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
