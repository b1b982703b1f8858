//! Carries messages for the connections of one other node: many in one message between nodes, where many wait.
//!
//! A post that finds nobody under way goes at once and alone. While as many batches are under way as may be, posts
//! gather for the next one: the busier it gets, the less each costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::sync::{mpsc, oneshot};
use turnpike_cluster::NodeId;

use super::attempts::Attempt;
use super::here::{Fault, Place};
use super::lives::Lives;
use super::once::{Deed, Slot, Slots};
use crate::model::connection::ConnectionId;

/// So many posts to one node wait at most.
const WAITING: usize = 4096;
/// And so many bytes of them, those under way included.
const WAITING_BYTES: usize = 16 << 20;
/// So many batches to one node are under way at a time.
const UNDER_WAY: u16 = 4;
/// A batch has so many posts at most.
const POSTS: usize = 512;
/// A batch that has so many bytes takes no more posts.
const BYTES: usize = 1 << 20;

/// Send these to connections of yours. Answered when each is in its connection's send queue, or can't be.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Batch(pub(super) Vec<Post>);

/// A message for one connection.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Post {
    pub(super) place: Place,
    pub(super) id: ConnectionId,
    pub(super) text: ByteBuf,
    pub(super) attempt: Option<Attempt>,
}

impl Deed for Batch {
    const NAME: &'static str = "websocket/posts";
    type Reply = Vec<Result<(), Fault>>;
}

/// The way to one other node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Courier {
    parcels: mpsc::Sender<Parcel>,
    bytes: Arc<AtomicUsize>,
}

/// A post, and who waits for what becomes of it.
struct Parcel {
    post: Post,
    told: oneshot::Sender<Result<(), Fault>>,
    _weight: Weight,
}

/// A post's share of the bytes that may wait.
struct Weight {
    bytes: Arc<AtomicUsize>,
    own: usize,
}

impl Weight {
    /// Nothing, if too many bytes wait already.
    fn new(bytes: &Arc<AtomicUsize>, own: usize) -> Option<Self> {
        let weight = Self { bytes: Arc::clone(bytes), own };
        let before = bytes.fetch_add(own, Ordering::AcqRel);
        (before + own <= WAITING_BYTES).then_some(weight)
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.own, Ordering::AcqRel);
    }
}

impl Courier {
    /// A courier to a node. Runs in the runtime that it is made in, until all its handles are gone.
    pub(super) fn start(lives: Lives, node: NodeId) -> Self {
        let (parcels, queue) = mpsc::channel(WAITING);
        tokio::spawn(run(lives, node, queue));
        Self { parcels, bytes: Arc::default() }
    }

    /// Sends a text message to a connection of the node.
    pub(super) async fn post(&self, post: Post) -> Result<(), Fault> {
        let weight = Weight::new(&self.bytes, post.text.len()).ok_or(Fault::Busy)?;
        let (told, answer) = oneshot::channel();
        self.parcels.try_send(Parcel { post, told, _weight: weight }).map_err(|_| Fault::Busy)?;
        answer.await.unwrap_or(Err(Fault::Unknown))
    }
}

async fn run(lives: Lives, node: NodeId, mut queue: mpsc::Receiver<Parcel>) {
    let slots = Slots::new(UNDER_WAY);
    loop {
        let Some(slot) = slots.wait().await else { return };
        let Some(parcels) = gather(&mut queue).await else { return };
        let lives = lives.clone();
        tokio::spawn(async move { carry(&lives, node, slot, parcels).await });
    }
}

/// What waits, up to a batch; nothing, if nothing is to come.
async fn gather(queue: &mut mpsc::Receiver<Parcel>) -> Option<Vec<Parcel>> {
    let first = queue.recv().await?;
    let mut bytes = first.post.text.len();
    let mut parcels = vec![first];
    while parcels.len() < POSTS
        && bytes < BYTES
        && let Ok(next) = queue.try_recv()
    {
        bytes += next.post.text.len();
        parcels.push(next);
    }
    Some(parcels)
}

async fn carry(lives: &Lives, node: NodeId, slot: Slot, parcels: Vec<Parcel>) {
    let (mut posts, mut waiting) = (Vec::with_capacity(parcels.len()), Vec::with_capacity(parcels.len()));
    for Parcel { post, told, _weight } in parcels {
        posts.push(post);
        waiting.push((told, _weight));
    }
    let answers = slot.send(lives, node, Batch(posts)).await.unwrap_or_else(|fault| vec![Err(fault); waiting.len()]);
    for ((told, _weight), answer) in waiting.into_iter().zip(answers) {
        // Whoever does not wait any more does not care.
        let _ = told.send(answer);
    }
}
