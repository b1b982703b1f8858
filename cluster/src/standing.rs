//! Whether this node is still a member: one that was let go learns it from the others, and is none from then on.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::NodeId;
use crate::cluster::Inner;
use crate::identity::Identity;
use crate::network::{AskStanding, Standing, To};
use crate::read;

/// Between two questions.
const ASK: Duration = Duration::from_secs(2);
/// An answer must come within this time.
const ANSWER: Duration = Duration::from_secs(2);

/// How this node's cluster stands to a node, by what is committed; `None` when that can't be known now.
pub(crate) async fn of(inner: &Arc<Inner>, node: NodeId, instance: u128) -> Option<Standing> {
    read::reach(inner).await?;
    let known = inner.is_allotted(node, instance);
    let member = inner.position.read().has_member(node);
    match (known, member) {
        (true, true) => Some(Standing::Member),
        (true, false) => Some(Standing::Removed),
        // Of a number that was never given to it nothing can be said.
        (false, _) => None,
    }
}

/// Asks the others from time to time, one after the other.
pub(crate) async fn watch(inner: Weak<Inner>) {
    let mut turn = 0;
    loop {
        tokio::time::sleep(ASK).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_stopped() {
            return;
        }
        let others: Vec<_> = inner.members().into_iter().filter(|(node, _)| *node != inner.id()).collect();
        // One that is not let in yet is no member, and was not removed.
        if inner.leads() || others.is_empty() || !inner.identity.read().member {
            continue;
        }
        turn += 1;
        let (node, other) = &others[turn % others.len()];
        let question = AskStanding((inner.id(), inner.identity.read().instance));
        if let Ok(Some(Standing::Removed)) = inner.peers.send(To::node(*node, &other.address), &question, ANSWER).await
        {
            return leave(&inner).await;
        }
    }
}

/// Writes down that this node is no member any more, and ends its part.
async fn leave(inner: &Arc<Inner>) {
    tracing::error!(node = inner.id(), "this node was removed from its cluster; its part in it ends");
    let identity = Identity { removed: true, ..inner.identity.read().clone() };
    if let Err(error) = identity.write(&*inner.disk) {
        inner.disk.fail(&error);
    }
    *inner.identity.write() = identity;
    inner.end().await;
    inner.removed.send_replace(true);
}
