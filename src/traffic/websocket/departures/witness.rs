//! Keeps the cards of other nodes' connections, and claims them when their node is dead.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use bincode::Options;
use futures_util::future::join_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use turnpike_cluster::{Cluster, Message, NodeId};

use super::super::reach::{DEAD, is_dead};
use super::Keep;
use super::teller::options;
use crate::catalog::{self, Catalog, Edit, keys};
use crate::model::connection::{Claim, ConnectionId};
use crate::traffic::execute::socket::Card;

/// The nodes are looked at so often.
const LOOK: Duration = Duration::from_millis(500);
/// A node that is there and has not sent a word for so long has another witness.
const FORGET: Duration = Duration::from_secs(10);

/// A majority of the nodes must be found within this time.
const MAJORITY: Duration = Duration::from_secs(1);
/// Nodes that can hear of each other have within this time.
const SETTLE: Duration = Duration::from_secs(1);

/// Have you heard of this node lately?
#[derive(Clone, Serialize, Deserialize)]
struct AskHeard(NodeId);

impl Message for AskHeard {
    const NAME: &'static str = "websocket/heard";
    type Reply = bool;
}

/// What one node knows of the connections of others.
pub(super) struct Witness {
    catalog: Catalog,
    cluster: Cluster,
    kept: Mutex<Kept>,
    orphans: mpsc::Sender<Card>,
}

/// The cards, by the nodes whose connections they are about.
#[derive(Default)]
struct Kept {
    nodes: HashMap<NodeId, Cards>,
    /// Of starts that are certainly over.
    over: Vec<(NodeId, Cards)>,
}

/// The cards of one start of a node.
#[derive(Debug)]
struct Cards {
    start: u64,
    heard: Instant,
    by_id: HashMap<ConnectionId, Box<[u8]>>,
}

impl Witness {
    /// Begins to answer other nodes, and to look after them.
    pub(super) fn start(catalog: Catalog, cluster: Cluster, orphans: mpsc::Sender<Card>) {
        let witness = Arc::new(Self { catalog, cluster: cluster.clone(), kept: Mutex::default(), orphans });
        let keeping = Arc::downgrade(&witness);
        cluster.receive(move |node, keep: Keep| {
            let goes_on = keeping.upgrade().is_some_and(|witness| witness.kept.lock().keep(node, keep));
            async move { goes_on }
        });
        let hearing = cluster.clone();
        cluster.receive(move |_, AskHeard(node)| {
            let is_heard_of = !is_dead(&hearing, node);
            async move { is_heard_of }
        });
        actix_web::rt::spawn(witness.look());
    }

    async fn look(self: Arc<Self>) {
        loop {
            sleep(LOOK).await;
            let over = self.kept.lock().take_over();
            for (node, cards) in over {
                if let Err(cards) = self.speak_for(node, cards).await {
                    self.kept.lock().over.push((node, cards));
                }
            }
            let dead = self.kept.lock().take_dead(|node| is_dead(&self.cluster, node));
            for (node, cards) in dead {
                let spoken =
                    if self.is_surely_dead(node).await { self.speak_for(node, cards).await } else { Err(cards) };
                if let Err(cards) = spoken {
                    self.kept.lock().put_back(node, cards);
                }
            }
        }
    }

    /// Whether a node that seems dead is so for the others as well: it may be this one that is cut off, and then it must
    /// not speak for anybody.
    async fn is_surely_dead(&self, node: NodeId) -> bool {
        let has_majority = async || matches!(timeout(MAJORITY, self.catalog.fresh()).await, Ok(Ok(())));
        if !has_majority().await {
            return false;
        }
        // A node that was cut off until now hears of the others in a moment.
        sleep(SETTLE).await;
        let others = self.cluster.member_ids().into_iter().filter(|other| ![node, self.cluster.id()].contains(other));
        let others = others.filter(|other| !is_dead(&self.cluster, *other));
        let heard = join_all(others.map(|other| self.cluster.send(other, AskHeard(node), MAJORITY))).await;
        let is_heard_of = heard.into_iter().any(|heard| heard.unwrap_or(false));
        !is_heard_of && is_dead(&self.cluster, node) && has_majority().await
    }

