//! Connections that are kept for the next request, by origin; the last one used is the first one taken.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::{Manner, Origin};

/// So many connections are kept for one origin and worker.
const MAX_IDLE: usize = 256;
/// A connection that nobody used for so long is closed; many servers close theirs after 60 to 75 seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

#[derive(Default)]
pub(super) struct Pool {
    idle: RefCell<HashMap<Place, Vec<Idle>>>,
}

/// Whom a connection is made to, and how: connections that show different certificates are different ones.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) origin: Arc<Origin>,
    /// How TLS is spoken, where not as usual; kept, so that no other takes its address.
    pub(super) tls: Option<Arc<Manner>>,
}

impl Place {
    fn tls(&self) -> Option<*const Manner> {
        self.tls.as_ref().map(Arc::as_ptr)
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.origin == other.origin && self.tls() == other.tls()
    }
}

impl Eq for Place {}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.origin.hash(state);
        self.tls().hash(state);
    }
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// A connection that was still open when last heard of.
    pub(super) fn take(&self, place: &Place) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(place)?;
        while let Some(last) = connections.pop() {
            if last.connection.is_quiet() {
                return Some(last.connection);
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn put(&self, place: Place, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        if !idle.contains_key(&place) {
            // A new origin is the moment to forget those that nobody calls any more.
            idle.retain(|_, connections| connections.last().is_some_and(|last| !last.is_stale()));
        }
        let connections = idle.entry(place).or_default();
        if connections.first().is_some_and(Idle::is_stale) {
            connections.retain(|known| !known.is_stale());
        }
        if connections.len() < MAX_IDLE {
            connections.push(Idle { connection, since: Instant::now() });
        }
    }
}

impl Idle {
    fn is_stale(&self) -> bool {
        self.since.elapsed() > IDLE_TIMEOUT
    }
}
