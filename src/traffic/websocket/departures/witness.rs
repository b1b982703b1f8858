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
use tokio::time::{Instant, sleep};
use turnpike_cluster::{Message, NodeId};

use super::super::lives::{DEAD, Lives};
use super::Keep;
use super::claims::claim;
use super::teller::options;
use crate::catalog::Catalog;
use crate::model::connection::ConnectionId;
use crate::traffic::execute::socket::Card;

/// The nodes are looked at so often.
const LOOK: Duration = Duration::from_millis(500);
/// A node that is there and has not sent a word for so long has another witness.
const FORGET: Duration = Duration::from_secs(10);

/// Nodes that can hear of each other have within this time.
const SETTLE: Duration = Duration::from_secs(1);
/// A node is waited for so long when it is told that this one ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// What you have had kept here of this start is gone: this node ends.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Release(pub(super) u64);

impl Message for Release {
    const NAME: &'static str = "websocket/release";
    type Reply = ();
}

/// What one node knows of the connections of others.
pub(super) struct Witness {
    catalog: Catalog,
    lives: Lives,
    kept: Mutex<Kept>,
    orphans: mpsc::Sender<Card>,
}

/// The cards, by the nodes whose connections they are about.
#[derive(Default)]
struct Kept {
    nodes: HashMap<NodeId, Cards>,
    /// Of starts that are certainly over.
    over: Vec<(NodeId, Cards)>,
    /// The start of each node that was claimed last, or is to be: nothing of it is kept any more.
    claimed: HashMap<NodeId, u64>,
    /// Nothing at all is kept any more.
    is_closed: bool,
}

/// The cards of one start of a node.
#[derive(Debug)]
struct Cards {
    process: u64,
    /// What the node has said last.
    number: u64,
    start: u64,
    heard: Instant,
    by_id: HashMap<ConnectionId, Box<[u8]>>,
}

impl Witness {
    /// Begins to answer other nodes, and to look after them.
    pub(super) fn start(catalog: Catalog, lives: Lives, orphans: mpsc::Sender<Card>) -> Arc<Self> {
        let cluster = lives.cluster().clone();
        let witness = Arc::new(Self { catalog, lives, kept: Mutex::default(), orphans });
        let keeping = Arc::downgrade(&witness);
        cluster.receive(move |node, keep: Keep| {
            let goes_on = keeping.upgrade().is_some_and(|witness| witness.kept.lock().keep(node, keep));
            async move { goes_on }
        });
        actix_web::rt::spawn(Arc::clone(&witness).look());
        witness
    }

