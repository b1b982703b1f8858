//! Asking another node about its connections, and what it means when it does not answer.
//!
//! Nothing is said twice that may have been heard: a message is sent again only where it has certainly not arrived, for
//! as long as the node may be back in a moment. A node that was not heard of for [`DEAD`] is dead, and its connections
//! are gone with it; so they are for everybody, because then another node may claim them.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use turnpike_cluster::{Cluster, Message, NodeId};

use super::here::Fault;

/// A node that was not heard of for so long is dead.
pub(super) const DEAD: Duration = Duration::from_secs(3);
/// An answer must come within this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends a message to a node about its connections.
pub(super) async fn reach<M>(cluster: &Cluster, node: NodeId, message: M) -> Result<M::Reply, Fault>
where
    M: Message + Clone + Sync,
{
    loop {
        let sent = Instant::now();
        match cluster.send(node, message.clone(), PATIENCE).await {
            Ok(reply) => return Ok(reply),
            Err(error) if error.is_undelivered() => {
                if is_dead(cluster, node) {
                    return Err(Fault::Gone);
                }
                sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::warn!(node, %error, "a node did not answer about its connections");
                return Err(fate(cluster, node, sent).await);
            }
        }
    }
}

/// Whether a node's connections are gone with it.
pub(super) fn is_dead(cluster: &Cluster, node: NodeId) -> bool {
    node != cluster.id() && cluster.silence(node).is_none_or(|silence| silence >= DEAD)
}

/// What is to be said of a message that may have arrived: if the node is dead, it does not matter any more.
async fn fate(cluster: &Cluster, node: NodeId, sent: Instant) -> Fault {
    loop {
        match cluster.silence(node) {
            Some(silence) if silence >= DEAD => return Fault::Gone,
            None => return Fault::Gone,
            Some(silence) if silence < sent.elapsed() => return Fault::Unknown,
            Some(_) => sleep(PAUSE).await,
        }
    }
}
