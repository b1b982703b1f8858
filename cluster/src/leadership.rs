//! The lead, handed over and taken over without waiting for an election's timeout.
//!
//! Raft's voters don't listen to a candidate while they may still have a leader: that is what keeps a node that is only
//! badly connected from unseating it. Where it is certain that the leader goes, or has gone, they are asked to *let go* of
//! it: each raises its vote to the next term, for the successor, which gives nothing away and promises nobody else
//! anything, and the successor then asks for their votes as any candidate does, by its log.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use openraft::{CommittedLeaderId, LogId};
use tokio::time::Instant;

use crate::NodeId;
use crate::cluster::Inner;
use crate::network::{Elect, LetGo, Ping, SendError, To};
use crate::raft::Vote;

/// Between two looks at whether the leader is there.
const LOOK: Duration = Duration::from_millis(150);
/// An answer to that must come within this time; a slow one means nothing.
const ANSWER: Duration = Duration::from_millis(250);
/// Voters take over one after the other, so that they don't get in each other's way.
const TURN: Duration = Duration::from_millis(60);
/// The successor must have everything within this time, and lead within as much again.
const HAND_OVER: Duration = Duration::from_millis(1000);
/// Between two looks at how far the successor is.
const PAUSE: Duration = Duration::from_millis(2);

/// Gives the lead to another voter, if this node has it. Proposals wait meanwhile, and find the successor.
pub(crate) async fn hand_over(inner: &Arc<Inner>) {
    hand_over_to_one_of(inner, &inner.voters()).await;
}

/// Gives the lead to one of these voters, if this node has it.
pub(crate) async fn hand_over_to_one_of(inner: &Arc<Inner>, voters: &BTreeSet<NodeId>) {
    if !inner.leads() {
        return;
    }
    inner.leaving.store(true, Ordering::Release);
    // What is being written is waited for: a successor must have the whole log.
    drop(inner.writing.lock().await);
    let term = inner.term();
    if let Some(successor) = successor(inner, voters).await {
        let request = LetGo { term, leader: inner.id(), successor, gone: false };
        // The successor's own vote is raised by its asking for the others'.
        let others = inner.voters().into_iter().filter(|node| ![inner.id(), successor].contains(node));
        ask(inner, others.collect(), request.clone()).await;
        let_go(inner, inner.id(), request).await;
        if let Some(address) = inner.address_of(successor) {
            let _ = inner.peers.send(To::node(successor, &address), &Elect(term), ANSWER).await;
        }
        let deadline = Instant::now() + HAND_OVER;
        let elected = || inner.leader().is_some_and(|(node, _)| node != inner.id());
        while !elected() && Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
        }
        tracing::info!(successor, elected = elected(), "the lead was handed over");
    }
    inner.leaving.store(false, Ordering::Release);
}

/// The one of these voters that has the most of the log, once it has all of it.
async fn successor(inner: &Inner, voters: &BTreeSet<NodeId>) -> Option<NodeId> {
    let deadline = Instant::now() + HAND_OVER;
    let last = inner.log.last().ok()?;
    loop {
        let others = voters.iter().copied().filter(|node| *node != inner.id() && inner.is_live(*node));
        let (has, node) = others.filter_map(|node| Some((inner.has_log(node)?, node))).max()?;
        if has >= last {
            return Some(node);
        }
        if Instant::now() >= deadline || !inner.leads() {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks voters to let go of the leader; answers with how many did.
async fn ask(inner: &Arc<Inner>, voters: Vec<NodeId>, request: LetGo) -> usize {
    let asked: Vec<_> = voters
        .into_iter()
        .filter_map(|node| Some((node, inner.address_of(node)?)))
        .map(|(node, address)| {
            let (inner, request) = (Arc::clone(inner), request.clone());
            tokio::spawn(async move {
                let sent = inner.peers.send(To::node(node, &address), &request, 2 * ANSWER);
                sent.await.unwrap_or(false)
            })
        })
        .collect();
    let mut count = 0;
    for answer in asked {
        count += usize::from(answer.await.unwrap_or(false));
    }
    count
}

/// Lets go of the leader, if it is still the one that is spoken of: because it says so itself, or because this node
/// finds as well that it is gone.
pub(crate) async fn let_go(inner: &Arc<Inner>, from: NodeId, request: LetGo) -> bool {
    let LetGo { term, leader, successor, gone } = request;
    let known = inner.vote().await.is_some_and(|(vote, _)| vote == Vote::new_committed(term, leader));
    let certain = if gone { known && is_gone(inner, leader).await } else { known && from == leader };
    if !certain {
        return false;
    }
    // An entry that nobody has: it is refused after the vote was raised, and changes nothing else.
    let nowhere = LogId::new(CommittedLeaderId::new(term + 1, successor), u64::MAX - 1);
    let request = AppendEntriesRequest {
        vote: Vote::new(term + 1, successor),
        prev_log_id: Some(nowhere),
        entries: Vec::new(),
        leader_commit: None,
    };
    matches!(inner.raft().append_entries(request).await, Ok(AppendEntriesResponse::Conflict))
}

/// Asks for the votes, if this node's term is that one or was let go of.
pub(crate) async fn elect(inner: &Inner, term: u64) {
    if inner.term() <= term + 1 && !inner.leads() {
        let _ = inner.raft().trigger().elect().await;
    }
}

/// Whether a member's process has ended: its machine answers that nobody listens. Silence is not enough.
async fn is_gone(inner: &Inner, node: NodeId) -> bool {
    let Some(address) = inner.address_of(node) else { return false };
    for _ in 0..2 {
        match inner.peers.send(To::node(node, &address), &Ping(), ANSWER).await {
            Err(error @ SendError::Unreachable { .. }) => return error.is_gone(),
            // The connection that there was broke just now; the next try makes a new one.
            Err(SendError::Broken(_)) => {}
            Ok(()) | Err(_) => return false,
        }
    }
    false
}

/// Looks whether the leader is there, and takes the lead over when its process has ended and most voters find so too.
pub(crate) async fn watch_leader(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_stopped() {
            return;
        }
        let Some((leader, _)) = inner.leader().filter(|(node, _)| *node != inner.id()) else { continue };
        let voters = inner.voters();
        if !voters.contains(&inner.id()) || !is_gone(&inner, leader).await {
            continue;
        }
        let others: Vec<_> = voters.iter().copied().filter(|node| *node != leader).collect();
        let turn = others.iter().position(|node| *node == inner.id()).unwrap_or_default();
        tokio::time::sleep(TURN * turn as u32).await;
        let term = inner.term();
        if inner.leader().is_none_or(|(node, _)| node != leader) || !is_gone(&inner, leader).await {
            continue;
        }
        let request = LetGo { term, leader, successor: inner.id(), gone: true };
        let asked = others.into_iter().filter(|node| *node != inner.id()).collect();
        // This node is one of them.
        let agree = 1 + ask(&inner, asked, request).await;
        if agree > voters.len() / 2 {
            tracing::info!(leader, term, "the leader is gone; asking for the lead");
            elect(&inner, term).await;
        }
    }
}
