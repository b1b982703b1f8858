//! What a node does with its own connections, for its own callers and for other nodes that ask it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesOrdered;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::attempts::{Attempt, Attempts};
use super::courier::Post;
use super::line::{Description, Line, Shut, Undelivered};
use super::registry::Registry;
use super::roll::{Audience, Roll};
use super::wire;
use crate::model::connection::ConnectionId;

/// The reason of connections that are closed by a call, as AWS gives it.
const CLOSED: &str = "Connection Closed Normally";
/// A broadcast waits for the send queues of so many connections at a time, and then lets others have a turn.
const AT_A_TIME: usize = 256;
/// So many broadcasts are under way at a time; more are refused.
const BROADCASTS: usize = 64;
/// A listing asks so many connections at a time what they are like.
const DESCRIBED: usize = 256;

/// The stage that a call is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) api: Box<str>,
    pub(super) stage: Box<str>,
}

/// Why something was not done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fault {
    /// There is no such connection, or none any more.
    Gone,
    /// Its send queue has no room: its client reads too slowly.
    Full,
    /// Somebody on the way has too much to do. Nothing was done.
    Busy,
    /// The node that has the connection did not answer: it may be done or not.
    Unknown,
    /// A group's name is none, or the connection is in too many groups.
    Refused,
}

/// Something that is asked of one connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Question {
    Describe,
    Close,
    Join(Box<str>),
    Part(Box<str>),
}

/// What a connection is like, with what the registry knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) id: ConnectionId,
    pub(super) description: Description,
    pub(super) groups: Vec<Box<str>>,
}

/// Which connections are listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Selection {
    pub(super) audience: Audience,
    /// The address that clients have, if it matters.
    pub(super) source: Option<Box<str>>,
    /// Those behind this one.
    pub(super) after: Option<ConnectionId>,
    /// At most so many.
    pub(super) most: usize,
}

/// What became of a broadcast on one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Send queues that have the message.
    pub(super) delivered: u64,
    /// Send queues that had no room for it.
    pub(super) full: u64,
    /// Connections that ended meanwhile.
    pub(super) gone: u64,
}

/// The connections of this node, for whoever asks. Cheap to clone.
#[derive(Clone)]
pub(super) struct Here {
    registry: Registry,
    broadcasts: Arc<Semaphore>,
    attempts: Arc<Attempts>,
}

impl Here {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, broadcasts: Arc::new(Semaphore::new(BROADCASTS)), attempts: Arc::default() }
    }

    fn roll(&self, place: &Place) -> Option<Arc<Roll>> {
        self.registry.stage(&place.api, &place.stage)
    }

    /// Sends a text message to a connection, unless another attempt at the same call has been sent.
    pub(super) async fn post(
        &self,
        place: &Place,
        id: &ConnectionId,
        text: &[u8],
        attempt: Option<Attempt>,
    ) -> Result<(), Fault> {
        if attempt.is_some_and(|attempt| self.attempts.is_sent(attempt, *id)) {
            return Ok(());
        }
        let roll = self.roll(place).ok_or(Fault::Gone)?;
        let delivered = roll.deliver(id, wire::text(text)).await;
        let metrics = roll.metrics();
        match delivered {
            Ok(()) => {
                metrics.delivered(1, 0);
                if let Some(attempt) = attempt {
                    self.attempts.sent(attempt, *id);
                }
            }
            Err(Undelivered::Full) => metrics.delivered(0, 1),
            Err(Undelivered::Gone) => {}
        }
        delivered.map_err(|undelivered| match undelivered {
            Undelivered::Full => Fault::Full,
            Undelivered::Gone => Fault::Gone,
        })
    }

    /// The same, for another node.
    pub(super) async fn pass_on(&self, Post { place, id, text, attempt }: &Post) -> Result<(), Fault> {
        if let Some(roll) = self.roll(place) {
            roll.metrics().hopped();
        }
        self.post(place, id, text, *attempt).await
    }

    /// Asks something of a connection; answers with what it is like, if that was asked.
    pub(super) async fn ask(
        &self,
        place: &Place,
        id: &ConnectionId,
        question: Question,
    ) -> Result<Option<Listed>, Fault> {
        let roll = self.roll(place).ok_or(Fault::Gone)?;
        let there = |is: bool| if is { Ok(None) } else { Err(Fault::Gone) };
        match question {
            Question::Describe => describe(&roll, *id).await.map(Some).ok_or(Fault::Gone),
            Question::Close => {
                // Whoever is told that it is closed does not find it any more.
                let line = roll.leave(id).ok_or(Fault::Gone)?;
                line.shut(Shut { code: 1000, reason: CLOSED.into(), quietly: false }).await;
                Ok(None)
            }
            Question::Join(group) if roll.join(id, &group) => Ok(None),
            Question::Join(_) => there(roll.line(id).is_some()).and(Err(Fault::Refused)),
            Question::Part(group) => there(roll.part(id, &group)),
        }
    }

    /// Sends a text message to all who are meant: it is encoded once, and each gets it behind what it was sent before.
    pub(super) async fn broadcast(&self, place: &Place, audience: &Audience, text: &[u8]) -> Result<Counts, Fault> {
        let _turn = self.broadcasts.try_acquire().map_err(|_| Fault::Busy)?;
        let mut counts = Counts::default();
        let Some(roll) = self.roll(place) else { return Ok(counts) };
        let frames = wire::text(text);
        for lines in roll.lines(audience).chunks(AT_A_TIME) {
            let sent = lines.iter().map(|line| line.deliver(Bytes::clone(&frames)));
            for outcome in join_all(sent).await {
                match outcome {
                    Ok(()) => counts.delivered += 1,
                    Err(Undelivered::Full) => counts.full += 1,
                    Err(Undelivered::Gone) => counts.gone += 1,
                }
            }
            tokio::task::yield_now().await;
        }
        roll.metrics().broadcast();
        roll.metrics().delivered(counts.delivered, counts.full);
        Ok(counts)
    }

    /// How many are meant.
    pub(super) fn count(&self, place: &Place, audience: &Audience) -> u64 {
        self.roll(place).map_or(0, |roll| roll.count(audience) as u64)
    }

    /// What connections are like, in the order of their ids.
    pub(super) async fn list(&self, place: &Place, selection: &Selection) -> Vec<Listed> {
        let Some(roll) = self.roll(place) else { return Vec::new() };
        let is_meant = |listed: &Listed| match &selection.source {
            Some(source) => listed.description.source.to_string() == **source,
            None => true,
        };
        let (mut listed, mut after) = (Vec::new(), selection.after);
        while listed.len() < selection.most {
            let ids = roll.ids(&selection.audience, after, DESCRIBED);
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let mut described: FuturesOrdered<_> = ids.into_iter().map(|id| describe(&roll, id)).collect();
            while let Some(one) = described.next().await {
                listed.extend(one.filter(is_meant));
            }
        }
        listed.truncate(selection.most);
        listed
    }
}

async fn describe(roll: &Roll, id: ConnectionId) -> Option<Listed> {
    let line: Arc<dyn Line> = roll.line(&id)?;
    let description = line.describe().await?;
    Some(Listed { id, description, groups: roll.groups(&id) })
}
