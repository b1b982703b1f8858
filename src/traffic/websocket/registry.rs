//! The connections of one node: by stage, and within a stage by id, group and principal.
//!
//! An actor enters its connection and holds the [`Presence`] that it gets for it: through it the connection joins and
//! parts groups, and when it is dropped nothing is left of the connection here. Nothing in a registry waits, and no lock
//! is one for all: a stage's connections are spread over shards.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::departures::{Departure, Journal};
use super::line::{Line, Shut};
use super::roll::{Entry, Roll};
use crate::model::connection::ConnectionId;
use crate::model::id::{ApiId, StageName};

/// A node that is cut off from the others waits so long to hear who tells the end of a connection.
const UNSETTLED: Duration = Duration::from_secs(60 * 60);

/// The connections of this node. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    stages: ArcSwap<HashMap<ApiId, HashMap<StageName, Arc<Roll>>>>,
    /// Held while a stage is added.
    adding: Mutex<()>,
    is_draining: AtomicBool,
    /// Who closes connections is of this round, or gives way.
    round: AtomicU64,
    /// Connections whose actors have not ended.
    living: AtomicUsize,
    /// What the node's witness is told.
    journal: Journal,
}

/// What a connection says of itself when it enters.
pub struct Entrant<'a> {
    /// Its id.
    pub id: ConnectionId,
    /// The API.
    pub api: &'a ApiId,
    /// The stage.
    pub stage: &'a StageName,
    /// Whom an authorizer took its client for.
    pub principal: Option<&'a str>,
    /// Groups that it joins at once.
    pub groups: &'a [Box<str>],
}

/// A connection's place in the registry: held by its actor.
pub struct Presence {
    registry: Registry,
    roll: Arc<Roll>,
    id: ConnectionId,
    /// Its end, if that is in the journal.
    departure: Cell<Option<Departure>>,
}

impl Registry {
    /// Enters a connection: from now on it is found, until it leaves. Runs in the actix arbiter of its actor.
    pub fn enter(&self, entrant: &Entrant<'_>, line: impl Line) -> Presence {
        let roll = self.open(entrant.api, entrant.stage);
        self.inner.living.fetch_add(1, Ordering::AcqRel);
        roll.enter(entrant.id, Entry::new(line), entrant.principal);
        for group in entrant.groups {
            roll.join(&entrant.id, group);
        }
        self.inner.journal.came(entrant.id, &roll);
        // Its `$connect` has taken its time, and the node wants no connections meanwhile.
        if let Some(line) = self.is_draining().then(|| roll.leave(&entrant.id)).flatten() {
            actix_web::rt::spawn(async move { line.shut(Shut::going_away()).await });
        }
        Presence { registry: self.clone(), roll, id: entrant.id, departure: Cell::default() }
    }

    /// Whether the node is drained, or about to end: it takes no new connections then.
    pub fn is_draining(&self) -> bool {
        self.inner.is_draining.load(Ordering::Acquire)
    }

    /// How many connections there are whose actors have not ended.
    pub fn living(&self) -> usize {
        self.inner.living.load(Ordering::Acquire)
    }

    /// The connections of a stage; nothing, if it has never had one.
    pub(super) fn stage(&self, api: &str, stage: &str) -> Option<Arc<Roll>> {
        self.inner.stages.load().get(api)?.get(stage).map(Arc::clone)
    }

    /// The connections of all stages.
    pub(super) fn stages(&self) -> Vec<Arc<Roll>> {
        self.inner.stages.load().values().flat_map(HashMap::values).map(Arc::clone).collect()
    }

    /// What the node's witness is told.
    pub(super) fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// No new connections from now on.
    pub fn begin_draining(&self) {
        self.inner.is_draining.store(true, Ordering::Release);
    }

    /// New connections again. Nobody closes connections any more.
    pub fn end_draining(&self) {
        self.next_round();
        self.inner.is_draining.store(false, Ordering::Release);
    }

    /// From now on whoever closed connections until now gives way.
    pub(super) fn next_round(&self) -> u64 {
        self.inner.round.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Whether this is still the round.
    pub(super) fn is_round(&self, round: u64) -> bool {
        self.inner.round.load(Ordering::Acquire) == round
    }

    fn open(&self, api: &ApiId, stage: &StageName) -> Arc<Roll> {
        if let Some(roll) = self.stage(api.as_str(), stage.as_str()) {
            return roll;
        }
        let _adding = self.inner.adding.lock();
        let mut stages = HashMap::clone(&self.inner.stages.load());
        let roll = stages.entry(api.clone()).or_default().entry(stage.clone());
        let roll = Arc::clone(roll.or_insert_with(|| Arc::new(Roll::new(api.clone(), stage.clone()))));
        self.inner.stages.store(Arc::new(stages));
        roll
    }
}

impl Presence {
    /// The connection joins a group, unless the name is none or it is in too many.
    pub fn join(&self, group: &str) {
        self.roll.join(&self.id, group);
    }

    /// The connection parts from a group.
    pub fn part(&self, group: &str) {
        self.roll.part(&self.id, group);
    }

    /// The connection is closed: from now on it is not found. Its actor may still have something to do, such as
    /// `$disconnect`, before it lets the presence go.
    pub fn leave(&self) {
        self.roll.leave(&self.id);
        if self.departure.get().is_none() {
            self.departure.set(Some(self.registry.inner.journal.left(self.id)));
        }
    }

    /// Whether `$disconnect` is to be run here. Settled when no other node can run it on this one's behalf any more, or
    /// when one has; what is not settled in [`UNSETTLED`] is not run.
    pub fn has_to_tell(&self) -> impl Future<Output = bool> + use<> {
        self.leave();
        let (registry, departure) = (self.registry.clone(), self.departure.get());
        async move {
            match departure {
                Some(departure) => {
                    let settled = timeout(UNSETTLED, registry.inner.journal.is_ours(departure)).await;
                    settled.unwrap_or_else(|_| {
                        tracing::warn!("$disconnect is not run: no other node was heard of that may have run it");
                        false
                    })
                }
                None => true,
            }
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.leave();
        self.registry.inner.living.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::tests::Silent;
    use super::super::roll::Audience;
    use super::*;

    #[test]
    fn a_connection_is_found_from_its_entrance_until_it_leaves() {
        let registry = Registry::default();
        let (api, stage) = (ApiId::new("a"), StageName::new("s"));
        let id = ConnectionId::random(1);
        let entrant = Entrant { id, api: &api, stage: &stage, principal: Some("ann"), groups: &["room".into()] };
        assert!(registry.stage("a", "s").is_none());
        let presence = registry.enter(&entrant, Silent);
        let roll = registry.stage("a", "s").expect("the stage has a connection");
        assert!(roll.line(&id).is_some() && registry.stage("a", "other").is_none());
        assert_eq!((registry.living(), roll.count(&Audience::Group("room".into()))), (1, 1));
        presence.leave();
        assert!(roll.line(&id).is_none());
        assert_eq!(registry.living(), 1, "its actor has not ended");
        drop(presence);
        assert_eq!((registry.living(), roll.count(&Audience::All)), (0, 0));
    }
}
