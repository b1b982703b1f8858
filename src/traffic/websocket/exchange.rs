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

use super::courier::{Batch, Courier};
use super::here::{Counts, Fault, Here, Listed, Place, Question, Selection};
use super::reach::{is_dead, reach};
use super::registry::Registry;
use super::roll::Audience;
use crate::model::connection::ConnectionId;

/// The way to all connections. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Exchange {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    here: Here,
    couriers: Mutex<HashMap<NodeId, Courier>>,
    /// Where couriers run.
    runtime: Handle,
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

impl Message for Ask {
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

impl Message for Cast {
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
    pub fn start(cluster: &Cluster, registry: Registry) -> Self {
        let here = Here::new(registry);
        answer(cluster, &here);
        let runtime = Handle::current();
        let inner = Inner { cluster: cluster.clone(), here, couriers: Mutex::default(), runtime };
        Self { inner: Arc::new(inner) }
    }

    /// Sends a text message to a connection, wherever it is.
    pub(super) async fn post(&self, place: Place, id: ConnectionId, text: Bytes) -> Result<(), Fault> {
        let node = NodeId::from(id.node());
        if node == self.inner.cluster.id() {
            return self.inner.here.post(&place, &id, &text).await;
        }
        self.courier(node)?.post(place, id, text).await
    }

    /// Asks something of a connection, wherever it is.
    pub(super) async fn ask(
        &self,
        place: Place,
        id: ConnectionId,
        question: Question,
    ) -> Result<Option<Listed>, Fault> {
        let node = NodeId::from(id.node());
        if node == self.inner.cluster.id() {
            return self.inner.here.ask(&place, &id, question).await;
        }
        reach(&self.inner.cluster, node, Ask { place, id, question }).await?
    }

    /// Sends a text message to all who are meant, on all nodes.
    pub(super) async fn broadcast(&self, place: &Place, audience: &Audience, text: Bytes) -> ByNode<Counts> {
        let message = Cast { place: place.clone(), audience: audience.clone(), text: ByteBuf::from(text.clone()) };
        let here = self.inner.here.broadcast(place, audience, &text);
        let (own, others) = futures_util::join!(here, self.ask_others(&message));
        let flat = others.into_iter().map(|(node, said)| (node, said.and_then(|counts| counts)));
        flat.chain([(self.inner.cluster.id(), own)]).collect()
    }

    /// How many are meant, on all nodes.
    pub(super) async fn count(&self, place: &Place, audience: &Audience) -> ByNode<u64> {
        let message = Count { place: place.clone(), audience: audience.clone() };
        let own = self.inner.here.count(place, audience);
        let others = self.ask_others(&message).await;
        others.into_iter().chain([(self.inner.cluster.id(), Ok(own))]).collect()
    }

    /// What connections of one node are like.
    pub(super) async fn list(&self, node: NodeId, place: Place, selection: Selection) -> Result<Vec<Listed>, Fault> {
        if node == self.inner.cluster.id() {
            return Ok(self.inner.here.list(&place, &selection).await);
        }
        reach(&self.inner.cluster, node, List { place, selection }).await
    }

    /// All nodes that may have connections, in order.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.inner.cluster.member_ids()
    }

    async fn ask_others<M>(&self, message: &M) -> Vec<(NodeId, Result<M::Reply, Fault>)>
    where
        M: Message + Clone + Sync,
    {
        let cluster = &self.inner.cluster;
        let others = self.nodes().into_iter().filter(|node| *node != cluster.id());
        let asked = others.map(|node| async move {
            // A node that is dead is not waited for.
            let said =
                if is_dead(cluster, node) { Err(Fault::Gone) } else { reach(cluster, node, message.clone()).await };
            (node, said)
        });
        join_all(asked).await
    }

    /// The courier to a member. Ids are made up as easily as read: for other numbers none is made.
    fn courier(&self, node: NodeId) -> Result<Courier, Fault> {
        let mut couriers = self.inner.couriers.lock();
        if let Some(courier) = couriers.get(&node) {
            return Ok(courier.clone());
        }
        if self.inner.cluster.silence(node).is_none() {
            return Err(Fault::Gone);
        }
        let _inside = self.inner.runtime.enter();
        let courier = Courier::start(self.inner.cluster.clone(), node);
        couriers.insert(node, courier.clone());
        Ok(courier)
    }
}

/// Answers other nodes.
fn answer(cluster: &Cluster, here: &Here) {
    let own = here.clone();
    cluster.receive(move |_, Batch(posts)| {
        let here = own.clone();
        async move { join_all(posts.iter().map(|post| here.pass_on(&post.place, &post.id, &post.text))).await }
    });
    let own = here.clone();
    cluster.receive(move |_, Ask { place, id, question }| {
        let here = own.clone();
        async move { here.ask(&place, &id, question).await }
    });
    let own = here.clone();
    cluster.receive(move |_, Cast { place, audience, text }| {
        let here = own.clone();
        async move { here.broadcast(&place, &audience, &text).await }
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
