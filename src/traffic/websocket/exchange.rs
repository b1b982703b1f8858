//! The connections of the whole cluster, as one node reaches them: its own directly, those of others in one hop.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::runtime::Handle;
use turnpike_cluster::{Cluster, Message, NodeId};

use super::attempts::Attempt;
use super::courier::{Batch, Courier, Post};
use super::here::{Counts, Fault, Here, Listed, Place, Question, Selection};
use super::lives::Lives;
use super::once::{Deed, Memory, Numbered, Slots};
use super::reach::reach;
use super::registry::Registry;
use super::roll::Audience;
use crate::model::connection::ConnectionId;

/// So many questions and broadcasts to one node are under way at a time.
const QUESTIONS: u16 = 256;

/// The way to all connections. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Exchange {
    inner: Arc<Inner>,
}

struct Inner {
    lives: Lives,
    here: Here,
    ways: Mutex<HashMap<NodeId, Way>>,
    /// Where couriers run.
    runtime: Handle,
}

/// The way to one other node. Cheap to clone.
#[derive(Clone)]
struct Way {
    courier: Courier,
    /// For what is no post.
    slots: Arc<Slots>,
}

/// What one node said, or why it said nothing.
pub(super) type ByNode<T> = BTreeMap<NodeId, Result<T, Fault>>;

/// Ask this of a connection of yours.
#[derive(Clone, Serialize, Deserialize)]
struct Ask {
    place: Place,
    id: ConnectionId,
    question: Question,
}

impl Deed for Ask {
    const NAME: &'static str = "websocket/ask";
    type Reply = Result<Option<Listed>, Fault>;
}

/// Send this to all connections of yours that are meant.
#[derive(Clone, Serialize, Deserialize)]
struct Cast {
    place: Place,
    audience: Audience,
    text: ByteBuf,
}

impl Deed for Cast {
    const NAME: &'static str = "websocket/broadcast";
    type Reply = Result<Counts, Fault>;
}

/// How many of your connections are meant?
#[derive(Clone, Serialize, Deserialize)]
struct Count {
    place: Place,
    audience: Audience,
}

impl Message for Count {
    const NAME: &'static str = "websocket/count";
    type Reply = u64;
}

/// What are your connections like?
#[derive(Clone, Serialize, Deserialize)]
struct List {
    place: Place,
    selection: Selection,
}

impl Message for List {
    const NAME: &'static str = "websocket/list";
    type Reply = Vec<Listed>;
}

impl Exchange {
    /// An exchange of this node, which answers others from now on. Runs in the runtime that it is made in.
    pub fn start(lives: Lives, registry: Registry) -> Self {
        let here = Here::new(registry);
        answer(lives.cluster(), &here);
        let runtime = Handle::current();
        let inner = Inner { lives, here, ways: Mutex::default(), runtime };
        Self { inner: Arc::new(inner) }
    }

    /// Sends a text message to a connection, wherever it is.
    pub(super) async fn post(
        &self,
        place: Place,
        id: ConnectionId,
        text: Bytes,
        attempt: Option<Attempt>,
    ) -> Result<(), Fault> {
        let node = NodeId::from(id.node());
        if node == self.inner.lives.cluster().id() {
            return self.inner.here.post(&place, &id, &text, attempt).await;
        }
        self.way(node)?.courier.post(Post { place, id, text: ByteBuf::from(text), attempt }).await
    }

    /// Asks something of a connection, wherever it is.
    pub(super) async fn ask(
        &self,
        place: Place,
        id: ConnectionId,
        question: Question,
    ) -> Result<Option<Listed>, Fault> {
        let node = NodeId::from(id.node());
        if node == self.inner.lives.cluster().id() {
            return self.inner.here.ask(&place, &id, question).await;
        }
        self.tell(node, Ask { place, id, question }).await?
    }

