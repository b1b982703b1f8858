//! What a node answers to other nodes' messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;
use crate::cluster::Inner;
use crate::network::{
    Allot, Append, AskPiece, AskRoom, AskStanding, ChangeMembership, Elect, HaveBlob, InstallSnapshot, Join, LetGo,
    Ping, Propose, Proposed, ReadIndex, Redeem, Refused, RequestVote, Settle, Tell, Told,
};
use crate::{admission, blobs, leadership, membership, proposal, read, space, standing};

/// Sets the handlers of all messages between nodes. They hold the node weakly: they belong to it.
pub(crate) fn set(inner: &Arc<Inner>) {
    let raft = inner.raft().clone();
    let handlers = &inner.handlers;
    let node = raft.clone();
    handlers.set(move |_, message: Append| {
        let node = node.clone();
        async move { node.append_entries(message.0).await }
    });
    let node = raft.clone();
    handlers.set(move |_, message: RequestVote| {
        let node = node.clone();
        async move { node.vote(message.0).await }
    });
    let node = raft;
    handlers.set(move |_, message: InstallSnapshot| {
        let node = node.clone();
        async move { node.install_snapshot(message.0).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |from, Ping()| {
        if let Some(inner) = weak.upgrade() {
            inner.seen(from);
        }
        async {}
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, message: Propose| {
        let inner = weak.upgrade();
        async move {
            match inner {
                Some(inner) => proposal::propose_here(&inner, message.0).await,
                None => Proposed::NotLeader,
            }
        }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |from, ReadIndex(vote)| {
        let inner = weak.upgrade();
        async move { read::read_index_for(inner.as_deref()?, from, vote).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, Settle((index, millis)): Settle| {
        let inner = weak.upgrade();
        async move {
            let deadline = Instant::now() + Duration::from_millis(millis);
            match inner {
                Some(inner) => inner.has_processed(index, deadline).await,
                None => false,
            }
        }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, Tell()| {
        let applied = weak.upgrade().map_or(0, |inner| inner.applied());
        async move { Told { applied } }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, Allot((wanted, instance)): Allot| {
        let inner = weak.upgrade();
        async move {
            // The first node takes its own number before anybody else is given one.
            let inner = inner.filter(|inner| inner.identity.read().member).ok_or(Refused::NotLeader)?;
            membership::allot(&inner, wanted, instance).await
        }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, message: Join| {
        let inner = weak.upgrade();
        async move { membership::join(&inner.ok_or(Refused::NotLeader)?, &message).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set_redeemer(move |ticket, Redeem(instance)| {
        let inner = weak.upgrade();
        async move { admission::redeem(inner.ok_or(Refused::NotLeader)?, &Clock::system(), ticket, instance).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, message: ChangeMembership| {
        let inner = weak.upgrade();
        async move { membership::change_here(&*inner.ok_or(Refused::NotLeader)?, &message.0).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |from, message: LetGo| {
        let inner = weak.upgrade();
        async move {
            match inner {
                Some(inner) => leadership::let_go(&inner, from, message).await,
                None => false,
            }
        }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, AskRoom()| {
        let has_room = weak.upgrade().is_some_and(|inner| space::check(&inner).is_ok());
        async move { has_room }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, Elect(term)| {
        let inner = weak.upgrade();
        async move {
            if let Some(inner) = inner {
                leadership::elect(&inner, term).await;
            }
        }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, AskStanding((node, instance)): AskStanding| {
        let inner = weak.upgrade();
        async move { standing::of(&inner?, node, instance).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |from, HaveBlob(id)| {
        let inner = weak.upgrade();
        async move {
            match inner {
                Some(inner) => blobs::have(&inner, from, id).await,
                None => false,
            }
        }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, AskPiece((id, offset)): AskPiece| {
        let piece = weak.upgrade().and_then(|inner| blobs::piece(&inner, id, offset));
        async move { piece }
    });
}
