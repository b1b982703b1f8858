//! Asking another node about its connections, and what it means when it does not answer.
//!
//! A node that was not heard of for [`DEAD`] is dead, and its connections are gone with it; so they are for everybody,
//! because then another node may claim them. Until then it is asked again, wherever the answer was lost: what is sent by
//! this way asks without changing anything, or is dealt with once (`once`).

use std::time::Duration;

use tokio::time::{Instant, sleep};
use turnpike_cluster::{Cluster, Message, NodeId};

use super::here::Fault;

/// A node that was not heard of for so long is dead.
pub(super) const DEAD: Duration = Duration::from_secs(3);
/// After this time without an answer it is asked again.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// A node that lives and does not answer is given up after so long. Nobody knows then what has become of it.
const LIMIT: Duration = Duration::from_secs(20);

/// Sends a message to a node about its connections. It may be sent more than once.
pub(super) async fn reach<M>(cluster: &Cluster, node: NodeId, message: M) -> Result<M::Reply, Fault>
where
    M: Message + Clone + Sync,
{
    let begun = Instant::now();
    loop {
        match cluster.send(node, message.clone(), PATIENCE).await {
            Ok(reply) => return Ok(reply),
            Err(_) if is_dead(cluster, node) => return Err(Fault::Gone),
            Err(error) if begun.elapsed() >= LIMIT => {
                tracing::warn!(node, %error, "a node did not answer about its connections");
                return Err(Fault::Unknown);
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Whether a node's connections are gone with it.
pub(super) fn is_dead(cluster: &Cluster, node: NodeId) -> bool {
    node != cluster.id() && cluster.silence(node).is_none_or(|silence| silence >= DEAD)
}
