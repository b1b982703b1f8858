//! Closes a node's connections when the node stops: one after the other, so that their clients don't all come back to
//! the others at once.

use std::time::Duration;

use tokio::time::{interval, timeout};

use super::super::line::Shut;
use super::super::registry::Registry;
use super::super::roll::Audience;

/// Connections are closed in portions, one after each of these pauses.
const TICK: Duration = Duration::from_millis(50);
/// Their `$disconnect`s may take so long, which is a little more than an integration may.
const LAST: Duration = Duration::from_secs(30);

impl Registry {
    /// Refuses new connections, closes those that there are with 1001 spread over a time, and returns when each has
    /// ended and its `$disconnect` has been run.
    pub async fn drain(&self, over: Duration) {
        self.begin_draining();
        let connections = self.living();
        if connections == 0 {
            return;
        }
        tracing::info!(connections, ?over, "closing connections");
        let portion = portion(connections, over);
        let closing = async {
            let mut ticks = interval(TICK);
            while self.living() > 0 {
                ticks.tick().await;
                self.close(portion).await;
            }
        };
        if timeout(over + LAST, closing).await.is_err() {
            tracing::warn!(
                connections = self.living(),
                "connections are still being closed; the node stops all the same"
            );
        }
    }

    /// Closes so many connections. Each is not found from then on, so that it is closed once.
    async fn close(&self, portion: usize) {
        let mut left = portion;
        for roll in self.stages() {
            for id in roll.ids(&Audience::All, None, left) {
                left -= 1;
                if let Some(line) = roll.leave(&id) {
                    line.shut(Shut::going_away()).await;
                }
            }
        }
    }
}

/// So many connections are closed at a time.
fn portion(connections: usize, over: Duration) -> usize {
    let ticks = (over.as_millis() / TICK.as_millis()).max(1) as usize;
    connections.div_ceil(ticks).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use parking_lot::Mutex;

    use super::super::super::line::{Description, Line, Undelivered};
    use super::super::super::registry::{Entrant, Presence};
    use super::*;
    use crate::model::connection::ConnectionId;
    use crate::model::id::{ApiId, StageName};
    use crate::traffic::execute::socket::Card;

    /// A connection that ends when it is told to.
    struct Closing {
        shut: Arc<AtomicUsize>,
        presence: Arc<Mutex<Option<Presence>>>,
    }

    impl Line for Closing {
        fn deliver(&self, _: Bytes) -> BoxFuture<'static, Result<(), Undelivered>> {
            std::future::ready(Ok(())).boxed()
        }

        fn describe(&self) -> BoxFuture<'static, Option<Description>> {
            std::future::ready(None).boxed()
        }

        fn card(&self) -> BoxFuture<'static, Option<Card>> {
            std::future::ready(None).boxed()
        }

        fn shut(&self, _: Shut) -> BoxFuture<'static, ()> {
            let (shut, presence) = (Arc::clone(&self.shut), Arc::clone(&self.presence));
            async move {
                shut.fetch_add(1, Ordering::Relaxed);
                presence.lock().take();
            }
            .boxed()
        }
    }

    #[test]
    fn connections_are_spread_over_the_time_that_there_is() {
        for (connections, seconds, expected) in
            [(100_000, 10, 500), (100, 10, 1), (1, 10, 1), (1000, 0, 1000), (0, 0, 1)]
        {
            assert_eq!(portion(connections, Duration::from_secs(seconds)), expected, "{connections} in {seconds} s");
        }
    }

    #[actix::test]
    async fn every_connection_is_closed_once_and_those_that_come_too_late_as_well() {
        let registry = Registry::default();
        let (api, stage) = (ApiId::new("a"), StageName::new("s"));
        let shut = Arc::new(AtomicUsize::new(0));
        let enter = || {
            let line = Closing { shut: Arc::clone(&shut), presence: Arc::default() };
            let id = ConnectionId::random(1);
            let entrant = Entrant { id, api: &api, stage: &stage, principal: None, groups: &[] };
            let presence = Arc::clone(&line.presence);
            *presence.lock() = Some(registry.enter(&entrant, line));
        };
        (0..100).for_each(|_| enter());
        registry.drain(Duration::from_millis(200)).await;
        assert_eq!((shut.load(Ordering::Relaxed), registry.living()), (100, 0));
        enter();
        registry.drain(Duration::ZERO).await;
        assert_eq!((shut.load(Ordering::Relaxed), registry.living()), (101, 0));
    }
}