    /// Forgets everything, and says so to those whose connections it was about: they need another witness. For a node
    /// that ends.
    pub(super) async fn close(&self) {
        let kept = self.kept.lock().close();
        let cluster = self.lives.cluster();
        let told = kept.into_iter().filter(|(node, _)| !self.lives.is_silent(*node));
        join_all(told.map(|(node, start)| cluster.send(node, Release(start), FAREWELL))).await;
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
            let dead = self.kept.lock().take_dead(|node| self.lives.is_silent(node));
            for (node, cards) in dead {
                let spoken =
                    if self.is_surely_dead(node).await { self.speak_for(node, cards).await } else { Err(cards) };
                if let Err(cards) = spoken {
                    self.kept.lock().put_back(node, cards);
                }
            }
        }
    }

    /// Whether a node that seems dead is so for the others as well, and stays so for a moment: one that was cut off until
    /// now hears of the others soon.
    async fn is_surely_dead(&self, node: NodeId) -> bool {
        if !self.lives.ask(node).await {
            return false;
        }
        sleep(SETTLE).await;
        self.lives.ask(node).await
    }

    /// Claims the connections of a node's start, and has `$disconnect` run for them. Gives the cards back where nothing
    /// can be claimed at the moment.
    async fn speak_for(&self, node: NodeId, cards: Cards) -> Result<(), Cards> {
        let own = self.lives.cluster().id();
        match claim(&self.catalog, node, cards.start, own).await {
            Ok(by) if by == own => self.release(node, cards).await,
            Ok(by) => tracing::info!(node, by, "another node has spoken for this one's connections"),
            Err(error) => {
                tracing::warn!(node, %error, "the connections of a dead node can't be claimed yet");
                return Err(cards);
            }
        }
        Ok(())
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
        if self.is_closed || self.claimed.get(&node) == Some(&keep.start) {
            return false;
        }
        if let Entry::Occupied(known) = self.nodes.entry(node) {
            // What was on its way for long is no news.
            if known.get().process == keep.process && known.get().number >= keep.number {
                return false;
            }
            if known.get().start != keep.start {
                // It goes on under another start: nobody has run `$disconnect` for those of the one before.
                self.over.push((node, known.remove()));
            } else if keep.anew {
                known.remove();
            }
        }
        let Keep { process, number, start, anew, cards: came, left } = keep;
        let fresh = || Cards { process, number, start, heard: Instant::now(), by_id: HashMap::new() };
        let cards = match self.nodes.entry(node) {
            Entry::Vacant(_) if !anew => return false,
            entry => entry.or_insert_with(fresh),
        };
        (cards.heard, cards.number) = (Instant::now(), number);
        cards.by_id.extend(came.into_iter().map(|(id, card)| (id, card.into_vec().into_boxed_slice())));
        for id in &left {
            cards.by_id.remove(id);
        }
        if cards.by_id.capacity() > 4 * cards.by_id.len() {
            cards.by_id.shrink_to_fit();
        }
        true
    }

    /// Keeps nothing any more; answers with the starts of which something was kept.
    fn close(&mut self) -> Vec<(NodeId, u64)> {
        self.is_closed = true;
        self.over.clear();
        self.nodes.drain().map(|(node, cards)| (node, cards.start)).collect()
    }

    /// Takes the cards of starts that are over, where there are any.
    fn take_over(&mut self) -> Vec<(NodeId, Cards)> {
        let over = std::mem::take(&mut self.over);
        over.into_iter().filter(|(_, cards)| !cards.by_id.is_empty()).collect()
    }

    /// Takes the cards of those that seem dead, where there are any: what they say meanwhile is not kept. Forgets those of
    /// nodes that are there and have another witness.
    fn take_dead(&mut self, is_dead: impl Fn(NodeId) -> bool) -> Vec<(NodeId, Cards)> {
        let gone: Vec<NodeId> = self.nodes.keys().copied().filter(|node| is_dead(*node)).collect();
        let dead = gone.iter().filter_map(|node| self.nodes.remove_entry(node));
        let dead: Vec<_> = dead.filter(|(_, cards)| !cards.by_id.is_empty()).collect();
        self.claimed.extend(dead.iter().map(|(node, cards)| (*node, cards.start)));
        self.nodes.retain(|_, cards| cards.heard.elapsed() < FORGET);
        dead
    }

    /// Keeps cards that were taken for nothing; unless their node has been heard of since.
    fn put_back(&mut self, node: NodeId, cards: Cards) {
        if self.is_closed {
            return;
        }
        self.claimed.remove(&node);
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
    use std::sync::atomic::{AtomicU64, Ordering};

    use serde_bytes::ByteBuf;

    use super::*;

    /// What a node says, each time something later.
    fn keep(start: u64, anew: bool, cards: &[ConnectionId], left: &[ConnectionId]) -> Keep {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let cards = cards.iter().map(|id| (*id, ByteBuf::from(b"card".to_vec()))).collect();
        Keep { process: 1, number, start, anew, cards, left: left.to_vec() }
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
            assert!(kept.keep(1, keep(start, true, &ids[..2], &[])));
            let (node, cards) = kept.take_dead(|_| true).remove(0);
            let is_kept = again.map(|start| kept.keep(1, keep(start, true, &ids[2..3], &[])));
            kept.put_back(node, cards);
            (is_kept, counts(kept.take_over()), counts(kept.take_dead(|_| true)))
        };
        assert_eq!(silent(7, None), (None, vec![], vec![(1, 7, 2)]));
        // It is back under another start; what it says of the one that may be claimed is not taken.
        assert_eq!(silent(8, Some(8)), (Some(false), vec![], vec![(1, 8, 2)]));
        assert_eq!(silent(9, Some(10)), (Some(true), vec![(1, 9, 2)], vec![(1, 10, 1)]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_node_says_is_taken_in_its_order_and_nothing_of_what_was_claimed_or_after_the_end() {
        let ids: Vec<_> = (0..2).map(|_| ConnectionId::random(1)).collect();
        let mut kept = Kept::default();
        let (late, later) = (keep(7, false, &ids, &[]), keep(6, true, &ids, &[]));
        assert!(kept.keep(1, keep(7, true, &ids[..1], &[])));
        assert!(!kept.keep(1, late) && !kept.keep(1, later), "it was on its way for long");
        assert_eq!(counts(kept.take_dead(|_| true)), [(1, 7, 1)]);
        assert!(!kept.keep(1, keep(7, false, &[], &ids)) && !kept.keep(1, keep(7, true, &[], &[])));
        assert!(kept.keep(1, keep(8, true, &ids, &[])));
        assert_eq!(kept.close(), [(1, 8)]);
        assert!(!kept.keep(1, keep(9, true, &ids, &[])) && kept.take_dead(|_| true).is_empty());
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
