//! Connections that are kept for the next request, by origin; the last one used is the first one taken.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Origin;
use super::connection::Connection;

/// So many connections are kept for one origin and worker.
const MAX_IDLE: usize = 256;
/// A connection that nobody used for so long is closed; many servers close theirs after 60 to 75 seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

#[derive(Default)]
pub(super) struct Pool {
    idle: RefCell<HashMap<Arc<Origin>, Vec<Idle>>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// A connection that was still open when last heard of.
    pub(super) fn take(&self, origin: &Arc<Origin>) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(origin)?;
        while let Some(last) = connections.pop() {
            if last.connection.is_quiet() {
                return Some(last.connection);
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn put(&self, origin: &Arc<Origin>, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        if !idle.contains_key(origin) {
            // A new origin is the moment to forget those that nobody calls any more.
            idle.retain(|_, connections| connections.last().is_some_and(|last| !last.is_stale()));
        }
        let connections = idle.entry(Arc::clone(origin)).or_default();
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