    /// Sends a text message to all who are meant, on all nodes.
    pub(super) async fn broadcast(&self, place: &Place, audience: &Audience, text: Bytes) -> ByNode<Counts> {
        let cast = Cast { place: place.clone(), audience: audience.clone(), text: ByteBuf::from(text.clone()) };
        let others = self.others(|node| {
            let cast = cast.clone();
            async move { self.tell(node, cast).await? }
        });
        let here = self.inner.here.broadcast(place, audience, &text);
        let (own, others) = futures_util::join!(here, others);
        others.into_iter().chain([(self.inner.lives.cluster().id(), own)]).collect()
    }

    /// How many are meant, on all nodes.
    pub(super) async fn count(&self, place: &Place, audience: &Audience) -> ByNode<u64> {
        let count = Count { place: place.clone(), audience: audience.clone() };
        let own = self.inner.here.count(place, audience);
        let others = self.others(|node| reach(&self.inner.lives, node, count.clone())).await;
        others.into_iter().chain([(self.inner.lives.cluster().id(), Ok(own))]).collect()
    }

    /// What connections of one node are like.
    pub(super) async fn list(&self, node: NodeId, place: Place, selection: Selection) -> Result<Vec<Listed>, Fault> {
        if node == self.inner.lives.cluster().id() {
            return Ok(self.inner.here.list(&place, &selection).await);
        }
        reach(&self.inner.lives, node, List { place, selection }).await
    }

    /// All nodes that may have connections, in order.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.inner.lives.cluster().member_ids()
    }

    /// Asks all other nodes.
    async fn others<T, F>(&self, ask: impl Fn(NodeId) -> F) -> Vec<(NodeId, Result<T, Fault>)>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let Inner { lives, .. } = &*self.inner;
        let others = self.nodes().into_iter().filter(|node| *node != lives.cluster().id());
        let asked = others.map(|node| {
            let asked = ask(node);
            // A node that is not heard of is not waited for.
            async move { (node, if lives.is_silent(node) { Err(Fault::Gone) } else { asked.await }) }
        });
        join_all(asked).await
    }

    /// Has another node deal with something once.
    async fn tell<D: Deed>(&self, node: NodeId, deed: D) -> Result<D::Reply, Fault> {
        let slot = self.way(node)?.slots.take().ok_or(Fault::Busy)?;
        slot.send(&self.inner.lives, node, deed).await
    }

    /// The way to a member. Ids are made up as easily as read: for other numbers there is none.
    fn way(&self, node: NodeId) -> Result<Way, Fault> {
        let mut ways = self.inner.ways.lock();
        if let Some(way) = ways.get(&node) {
            return Ok(way.clone());
        }
        if self.inner.lives.cluster().silence(node).is_none() {
            return Err(Fault::Gone);
        }
        let _inside = self.inner.runtime.enter();
        let way = Way { courier: Courier::start(self.inner.lives.clone(), node), slots: Slots::new(QUESTIONS) };
        ways.insert(node, way.clone());
        Ok(way)
    }
}

/// Answers other nodes.
fn answer(cluster: &Cluster, here: &Here) {
    deal(
        cluster,
        here,
        |here, Batch(posts)| async move { join_all(posts.iter().map(|post| here.pass_on(post))).await },
    );
    deal(cluster, here, |here, Ask { place, id, question }| async move { here.ask(&place, &id, question).await });
    deal(cluster, here, |here, Cast { place, audience, text }| async move {
        here.broadcast(&place, &audience, &text).await
    });
    let own = here.clone();
    cluster.receive(move |_, Count { place, audience }| {
        let counted = own.count(&place, &audience);
        async move { counted }
    });
    let own = here.clone();
    cluster.receive(move |_, List { place, selection }| {
        let here = own.clone();
        async move { here.list(&place, &selection).await }
    });
}

/// Deals with what other nodes tell, once.
fn deal<D, F>(cluster: &Cluster, here: &Here, deal: impl Fn(Here, D) -> F + Clone + Send + Sync + 'static)
where
    D: Deed,
    F: Future<Output = D::Reply> + Send + 'static,
{
    let (here, memory) = (here.clone(), Arc::new(Memory::<D>::default()));
    cluster.receive(move |from, told: Numbered<D>| {
        let (here, memory, deal) = (here.clone(), Arc::clone(&memory), deal.clone());
        async move { memory.deal(from, told, |deed| deal(here, deed)).await }
    });
}