    /// Claims the connections of a node's start, and has `$disconnect` run for them. Gives the cards back where nothing
    /// can be claimed at the moment.
    async fn speak_for(&self, node: NodeId, cards: Cards) -> Result<(), Cards> {
        match self.claim(node, cards.start).await {
            Ok(true) => self.release(node, cards).await,
            Ok(false) => tracing::info!(node, "another node has spoken for this one's connections"),
            Err(error) => {
                tracing::warn!(node, %error, "the connections of a dead node can't be claimed yet");
                return Err(cards);
            }
        }
        Ok(())
    }

    /// Whether it is for this node, and nobody else, to speak for the connections of a node's start.
    async fn claim(&self, node: NodeId, start: u64) -> Result<bool, catalog::Error> {
        let key = keys::connection_claim(node);
        let claim = Claim { start, by: self.cluster.id() };
        loop {
            let found = self.catalog.read(|documents| documents.get(&key))?;
            let edit = match &found {
                Some(found) if found.value.start == start => return Ok(false),
                Some(found) => Edit::new().update(&key, found, &claim),
                None => Edit::new().create(&key, &claim),
            };
            match self.catalog.commit(edit).await {
                Ok(_) => return Ok(true),
                Err(catalog::Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands the connections over to where `$disconnect` is run.
    async fn release(&self, node: NodeId, cards: Cards) {
        tracing::warn!(node, connections = cards.by_id.len(), "a node is gone; $disconnect is run for its connections");
        for card in cards.by_id.into_values() {
            match options().deserialize(&card) {
                Ok(card) => drop(self.orphans.send(card).await),
                Err(error) => tracing::error!(node, %error, "the card of a connection can't be read"),
            }
        }
    }
}

impl Kept {
    /// Keeps what a node says; answers with whether it goes on from what is there.
    fn keep(&mut self, node: NodeId, keep: Keep) -> bool {
        let is_other = self.nodes.get(&node).is_some_and(|cards| cards.start != keep.start);
        if is_other && let Some(cards) = self.nodes.remove(&node) {
            // It has started again since: nobody has run `$disconnect` for those of the start before.
            self.over.push((node, cards));
        }
        if keep.anew {
            self.nodes.remove(&node);
        }
        let fresh = || Cards { start: keep.start, heard: Instant::now(), by_id: HashMap::new() };
        let cards = match self.nodes.entry(node) {
            Entry::Vacant(_) if !keep.anew => return false,
            entry => entry.or_insert_with(fresh),
        };
        cards.heard = Instant::now();
        cards.by_id.extend(keep.cards.into_iter().map(|(id, card)| (id, card.into_vec().into_boxed_slice())));
        for id in &keep.left {
            cards.by_id.remove(id);
        }
        if cards.by_id.capacity() > 4 * cards.by_id.len() {
            cards.by_id.shrink_to_fit();
        }
        true
    }

    /// Takes the cards of starts that are over, where there are any.
    fn take_over(&mut self) -> Vec<(NodeId, Cards)> {
        let over = std::mem::take(&mut self.over);
        over.into_iter().filter(|(_, cards)| !cards.by_id.is_empty()).collect()
    }

    /// Takes the cards of those that seem dead, where there are any; forgets those of nodes that are there and have
    /// another witness.
    fn take_dead(&mut self, is_dead: impl Fn(NodeId) -> bool) -> Vec<(NodeId, Cards)> {
        let gone: Vec<NodeId> = self.nodes.keys().copied().filter(|node| is_dead(*node)).collect();
        let dead = gone.iter().filter_map(|node| self.nodes.remove_entry(node));
        let dead = dead.filter(|(_, cards)| !cards.by_id.is_empty()).collect();
        self.nodes.retain(|_, cards| cards.heard.elapsed() < FORGET);
        dead
    }

    /// Keeps cards that were taken for nothing; unless their node has been heard of since.
    fn put_back(&mut self, node: NodeId, cards: Cards) {
        match self.nodes.entry(node) {
            Entry::Vacant(place) => drop(place.insert(cards)),
            Entry::Occupied(place) if place.get().start != cards.start => self.over.push((node, cards)),
            Entry::Occupied(_) => {}
        }
    }
}

// What was not heard of for as long as a dead node must not be forgotten before it is seen to be dead.
const _: () = assert!(FORGET.as_millis() > 2 * DEAD.as_millis());

#[cfg(test)]
mod tests {
    use serde_bytes::ByteBuf;

    use super::*;

    fn keep(start: u64, anew: bool, cards: &[ConnectionId], left: &[ConnectionId]) -> Keep {
        let cards = cards.iter().map(|id| (*id, ByteBuf::from(b"card".to_vec()))).collect();
        Keep { start, anew, cards, left: left.to_vec() }
    }

    fn counts(dead: Vec<(NodeId, Cards)>) -> Vec<(NodeId, u64, usize)> {
        dead.into_iter().map(|(node, cards)| (node, cards.start, cards.by_id.len())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn cards_are_kept_until_their_node_is_dead_or_starts_again() {
        let ids: Vec<_> = (0..4).map(|_| ConnectionId::random(1)).collect();
        let mut kept = Kept::default();
        assert!(!kept.keep(1, keep(7, false, &ids[..1], &[])), "nothing is there to go on from");
        assert!(kept.keep(1, keep(7, true, &[], &[])));
        assert!(kept.keep(1, keep(7, false, &ids, &[])));
        assert!(kept.keep(1, keep(7, false, &[], &ids[..1])));
        assert!(kept.take_dead(|_| false).is_empty());
        // Another start: those before are orphans, whether the node is there or not.
        assert!(kept.keep(1, keep(8, true, &[], &[])));
        assert!(kept.keep(1, keep(8, false, &ids[..2], &[])));
        assert_eq!(counts(kept.take_over()), [(1, 7, 3)]);
        assert_eq!(counts(kept.take_dead(|node| node == 1)), [(1, 8, 2)]);
        assert!(kept.take_dead(|_| true).is_empty() && kept.take_over().is_empty(), "taken once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_was_only_silent_is_not_spoken_for() {
        let ids: Vec<_> = (0..4).map(|_| ConnectionId::random(1)).collect();
        let mut kept = Kept::default();
        let mut silent = |start, again: Option<u64>| {
            kept.keep(1, keep(start, true, &ids[..2], &[]));
            let (node, cards) = kept.take_dead(|_| true).remove(0);
            again.map(|start| kept.keep(1, keep(start, true, &ids[2..3], &[])));
            kept.put_back(node, cards);
            (counts(kept.take_over()), counts(kept.take_dead(|_| true)))
        };
        assert_eq!(silent(7, None), (vec![], vec![(1, 7, 2)]));
        // It is back, and has told everything anew, under the same start or another one.
        assert_eq!(silent(7, Some(7)), (vec![], vec![(1, 7, 1)]));
        assert_eq!(silent(7, Some(8)), (vec![(1, 7, 2)], vec![(1, 8, 1)]));
    }

    #[tokio::test(start_paused = true)]
    async fn cards_that_nobody_tells_of_any_more_are_forgotten() {
        let ids = [ConnectionId::random(1)];
        let mut kept = Kept::default();
        assert!(kept.keep(1, keep(7, true, &ids, &[])));
        tokio::time::advance(FORGET / 2).await;
        assert!(kept.keep(1, keep(7, false, &[], &[])));
        tokio::time::advance(FORGET / 2).await;
        assert!(kept.take_dead(|_| false).is_empty());
        tokio::time::advance(FORGET).await;
        kept.take_dead(|_| false);
        assert!(kept.take_dead(|_| true).is_empty(), "it has another witness");
        // One that empties its set has nothing to be claimed.
        assert!(kept.keep(2, keep(1, true, &[], &[])));
        assert!(kept.take_dead(|_| true).is_empty());
    }
}
