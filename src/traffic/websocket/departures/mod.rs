//! How connections leave a node: in good order when the node stops, and on its behalf when it dies.
//!
//! A node that stops closes its connections one after the other over a settable time ([`drain`]); `$disconnect` runs
//! here, as always.
//!
//! A node that dies can't run it. So each node streams the [`Card`](crate::traffic::execute::socket::Card)s of its
//! connections to a witness, the member that comes next after it ([`teller`]), many in one message and none of it through
//! Raft. The witness keeps them encoded, a few hundred bytes each ([`witness`]). When a node is dead for the witness and for
//! all whom it can ask ([`lives`](super::lives)), or is back with another start, its witness claims the right to speak for
//! that start: one document, written by Raft only if nobody has claimed it, whatever the number of connections ([`claims`]).
//! Who has the claim runs `$disconnect` with 1006 for every card that it has.
//!
//! What that gives, and what it does not:
//! - `$disconnect` is run once at most, by whomever. A start is claimed once; and a node runs it for a connection that
//!   another one knows of only when that one has put the card away, or can't claim it any more ([`journal`]): usually a
//!   tenth of a second after the end. A node that is cut off from the others waits with it until it hears of them.
//! - A node that changes its witness has the old one say that it has nothing any more, or claims its own start.
//! - It is not run for connections that were opened in the last tenth of a second before a death, for those of two nodes
//!   that die together where one is the other's witness, and for those that a witness has not got to when it dies itself.
//! - A node that was only cut off from the others learns of the claim when it is back. It closes the connections that its
//!   witness could know of without running `$disconnect` again, and goes on with the others under a new start.
//! - Nothing is claimed in a part of the cluster that has no majority.

mod claims;
mod drain;
mod journal;
mod run;
mod teller;
mod witness;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::sync::mpsc;
use tokio::time::timeout;
use turnpike_cluster::{Cluster, Message, NodeId};

use super::line::Shut;
use super::lives::Lives;
use super::registry::Registry;
use super::roll::{Audience, Roll};
use crate::catalog::{Catalog, Follower, keys};
use crate::model::connection::ConnectionId;
use teller::Holder;
use witness::{Release, Witness};

pub(super) use journal::{Departure, Journal};
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
    lives: Lives,
    witness: Arc<Witness>,
    /// This node's start: another one each time, and after each claim.
    start: AtomicU64,
    /// This run of the node, and how much it has said to witnesses.
    process: u64,
    said: AtomicU64,
    /// What a witness that ends has let go.
    released: Mutex<Option<Holder>>,
}

/// Keep these cards for me, and these no more.
#[derive(Clone, Serialize, Deserialize)]
struct Keep {
    /// This run of the node that asks, and how many messages it has sent before.
    process: u64,
    number: u64,
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
    pub fn start(catalog: Catalog, lives: Lives, registry: Registry) -> (Self, Orphans) {
        let (sender, orphans) = mpsc::channel(ORPHANS);
        let cluster = lives.cluster().clone();
        let inner = Arc::new(Inner {
            catalog: catalog.clone(),
            cluster: cluster.clone(),
            registry,
            lives: lives.clone(),
            witness: Witness::start(catalog, lives, sender),
            start: AtomicU64::new(rand::random()),
            process: rand::random(),
            said: AtomicU64::default(),
            released: Mutex::default(),
        });
        let own = Arc::downgrade(&inner);
        cluster.receive(move |witness, Release(start)| {
            if let Some(inner) = own.upgrade() {
                *inner.released.lock() = Some(Holder { witness, start });
                inner.registry.journal().wake();
            }
            async {}
        });
        actix_web::rt::spawn(teller::tell(Arc::downgrade(&inner)));
        (Self { inner }, Orphans(orphans))
    }

    /// Waits until the witness knows who has left, for as long as is reasonable, and tells those for whom this node is the
    /// witness that it ends: after that it may.
    pub async fn end(&self) {
        if timeout(FAREWELL, self.inner.registry.journal().all_told()).await.is_err() {
            tracing::warn!("no other node knows which connections have ended here");
        }
        self.inner.witness.close().await;
    }

    /// Another node has spoken for this one's connections: those that it could know of are closed, and it is not done again.
    fn yield_to_claim(&self) {
        let inner = &self.inner;
        let Ok(claims) = inner.catalog.read(|documents| documents.get(&keys::connection_claims(inner.cluster.id())))
        else {
            return;
        };
        let start = inner.start.load(Ordering::Acquire);
        let holder = claims.and_then(|found| found.value.holder(start));
        let Some(by) = holder.filter(|by| *by != inner.cluster.id()) else { return };
        if inner.start.compare_exchange(start, start.wrapping_add(1), Ordering::AcqRel, Ordering::Acquire).is_err() {
            return;
        }
        tracing::warn!(by, "this node was cut off, and its connections were given up by the others");
        let own = inner.registry.journal().give_up();
        for roll in inner.registry.stages() {
            shut(&roll, true, |id| !own.contains(id));
        }
    }

    /// A stage that is gone has no connections.
    fn close_if_gone(&self, roll: &Arc<Roll>) {
        let key = keys::api_stage(&roll.api, &roll.stage);
        if !self.inner.catalog.read(|documents| documents.exists(&key)) {
            shut(roll, false, |_| true);
        }
    }
}

impl Follower for Departures {
    fn changed(&self, key: &str) {
        if let Some((api, stage)) = keys::parse_api_stage(key) {
            if let Some(roll) = self.inner.registry.stage(api.as_str(), stage.as_str()) {
                self.close_if_gone(&roll);
            }
        } else if key == keys::connection_claims(self.inner.cluster.id()).as_str() {
            self.yield_to_claim();
        }
    }

    fn reload(&self) {
        self.inner.registry.stages().iter().for_each(|roll| self.close_if_gone(roll));
        self.yield_to_claim();
    }
}

/// Closes connections of a stage; whoever asks for them does not find them any more. Nobody waits until it is done.
fn shut(roll: &Arc<Roll>, quietly: bool, is_meant: impl Fn(&ConnectionId) -> bool) {
    let ids = roll.ids(&Audience::All, None, usize::MAX);
    let lines: Vec<_> = ids.iter().filter(|id| is_meant(id)).filter_map(|id| roll.leave(id)).collect();
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
