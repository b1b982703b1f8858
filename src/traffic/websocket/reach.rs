//! Asking another node about its connections, and what it means when it does not answer.
//!
//! The connections of a dead node are gone with it; so they are for everybody, because then another node may claim them.
//! Until then it is asked again, wherever the answer was lost: what is sent by this way asks without changing anything,
//! or is dealt with once (`once`). Of a node that lives and can't be reached nobody says that its connections are gone.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use turnpike_cluster::{Message, NodeId};

use super::here::Fault;
use super::lives::Lives;

/// After this time without an answer it is asked again.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// A node that is heard of and does not answer is given up after so long. Nobody knows then what has become of it.
const LIMIT: Duration = Duration::from_secs(20);
/// And so is one that is not heard of here, and may live.
const CUT_OFF: Duration = Duration::from_secs(8);

/// Sends a message to a node about its connections. It may be sent more than once.
pub(super) async fn reach<M>(lives: &Lives, node: NodeId, message: M) -> Result<M::Reply, Fault>
where
    M: Message + Clone + Sync,
{
    let begun = Instant::now();
    loop {
        let error = match lives.cluster().send(node, message.clone(), PATIENCE).await {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        if lives.is_dead(node).await {
            return Err(Fault::Gone);
        }
        let limit = if lives.is_silent(node) { CUT_OFF } else { LIMIT };
        if begun.elapsed() >= limit {
            tracing::warn!(node, %error, "a node did not answer about its connections");
            return Err(Fault::Unknown);
        }
        sleep(PAUSE).await;
    }
}
