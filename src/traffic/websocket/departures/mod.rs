//! How connections leave a node: in good order when the node stops, and on its behalf when it dies.
//!
//! A node that stops closes its connections one after the other over a settable time ([`drain`]); `$disconnect` runs
//! here, as always.
//!
//! A node that dies can't run it. So each node streams the [`Card`](crate::traffic::execute::socket::Card)s of its
//! connections to a witness, the member that comes next after it ([`teller`]), many in one message and none of it through
//! Raft. The witness keeps them encoded, a few hundred bytes each ([`witness`]). When nothing is heard of a node for
//! [`DEAD`](super::reach::DEAD) by anybody, or when it is back with another start, its witness claims the right to speak
//! for that start: one document, written by Raft only if nobody has claimed it, whatever the number of connections. Who has the
//! claim runs `$disconnect` with 1006 for every card that it has.
//!
//! What that gives, and what it does not:
//! - `$disconnect` is run once at most. A node says that a connection has left before it runs `$disconnect` itself, and a
//!   start is claimed once.
//! - It is not run for connections that were opened in the last tenth of a second before a death, for those of two nodes
//!   that die together where one is the other's witness, and for those that a witness has not got to when it dies itself.
//! - A node that was only cut off from the others learns of the claim when it is back. It closes its connections
//!   without running `$disconnect` again, those included that the witness did not know of, and goes on under a new start.
//! - Nothing is claimed in a part of the cluster that has no majority.

mod drain;
mod journal;
mod run;
mod teller;
mod witness;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::sync::mpsc;
use tokio::time::timeout;
use turnpike_cluster::{Cluster, Message, NodeId};

use super::line::Shut;
use super::registry::Registry;
use super::roll::{Audience, Roll};
use crate::catalog::{Catalog, Follower, keys};
use crate::model::connection::ConnectionId;
use witness::Witness;

pub(super) use journal::Journal;
pub use run::Orphans;

/// So many connections of dead nodes wait for their `$disconnect`; the witness waits when there are more.
const ORPHANS: usize = 1024;

/// A node that ends waits so long until its witness knows who has left.
const FAREWELL: Duration = Duration::from_secs(3);

/// Sees to it that every connection's end is told. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Departures {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    cluster: Cluster,
    registry: Registry,
    /// This node's start: another one each time, and after each claim.
    start: AtomicU64,
}

/// Keep these cards for me, and these no more.
#[derive(Clone, Serialize, Deserialize)]
struct Keep {
    /// The start of the node that asks.
    start: u64,
    /// Whether this begins a new set, and what is kept of this start is to be thrown away.
    anew: bool,
    cards: Vec<(ConnectionId, ByteBuf)>,
    left: Vec<ConnectionId>,
}

impl Message for Keep {
    const NAME: &'static str = "websocket/keep";
    /// Whether it goes on from what is there; if not, all of it is to be said anew.
    type Reply = bool;
}

impl Departures {
    /// Begins to stream cards to a witness, and to be one. Answers also with those whose `$disconnect` is to be run here.
    /// Runs in the actix arbiter that it is started in.
    pub fn start(catalog: Catalog, cluster: Cluster, registry: Registry) -> (Self, Orphans) {
        let (sender, orphans) = mpsc::channel(ORPHANS);
        let start = AtomicU64::new(rand::random());
        let departures =
            Self { inner: Arc::new(Inner { catalog: catalog.clone(), cluster: cluster.clone(), registry, start }) };
        Witness::start(catalog, cluster, sender);
        actix_web::rt::spawn(teller::tell(Arc::downgrade(&departures.inner)));
        (departures, Orphans(orphans))
    }

    /// Waits until the witness knows who has left, for as long as is reasonable: after that the node may end.
    pub async fn told(&self) {
        if timeout(FAREWELL, self.inner.registry.journal().all_told()).await.is_err() {
            tracing::warn!("no other node knows which connections have ended here");
        }
    }

    /// Another node has spoken for this one's connections: they are closed, and it is not done again.
    fn yield_to_claim(&self) {
        let inner = &self.inner;
        let Ok(claimed) = inner.catalog.read(|documents| documents.get(&keys::connection_claim(inner.cluster.id())))
        else {
            return;
        };
        let start = inner.start.load(Ordering::Acquire);
        let Some(claim) = claimed.map(|found| found.value).filter(|claim| claim.start == start) else { return };
        inner.start.store(rand::random(), Ordering::Release);
        tracing::warn!(by = claim.by, "this node was cut off, and its connections were given up by the others");
        for roll in inner.registry.stages() {
            shut(&roll, true);
        }
    }

    /// A stage that is gone has no connections.
    fn close_if_gone(&self, roll: &Arc<Roll>) {
        let key = keys::api_stage(&roll.api, &roll.stage);
        if !self.inner.catalog.read(|documents| documents.exists(&key)) {
            shut(roll, false);
        }
    }
}

impl Follower for Departures {
    fn changed(&self, key: &str) {
        if let Some((api, stage)) = keys::parse_api_stage(key) {
            if let Some(roll) = self.inner.registry.stage(api.as_str(), stage.as_str()) {
                self.close_if_gone(&roll);
            }
        } else if key == keys::connection_claim(self.inner.cluster.id()).as_str() {
            self.yield_to_claim();
        }
    }

    fn reload(&self) {
        self.inner.registry.stages().iter().for_each(|roll| self.close_if_gone(roll));
        self.yield_to_claim();
    }
}

/// Closes all connections of a stage; whoever asks for them does not find them any more. Nobody waits until it is done.
fn shut(roll: &Arc<Roll>, quietly: bool) {
    let ids = roll.ids(&Audience::All, None, usize::MAX);
    let lines: Vec<_> = ids.iter().filter_map(|id| roll.leave(id)).collect();
    let closing = async move {
        for line in lines {
            line.shut(Shut { quietly, ..Shut::going_away() }).await;
        }
    };
    actix_web::rt::spawn(closing);
}

/// The member that keeps the cards of a node: the next one that is there.
fn witness_of(node: NodeId, members: &[NodeId], is_there: impl Fn(NodeId) -> bool) -> Option<NodeId> {
    let later = members.iter().filter(|member| **member > node);
    let earlier = members.iter().filter(|member| **member < node);
    later.chain(earlier).copied().find(|member| is_there(*member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_is_the_next_member_that_is_there() {
        for (node, members, dead, expected) in [
            (1, &[1, 2, 3][..], &[][..], Some(2)),
            (3, &[1, 2, 3], &[], Some(1)),
            (1, &[1, 2, 3], &[2], Some(3)),
            (2, &[1, 2, 3], &[3], Some(1)),
            (2, &[1, 2, 3], &[1, 3], None),
            (1, &[1], &[], None),
        ] {
            assert_eq!(witness_of(node, members, |member| !dead.contains(&member)), expected, "{node} of {members:?}");
        }
    }
}
